#include "store/layers/limit.h"

#include "tests/support/slow_store.h"

namespace telpher {
namespace {

using namespace std::chrono_literals;

TEST(LimitStore, SoManyCallsAtOnceAndNoMore) {
  SlowStore slow;
  LimitStore limited(slow.store, 3);
  const TimePoint start = slow.loop.now();
  ASSERT_TRUE(slow.loop.run(put_many(limited, 9)));
  EXPECT_EQ(limited.calls_peak(), 3u);
  EXPECT_EQ(limited.calls_in_flight(), 0u);
  EXPECT_EQ(slow.loop.now() - start, 3s);
}

TEST(LimitStore, ACancelledCallGivesItsSlotBack) {
  SlowStore slow;
  LimitStore limited(slow.store, 1);
  const auto late = slow.loop.now() + 1500ms;
  const Result<void> cut = slow.loop.run(with_deadline(put_many(limited, 5), late));
  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.error().kind, ErrorKind::kTimeout);
  EXPECT_EQ(limited.calls_in_flight(), 0u);
  EXPECT_TRUE(slow.loop.run(put_many(limited, 2)));
}

}  // namespace
}  // namespace telpher
