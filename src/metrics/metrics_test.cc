#include "metrics/metrics.h"

#include "base/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace telpher {
namespace {

TEST(Histogram, QuantilesWithinOnePercentOfTheExactOnes) {
  Random random(7);
  Histogram histogram;
  std::vector<std::uint64_t> values;
  for (int i = 0; i < 20'000; ++i) {
    values.push_back(random.below(1ULL << random.below(40)));
    histogram.record(values.back());
  }
  std::sort(values.begin(), values.end());
  for (const double q : {0.5, 0.95, 0.99, 1.0}) {
    const auto rank = static_cast<std::size_t>(q * static_cast<double>(values.size())) - 1;
    const auto exact = static_cast<double>(values[rank]);
    EXPECT_NEAR(static_cast<double>(histogram.quantile(q)), exact, exact * 0.008) << q;
  }
}

TEST(Gauge, KeepsItsPeak) {
  Gauge gauge;
  gauge.add(3);
  gauge.add(-2);
  EXPECT_EQ(gauge.value(), 1);
  EXPECT_EQ(gauge.peak(), 3);
}

}  // namespace
}  // namespace telpher
