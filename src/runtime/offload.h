#pragma once
// Blocking calls off the loop: `co_await offload([&] { return ::fsync(fd); })`.

#include "runtime/loop.h"

#include <optional>
#include <type_traits>
#include <utility>

namespace telpher {

/// Runs `function` on a worker thread and waits for it; not cancellable, because what it touches
/// must stay alive until it has ended. In virtual mode it runs at once on the loop.
template <class F>
class Offload {
 public:
  using T = std::invoke_result_t<F>;
  explicit Offload(F function) : function_(std::move(function)) {}
  bool await_ready() { return false; }
  template <class P>
  void await_suspend(std::coroutine_handle<P> task) {
    Loop& loop = *task.promise().context->loop;
    loop.offload([this, &loop, task = std::coroutine_handle<>(task)] {
      result_.emplace(function_());
      loop.post([task] { task.resume(); });
    });
  }
  T await_resume() { return *std::move(result_); }

 private:
  F function_;
  std::optional<T> result_;
};

template <class F>
Offload<F> offload(F function) {
  return Offload<F>(std::move(function));
}

}  // namespace telpher
