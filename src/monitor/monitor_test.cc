#include "monitor/monitor.h"

#include "base/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace telpher {
namespace {

using namespace std::chrono_literals;

struct Sample {
  TimePoint ended;
  OperationSample sample;
};

std::chrono::nanoseconds exact_quantile(std::vector<std::chrono::nanoseconds> durations, double q) {
  std::ranges::sort(durations);
  const auto rank = static_cast<std::size_t>(std::ceil(q * static_cast<double>(durations.size())));
  return durations[std::max<std::size_t>(rank, 1) - 1];
}

void expect_close(std::chrono::nanoseconds measured, std::chrono::nanoseconds exact) {
  EXPECT_GE(measured, exact);
  EXPECT_LE(static_cast<double>(measured.count()), static_cast<double>(exact.count()) * 1.01 + 1);
}

/// Against all samples, kept and computed with.
void expect_exact(const Statistics& got, const std::vector<Sample>& samples) {
  std::vector<std::chrono::nanoseconds> durations;
  Statistics exact;
  for (const Sample& sample : samples) {
    durations.push_back(sample.sample.duration);
    exact.bytes += sample.sample.bytes;
    exact.memory += sample.sample.memory;
    exact.duration_ns += static_cast<std::uint64_t>(sample.sample.duration.count());
    if (sample.sample.error) {
      ++exact.failed;
      ++exact.errors[static_cast<std::size_t>(*sample.sample.error)];
    }
  }
  ASSERT_EQ(got.count, samples.size());
  EXPECT_EQ(got.failed, exact.failed);
  EXPECT_EQ(got.errors, exact.errors);
  EXPECT_EQ(got.bytes, exact.bytes);
  EXPECT_EQ(got.memory, exact.memory);
  EXPECT_EQ(got.duration_ns, exact.duration_ns);
  if (samples.empty()) return;
  for (const double q : {0.5, 0.95, 0.99, 1.0}) {
    expect_close(got.quantile(q), exact_quantile(durations, q));
  }
}

OperationSample random_sample(Random& random, TimePoint ended) {
  OperationSample sample{
      .ended = ended,
      .duration = std::chrono::nanoseconds(random.below(1ULL << random.below(36))),
      .bytes = random.below(1 << 20),
      .memory = random.below(1 << 24)};
  if (random.below(10) == 0) {
    sample.error = static_cast<ErrorKind>(random.below(kErrorKinds));
  }
  return sample;
}

TEST(Monitor, AgreesWithAnExactComputation) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    OperationRegistry registry;
    OperationMetrics& upload = registry.of("upload");
    const TimePoint start(1h);
    Monitor monitor(registry, {}, start);
    std::vector<Sample> samples;
    TimePoint now = start;
    const auto steps = 1 + random.below(40);
    for (std::uint64_t step = 0; step < steps; ++step) {
      const auto count = random.below(4) == 0 ? 0 : random.below(300);
      for (std::uint64_t i = 0; i < count; ++i) {
        const OperationSample sample = random_sample(random, now + 1ns);
        upload.record(sample);
        samples.push_back({sample.ended, sample});
      }
      now += monitor.step();
      monitor.tick(now);
    }
    const OperationReport report = monitor.operation("upload").value();
    expect_exact(report.total, samples);
    EXPECT_EQ(report.total.span, now - start);
    std::erase_if(samples, [&](const Sample& sample) { return sample.ended <= now - 60s; });
    expect_exact(report.recent, samples);
    EXPECT_EQ(report.recent.span, std::min<Duration>(now - start, 60s));
    EXPECT_DOUBLE_EQ(report.recent.per_second(),
                     static_cast<double>(samples.size()) /
                         std::chrono::duration<double>(report.recent.span).count());
  }
}

TEST(Monitor, SummaryIsSideBySide) {
  OperationRegistry registry;
  Monitor monitor(registry, {}, TimePoint(1h));
  for (const char* name : {"upload", "download"}) {
    registry.of(name).record({.ended = TimePoint(1h), .duration = 1ms, .bytes = 500});
  }
  monitor.tick(TimePoint(1h + 10s));
  const OperationReport all = monitor.summary();
  EXPECT_EQ(all.recent.count, 2u);
  EXPECT_DOUBLE_EQ(all.recent.bytes_per_second(), 100);
  EXPECT_EQ(monitor.operations().size(), 2u);
}

TEST(Monitor, WhatWasClearedIsNotShown) {
  OperationRegistry registry;
  OperationMetrics& upload = registry.of("upload");
  registry.of("download").record({.ended = TimePoint(1h), .duration = 1ms});
  Monitor monitor(registry, {}, TimePoint(1h));
  upload.record({.ended = TimePoint(1h + 1s), .duration = 1ms});
  ASSERT_TRUE(monitor.clear("upload", TimePoint(1h + 2s)));
  upload.record({.ended = TimePoint(1h + 3s), .duration = 5ms});
  monitor.tick(TimePoint(1h + 5s));
  EXPECT_EQ(monitor.operation("upload")->total.count, 1u);
  EXPECT_EQ(monitor.history("upload").size(), 1u);
  EXPECT_EQ(monitor.operation("download")->total.count, 1u);
  EXPECT_FALSE(monitor.clear("thumbnail", TimePoint(1h + 6s)));
  ASSERT_TRUE(monitor.clear("", TimePoint(1h + 7s)));
  EXPECT_EQ(monitor.summary().total.count, 0u);
}

TEST(Monitor, SettingsOutOfBoundsAreRefusedByName) {
  OperationRegistry registry;
  Monitor monitor(registry, {}, TimePoint(1h));
  const Result<void> refused = monitor.change({.window = 2h});
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("window"), std::string::npos);
  EXPECT_TRUE(monitor.change({.window = 120s, .history = 10}));
  EXPECT_EQ(monitor.step(), 10s);
  for (int i = 0; i < 30; ++i) registry.of("upload").record({.ended = TimePoint(1h + 1s)});
  monitor.tick(TimePoint(1h + 2s));
  EXPECT_EQ(monitor.history("upload").size(), 10u);
}

}  // namespace
}  // namespace telpher
