#pragma once
// A task on a virtual loop, advanced step by step by its owner: how a simulation runs several
// processes side by side, each on its own loop, and kills one of them at any moment.

#include "runtime/loop.h"

#include <optional>

namespace telpher {

template <class T>
class SteppedRun {
 public:
  /// `loop` outlives this, and may have no other run.
  SteppedRun(Loop& loop, Task<T> task) : loop_(loop), context_{&loop, &cancel_} {
    root_.emplace(internal::run_root(std::move(task), result_, done_));
    internal::start(*root_, context_);
  }
  SteppedRun(const SteppedRun&) = delete;
  /// Destroys what has not ended, with everything below it, where it is suspended.
  ~SteppedRun() {
    if (!done_) loop_.abandon();
  }

  bool done() const { return done_; }
  /// False when nothing can ever happen: done, abandoned, or waiting for what cannot come.
  bool step() { return !done_ && loop_.step(); }
  TimePoint next_step() const { return done_ ? kNever : loop_.next_step(); }
  void cancel() { cancel_.cancel(); }
  /// Set once done.
  std::optional<T>& result() { return result_; }

 private:
  Loop& loop_;
  CancelSource cancel_;
  TaskContext context_;
  std::optional<T> result_;
  bool done_ = false;
  std::optional<Task<void>> root_;
};

/// Suspends for ever: what the task does that has just abandoned its loop.
struct Halt {
  bool await_ready() { return false; }
  void await_suspend(std::coroutine_handle<>) {}
  void await_resume() {}
};

}  // namespace telpher
