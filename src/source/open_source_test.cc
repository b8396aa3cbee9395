#include "source/open_source.h"

#include "runtime/loop.h"

#include <gtest/gtest.h>

namespace telpher {
namespace {

TEST(UrlSource, EverySchemeHasASourceWithoutSecretsInItsName) {
  Loop loop;
  const auto client = make_http_client(loop, {});
  for (const char* scheme : {"http", "https", "ftp", "ftps", "sftp"}) {
    const std::string url = std::string(scheme) + "://joe:pw@host/dir/f?token=secret";
    const auto source = make_url_source(*parse_uri(url), {.http = client.get()});
    ASSERT_TRUE(source) << scheme;
    const std::string shown = (*source)->redacted_address();
    EXPECT_TRUE(shown.starts_with(std::string(scheme) + "://host/dir/f")) << shown;
    EXPECT_EQ(shown.find("secret"), std::string::npos);
    EXPECT_EQ((*source)->identity().find("pw"), std::string::npos);
    EXPECT_EQ((*source)->fd(), -1);
  }
}

}  // namespace
}  // namespace telpher
