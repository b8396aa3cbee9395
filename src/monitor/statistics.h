#pragma once
// Statistics: what is known of an operation over some time. Plain data; sums of two are their +=.

#include "metrics/operation_metrics.h"

#include <chrono>

namespace telpher {

struct Statistics {
  std::uint64_t count = 0;  // failed ones included
  std::uint64_t failed = 0;
  std::array<std::uint64_t, kErrorKinds> errors{};  // by ErrorKind
  std::uint64_t duration_ns = 0;                    // of all together
  std::uint64_t bytes = 0;
  std::uint64_t memory = 0;         // bytes of the budget, of all together
  HistogramCounts durations;        // nanoseconds
  std::chrono::nanoseconds span{};  // of time that this is about

  Statistics& operator+=(const Statistics& other);

  /// Shares in [0, 1]; without operations nothing has failed.
  double error_rate() const;
  double success_rate() const { return 1 - error_rate(); }
  std::chrono::nanoseconds average_duration() const;
  /// The duration that a share `q` in [0, 1] did not pass (nearest rank), at most 1 % too long.
  std::chrono::nanoseconds quantile(double q) const;
  std::chrono::nanoseconds max_duration() const { return quantile(1); }
  double average_memory() const;
  double per_second() const;
  double bytes_per_second() const;
};

/// What was recorded between two readings of an operation, the later one first.
Statistics difference(const OperationMetrics::Totals& now, const HistogramCounts& durations_now,
                      const OperationMetrics::Totals& before,
                      const HistogramCounts& durations_before);

}  // namespace telpher
