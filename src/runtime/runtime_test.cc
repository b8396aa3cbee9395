#include "runtime/buffer_pool.h"
#include "runtime/loop.h"
#include "runtime/offload.h"
#include "runtime/rate_limiter.h"
#include "runtime/run_on.h"
#include "runtime/semaphore.h"
#include "runtime/task_group.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

namespace telpher {
namespace {

using namespace std::chrono_literals;

Task<int> add(int a, int b) { co_return a + b; }

Task<Result<int>> add_later(int a, int b) {
  CO_TRY_VOID(co_await sleep_for(1s));
  co_return a + b;
}

TEST(Loop, RunsATaskToItsResult) {
  Loop loop;
  EXPECT_EQ(loop.run(add(2, 3)), 5);
}

TEST(Loop, VirtualTimeJumps) {
  Loop loop(Loop::Mode::kVirtual, 1);
  const TimePoint start = loop.now();
  EXPECT_EQ(loop.run(add_later(2, 3)).value(), 5);
  EXPECT_EQ(loop.now() - start, 1s);
}

Task<Result<void>> log_after(Duration delay, int id, std::vector<int>* log) {
  CO_TRY_VOID(co_await sleep_for(delay));
  log->push_back(id);
  co_return Result<void>();
}

Task<Result<void>> three_children(std::vector<int>* log) {
  TaskGroup group(co_await current_context());
  group.spawn(log_after(3s, 3, log));
  group.spawn(log_after(1s, 1, log));
  group.spawn(log_after(2s, 2, log));
  co_return co_await group.join();
}

TEST(TaskGroup, ChildrenRunSideBySide) {
  Loop loop(Loop::Mode::kVirtual, 1);
  std::vector<int> log;
  EXPECT_TRUE(loop.run(three_children(&log)));
  EXPECT_EQ(log, (std::vector{1, 2, 3}));
  EXPECT_EQ(loop.now().time_since_epoch(), 3s);
}

Task<Result<void>> fail_after(Duration delay) {
  CO_TRY_VOID(co_await sleep_for(delay));
  co_return make_error(ErrorKind::kCorrupt, "bad");
}

Task<Result<void>> one_fails(std::vector<int>* log) {
  TaskGroup group(co_await current_context());
  group.spawn(log_after(1s, 1, log));
  group.spawn(fail_after(2s));
  group.spawn(log_after(3600s, 2, log));
  co_return co_await group.join();
}

TEST(TaskGroup, FirstFailureCancelsTheOthers) {
  Loop loop(Loop::Mode::kVirtual, 1);
  std::vector<int> log;
  const Result<void> result = loop.run(one_fails(&log));
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().kind, ErrorKind::kCorrupt);
  EXPECT_EQ(log, std::vector{1});
  EXPECT_EQ(loop.now().time_since_epoch(), 2s);
}

Task<Result<void>> hold(std::shared_ptr<int> held) {
  EXPECT_NE(held, nullptr);
  co_return Result<void>();
}

Task<Result<void>> held_by_an_ended_child(std::shared_ptr<int> held) {
  TaskGroup group(co_await current_context());
  group.spawn(hold(held));
  CO_TRY_VOID(co_await sleep_for(1s));
  EXPECT_EQ(held.use_count(), 2) << "the test's and ours";
  co_return co_await group.join();
}

TEST(TaskGroup, AChildThatHasEndedHoldsNothing) {
  Loop loop(Loop::Mode::kVirtual, 1);
  const auto held = std::make_shared<int>(1);
  EXPECT_TRUE(loop.run(held_by_an_ended_child(held)));
}

Task<Result<int>> bounded_add() {
  Loop& loop = co_await current_loop();
  co_return co_await with_deadline(add_later(1, 1), loop.now() + 10ms);
}

TEST(Deadline, EndsATaskWithTimeout) {
  Loop loop(Loop::Mode::kVirtual, 1);
  const Result<int> result = loop.run(bounded_add());
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().kind, ErrorKind::kTimeout);
  EXPECT_TRUE(result.error().is_temporary());
}

Task<Result<int>> tidy_up_although_cancelled() {
  Result<void> slept = co_await sleep_for(3600s);
  EXPECT_FALSE(slept);
  co_return co_await shielded(add_later(4, 4), 5s);
}

Task<Result<void>> cancel_after(Duration delay, CancelSource* source) {
  CO_TRY_VOID(co_await sleep_for(delay));
  source->cancel();
  co_return Result<void>();
}

Task<Result<int>> cancelled_parent() {
  TaskContext& parent = co_await current_context();
  CancelSource cancel(*parent.cancel);
  TaskContext context{parent.loop, &cancel};
  TaskGroup group(parent);
  group.spawn(cancel_after(1s, &cancel));
  Result<int> result = co_await tidy_up_although_cancelled().in(context);
  EXPECT_TRUE(co_await group.join());
  co_return result;
}

