#pragma once
// RateLimit: how many requests one caller may send. Token buckets, of which only those in use are
// kept, and never more than a bound. Pure: reads no clock.

#include "base/bytes.h"
#include "runtime/loop.h"

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace telpher {

class RateLimit {
 public:
  static constexpr std::size_t kNamesMax = 10'000;

  /// @param per_second  requests a second in the long run; 0 = any number
  /// @param burst  so many at once
  RateLimit(double per_second, double burst) : per_second_(per_second), burst_(burst) {}

  /// Takes one token of `name`. nullopt: go ahead; else how long to wait.
  std::optional<Duration> take(std::string_view name, TimePoint now);

 private:
  struct Bucket {
    double tokens;
    TimePoint at;
  };
  void forget_full(TimePoint now);

  const double per_second_;
  const double burst_;
  std::unordered_map<std::string, Bucket> buckets_;
};

}  // namespace telpher
