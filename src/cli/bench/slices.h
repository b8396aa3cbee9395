#pragma once
// What a load run showed, slice of time by slice of time, so that its scatter can be seen later.
// However long it runs there are at most kSlicesMax slices: when there are so many, each two become
// one and the next ones are twice as long. One loop.

#include "cli/bench/plan.h"
#include "metrics/metrics.h"

#include <functional>
#include <memory>
#include <utility>
#include <vector>

namespace telpher {

constexpr std::size_t kSlicesMax = 64;

/// How many operations took so long: (nanoseconds, count), the quickest first.
using LatencyCounts = std::vector<std::pair<std::uint64_t, std::uint64_t>>;
std::uint64_t count_of(const LatencyCounts& latencies);
/// Nanoseconds below which a share `q` lies; 0 when there are none.
std::uint64_t quantile(const LatencyCounts& latencies, double q);

/// Seconds of CPU time.
struct CpuSpent {
  double client = 0;
  double server = 0;
};

struct LoadSlice {
  struct Operation {
    LatencyCounts latency_ns;  // of what succeeded
    std::uint64_t failed = 0;
    ByteCount bytes = 0;  // of what succeeded
  };
  std::array<Operation, kLoadOperations> operations;  // that ended in it
  CpuSpent cpu;

  const Operation& of(LoadOperation operation) const {
    return operations[static_cast<std::size_t>(operation)];
  }
};
void add(LoadSlice& sum, const LoadSlice& slice);

class SliceRecorder {
 public:
  /// @param cpu  what has been spent so far; asked at the end of each slice
  explicit SliceRecorder(std::function<CpuSpent()> cpu);

  struct Ended {
    LoadOperation operation;
    Duration at;  // since the run's begin; never before the last one's
    Duration took;
    ByteCount moved = 0;
    bool failed = false;
  };
  void record(const Ended& ended);
  /// A slice that is not over is dropped: of what began in it some has not ended.
  void finish(Duration at);

  Duration length() const { return length_; }
  const std::vector<LoadSlice>& slices() const { return slices_; }

 private:
  void close_until(Duration at);
  void close();

  struct Current {
    std::array<std::unique_ptr<Histogram>, kLoadOperations> latency_ns;
    LoadSlice rest;
  };
  std::function<CpuSpent()> cpu_;
  CpuSpent cpu_begin_;
  Duration length_;
  Current current_;
  std::vector<LoadSlice> slices_;
};

}  // namespace telpher
