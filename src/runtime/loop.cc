#include "runtime/loop.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <sys/eventfd.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace telpher {
namespace {

constexpr int kEventsPerWait = 256;
constexpr int kWorkersMax = 4;
constexpr std::chrono::seconds kWaitMax{60};
constexpr std::chrono::seconds kVirtualEpoch{1767225600};  // 2026-01-01T00:00:00Z

}  // namespace

// --- timers -----------------------------------------------------------------------------------

void Timer::start(Loop& loop, TimePoint at) {
  cancel();
  loop_ = &loop;
  at_ = at;
  order_ = loop.timer_order_++;
  index_ = loop.timers_.size();
  loop.timers_.push_back(this);
  loop.sift_up(index_);
}

void Timer::cancel() {
  if (!loop_) return;
  Loop& loop = *std::exchange(loop_, nullptr);
  const std::size_t hole = index_;
  Timer* last = loop.timers_.back();
  loop.timers_.pop_back();
  if (last == this) return;
  loop.timers_[hole] = last;
  last->index_ = hole;
  loop.sift_up(hole);
  loop.sift_down(last->index_);
}

bool Loop::before(const Timer& a, const Timer& b) {
  return a.at_ != b.at_ ? a.at_ < b.at_ : a.order_ < b.order_;
}

void Loop::sift_up(std::size_t index) {
  while (index > 0) {
    const std::size_t parent = (index - 1) / 2;
    if (!before(*timers_[index], *timers_[parent])) return;
    std::swap(timers_[index], timers_[parent]);
    timers_[index]->index_ = index;
    timers_[parent]->index_ = parent;
    index = parent;
  }
}

void Loop::sift_down(std::size_t index) {
  for (;;) {
    std::size_t first = index;
    for (std::size_t child = 2 * index + 1; child <= 2 * index + 2 && child < timers_.size();
         ++child) {
      if (before(*timers_[child], *timers_[first])) first = child;
    }
    if (first == index) return;
    std::swap(timers_[index], timers_[first]);
    timers_[index]->index_ = index;
    timers_[first]->index_ = first;
    index = first;
  }
}

void Loop::fire_timers() {
  if (timers_.empty()) return;
  const TimePoint time = now();
  while (!timers_.empty() && timers_.front()->at_ <= time) {
    Timer& timer = *timers_.front();
    timer.cancel();
    timer.callback_(timer);
  }
}

// --- waiting ----------------------------------------------------------------------------------

Result<void> to_result(WaitOutcome outcome) {
  switch (outcome) {
    case WaitOutcome::kWoken: return {};
    case WaitOutcome::kTimeout: return make_temporary_error(ErrorKind::kTimeout, "timed out");
    case WaitOutcome::kCancelled: break;
  }
  return make_error(ErrorKind::kCancelled, "cancelled");
}

bool Waiter::arm(std::coroutine_handle<> task, TaskContext& context, TimePoint deadline) {
  armed_ = true;
  if (context.cancel->cancelled()) {
    outcome_ = WaitOutcome::kCancelled;
    unlink();
    return false;
  }
  loop_ = context.loop;
  task_ = task;
  context.cancel->add(hook_);
  if (deadline != kNever) timer_.start(*loop_, deadline);
  return true;
}

void Waiter::finish(WaitOutcome outcome) {
  if (!task_) return;
  outcome_ = outcome;
  timer_.cancel();
  hook_.unlink();
  unlink();
  loop_->schedule(std::exchange(task_, {}));
}

void Waiter::on_timer(Timer& timer) {
  static_cast<WaiterTimer&>(timer).self->finish(WaitOutcome::kTimeout);
}

void Waiter::on_cancel(CancelHook& hook) {
  static_cast<WaiterHook&>(hook).self->finish(WaitOutcome::kCancelled);
}

Task<Result<void>> sleep_for(Duration duration) {
  Loop& loop = co_await current_loop();
  co_return co_await SleepUntil(loop.now() + duration);
}

// --- descriptors ------------------------------------------------------------------------------

