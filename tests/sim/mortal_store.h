#pragma once
// The wire between one process and the store: nothing passes once the process is dead, and it may
// die just before or just after a call.

#include "runtime/stepped_run.h"
#include "store/layers/forwarding_store.h"

#include <functional>

namespace telpher::sim {

class MortalStore final : public AroundStore<MortalStore> {
 public:
  /// Told before (`after` = false) and after every call; true = the process is dead.
  using Watch = std::function<bool(Operation operation, bool after)>;
  MortalStore(ObjectStore& inner, Watch watch) : AroundStore(inner), watch_(std::move(watch)) {}

  template <class T>
  Task<Result<T>> around(Call made, Task<Result<T>> call) {
    if (watch_(made.operation, false)) co_await Halt{};
    Result<T> result = co_await std::move(call);
    if (watch_(made.operation, true)) co_await Halt{};
    co_return std::move(result);
  }

 private:
  const Watch watch_;
};

/// Above the chaos layer: told after every call, to see which faults it met.
class WatchedStore final : public AroundStore<WatchedStore> {
 public:
  WatchedStore(ObjectStore& inner, std::function<void()> called)
      : AroundStore(inner), called_(std::move(called)) {}

  template <class T>
  Task<Result<T>> around(Call, Task<Result<T>> call) {
    Result<T> result = co_await std::move(call);
    called_();
    co_return std::move(result);
  }

 private:
  const std::function<void()> called_;
};

}  // namespace telpher::sim