TEST(Cancellation, ShieldedWorkStillRuns) {
  Loop loop(Loop::Mode::kVirtual, 1);
  EXPECT_EQ(loop.run(cancelled_parent()).value(), 8);
  EXPECT_EQ(loop.now().time_since_epoch(), 2s);
}

Task<Result<void>> produce(BoundedQueue<int>* queue, int count) {
  for (int i = 0; i < count; ++i) CO_TRY_VOID(co_await queue->push(i));
  queue->close();
  co_return Result<void>();
}

Task<Result<void>> consume(BoundedQueue<int>* queue, std::vector<int>* out) {
  for (;;) {
    EXPECT_LE(queue->size(), 4u);
    CO_TRY(std::optional<int> item, co_await queue->pop());
    if (!item) co_return Result<void>();
    out->push_back(*item);
  }
}

Task<Result<void>> through_queue(std::vector<int>* out) {
  BoundedQueue<int> queue(4);
  TaskGroup group(co_await current_context());
  group.spawn(produce(&queue, 20));
  group.spawn(consume(&queue, out));
  co_return co_await group.join();
}

TEST(BoundedQueue, CloseLosesNothing) {
  Loop loop(Loop::Mode::kVirtual, 1);
  std::vector<int> out;
  EXPECT_TRUE(loop.run(through_queue(&out)));
  EXPECT_EQ(out.size(), 20u);
}

Task<Result<void>> hold(Semaphore* semaphore, std::uint64_t units, Duration time) {
  CO_TRY(Semaphore::Permit permit, co_await semaphore->acquire(units));
  co_return co_await sleep_for(time);
}

Task<Result<void>> crowd(Semaphore* semaphore) {
  TaskGroup group(co_await current_context());
  for (int i = 0; i < 10; ++i) group.spawn(hold(semaphore, 3, 1s));
  CO_TRY_VOID(co_await sleep_for(500ms));
  Loop& loop = co_await current_loop();
  Result<Semaphore::Permit> late = co_await semaphore->acquire(1, loop.now() + 100ms);
  EXPECT_FALSE(late) << "must not overtake";
  EXPECT_EQ(late.error().kind, ErrorKind::kTimeout);
  co_return co_await group.join();
}

TEST(Semaphore, HoldsItsLimitInOrder) {
  Loop loop(Loop::Mode::kVirtual, 1);
  Semaphore semaphore(10);
  EXPECT_TRUE(loop.run(crowd(&semaphore)));
  EXPECT_EQ(semaphore.peak(), 9u);
  EXPECT_EQ(semaphore.in_use(), 0u);
  EXPECT_EQ(loop.now().time_since_epoch(), 4s);
}

Task<Result<void>> use_buffers(BufferPool* pool) {
  {
    CO_TRY(Buffer a, co_await pool->acquire(8192));
    CO_TRY(Buffer b, co_await pool->acquire(8192));
    EXPECT_FALSE(pool->try_acquire(1).has_value());
    a.bytes()[8191] = std::byte{1};
  }
  CO_TRY(Buffer again, co_await pool->acquire(8192));
  CO_TRY(Buffer other, co_await pool->acquire(4096));  // the idle 8 KiB must go first
  other.bytes()[4095] = std::byte{1};
  const Result<Buffer> too_large = co_await pool->acquire(1 << 20);
  EXPECT_FALSE(too_large);
  EXPECT_EQ(too_large.error().kind, ErrorKind::kLimit);
  co_return Result<void>();
}

TEST(BufferPool, ReusesWithinItsBudget) {
  Loop loop(Loop::Mode::kVirtual, 1);
  BufferPool pool(16384);
  EXPECT_TRUE(loop.run(use_buffers(&pool)));
  EXPECT_EQ(pool.stats().reuses, 1u);
  EXPECT_EQ(pool.stats().allocations, 3u);
  EXPECT_EQ(pool.stats().bytes_in_use, 0u);
  EXPECT_EQ(pool.stats().bytes_peak, 16384u);
}

Task<Result<void>> use_more_than_there_is(BufferPool* pool) {
  CO_TRY(const Buffer small, co_await pool->acquire(4096));
  constexpr std::size_t kNobodyHas = std::size_t{1} << 48;
  EXPECT_FALSE(pool->try_acquire(kNobodyHas).has_value());
  const Result<Buffer> refused = co_await pool->acquire(kNobodyHas);
  EXPECT_FALSE(refused);
  if (refused) co_return Result<void>();
  EXPECT_EQ(refused.error().kind, ErrorKind::kIo);
  EXPECT_EQ(refused.error().context.code, "ENOMEM");
  EXPECT_TRUE(refused.error().message.contains("--memory")) << refused.error().message;
  CO_TRY(const Buffer other, co_await pool->acquire(4096));
  co_return Result<void>();
}

