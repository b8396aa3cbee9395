#pragma once
// What is recorded about one kind of operation: how often, how long, how many bytes, what failed.
// Recording takes no lock and allocates nothing. Any thread.

#include "base/error.h"
#include "metrics/metrics.h"

#include <array>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace telpher {

/// How one operation went.
struct OperationSample {
  std::chrono::steady_clock::time_point ended;
  std::chrono::nanoseconds duration{};
  std::uint64_t bytes = 0;   // moved
  std::uint64_t memory = 0;  // bytes taken from the memory budget
  std::optional<ErrorKind> error = {};
};

/// One of the last samples, as history shows it.
struct OperationEvent {
  std::chrono::steady_clock::time_point ended;
  std::chrono::nanoseconds duration{};
  std::uint64_t bytes = 0;
  bool succeeded = true;
};

/// How often each value of a histogram was met, by the largest value of its bucket.
using HistogramCounts = std::map<std::uint64_t, std::uint64_t>;

inline constexpr std::size_t kErrorKinds = static_cast<std::size_t>(ErrorKind::kCancelled) + 1;

class OperationMetrics {
 public:
  static constexpr std::size_t kHistoryMax = 1'000;  // samples kept

  explicit OperationMetrics(std::string name);
  OperationMetrics(const OperationMetrics&) = delete;
  OperationMetrics& operator=(const OperationMetrics&) = delete;
  ~OperationMetrics();

  const std::string& name() const { return name_; }
  void record(const OperationSample& sample);

  /// Since the start. Values of one moment may be a record apart from each other.
  struct Totals {
    std::uint64_t count = 0;  // failed ones included
    std::uint64_t failed = 0;
    std::uint64_t duration_ns = 0;
    std::uint64_t bytes = 0;
    std::uint64_t memory = 0;
    std::array<std::uint64_t, kErrorKinds> errors{};
  };
  Totals totals() const;
  /// Of the durations of all that was recorded, in nanoseconds. Counts of one shard wrap at 2³².
  HistogramCounts durations() const;
  /// The last samples, the oldest first, at most kHistoryMax. Allocates.
  std::vector<OperationEvent> history() const;

  Gauge in_flight;

 private:
  struct Shard;
  static constexpr std::size_t kShards = 4;
  Shard& shard();

  const std::string name_;
  std::array<std::unique_ptr<Shard>, kShards> shards_;
};

/// The operations of a process, each known by its name. Any thread.
class OperationRegistry {
 public:
  /// The metrics of this name, made at the first call; they live as long as the registry. Takes a
  /// lock: ask once, and keep what you get.
  OperationMetrics& of(std::string_view name);
  /// Calls `visit` for each, in the order they were made.
  void for_each(const std::function<void(const OperationMetrics&)>& visit) const;

 private:
  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<OperationMetrics>> operations_;
};

}  // namespace telpher
