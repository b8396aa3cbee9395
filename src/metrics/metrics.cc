#include "metrics/metrics.h"

#include <cmath>

namespace telpher {

std::uint64_t Histogram::upper_bound(std::size_t index) {
  constexpr std::size_t kSub = 1u << kSubBits;
  if (index < kSub) return index;
  const auto shift = static_cast<int>((index >> kSubBits) - 1);
  const std::uint64_t lower = (static_cast<std::uint64_t>(kSub + (index & (kSub - 1)))) << shift;
  return lower + ((1ULL << shift) - 1);
}

std::uint64_t Histogram::quantile(double q) const {
  const std::uint64_t total = count();
  if (total == 0) return 0;
  const auto rank = static_cast<std::uint64_t>(std::ceil(q * static_cast<double>(total)));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < kBuckets; ++i) {
    seen += buckets_[i].load(std::memory_order_relaxed);
    if (seen >= rank && seen > 0) return upper_bound(i);
  }
  return upper_bound(kBuckets - 1);
}

}  // namespace telpher