TEST(BufferPool, MemoryThatTheSystemDoesNotGiveIsAnError) {
  Loop loop(Loop::Mode::kVirtual, 1);
  BufferPool pool(std::uint64_t{1} << 50);
  EXPECT_TRUE(loop.run(use_more_than_there_is(&pool)));
  EXPECT_EQ(pool.stats().bytes_in_use, 0u);
}

Task<Result<void>> pass_all(RateLimiter* limiter) {
  for (int i = 0; i < 100; ++i) CO_TRY_VOID(co_await limiter->pass(1000));
  co_return Result<void>();
}

TEST(RateLimiter, HoldsTheRate) {
  Loop loop(Loop::Mode::kVirtual, 1);
  RateLimiter limiter(10'000);
  EXPECT_TRUE(loop.run(pass_all(&limiter)));
  EXPECT_EQ(std::chrono::duration_cast<std::chrono::milliseconds>(loop.now().time_since_epoch()),
            9750ms);
}

Task<int> offloaded() {
  co_return co_await offload([] { return 7; });
}

TEST(Offload, WithoutAThreadItRunsHere) {
  pthread_attr_t before;
  pthread_attr_t huge;
  ASSERT_EQ(pthread_getattr_default_np(&before), 0);
  pthread_attr_init(&huge);
  pthread_attr_setstacksize(&huge, std::size_t{1} << 47);  // no thread can have that
  ASSERT_EQ(pthread_setattr_default_np(&huge), 0);
  Loop loop;
  EXPECT_EQ(loop.run(offloaded()), 7);
  EXPECT_EQ(loop.run(offloaded()), 7);
  ASSERT_EQ(pthread_setattr_default_np(&before), 0);
  EXPECT_EQ(loop.run(offloaded()), 7);
  pthread_attr_destroy(&huge);
  pthread_attr_destroy(&before);
}

TEST(Offload, RunsElsewhereAndComesBack) {
  Loop loop;
  EXPECT_EQ(loop.run(offloaded()), 7);
  Loop simulated(Loop::Mode::kVirtual, 1);
  EXPECT_EQ(simulated.run(offloaded()), 7);
}

Task<Result<std::thread::id>> which_thread(Duration delay) {
  CO_TRY_VOID(co_await sleep_for(delay));
  co_return std::this_thread::get_id();
}

Task<Result<void>> visit(Loop* other, std::thread::id* seen) {
  CO_TRY(*seen, co_await RunOn(*other, which_thread(0ms)));
  co_return Result<void>();
}

Task<Result<void>> visit_cancelled(Loop* other) {
  TaskGroup group(co_await current_context());
  std::thread::id ignored;
  group.spawn(visit(other, &ignored));
  Result<std::thread::id> result = co_await with_deadline(
      [](Loop* loop) -> Task<Result<std::thread::id>> {
        co_return co_await RunOn(*loop, which_thread(3600s));
      }(other),
      Clock::now() + 5ms);
  EXPECT_FALSE(result);
  co_return co_await group.join();
}

TEST(RunOn, CrossesThreadsAndCancels) {
  Loop home;
  Loop shard;
  std::thread thread([&] { shard.serve(); });
  std::thread::id seen;
  for (int i = 0; i < 200; ++i) EXPECT_TRUE(home.run(visit(&shard, &seen)));
  EXPECT_EQ(seen, thread.get_id());
  EXPECT_TRUE(home.run(visit_cancelled(&shard)));
  shard.stop();
  thread.join();
}

Task<Result<std::string>> read_text(int fd) {
  FdWatch watch(co_await current_loop(), fd);
  char text[16];
  for (;;) {
    const ssize_t count = read(fd, text, sizeof text);
    if (count >= 0) co_return std::string(text, static_cast<std::size_t>(count));
    CO_TRY_VOID(co_await watch.wait(FdWatch::kRead, Clock::now() + 5s));
  }
}

Task<Result<void>> write_text(int fd) {
  co_await Yield{};
  EXPECT_EQ(write(fd, "hello", 5), 5);
  co_return Result<void>();
}

Task<Result<std::string>> talk(int a, int b) {
  TaskGroup group(co_await current_context());
  group.spawn(write_text(b));
  Result<std::string> text = co_await read_text(a);
  CO_TRY_VOID(co_await group.join());
  co_return text;
}

TEST(FdWatch, WakesWhenReadable) {
  int fds[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
  Loop loop;
  EXPECT_EQ(loop.run(talk(fds[0], fds[1])).value(), "hello");
  close(fds[0]);
  close(fds[1]);
}

}  // namespace
}  // namespace telpher
