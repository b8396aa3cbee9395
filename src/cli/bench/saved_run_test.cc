#include "cli/bench/saved_run.h"

#include "base/random.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace telpher {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

SliceRecorder::Ended put(Duration at, Duration took = 5ms) {
  return {.operation = LoadOperation::kPut, .at = at, .took = took, .moved = 100};
}

std::uint64_t count_in(const LoadSlice& slice) {
  return count_of(slice.of(LoadOperation::kPut).latency_ns);
}

// --- slices
// ---------------------------------------------------------------------------------------

TEST(SliceRecorder, KeepsEveryOperationHoweverLongItRuns) {
  double spent = 0;
  SliceRecorder recorder([&] { return CpuSpent{spent, 2 * spent}; });
  for (int i = 0; i < 100'000; ++i) {
    spent += 0.001;
    recorder.record(put(i * 10ms));
  }
  recorder.finish(1000s);
  EXPECT_GE(recorder.slices().size(), kSlicesMax / 2);
  EXPECT_LT(recorder.slices().size(), kSlicesMax);
  const auto slices = static_cast<int>(recorder.slices().size());
  EXPECT_GT(recorder.length() * (slices + 1), 1000s);
  std::uint64_t count = 0;
  double cpu_s = 0;
  for (const LoadSlice& slice : recorder.slices()) {
    EXPECT_NEAR(static_cast<double>(count_in(slice)), static_cast<double>(recorder.length() / 10ms),
                1);
    EXPECT_NEAR(slice.cpu.client * 2, slice.cpu.server, 1e-9);
    count += count_in(slice);
    cpu_s += slice.cpu.client;
  }
  EXPECT_NEAR(cpu_s, static_cast<double>(count) * 0.001, 0.002);
}

TEST(SliceRecorder, LeavesSlicesInWhichNothingEndedEmpty) {
  SliceRecorder recorder([] { return CpuSpent{}; });
  recorder.record(put(500us));
  recorder.record(put(3500us));
  recorder.record({.operation = LoadOperation::kGet, .at = 3750us, .took = 1ms, .failed = true});
  recorder.finish(4250us);
  ASSERT_EQ(recorder.slices().size(), 4u);
  EXPECT_EQ(count_in(recorder.slices()[0]), 1u);
  EXPECT_EQ(count_in(recorder.slices()[1]), 0u);
  EXPECT_EQ(count_in(recorder.slices()[3]), 1u);
  EXPECT_EQ(recorder.slices()[3].of(LoadOperation::kGet).failed, 1u);
}

TEST(LatencyCounts, QuantileIsThatOfAll) {
  const LatencyCounts latencies{{10, 90}, {20, 9}, {30, 1}};
  EXPECT_EQ(quantile(latencies, 0.5), 10u);
  EXPECT_EQ(quantile(latencies, 0.95), 20u);
  EXPECT_EQ(quantile(latencies, 1), 30u);
  EXPECT_EQ(quantile({}, 0.5), 0u);
}

// --- the file
// -------------------------------------------------------------------------------------

