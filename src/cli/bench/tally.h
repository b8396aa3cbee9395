#pragma once
// What has been measured of one kind of operation. One loop.

#include "base/error.h"
#include "cli/bench/plan.h"
#include "metrics/metrics.h"

#include <array>
#include <cstdint>
#include <map>
#include <string>

namespace telpher {

struct LoadTally {
  Histogram latency_ns;  // of what succeeded
  std::uint64_t latency_max_ns = 0;
  std::uint64_t failed = 0;
  std::uint64_t failed_max_ns = 0;              // the longest that a failure took
  ByteCount bytes = 0;                          // of bodies, of what succeeded
  std::map<std::string, std::uint64_t> errors;  // by the store's code, else by kind

  std::uint64_t finished() const { return latency_ns.count() + failed; }
  void succeed(Duration took, ByteCount moved);
  void fail(Duration took, const Error& error);
  /// Milliseconds below which a share `q` of those that succeeded were answered.
  double latency_ms(double q) const;
  double latency_max_ms() const { return static_cast<double>(latency_max_ns) / 1e6; }
};

struct LoadTallies {
  std::array<LoadTally, kLoadOperations> by_operation;
  LoadTally all;

  LoadTally& of(LoadOperation operation) {
    return by_operation[static_cast<std::size_t>(operation)];
  }
  const LoadTally& of(LoadOperation operation) const {
    return by_operation[static_cast<std::size_t>(operation)];
  }
};

}  // namespace telpher
