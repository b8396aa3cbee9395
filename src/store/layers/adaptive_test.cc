#include "store/layers/adaptive.h"

#include "tests/support/slow_store.h"

namespace telpher {
namespace {

using namespace std::chrono_literals;

Task<Result<void>> put_in_turn(ObjectStore& store, int count, int* failures) {
  for (int i = 0; i < count; ++i) {
    if (!co_await put_one(store, i)) ++*failures;
  }
  co_return Result<void>();
}

Task<Result<void>> put_in_lanes(ObjectStore& store, int lanes, int count, int* failures) {
  TaskGroup group(co_await current_context());
  for (int i = 0; i < lanes; ++i) group.spawn(put_in_turn(store, count, failures));
  co_return co_await group.join();
}

TEST(AdaptiveStore, GivesWayWhenThrottledAndComesBack) {
  SlowStore slow(
      {.rules = {{.count = 16, .what = FaultKind::kStatus, .status = 503}}, .latency = 1s});
  AdaptiveStore adaptive(slow.store, 16);
  int failures = 0;
  // Sixteen answers in one burst are one decrease.
  ASSERT_TRUE(slow.loop.run(put_in_lanes(adaptive, 16, 1, &failures)));
  EXPECT_EQ(failures, 16);
  EXPECT_EQ(adaptive.calls_allowed(), 11u);
  ASSERT_TRUE(slow.loop.run(put_in_lanes(adaptive, 16, 20, &failures)));
  EXPECT_EQ(failures, 16);
  EXPECT_EQ(adaptive.calls_allowed(), 16u);
  EXPECT_EQ(adaptive.calls_in_flight(), 0u);
}

TEST(AdaptiveStore, NeverStopsAltogether) {
  SlowStore slow({.rules = {{.what = FaultKind::kStatus, .status = 503}}});
  AdaptiveStore adaptive(slow.store, 16);
  int failures = 0;
  ASSERT_TRUE(slow.loop.run(put_in_lanes(adaptive, 4, 50, &failures)));
  EXPECT_EQ(failures, 200);
  EXPECT_EQ(adaptive.calls_allowed(), 1u);
}

}  // namespace
}  // namespace telpher
