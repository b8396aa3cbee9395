#include "store/layers/timeout.h"

#include "tests/support/slow_store.h"

namespace telpher {
namespace {

using namespace std::chrono_literals;

TEST(TimeoutStore, EndsACallThatTakesTooLong) {
  SlowStore slow;
  TimeoutStore hasty(slow.store, {.metadata_call = 5s, .data_call = 100ms});
  const auto put = slow.loop.run(hasty.put({"bucket", "key"}, Body::of(as_bytes("x")), {}));
  ASSERT_FALSE(put);
  EXPECT_EQ(put.error().kind, ErrorKind::kTimeout);
  EXPECT_TRUE(put.error().is_temporary());
  EXPECT_EQ(put.error().message, "PutObject did not end within 100ms");
  EXPECT_TRUE(slow.loop.run(hasty.head_bucket("bucket")));
  TimeoutStore patient(slow.store, {});
  EXPECT_TRUE(slow.loop.run(patient.put({"bucket", "key"}, Body::of(as_bytes("x")), {})));
}

}  // namespace
}  // namespace telpher
