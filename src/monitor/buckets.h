#pragma once
// The buckets of durations that are told to others: from 1 ms to 5 min.

#include "metrics/operation_metrics.h"

#include <array>
#include <chrono>
#include <string_view>

namespace telpher {

struct DurationBound {
  std::chrono::nanoseconds at_most;
  std::string_view text;  // in seconds
};

inline constexpr std::array<DurationBound, 16> kDurationBounds = [] {
  using namespace std::chrono_literals;
  return std::array<DurationBound, 16>{{{1ms, "0.001"},
                                        {2500us, "0.0025"},
                                        {5ms, "0.005"},
                                        {10ms, "0.01"},
                                        {25ms, "0.025"},
                                        {50ms, "0.05"},
                                        {100ms, "0.1"},
                                        {250ms, "0.25"},
                                        {500ms, "0.5"},
                                        {1s, "1"},
                                        {2500ms, "2.5"},
                                        {5s, "5"},
                                        {10s, "10"},
                                        {30s, "30"},
                                        {60s, "60"},
                                        {300s, "300"}}};
}();

struct DurationBuckets {
  std::array<std::uint64_t, kDurationBounds.size() + 1> counts{};  // the last: longer than all
  std::uint64_t count = 0;                                         // of all
};

/// Right to the 1 % that a HistogramCounts is exact to.
inline DurationBuckets bucket_durations(const HistogramCounts& durations) {
  DurationBuckets buckets;
  std::size_t at = 0;
  for (const auto& [value, times] : durations) {
    while (at < kDurationBounds.size() &&
           value > static_cast<std::uint64_t>(kDurationBounds[at].at_most.count())) {
      ++at;
    }
    buckets.counts[at] += times;
    buckets.count += times;
  }
  return buckets;
}

}  // namespace telpher
