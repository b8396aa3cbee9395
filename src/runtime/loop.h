#pragma once
// Loop: one thread's run queue, timers and descriptors. One thread = one loop = one shard; nothing
// here is locked but post(). In virtual mode there are no descriptors and no threads: time jumps to
// the next timer when nothing is ready, so a seed fixes a whole run.

#include "base/random.h"
#include "base/result.h"
#include "runtime/task.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <coroutine>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <sys/epoll.h>
#include <thread>
#include <vector>

namespace telpher {

using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;
using Duration = Clock::duration;
using WallTime = std::chrono::system_clock::time_point;

constexpr TimePoint kNever = TimePoint::max();

/// Calls back once at its time unless cancelled. Owned by the caller; cancels when destroyed.
class Timer {
 public:
  using Callback = void (*)(Timer&);
  explicit Timer(Callback callback) : callback_(callback) {}
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  ~Timer() { cancel(); }

  void start(Loop& loop, TimePoint at);
  void cancel();

 private:
  friend class Loop;
  Callback callback_;
  Loop* loop_ = nullptr;  // set while waiting
  TimePoint at_;
  std::uint64_t order_ = 0;  // ties fire in the order they were started
  std::size_t index_ = 0;    // place in the loop's heap
};

enum class WaitOutcome { kWoken, kTimeout, kCancelled };

/// kTimeout and kCancelled as errors. Temporary for time-outs.
Result<void> to_result(WaitOutcome outcome);

/// One suspended task that waits for wake(), a deadline or its cancellation, whichever is first.
/// May sit in a List meanwhile (it leaves the list when it is woken by anything).
class Waiter : public ListNode {
 public:
  Waiter() : timer_(on_timer), hook_(on_cancel) { hook_.self = timer_.self = this; }

  /// False when the context is cancelled already (the task must not suspend).
  bool arm(std::coroutine_handle<> task, TaskContext& context, TimePoint deadline);
  /// Resumes the task from the run queue; later calls do nothing.
  void wake() { finish(WaitOutcome::kWoken); }
  /// How the wait ended; meaningful once armed.
  WaitOutcome outcome() const { return outcome_; }
  bool armed() const { return armed_; }

 private:
  struct WaiterTimer : Timer {
    using Timer::Timer;
    Waiter* self = nullptr;
  };
  struct WaiterHook : CancelHook {
    using CancelHook::CancelHook;
    Waiter* self = nullptr;
  };
  static void on_timer(Timer& timer);
  static void on_cancel(CancelHook& hook);
  void finish(WaitOutcome outcome);

  Loop* loop_ = nullptr;
  std::coroutine_handle<> task_;
  WaitOutcome outcome_ = WaitOutcome::kCancelled;
  bool armed_ = false;
  WaiterTimer timer_;
  WaiterHook hook_;
};

/// Watches a descriptor, edge-triggered. The descriptor stays the caller's and must outlive this.
/// Read or write first and wait only after EAGAIN; a wait may wake without cause.
class FdWatch {
 public:
  FdWatch(Loop& loop, int fd);
  ~FdWatch();
  FdWatch(const FdWatch&) = delete;
  FdWatch& operator=(const FdWatch&) = delete;

  enum Direction : unsigned { kRead = 1, kWrite = 2 };
  struct Wait {
    FdWatch& watch;
    unsigned directions;
    TimePoint deadline;
    Waiter waiter;
    bool await_ready();
    template <class P>
    bool await_suspend(std::coroutine_handle<P> task) {
      return suspend(task, *task.promise().context);
    }
    /// Errors: kTimeout at the deadline, kCancelled.
    Result<void> await_resume();
    bool suspend(std::coroutine_handle<> task, TaskContext& context);
  };
  /// Waits until any of `directions` may proceed. One wait at a time for each direction.
  Wait wait(unsigned directions, TimePoint deadline) { return {*this, directions, deadline, {}}; }

  /// Readiness seen and not yet consumed by a wait.
  bool readable() const { return (ready_ & kRead) || hung_up_; }
  /// The other side closed or the socket failed: reading will not block any more.
  bool hung_up() const { return hung_up_; }

 private:
  friend class Loop;
  void notify(std::uint32_t events);

  Loop& loop_;
  int fd_;
  unsigned ready_ = 0;
  bool hung_up_ = false;
  List<Waiter> waiters_;
};

class Loop {
 public:
  enum class Mode { kReal, kVirtual };
  /// @param seed  for random(); fixed in tests, random_seed() in production
  explicit Loop(Mode mode = Mode::kReal, std::uint64_t seed = random_seed());
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  /// Why it can run nothing: the system gave it no descriptors (kIo). Else empty.
  const std::optional<Error>& problem() const { return problem_; }

  /// Runs `task` and everything it waits for on this thread, and returns its result. In virtual
  /// mode a task that can never end is a programmer error.
  template <class T>
  T run(Task<T> task);
  /// The same with a cancellation of the caller's.
  template <class T>
  T run(Task<T> task, CancelSource& cancel);

