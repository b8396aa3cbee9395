#pragma once
// What a blocking call needs around the task it runs. Used by Client alone, on the caller's thread.

#include "runtime/loop.h"
#include "runtime/task_group.h"

#include <csignal>
#include <functional>

namespace telpher {

/// Writing to what was closed raises SIGPIPE, and a file past its limit SIGXFSZ; the caller may
/// have handlers of its own. Both stay blocked on this thread while this lives, and what has come
/// meanwhile is taken away.
class QuietSignals {
 public:
  QuietSignals();
  ~QuietSignals();
  QuietSignals(const QuietSignals&) = delete;
  QuietSignals& operator=(const QuietSignals&) = delete;

 private:
  sigset_t before_;
  sigset_t added_;  // blocked by us, and not pending before
};

/// What goes on beside a task.
struct Beside {
  int cancel_fd = -1;  // readable = cancel; -1 = nobody can
  Duration interval{};
  std::function<void()> tick;  // each interval; empty = never
};

/// Cancels `target` once `fd` is readable. Errors: kCancelled.
Task<Result<void>> watch_descriptor(int fd, CancelSource* target);
/// Errors: kCancelled.
Task<Result<void>> tick_until_cancelled(Duration interval, const std::function<void()>* tick);

/// Runs `task` with what goes on beside it. `cancel` is the task's own; what is beside it ends when
/// the task has ended.
template <class T>
Task<Result<T>> run_beside(Task<Result<T>> task, const Beside* beside, CancelSource* cancel) {
  TaskContext& context = co_await current_context();
  TaskContext inner{context.loop, cancel};
  TaskGroup others(context);
  if (beside->cancel_fd >= 0) others.spawn(watch_descriptor(beside->cancel_fd, cancel));
  if (beside->tick) others.spawn(tick_until_cancelled(beside->interval, &beside->tick));
  Result<T> result = co_await std::move(task).in(inner);
  others.cancel();
  (void)co_await others.join();
  co_return result;
}

}  // namespace telpher
