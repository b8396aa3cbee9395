#include "metrics/operation_metrics.h"

#include <gtest/gtest.h>

#include <thread>

namespace telpher {
namespace {

using namespace std::chrono_literals;
using Time = std::chrono::steady_clock::time_point;

TEST(OperationMetrics, LosesNothingOfManyThreads) {
  OperationMetrics operation("upload");
  constexpr int kEach = 20'000;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 8; ++t) {
      threads.emplace_back([&operation, t] {
        for (int i = 0; i < kEach; ++i) {
          OperationSample sample{.ended = Time(1ns * i), .duration = 1us * (t + 1), .bytes = 3};
          if (i % 4 == 0) sample.error = ErrorKind::kNetwork;
          operation.record(sample);
        }
      });
    }
  }
  const OperationMetrics::Totals totals = operation.totals();
  EXPECT_EQ(totals.count, 8u * kEach);
  EXPECT_EQ(totals.failed, 2u * kEach);
  EXPECT_EQ(totals.errors[static_cast<std::size_t>(ErrorKind::kNetwork)], 2u * kEach);
  EXPECT_EQ(totals.bytes, 24u * kEach);
  EXPECT_EQ(totals.duration_ns, 36'000u * kEach);
  std::uint64_t counted = 0;
  for (const auto& [value, count] : operation.durations()) counted += count;
  EXPECT_EQ(counted, 8u * kEach);
  EXPECT_EQ(operation.history().size(), OperationMetrics::kHistoryMax);
}

TEST(OperationMetrics, HistoryKeepsTheLastInTheirOrder) {
  OperationMetrics operation("upload");
  const int count = static_cast<int>(OperationMetrics::kHistoryMax) + 500;
  for (int i = 0; i < count; ++i) {
    OperationSample sample{.ended = Time(1ms * i), .duration = 1ms, .bytes = 7};
    if (i == count - 1) sample.error = ErrorKind::kTimeout;
    operation.record(sample);
  }
  const std::vector<OperationEvent> history = operation.history();
  ASSERT_EQ(history.size(), OperationMetrics::kHistoryMax);
  EXPECT_EQ(history.front().ended, Time(500ms));
  EXPECT_EQ(history.back().ended, Time(1ms * (count - 1)));
  EXPECT_FALSE(history.back().succeeded);
  EXPECT_TRUE(history.front().succeeded);
  EXPECT_EQ(history.front().bytes, 7u);
}

TEST(OperationRegistry, OneOfAName) {
  OperationRegistry registry;
  OperationMetrics& upload = registry.of("upload");
  registry.of("download");
  EXPECT_EQ(&registry.of("upload"), &upload);
  std::vector<std::string> names;
  registry.for_each([&](const OperationMetrics& operation) { names.push_back(operation.name()); });
  EXPECT_EQ(names, (std::vector<std::string>{"upload", "download"}));
}

}  // namespace
}  // namespace telpher