SavedRun some_run() {
  SavedRun run{.target = "s3://bucket/\"x\"", .saved_at = "2026-03-01T12:00:00Z"};
  run.settings = comparable({}, 8);
  run.has_server_cpu = true;
  run.slice_length = 160ms;
  for (int i = 0; i < 40; ++i) {
    LoadSlice& slice = run.slices.emplace_back();
    slice.cpu = {0.25, 1e-7};
    slice.operations[1] = {.latency_ns = {{1000, 3}, {5'000'000'000, 1}}, .failed = 2, .bytes = 7};
  }
  return run;
}

TEST(SavedRun, IsReadAsItWasWritten) {
  const SavedRun run = some_run();
  const std::string text = saved_run_json(run, R"({"event":"bench"})");
  const auto read = parse_saved_run(text);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->target, run.target);
  EXPECT_EQ(read->saved_at, run.saved_at);
  EXPECT_EQ(read->settings, run.settings);
  EXPECT_TRUE(read->has_server_cpu);
  EXPECT_EQ(read->slice_length, run.slice_length);
  ASSERT_EQ(read->slices.size(), 40u);
  EXPECT_EQ(read->slices[39].cpu.server, 1e-7);
  EXPECT_EQ(read->slices[39].operations[1].latency_ns, run.slices[39].operations[1].latency_ns);
  EXPECT_EQ(read->slices[39].operations[1].failed, 2u);
  EXPECT_EQ(read->slices[39].operations[1].bytes, 7u);
  EXPECT_EQ(saved_run_json(*read, R"({"event":"bench"})"), text);
}

TEST(SavedRun, RefusesWhatIsNone) {
  EXPECT_THAT(parse_saved_run("").error().message, HasSubstr("no run saved by"));
  EXPECT_THAT(parse_saved_run("[]").error().message, HasSubstr("no run saved by"));
  EXPECT_THAT(parse_saved_run(R"({"event":"bench"})").error().message,
              HasSubstr("no run saved by"));
  EXPECT_THAT(parse_saved_run(R"({"format":"telpher bench run","version":2})").error().message,
              HasSubstr("another version"));
  EXPECT_THAT(parse_saved_run(R"({"format":"telpher bench run","version":1})").error().message,
              HasSubstr("damaged: 'target' is missing"));
  const std::string whole = saved_run_json(some_run(), "{}");
  const std::pair<std::string, std::string> changes[] = {
      {"\"slice_s\":0.16", "\"slice_s\":0"},
      {"\"slice_s\":0.16", "\"slice_s\":-1"},
      {"[1000,3,", "[1000,0,"},
      {"[1000,3,", "[1000,-3,"},
      {"[1000,3,", "[6000000000,3,"},
      {"[1000,3,", "[1000,"},
      {"[1000,3,", "[1000,18446744073709551615,"},
      {"\"failed\":2", "\"failed\":\"2\""},
      {"\"client_cpu_s\":0.25", "\"client_cpu_s\":null"},
      {"\"--size\":\"10240\"", "\"--size\":10240"},
      {"true", "1"},
  };
  for (const auto& [from, to] : changes) {
    std::string text = whole;
    const std::size_t at = text.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    text.replace(at, from.size(), to);
    const auto read = parse_saved_run(text);
    ASSERT_FALSE(read) << to;
    EXPECT_THAT(read.error().message, HasSubstr("damaged")) << to;
  }
}

TEST(SavedRun, NoDamageIsMoreThanAnError) {
  const std::string whole = saved_run_json(some_run(), "{}");
  Random random(1);
  for (int trial = 0; trial < 300; ++trial) {
    std::string text = whole;
    for (int i = 0; i < 3; ++i) text[random.below(text.size())] = "0{}[],:\"9-.e"[random.below(12)];
    text.resize(text.size() - random.below(trial % 2 == 0 ? 1 : text.size()));
    (void)parse_saved_run(text);
  }
}

TEST(ComparableSettings, SaysWhichDiffer) {
  LoadSettings one;
  one.mix = *parse_mix("put,get");
  LoadSettings other = one;
  other.mix = *parse_mix("put=50,get=50");
  other.seed = 7;
  other.duration = 5s;
  EXPECT_EQ(differing(comparable(one, 64), comparable(other, 64)), "");
  other.mix = *parse_mix("put=2,get=1");
  other.sizes = {1024, 4096};
  EXPECT_EQ(differing(comparable(one, 64), comparable(other, 64)),
            "--mix (put,get, now put=2,get), --size (10240, now 1024..4096)");
  other = one;
  other.rate = 100;
  EXPECT_EQ(differing(comparable(one, 64), comparable(other, 8)),
            "--connections (64, now 8), --rate (none, now 100/s)");
  ComparableSettings older = comparable(one, 64);
  older.erase("--verify");
  EXPECT_EQ(differing(older, comparable(one, 64)), "--verify (unknown, now not given)");
}

}  // namespace
}  // namespace telpher
