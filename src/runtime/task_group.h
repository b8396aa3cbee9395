#pragma once
// TaskGroup: children that run side by side and never outlive their parent.

#include "runtime/loop.h"

#include <list>
#include <optional>

namespace telpher {

/// The first child to fail cancels the others; join() waits for all and returns that failure.
/// Lives in the parent's frame: `TaskGroup group(co_await current_context());`. It must be joined
/// before it is destroyed (unless its loop was abandoned: then the children are destroyed too).
class TaskGroup {
 public:
  explicit TaskGroup(TaskContext& parent);
  ~TaskGroup();
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

  /// Starts `child` at the loop's next turn.
  void spawn(Task<Result<void>> child);
  /// Cancels the children; they end at their next wait.
  void cancel() { cancel_.cancel(); }
  /// By cancel(), by a child's failure or by the parent: it is no use to spawn more.
  bool cancelled() const { return cancel_.cancelled(); }
  /// Children that have not ended.
  std::size_t size() const { return running_; }
  /// Waits until at most `count` children run. Does not end early when cancelled: children do.
  Task<void> wait_until_at_most(std::size_t count);
  /// Waits for all children. Errors: the first child's.
  Task<Result<void>> join();

 private:
  struct Child {
    std::optional<Task<void>> root;
  };
  Task<void> run(Task<Result<void>> child, std::list<Child>::iterator self);
  void reap();

  CancelSource cancel_;
  TaskContext context_;
  std::list<Child> children_;
  std::list<Child> ended_;  // frames at rest, destroyed from outside themselves
  std::size_t running_ = 0;
  std::optional<Error> error_;
  std::coroutine_handle<> waiting_;
  std::size_t waiting_for_ = 0;

  friend struct GroupWait;
};

/// Runs `task` and cancels it at `deadline`, which then ends it with kTimeout (temporary).
template <class T>
Task<Result<T>> with_deadline(Task<Result<T>> task, TimePoint deadline) {
  struct Expiry : Timer {
    Expiry(CancelSource& source)
        : Timer([](Timer& timer) {
            auto& self = static_cast<Expiry&>(timer);
            self.expired = true;
            self.cancel_source.cancel();
          }),
          cancel_source(source) {}
    CancelSource& cancel_source;
    bool expired = false;
  };
  TaskContext& parent = co_await current_context();
  CancelSource cancel(*parent.cancel);
  TaskContext context{parent.loop, &cancel};
  Expiry expiry(cancel);
  if (deadline != kNever) expiry.start(*parent.loop, deadline);
  Result<T> result = co_await std::move(task).in(context);
  expiry.cancel();
  if (!result && result.error().kind == ErrorKind::kCancelled && expiry.expired &&
      !parent.cancel->cancelled()) {
    co_return to_result(WaitOutcome::kTimeout).error();
  }
  co_return result;
}

/// Runs `task` although the caller is cancelled (to tidy up), for at most `limit`.
template <class T>
Task<Result<T>> shielded(Task<Result<T>> task, Duration limit) {
  TaskContext& parent = co_await current_context();
  CancelSource cancel;
  TaskContext context{parent.loop, &cancel};
  co_return co_await with_deadline(std::move(task), parent.loop->now() + limit).in(context);
}

}  // namespace telpher