FdWatch::FdWatch(Loop& loop, int fd) : loop_(loop), fd_(fd) {
  CHECK(!loop.is_virtual());
  epoll_event event{.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data = {.ptr = this}};
  CHECK(epoll_ctl(loop_.epoll_fd_, EPOLL_CTL_ADD, fd_, &event) == 0);
}

FdWatch::~FdWatch() {
  DCHECK(waiters_.empty());
  epoll_ctl(loop_.epoll_fd_, EPOLL_CTL_DEL, fd_, nullptr);
}

void FdWatch::notify(std::uint32_t events) {
  if (events & EPOLLIN) ready_ |= kRead;
  if (events & EPOLLOUT) ready_ |= kWrite;
  if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) {
    hung_up_ = true;
    ready_ |= kRead | kWrite;
  }
  // A waiter checks again when it runs, so waking one that waits for the other direction is
  // harmless.
  while (!waiters_.empty()) waiters_.front().wake();
}

bool FdWatch::Wait::await_ready() {
  const unsigned seen = watch.ready_ & directions;
  watch.ready_ &= ~directions;
  return seen != 0 || ((directions & kRead) && watch.hung_up_);
}

bool FdWatch::Wait::suspend(std::coroutine_handle<> task, TaskContext& context) {
  watch.waiters_.push_back(waiter);
  return waiter.arm(task, context, deadline);
}

Result<void> FdWatch::Wait::await_resume() {
  if (!waiter.armed()) return {};
  if (waiter.outcome() == WaitOutcome::kWoken) watch.ready_ &= ~directions;
  return to_result(waiter.outcome());
}

// --- the loop ---------------------------------------------------------------------------------

class Loop::Workers {
 public:
  ~Workers() {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

  /// Takes it, unless there is no thread and none can be had.
  bool take(std::function<void()>& function) {
    std::lock_guard lock(mutex_);
    if (idle_ <= static_cast<int>(queue_.size()) && threads_.size() < kWorkersMax) add_thread();
    if (threads_.empty()) return false;
    queue_.push_back(std::move(function));
    wake_.notify_one();
    return true;
  }

 private:
  void add_thread() {
    try {
      threads_.emplace_back([this] { work(); });
    } catch (const std::system_error&) {
      // No memory for its stack, or too many threads: those there are do the work.
    }
  }

  void work() {
    std::unique_lock lock(mutex_);
    for (;;) {
      ++idle_;
      wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      --idle_;
      if (queue_.empty()) return;
      std::function<void()> function = std::move(queue_.front());
      queue_.pop_front();
      lock.unlock();
      function();
      function = nullptr;
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> queue_;
  std::vector<std::thread> threads_;
  int idle_ = 0;
  bool stopping_ = false;
};

Loop::Loop(Mode mode, std::uint64_t seed) : mode_(mode), random_(seed) {
  if (is_virtual()) return;
  epoll_fd_ = epoll_create1(EPOLL_CLOEXEC);
  if (epoll_fd_ >= 0) wake_fd_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wake_fd_ < 0) {
    problem_ = make_errno_error(errno, "watch what is going on");
    return;
  }
  epoll_event event{.events = EPOLLIN | EPOLLET, .data = {.ptr = nullptr}};
  CHECK(epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, wake_fd_, &event) == 0);
}

Loop::~Loop() {
  workers_.reset();
  while (!timers_.empty()) timers_.back()->cancel();
  if (epoll_fd_ >= 0) close(epoll_fd_);
  if (wake_fd_ >= 0) close(wake_fd_);
}

TimePoint Loop::now() const { return is_virtual() ? virtual_now_ : Clock::now(); }

WallTime Loop::wall_now() const {
  if (!is_virtual()) return std::chrono::system_clock::now();
  return WallTime(kVirtualEpoch) +
         std::chrono::duration_cast<WallTime::duration>(virtual_now_.time_since_epoch());
}

void Loop::post(std::function<void()> function) {
  bool first = false;
  {
    std::lock_guard lock(posted_mutex_);
    first = posted_.empty();
    posted_.push_back(std::move(function));
  }
  if (!first || wake_fd_ < 0) return;
  const std::uint64_t one = 1;
  CHECK(write(wake_fd_, &one, sizeof one) == sizeof one || errno == EAGAIN);
}

void Loop::offload(std::function<void()> function) {
  if (is_virtual()) return function();
  if (!workers_) workers_ = std::make_unique<Workers>();
  if (!workers_->take(function)) function();
}

bool Loop::run_posted() {
  std::vector<std::function<void()>> posted;
  {
    std::lock_guard lock(posted_mutex_);
    posted.swap(posted_);
  }
  for (std::function<void()>& function : posted) {
    if (abandoned_) break;
    function();
  }
  return !posted.empty();
}

void Loop::run_ready() {
  // Only what is ready now: tasks that keep each other busy must not starve the descriptors.
  for (std::size_t count = ready_.size(); count > 0 && !abandoned_; --count) {
    const std::coroutine_handle<> task = ready_.front();
    ready_.pop_front();
    task.resume();
  }
}

/// epoll_wait() for at most `limit`: to the nanosecond where the kernel can (5.11), else to the
/// millisecond above.
int Loop::epoll_for(std::span<epoll_event> events, std::optional<Duration> limit) {
  const int room = static_cast<int>(events.size());
  if (limit && *limit > Duration::zero() && waits_finely_) {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(*limit);
    const timespec time{.tv_sec = seconds.count(), .tv_nsec = (*limit - seconds).count()};
    const int count = epoll_pwait2(epoll_fd_, events.data(), room, &time, nullptr);
    if (count >= 0 || errno == EINTR) return count;
    waits_finely_ = false;
  }
  const int limit_ms =
      limit ? static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(*limit).count()) : -1;
  return epoll_wait(epoll_fd_, events.data(), room, limit_ms);
}

