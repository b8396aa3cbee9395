#pragma once
// A deadline for whole calls. That bytes keep moving is watched where they move (net); this bounds
// calls however they spend their time, and is off unless asked for. Belongs inside the retry layer:
// each attempt is timed, never the whole series.

#include "runtime/task_group.h"
#include "store/layers/forwarding_store.h"

namespace telpher {

struct TimeoutOptions {
  Duration metadata_call{};  // head, list, create …; zero = no limit
  Duration data_call{};  // calls that move or join bytes: put, get (to its head), copy, complete
};

class TimeoutStore final : public AroundStore<TimeoutStore> {
 public:
  TimeoutStore(ObjectStore& inner, TimeoutOptions options)
      : AroundStore(inner), options_(options) {}

  /// Errors also: kTimeout (temporary).
  template <class T>
  Task<Result<T>> around(Call call, Task<Result<T>> task) {
    const Duration limit = limit_of(call.operation);
    if (limit == Duration::zero()) return task;
    return timed(call.operation, limit, std::move(task));
  }

 private:
  Duration limit_of(Operation operation) const;
  static Error too_late(Operation operation, Duration limit);

  template <class T>
  static Task<Result<T>> timed(Operation operation, Duration limit, Task<Result<T>> task) {
    Loop& loop = co_await current_loop();
    const TimePoint deadline = loop.now() + limit;
    Result<T> result = co_await with_deadline(std::move(task), deadline);
    if (!result && result.error().kind == ErrorKind::kTimeout && loop.now() >= deadline) {
      co_return too_late(operation, limit);
    }
    co_return std::move(result);
  }

  const TimeoutOptions options_;
};

}  // namespace telpher
