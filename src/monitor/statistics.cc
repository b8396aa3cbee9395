#include "monitor/statistics.h"

#include <algorithm>
#include <cmath>

namespace telpher {
namespace {

double per(double amount, std::chrono::nanoseconds span) {
  const double seconds = std::chrono::duration<double>(span).count();
  return seconds > 0 ? amount / seconds : 0;
}

}  // namespace

Statistics& Statistics::operator+=(const Statistics& other) {
  count += other.count;
  failed += other.failed;
  for (std::size_t i = 0; i < kErrorKinds; ++i) errors[i] += other.errors[i];
  duration_ns += other.duration_ns;
  bytes += other.bytes;
  memory += other.memory;
  for (const auto& [value, times] : other.durations) durations[value] += times;
  span += other.span;
  return *this;
}

double Statistics::error_rate() const {
  // Another thread may have recorded between the readings of the two.
  return count > 0 ? static_cast<double>(std::min(failed, count)) / static_cast<double>(count) : 0;
}

std::chrono::nanoseconds Statistics::average_duration() const {
  return std::chrono::nanoseconds(count > 0 ? duration_ns / count : 0);
}

std::chrono::nanoseconds Statistics::quantile(double q) const {
  std::uint64_t total = 0;
  for (const auto& [value, times] : durations) total += times;
  const double rank = std::ceil(q * static_cast<double>(total));
  std::uint64_t seen = 0;
  for (const auto& [value, times] : durations) {
    seen += times;
    if (static_cast<double>(seen) >= rank) return std::chrono::nanoseconds(value);
  }
  return {};
}

double Statistics::average_memory() const {
  return count > 0 ? static_cast<double>(memory) / static_cast<double>(count) : 0;
}

double Statistics::per_second() const { return per(static_cast<double>(count), span); }

double Statistics::bytes_per_second() const { return per(static_cast<double>(bytes), span); }

Statistics difference(const OperationMetrics::Totals& now, const HistogramCounts& durations_now,
                      const OperationMetrics::Totals& before,
                      const HistogramCounts& durations_before) {
  Statistics since;
  since.count = now.count - before.count;
  since.failed = now.failed - before.failed;
  for (std::size_t i = 0; i < kErrorKinds; ++i) since.errors[i] = now.errors[i] - before.errors[i];
  since.duration_ns = now.duration_ns - before.duration_ns;
  since.bytes = now.bytes - before.bytes;
  since.memory = now.memory - before.memory;
  for (const auto& [value, times] : durations_now) {
    const auto found = durations_before.find(value);
    const std::uint64_t known = found == durations_before.end() ? 0 : found->second;
    // Counts wrap at 2³², their differences do not notice.
    const auto more = static_cast<std::uint32_t>(times - known);
    if (more > 0) since.durations.emplace(value, more);
  }
  return since;
}

}  // namespace telpher