bool Loop::wait_for_events() {
  if (is_virtual()) {
    if (run_posted() || !ready_.empty()) return true;
    if (timers_.empty()) return false;
    virtual_now_ = std::max(virtual_now_, timers_.front()->at_);
    fire_timers();
    return true;
  }
  std::optional<Duration> limit;
  if (!ready_.empty()) {
    limit = Duration::zero();
  } else if (!timers_.empty()) {
    limit = std::clamp<Duration>(timers_.front()->at_ - now(), Duration::zero(), kWaitMax);
  }
  std::array<epoll_event, kEventsPerWait> events;
  const int count = epoll_for(events, limit);
  for (int i = 0; i < count; ++i) {
    if (auto* watch = static_cast<FdWatch*>(events[i].data.ptr)) {
      watch->notify(events[i].events);
    } else {
      std::uint64_t ignored;
      (void)!read(wake_fd_, &ignored, sizeof ignored);
    }
  }
  run_posted();
  fire_timers();
  return true;
}

void Loop::run_until(const bool& done) {
  CHECK(!problem_);
  while (!done) {
    run_ready();
    if (done) return;
    CHECK(wait_for_events());  // virtual mode: every task waits for something that cannot come
  }
}

bool Loop::step() {
  CHECK(is_virtual());
  if (abandoned_) return false;
  if (ready_.empty()) return wait_for_events();
  run_ready();
  return true;
}

TimePoint Loop::next_step() const {
  if (abandoned_) return kNever;
  if (!ready_.empty() || !posted_.empty()) return virtual_now_;
  return timers_.empty() ? kNever : std::max(virtual_now_, timers_.front()->at_);
}

void Loop::serve() {
  while (!stopped_.load(std::memory_order_acquire)) {
    run_ready();
    CHECK(wait_for_events());
  }
}

void Loop::stop() {
  stopped_.store(true, std::memory_order_release);
  post([] {});
}

namespace internal {

void start(Task<void>& task, TaskContext& context) {
  task.handle().promise().context = &context;
  context.loop->schedule(task.handle());
}

}  // namespace internal
}  // namespace telpher
