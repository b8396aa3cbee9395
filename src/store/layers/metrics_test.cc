#include "store/layers/metrics.h"

#include "tests/support/slow_store.h"

namespace telpher {
namespace {

using namespace std::chrono_literals;

TEST(MetricsStore, CountsCallsBytesAndErrors) {
  SlowStore slow({.rules = {{.on = Operation::kPutObject, .after = 2}}, .latency = 10ms});
  OperationRegistry metrics;
  MetricsStore counted(slow.store, metrics, "s3_");
  for (int i = 0; i < 3; ++i) {
    const auto put = slow.loop.run(counted.put({"bucket", "k"}, Body::of(as_bytes("hello")), {}));
    EXPECT_EQ(put.has_value(), i < 2);
  }
  EXPECT_TRUE(slow.loop.run(counted.get({"bucket", "k"}, {})));
  const OperationMetrics& puts = metrics.of("s3_put_object");
  const OperationMetrics::Totals put = puts.totals();
  EXPECT_EQ(put.count, 3u);
  EXPECT_EQ(put.failed, 1u);
  EXPECT_EQ(put.errors[static_cast<std::size_t>(ErrorKind::kServer)], 1u);
  EXPECT_EQ(put.bytes, 10u);
  EXPECT_EQ(put.duration_ns, 30'000'000u);
  EXPECT_EQ(puts.in_flight.value(), 0);
  EXPECT_EQ(puts.in_flight.peak(), 1);
  EXPECT_EQ(metrics.of("s3_get_object").totals().bytes, 5u);
  int seen = 0;
  metrics.for_each([&](const OperationMetrics&) { ++seen; });
  EXPECT_EQ(seen, 2);  // what was never asked costs nothing
}

}  // namespace
}  // namespace telpher
