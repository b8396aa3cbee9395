#include "store/layers/limit.h"

#include "runtime/task_group.h"
#include "store/layers/adaptive.h"
#include "store/layers/chaos.h"
#include "store/layers/timeout.h"
#include "store/memory/memory_store.h"

#include <gtest/gtest.h>

namespace telpher {
namespace {

using namespace std::chrono_literals;

/// A memory store whose calls take a second, and a loop.
struct SlowStore {
  Loop loop{Loop::Mode::kVirtual, 1};
  MemoryStore memory;
  FaultInjector faults;
  ChaosStore store{memory, faults};

  explicit SlowStore(FaultScript script = {.latency = 1s}) {
    if (!loop.run(memory.create_bucket("bucket"))) ADD_FAILURE();
    faults.reset(std::move(script));
  }
};

Task<Result<void>> put_one(ObjectStore& store, int i) {
  const Result<PutResult> result =
      co_await store.put({"bucket", std::to_string(i)}, Body::of(as_bytes("x")), {});
  if (!result) co_return result.error();
  co_return Result<void>();
}

Task<Result<void>> put_many(ObjectStore& store, int count) {
  TaskGroup group(co_await current_context());
  for (int i = 0; i < count; ++i) group.spawn(put_one(store, i));
  co_return co_await group.join();
}

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
