#include "runtime/stepped_run.h"

#include "runtime/buffer_pool.h"
#include "runtime/offload.h"
#include "runtime/run_on.h"
#include "runtime/task_group.h"

#include <gtest/gtest.h>

#include <memory>

namespace telpher {
namespace {

using namespace std::chrono_literals;

/// Counts the living, so that a test sees whether every frame was destroyed.
struct Counted {
  explicit Counted(int* count) : living(count) { ++*living; }
  ~Counted() { --*living; }
  int* living;
};

Task<Result<void>> hold_buffer(BufferPool* pool, int* living) {
  Counted counted(living);
  CO_TRY(Buffer buffer, co_await pool->acquire(4096));
  buffer.bytes()[0] = std::byte{1};
  for (;;) CO_TRY_VOID(co_await sleep_for(1s));
}

Task<Result<void>> deep(int levels, int* living) {
  Counted counted(living);
  if (levels == 0) co_return co_await sleep_for(24h);
  co_return co_await with_deadline(deep(levels - 1, living), kNever);
}

Task<Result<int>> elsewhere(int* living) {
  Counted counted(living);
  Loop& loop = co_await current_loop();
  co_return co_await RunOn(loop, [](int* count) -> Task<Result<int>> {
    Counted inner(count);
    CO_TRY_VOID(co_await sleep_for(24h));
    co_return 1;
  }(living));
}

Task<Result<void>> visit(int* living) {
  CO_TRY([[maybe_unused]] const int ignored, co_await elsewhere(living));
  co_return Result<void>();
}

Task<Result<void>> tree(BufferPool* pool, int* living) {
  Counted counted(living);
  TaskGroup group(co_await current_context());
  for (int i = 0; i < 8; ++i) group.spawn(hold_buffer(pool, living));  // half of them wait
  group.spawn(deep(10, living));
  group.spawn(visit(living));
  co_await offload([] { return 1; });
  co_return co_await group.join();
}

TEST(SteppedRun, CanBeDroppedAtEveryStep) {
  for (int steps = 0; steps < 40; ++steps) {
    int living = 0;
    Loop loop(Loop::Mode::kVirtual, 1);
    BufferPool pool(4 * 4096);  // checks that everything was given back
    {
      SteppedRun<Result<void>> run(loop, tree(&pool, &living));
      for (int i = 0; i < steps; ++i) ASSERT_TRUE(run.step());
      if (steps > 10) EXPECT_GT(living, 8);
    }
    EXPECT_EQ(living, 0) << "after " << steps << " steps";
    EXPECT_EQ(pool.stats().bytes_in_use, 0u);
  }
}

Task<Result<void>> die_within(Loop* loop, int* living) {
  Counted counted(living);
  TaskGroup group(co_await current_context());
  group.spawn(deep(3, living));
  co_await Yield{};
  loop->abandon();
  co_await Halt{};
  ADD_FAILURE() << "resumed after its death";
  co_return co_await group.join();
}

TEST(SteppedRun, ATaskMayAbandonItsOwnLoop) {
  int living = 0;
  Loop loop(Loop::Mode::kVirtual, 1);
  {
    SteppedRun<Result<void>> run(loop, die_within(&loop, &living));
    while (run.step()) {
    }
    EXPECT_FALSE(run.done());
    EXPECT_EQ(run.next_step(), kNever);
  }
  EXPECT_EQ(living, 0);
}

Task<Result<void>> log_times(std::vector<std::pair<int, TimePoint>>* log, int id, Duration each) {
  Loop& loop = co_await current_loop();
  for (int i = 0; i < 3; ++i) {
    CO_TRY_VOID(co_await sleep_for(each));
    log->emplace_back(id, loop.now());
  }
  co_return Result<void>();
}

TEST(SteppedRun, TwoLoopsShareOneTime) {
  Loop a(Loop::Mode::kVirtual, 1);
  Loop b(Loop::Mode::kVirtual, 2);
  b.start_at(TimePoint(500ms));
  std::vector<std::pair<int, TimePoint>> log;
  SteppedRun<Result<void>> run_a(a, log_times(&log, 1, 2s));
  SteppedRun<Result<void>> run_b(b, log_times(&log, 2, 1s));
  while (!run_a.done() || !run_b.done()) {
    SteppedRun<Result<void>>& next = run_a.next_step() <= run_b.next_step() ? run_a : run_b;
    ASSERT_TRUE(next.step());
  }
  ASSERT_EQ(log.size(), 6u);
  for (std::size_t i = 1; i < log.size(); ++i) EXPECT_LE(log[i - 1].second, log[i].second);
  EXPECT_EQ(b.now().time_since_epoch(), 3500ms);
}

}  // namespace
}  // namespace telpher
