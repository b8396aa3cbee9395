#include "s3/service/system_error.h"

#include "store/rules.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace telpher {
namespace {

TEST(SystemError, ReachesClientsInTheirWordsAndWithoutPaths) {
  const struct {
    int error;
    int status;
    std::string_view code;
  } cases[] = {{ENOSPC, 507, "InsufficientStorage"},
               {EDQUOT, 507, "InsufficientStorage"},
               {EFBIG, 507, "InsufficientStorage"},
               {EMFILE, 503, "SlowDown"},
               {ENFILE, 503, "SlowDown"},
               {ENOMEM, 503, "SlowDown"},
               {EIO, 500, "InternalError"},
               {ENOENT, 500, "InternalError"},
               {EACCES, 500, "InternalError"}};
  for (const auto& expected : cases) {
    const auto told = told_to_clients(make_errno_error(expected.error, "open '/srv/secret'"));
    ASSERT_TRUE(told) << expected.error;
    EXPECT_EQ(told->context.http_status, expected.status) << expected.error;
    EXPECT_EQ(told->context.code, expected.code);
    EXPECT_EQ(told->message.find("/srv"), std::string::npos);
    EXPECT_EQ(told->is_temporary(), expected.status == 503) << expected.error;
  }
}

TEST(SystemError, LeavesWhatIsForClientsAlone) {
  EXPECT_FALSE(told_to_clients(no_such_key("key")));
  EXPECT_FALSE(told_to_clients(store_error(ErrorKind::kLimit, "EntityTooLarge", 400, "large")));
  Error plain = make_error(ErrorKind::kInvalid, "no");
  plain.context.code = "EntityTooSmall";
  EXPECT_FALSE(told_to_clients(plain));
}

}  // namespace
}  // namespace telpher
