#pragma once
// Runs a task on another loop (shard) and brings its result home.

#include "runtime/loop.h"

#include <memory>
#include <optional>

namespace telpher {
namespace internal {

/// Shared by the two loops while the remote task runs.
template <class T>
struct RemoteRun {
  explicit RemoteRun(Task<T> remote_task) : task(std::move(remote_task)) {}
  Task<T> task;
  std::optional<T> result;
  std::optional<Task<void>> root;
  CancelSource cancel;  // of the remote loop
  TaskContext context;
  Loop* home = nullptr;
  std::coroutine_handle<> waiting;
};

template <class T>
Task<void> run_remote(std::shared_ptr<RemoteRun<T>> run) {
  run->result.emplace(co_await std::move(run->task));
  // The frame is destroyed at home, after it has come to rest here.
  Loop* remote = run->context.loop;
  remote->post([run] { run->home->post([run] { run->waiting.resume(); }); });
}

}  // namespace internal

/// `co_await RunOn(shard, task)`: cancelling the awaiting task cancels the remote one, and the wait
/// still lasts until it has ended. With the awaiting task's own loop it is a plain await.
template <class T>
class RunOn {
 public:
  RunOn(Loop& loop, Task<T> task)
      : run_(std::make_shared<internal::RemoteRun<T>>(std::move(task))), hook_(on_cancel) {
    run_->context = {&loop, &run_->cancel};
    hook_.self = this;
  }
  RunOn(const RunOn&) = delete;
  ~RunOn() { run_->root.reset(); }  // only of an abandoned loop is it still there
  bool await_ready() { return false; }
  template <class P>
  void await_suspend(std::coroutine_handle<P> task) {
    TaskContext& context = *task.promise().context;
    run_->home = context.loop;
    run_->waiting = task;
    run_->root.emplace(internal::run_remote(run_));
    if (context.cancel->cancelled()) {
      run_->cancel.cancel();
    } else {
      context.cancel->add(hook_);
    }
    run_->context.loop->post([run = run_] { internal::start(*run->root, run->context); });
  }
  T await_resume() {
    hook_.unlink();
    run_->root.reset();
    return *std::move(run_->result);
  }

 private:
  struct Hook : CancelHook {
    using CancelHook::CancelHook;
    RunOn* self = nullptr;
  };
  static void on_cancel(CancelHook& hook) {
    auto run = static_cast<Hook&>(hook).self->run_;
    run->context.loop->post([run] { run->cancel.cancel(); });
  }

  std::shared_ptr<internal::RemoteRun<T>> run_;
  Hook hook_;
};

}  // namespace telpher
