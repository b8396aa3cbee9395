#pragma once
// Counts what a store is asked and how it answers: per operation calls, durations, bytes; errors by
// kind. Outside the retry layer it sees what callers see, inside it every attempt.

#include "metrics/operation_metrics.h"
#include "runtime/loop.h"
#include "store/layers/forwarding_store.h"

namespace telpher {

/// Half a MiB of counters and histograms: one for a process, not one for a transfer.
struct StoreMetrics {
  std::array<OperationMetrics, kOperationCount> operations;
  std::array<Counter, static_cast<std::size_t>(ErrorKind::kCancelled) + 1> errors;

  OperationMetrics& of(Operation operation) {
    return operations[static_cast<std::size_t>(operation)];
  }
  Counter& of(ErrorKind kind) { return errors[static_cast<std::size_t>(kind)]; }
};

class MetricsStore final : public AroundStore<MetricsStore> {
 public:
  /// `metrics` must outlive this; several stores may share one.
  MetricsStore(ObjectStore& inner, StoreMetrics& metrics) : AroundStore(inner), metrics_(metrics) {}

  template <class T>
  Task<Result<T>> around(Call call, Task<Result<T>> task) {
    const Loop& loop = co_await current_loop();
    OperationMetrics& metrics = metrics_.of(call.operation);
    metrics.in_flight.add(1);
    const TimePoint start = loop.now();
    Result<T> result = co_await std::move(task);
    const auto duration = loop.now() - start;
    metrics.in_flight.add(-1);
    metrics.duration_us.record(static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::microseconds>(duration).count()));
    if (result) {
      metrics.succeeded.add();
      if (call.bytes_sent > 0) metrics.bytes_sent.add(call.bytes_sent);
      if constexpr (std::is_same_v<T, GetResult>) metrics.bytes_received.add(result->length);
    } else {
      metrics.failed.add();
      metrics_.of(result.error().kind).add();
    }
    co_return std::move(result);
  }

 private:
  StoreMetrics& metrics_;
};

}  // namespace telpher
