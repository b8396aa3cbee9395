#pragma once
// Task<T>: a lazy coroutine. It starts when awaited, runs on the awaiting task's loop, and hands
// its result straight back. A task inherits its context (loop and cancellation) from whoever awaits
// it, so nothing needs to be passed by hand and no work outlives its parent.
//
// Rules: a coroutine is a named function or a member, never a capturing lambda; parameters are
// taken by value (a view is fine when the caller awaits at once); an exception that escapes ends
// the process, so failures are Results.

#include "base/check.h"
#include "runtime/cancel.h"

#include <coroutine>
#include <exception>
#include <new>
#include <optional>
#include <utility>

namespace telpher {

class Loop;

/// What a task runs in. Owned by whoever starts the task; outlives it.
struct TaskContext {
  Loop* loop = nullptr;
  CancelSource* cancel = nullptr;
};

/// Coroutine frames come from a per-thread free list by size: a small request makes a dozen of
/// them.
void* allocate_frame(std::size_t size);
void release_frame(void* frame, std::size_t size);

class PromiseBase {
 public:
  static void* operator new(std::size_t size) { return allocate_frame(size); }
  static void operator delete(void* frame, std::size_t size) { release_frame(frame, size); }

  std::suspend_always initial_suspend() noexcept { return {}; }
  struct FinalAwaiter {
    bool await_ready() noexcept { return false; }
    template <class P>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<P> self) noexcept {
      return self.promise().continuation;
    }
    void await_resume() noexcept {}
  };
  FinalAwaiter final_suspend() noexcept { return {}; }
  [[noreturn]] void unhandled_exception() noexcept { std::terminate(); }

  std::coroutine_handle<> continuation = std::noop_coroutine();
  TaskContext* context = nullptr;
};

template <class T>
class [[nodiscard]] Task {
 public:
  struct promise_type : PromiseBase {
    Task get_return_object() {
      return Task(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    template <class U>
    void return_value(U&& result) {
      value.emplace(std::forward<U>(result));
    }
    T take() { return *std::move(value); }
    std::optional<T> value;
  };
  using Handle = std::coroutine_handle<promise_type>;

  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
  Task& operator=(Task&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Task() {
    if (handle_) handle_.destroy();
  }

  struct Awaiter {
    Handle handle;
    TaskContext* context;  // null: inherit the awaiting task's
    bool await_ready() noexcept { return false; }
    template <class P>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<P> parent) noexcept {
      handle.promise().continuation = parent;
      handle.promise().context = context ? context : parent.promise().context;
      return handle;
    }
    T await_resume() { return handle.promise().take(); }
  };
  Awaiter operator co_await() && { return {handle_, nullptr}; }

  /// Awaits the task in another context, which must outlive it: `co_await
  /// std::move(t).in(context)`.
  Awaiter in(TaskContext& context) && { return {handle_, &context}; }

  /// For the runtime: the frame, to start a task that nobody awaits.
  Handle handle() const { return handle_; }

 private:
  explicit Task(Handle handle) : handle_(handle) {}
  Handle handle_;
};

template <>
struct Task<void>::promise_type : PromiseBase {
  Task get_return_object() {
    return Task(std::coroutine_handle<promise_type>::from_promise(*this));
  }
  void return_void() {}
  void take() {}
};

/// `TaskContext& context = co_await current_context();`
struct current_context {
  bool await_ready() noexcept { return false; }
  template <class P>
  bool await_suspend(std::coroutine_handle<P> self) noexcept {
    context = self.promise().context;
    return false;
  }
  TaskContext& await_resume() noexcept { return *context; }
  TaskContext* context = nullptr;
};

}  // namespace telpher
