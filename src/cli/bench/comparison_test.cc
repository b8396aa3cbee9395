#include "cli/bench/comparison.h"

#include "base/random.h"
#include "cli/bench/sectioning.h"

#include <boost/json.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace telpher {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

/// Standard normal (Box and Muller).
double normal(Random& random) {
  return std::sqrt(-2 * std::log(1 - random.unit())) * std::cos(2 * M_PI * random.unit());
}

/// How a store behaves in a test: operations of one kind, whose times are log-normal and whose
/// speed wanders from slice to slice.
struct Behaviour {
  double rate = 2000;  // a second
  double ms = 10;
  double spread = 0.4;    // of single times
  double wander = 0.05;   // relative, of the speed of a slice
  double memory = 0;      // share of it that the next slice inherits
  double seconds = 12.8;  // 64 slices
};

SavedRun run_of(const Behaviour& behaviour, std::uint64_t seed) {
  Random random(seed);
  SavedRun run{.target = "s3://bucket", .saved_at = "2026-03-01T12:00:00Z"};
  run.slice_length = std::chrono::duration<double>(behaviour.seconds / 64);
  double drift = 0;
  for (int i = 0; i < 64; ++i) {
    drift = behaviour.memory * drift +
            std::sqrt(1 - behaviour.memory * behaviour.memory) * behaviour.wander * normal(random);
    const double slower = std::exp(drift);
    Histogram latencies;
    const auto count = static_cast<int>(behaviour.rate * run.slice_length.count() / slower);
    for (int k = 0; k < count; ++k) {
      const double ms = behaviour.ms * slower * std::exp(behaviour.spread * normal(random));
      latencies.record(static_cast<std::uint64_t>(ms * 1e6));
    }
    LoadSlice& slice = run.slices.emplace_back();
    LoadSlice::Operation& operation = slice.operations[0];
    latencies.for_each([&](std::uint64_t ns, std::uint64_t times) {
      operation.latency_ns.emplace_back(ns, times);
    });
    operation.bytes = static_cast<ByteCount>(count) * 10'240;
    slice.cpu.client = count * 25e-6 * slower;
  }
  return run;
}

const Difference& find(const RunComparison& comparison, const std::string& figure) {
  for (const Difference& one : comparison.differences) {
    if (one.figure == figure) return one;
  }
  ADD_FAILURE() << "no " << figure;
  static const Difference none;
  return none;
}

// --- the method
// -----------------------------------------------------------------------------------

TEST(StudentT, AgreesWithTables) {
  EXPECT_NEAR(student_t(0.025, 9), 2.262, 0.01);
  EXPECT_NEAR(student_t(0.005, 18), 2.878, 0.01);
  EXPECT_NEAR(student_t(0.0005, 9), 4.781, 0.05);
  EXPECT_NEAR(student_t(0.0005, 18), 3.922, 0.02);
  EXPECT_NEAR(student_t(0.025, 1000), 1.962, 0.01);
}

TEST(RatioInterval, HoldsTheTrueRatioAsOftenAsItPromises) {
  Random random(1);
  int held = 0;
  constexpr int kTrials = 4000;
  for (int trial = 0; trial < kTrials; ++trial) {
    SectionedFigure figures[2];
    for (int side = 0; side < 2; ++side) {
      for (int i = 0; i < kSections; ++i) {
        figures[side].parts.push_back((side + 1) * 100 * (1 + 0.05 * normal(random)));
        figures[side].whole += figures[side].parts.back() / kSections;
      }
    }
    const RatioInterval interval = ratio_interval(figures[0], figures[1], 0.05);
    held += interval.low <= 2 && 2 <= interval.high;
  }
  EXPECT_GE(held, 0.95 * kTrials);
  EXPECT_LE(held, 0.98 * kTrials);  // nor is it much wider than it must be
}

TEST(RatioInterval, WithoutScatterIsOnePoint) {
  const SectionedFigure before{100, {100, 100, 100}};
  const SectionedFigure now{110, {110, 110, 110}};
  const RatioInterval interval = ratio_interval(before, now, 0.05);
  EXPECT_EQ(interval.low, interval.high);
  EXPECT_NEAR(interval.ratio, 1.1, 1e-9);
}

// --- verdicts
// -------------------------------------------------------------------------------------

int trials_with_a_difference(const Behaviour& behaviour, int trials) {
  int found = 0;
  for (int trial = 0; trial < trials; ++trial) {
    const auto seed = static_cast<std::uint64_t>(trial);
    const RunComparison comparison =
        compare_runs(run_of(behaviour, 2 * seed + 1), run_of(behaviour, 2 * seed + 2));
    found += comparison.has(Verdict::kBetter) || comparison.has(Verdict::kWorse);
  }
  return found;
}

TEST(Comparison, TwoRunsOfTheSameAreSeldomCalledDifferent) {
  for (const double wander : {0.02, 0.1, 0.4}) {
    Behaviour behaviour;
    behaviour.rate = 600;
    behaviour.wander = wander;
    EXPECT_LE(trials_with_a_difference(behaviour, 200), 10) << wander;
  }
}