  /// Serves run_on() from other threads until stop(). For shard threads.
  void serve();
  /// Any thread.
  void stop();

  /// Virtual mode, for simulations that advance several loops side by side (SteppedRun).
  /// Runs what is ready, else jumps to the next timer; false when nothing can ever happen.
  bool step();
  /// When step() will do something: now, the next timer's time, or kNever.
  TimePoint next_step() const;
  /// Moves the clock forward, not past the next timer.
  void start_at(TimePoint time) { virtual_now_ = time; }
  /// From now on nothing is resumed: what is suspended will be destroyed where it stands. How a
  /// simulation kills a process; virtual mode only, and the loop is of no further use.
  void abandon() {
    CHECK(is_virtual());
    abandoned_ = true;
  }
  bool abandoned() const { return abandoned_; }

  TimePoint now() const;
  /// Real wall time; in virtual mode 2026-01-01T00:00Z plus the virtual time that has passed.
  WallTime wall_now() const;
  Random& random() { return random_; }
  bool is_virtual() const { return mode_ == Mode::kVirtual; }

  /// Resumes `task` from the run queue. This loop's thread only.
  void schedule(std::coroutine_handle<> task) { ready_.push_back(task); }
  /// Calls `function` on this loop's thread. Any thread.
  void post(std::function<void()> function);
  /// Calls `function` on a worker thread (at once in virtual mode, and where the system gives no
  /// thread). At most 4 threads, made when first needed. For blocking calls: the resolver, SQLite,
  /// fsync.
  void offload(std::function<void()> function);

 private:
  friend class Timer;
  friend class FdWatch;
  class Workers;

  void run_ready();
  /// Waits for events or the next timer; false when nothing can ever happen (virtual mode).
  bool wait_for_events();
  int epoll_for(std::span<epoll_event> events, std::optional<Duration> limit);
  void fire_timers();
  /// True when there was anything to run.
  bool run_posted();
  void sift_up(std::size_t index);
  void sift_down(std::size_t index);
  static bool before(const Timer& a, const Timer& b);
  void run_until(const bool& done);

  const Mode mode_;
  Random random_;
  TimePoint virtual_now_{};
  std::deque<std::coroutine_handle<>> ready_;
  std::vector<Timer*> timers_;  // binary heap
  std::uint64_t timer_order_ = 0;
  bool abandoned_ = false;
  std::optional<Error> problem_;
  int epoll_fd_ = -1;
  int wake_fd_ = -1;
  bool waits_finely_ = true;
  std::atomic<bool> stopped_ = false;
  std::mutex posted_mutex_;
  std::vector<std::function<void()>> posted_;
  std::unique_ptr<Workers> workers_;
};

/// Suspends until `deadline`. Errors: kCancelled. `co_await SleepUntil(t)`.
struct SleepUntil {
  explicit SleepUntil(TimePoint when) : deadline(when) {}
  TimePoint deadline;
  Waiter waiter;
  bool await_ready() { return false; }
  template <class P>
  bool await_suspend(std::coroutine_handle<P> task) {
    return waiter.arm(task, *task.promise().context, deadline);
  }
  Result<void> await_resume() {
    if (waiter.outcome() == WaitOutcome::kCancelled) return to_result(WaitOutcome::kCancelled);
    return {};
  }
};

/// Errors: kCancelled.
Task<Result<void>> sleep_for(Duration duration);

/// Lets everything else that is ready run first.
struct Yield {
  bool await_ready() { return false; }
  template <class P>
  void await_suspend(std::coroutine_handle<P> task) {
    task.promise().context->loop->schedule(task);
  }
  void await_resume() {}
};

/// `Loop& loop = co_await current_loop();`
struct current_loop : current_context {
  Loop& await_resume() noexcept { return *context->loop; }
};

/// True when the task has been cancelled: `if (co_await is_cancelled()) …`
struct is_cancelled : current_context {
  bool await_resume() noexcept { return context->cancel->cancelled(); }
};

namespace internal {

/// The outermost frame of a run: keeps the result and says when it is there.
template <class T>
Task<void> run_root(Task<T> task, std::optional<T>& result, bool& done) {
  result.emplace(co_await std::move(task));
  done = true;
}
inline Task<void> run_root_void(Task<void> task, bool& done) {
  co_await std::move(task);
  done = true;
}

/// Starts a task that nobody awaits, in `context`; its frame lives in the Task.
void start(Task<void>& task, TaskContext& context);

}  // namespace internal

template <class T>
T Loop::run(Task<T> task) {
  CancelSource cancel;
  return run(std::move(task), cancel);
}

template <class T>
T Loop::run(Task<T> task, CancelSource& cancel) {
  TaskContext context{this, &cancel};
  bool done = false;
  if constexpr (std::is_void_v<T>) {
    Task<void> root = internal::run_root_void(std::move(task), done);
    internal::start(root, context);
    run_until(done);
  } else {
    std::optional<T> result;
    Task<void> root = internal::run_root(std::move(task), result, done);
    internal::start(root, context);
    run_until(done);
    return *std::move(result);
  }
}

}  // namespace telpher
