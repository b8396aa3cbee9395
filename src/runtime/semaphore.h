#pragma once
// Waiting for room: FIFO semaphore, event, bounded queue. One loop each.

#include "runtime/loop.h"

#include <deque>
#include <optional>
#include <utility>

namespace telpher {

/// Suspended tasks in the order they came.
class WaitQueue {
 public:
  struct Wait {
    WaitQueue& queue;
    TimePoint deadline;
    Waiter waiter;
    bool await_ready() { return false; }
    template <class P>
    bool await_suspend(std::coroutine_handle<P> task) {
      queue.waiters_.push_back(waiter);
      return waiter.arm(task, *task.promise().context, deadline);
    }
    Result<void> await_resume() { return to_result(waiter.outcome()); }
  };
  /// Errors: kTimeout, kCancelled.
  Wait wait(TimePoint deadline = kNever) { return {*this, deadline, {}}; }
  bool empty() const { return waiters_.empty(); }
  void wake_one() {
    if (!waiters_.empty()) waiters_.front().wake();
  }
  void wake_all() {
    while (!waiters_.empty()) waiters_.front().wake();
  }

 private:
  List<Waiter> waiters_;
};

/// Room for `limit` units, given in the order asked. A unit never overtakes a larger request.
class Semaphore {
 public:
  explicit Semaphore(std::uint64_t limit) : limit_(limit) {}
  Semaphore(const Semaphore&) = delete;
  ~Semaphore() { DCHECK(in_use_ == 0); }

  /// Holds its units until destroyed or released.
  class Permit {
   public:
    Permit() = default;
    Permit(Semaphore& semaphore, std::uint64_t units) : semaphore_(&semaphore), units_(units) {}
    Permit(Permit&& other) noexcept
        : semaphore_(std::exchange(other.semaphore_, nullptr)), units_(other.units_) {}
    Permit& operator=(Permit&& other) noexcept {
      if (this != &other) {
        release();
        semaphore_ = std::exchange(other.semaphore_, nullptr);
        units_ = other.units_;
      }
      return *this;
    }
    ~Permit() { release(); }
    void release() {
      if (semaphore_) std::exchange(semaphore_, nullptr)->give_back(units_);
    }

   private:
    Semaphore* semaphore_ = nullptr;
    std::uint64_t units_ = 0;
  };

  /// Waits for `units` (≤ limit at the time of asking, else kLimit). Errors: kLimit, kTimeout,
  /// kCancelled.
  Task<Result<Permit>> acquire(std::uint64_t units = 1, TimePoint deadline = kNever);
  /// At once or not at all.
  std::optional<Permit> try_acquire(std::uint64_t units = 1);

  /// A smaller limit takes effect as units come back.
  void set_limit(std::uint64_t limit);
  std::uint64_t limit() const { return limit_; }
  std::uint64_t in_use() const { return in_use_; }
  std::uint64_t peak() const { return peak_; }

 private:
  struct Request : ListNode {
    Request(Semaphore& asked, std::uint64_t wanted) : semaphore(asked), units(wanted) {}
    ~Request() {
      if (granted) semaphore.give_back(units);  // and nobody took it
    }
    Semaphore& semaphore;
    std::uint64_t units;
    WaitQueue queue;
    bool granted = false;
  };
  void give_back(std::uint64_t units);
  void grant();
  void take(std::uint64_t units);

  std::uint64_t limit_;
  std::uint64_t in_use_ = 0;
  std::uint64_t peak_ = 0;
  List<Request> requests_;
};

/// At most `capacity` items between producers and consumers. close() lets consumers drain what is
/// there; nothing is lost.
template <class T>
class BoundedQueue {
 public:
  explicit BoundedQueue(std::size_t capacity) : capacity_(capacity) { CHECK(capacity > 0); }

  /// Waits for room. Errors: kCancelled (also when the queue is closed).
  Task<Result<void>> push(T item) {
    while (items_.size() >= capacity_ && !closed_) CO_TRY_VOID(co_await room_.wait());
    if (closed_) co_return to_result(WaitOutcome::kCancelled);
    items_.push_back(std::move(item));
    filled_.wake_one();
    co_return Result<void>();
  }

  /// Waits for an item; nullopt once closed and drained. Errors: kCancelled.
  Task<Result<std::optional<T>>> pop() {
    while (items_.empty() && !closed_) CO_TRY_VOID(co_await filled_.wait());
    if (items_.empty()) co_return std::optional<T>();
    std::optional<T> item(std::move(items_.front()));
    items_.pop_front();
    room_.wake_one();
    co_return item;
  }

  void close() {
    closed_ = true;
    filled_.wake_all();
    room_.wake_all();
  }
  std::size_t size() const { return items_.size(); }

 private:
  const std::size_t capacity_;
  bool closed_ = false;
  std::deque<T> items_;
  WaitQueue room_;
  WaitQueue filled_;
};

}  // namespace telpher