TEST(Comparison, NeitherAreTheyWhenEachSliceResemblesTheOneBefore) {
  Behaviour behaviour;
  behaviour.rate = 600;
  behaviour.wander = 0.1;
  behaviour.memory = 0.7;
  EXPECT_LE(trials_with_a_difference(behaviour, 200), 10);
}

TEST(Comparison, FindsATenthLessSpeed) {
  int found = 0;
  for (std::uint64_t trial = 0; trial < 50; ++trial) {
    Behaviour slower;
    slower.rate *= 0.9;
    slower.ms /= 0.9;
    const RunComparison comparison =
        compare_runs(run_of({}, 2 * trial), run_of(slower, 2 * trial + 1));
    found += find(comparison, "ops_per_s").verdict == Verdict::kWorse &&
             find(comparison, "p50_ms").verdict == Verdict::kWorse;
    EXPECT_NE(find(comparison, "client_cpu_us_per_op").verdict, Verdict::kWorse);
  }
  EXPECT_GE(found, 47);
}

TEST(Comparison, FasterIsMoreOperationsAndLessTime) {
  Behaviour faster;
  faster.rate *= 1.3;
  faster.ms /= 1.3;
  const RunComparison comparison = compare_runs(run_of({}, 1), run_of(faster, 2));
  for (const char* figure : {"ops_per_s", "mib_per_s", "p50_ms", "p95_ms", "p99_ms"}) {
    EXPECT_EQ(find(comparison, figure).verdict, Verdict::kBetter) << figure;
  }
  EXPECT_FALSE(comparison.has(Verdict::kWorse));
  EXPECT_NEAR(find(comparison, "ops_per_s").change, 0.3, 0.05);
  EXPECT_LT(find(comparison, "p50_ms").high, 0);
}

TEST(Comparison, ChangesOfLessThanAFewPercentAreNone) {
  Behaviour before;
  before.wander = 0.001;
  Behaviour now = before;
  now.rate *= 0.97;
  EXPECT_EQ(find(compare_runs(run_of(before, 1), run_of(now, 2)), "ops_per_s").verdict,
            Verdict::kNone);
}

TEST(Comparison, ARunTooShortSaysHowLongItShouldBe) {
  Behaviour uneven;
  uneven.wander = 0.5;
  const Difference unsure = find(compare_runs(run_of(uneven, 1), run_of(uneven, 2)), "ops_per_s");
  EXPECT_EQ(unsure.verdict, Verdict::kTooShort);
  EXPECT_GE(unsure.needed_s, 2 * 12.8);
  // As long as it says, it does tell.
  uneven.seconds = unsure.needed_s;
  uneven.wander *= std::sqrt(12.8 / unsure.needed_s);
  EXPECT_EQ(find(compare_runs(run_of(uneven, 1), run_of(uneven, 2)), "ops_per_s").verdict,
            Verdict::kNone);

  Behaviour seldom;
  seldom.rate = 20;
  const Difference rare = find(compare_runs(run_of(seldom, 1), run_of(seldom, 2)), "p99_ms");
  EXPECT_EQ(rare.verdict, Verdict::kTooShort);
  EXPECT_GE(rare.needed_s * seldom.rate, 5'000);

  SavedRun brief = run_of({}, 1);
  brief.slices.resize(5);
  EXPECT_EQ(find(compare_runs(brief, run_of({}, 2)), "ops_per_s").verdict, Verdict::kTooShort);
  EXPECT_FALSE(compare_runs(brief, run_of({}, 2)).has(Verdict::kWorse));
}

TEST(Comparison, RunsInWhichNothingHappenedAreNoMistake) {
  SavedRun empty;
  empty.slice_length = 20ms;
  EXPECT_FALSE(compare_runs(empty, empty).has(Verdict::kWorse));
  empty.slices.resize(20);
  EXPECT_FALSE(compare_runs(run_of({}, 1), empty).has(Verdict::kBetter));
  EXPECT_FALSE(comparison_table(compare_runs(empty, run_of({}, 1))).empty());
}

TEST(Comparison, TableFitsATerminal) {
  Behaviour slower;
  slower.rate /= 40;
  slower.ms *= 4000;
  RunComparison comparison = compare_runs(run_of({}, 1), run_of(slower, 2));
  comparison.before.name = "a/rather/long/name/of/a/file/that/keeps/an/older/run.json";
  const std::string table = comparison_table(comparison);
  EXPECT_THAT(table, HasSubstr("slower\n"));
  EXPECT_THAT(table, HasSubstr("Worse: put ops/s, put MiB/s, put p50"));
  for (std::size_t at = 0; at < table.size();) {
    const std::size_t end = table.find('\n', at);
    std::size_t columns = 0;
    for (; at < end; ++at) columns += (static_cast<unsigned char>(table[at]) >> 6) != 2;
    EXPECT_LE(columns, 80u) << table;
    ++at;
  }
  const auto json = boost::json::parse(comparison_json(comparison));
  EXPECT_TRUE(json.at("worse").as_bool());
  EXPECT_EQ(json.at_pointer("/differences/0/verdict").as_string(), "slower");
}

}  // namespace
}  // namespace telpher
