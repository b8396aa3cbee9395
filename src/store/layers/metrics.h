#pragma once
// Records what a store is asked and how it answers, an operation of its own for each kind of call:
// "s3_put_object", "s3_get_object". Outside the retry layer it sees what callers see, inside it
// every attempt.

#include "metrics/operation_metrics.h"
#include "runtime/loop.h"
#include "store/layers/forwarding_store.h"

namespace telpher {

class MetricsStore final : public AroundStore<MetricsStore> {
 public:
  /// @param prefix  of the names of the operations: "s3_"
  /// @param metrics  must outlive this; several stores may share one
  MetricsStore(ObjectStore& inner, OperationRegistry& metrics, std::string prefix)
      : AroundStore(inner), metrics_(metrics), prefix_(std::move(prefix)) {}

  template <class T>
  Task<Result<T>> around(Call call, Task<Result<T>> task) {
    const Loop& loop = co_await current_loop();
    OperationMetrics& metrics = of(call.operation);
    metrics.in_flight.add(1);
    const TimePoint start = loop.now();
    Result<T> result = co_await std::move(task);
    const TimePoint end = loop.now();
    metrics.in_flight.add(-1);
    OperationSample sample{.ended = end, .duration = end - start};
    if (!result) {
      if (is_failure(result.error().kind)) sample.error = result.error().kind;
    } else {
      sample.bytes = call.bytes_sent;
      if constexpr (std::is_same_v<T, GetResult>) sample.bytes = result->length;
    }
    metrics.record(sample);
    co_return std::move(result);
  }

 private:
  /// What is not there, and conditions that do not hold, are answers: the store has done its work.
  static bool is_failure(ErrorKind kind) {
    return kind != ErrorKind::kNotFound && kind != ErrorKind::kPrecondition &&
           kind != ErrorKind::kCancelled;
  }
  /// Made when it is met first: most stores are never asked most things.
  OperationMetrics& of(Operation operation);

  OperationRegistry& metrics_;
  const std::string prefix_;
  std::array<OperationMetrics*, kOperationCount> operations_{};
};

}  // namespace telpher
