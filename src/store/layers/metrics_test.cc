#include "store/layers/metrics.h"

#include "tests/support/slow_store.h"

namespace telpher {
namespace {

using namespace std::chrono_literals;

TEST(MetricsStore, CountsCallsBytesAndErrors) {
  SlowStore slow({.rules = {{.on = Operation::kPutObject, .after = 2}}, .latency = 10ms});
  const auto metrics = std::make_unique<StoreMetrics>();
  MetricsStore counted(slow.store, *metrics);
  for (int i = 0; i < 3; ++i) {
    const auto put = slow.loop.run(counted.put({"bucket", "k"}, Body::of(as_bytes("hello")), {}));
    EXPECT_EQ(put.has_value(), i < 2);
  }
  EXPECT_TRUE(slow.loop.run(counted.get({"bucket", "k"}, {})));
  OperationMetrics& puts = metrics->of(Operation::kPutObject);
  EXPECT_EQ(puts.succeeded.value(), 2u);
  EXPECT_EQ(puts.failed.value(), 1u);
  EXPECT_EQ(puts.bytes_sent.value(), 10u);
  EXPECT_EQ(puts.in_flight.value(), 0);
  EXPECT_EQ(puts.in_flight.peak(), 1);
  EXPECT_NEAR(static_cast<double>(puts.duration_us.quantile(0.5)), 10'000, 100);
  EXPECT_EQ(metrics->of(ErrorKind::kServer).value(), 1u);
  EXPECT_EQ(metrics->of(Operation::kGetObject).bytes_received.value(), 5u);
}

}  // namespace
}  // namespace telpher
