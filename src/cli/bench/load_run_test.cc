#include "cli/bench/load_run.h"

#include "cli/bench/report.h"
#include "tests/support/slow_store.h"

#include <boost/json.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace telpher {
namespace {

using namespace std::chrono_literals;

/// A load on a memory store in virtual time.
struct Bed : SlowStore {
  explicit Bed(FaultScript script = {}) : SlowStore(std::move(script)) {
    settings.bucket = "bucket";
    settings.seed = 1;
    settings.objects = 20;
    settings.concurrency = 4;
    settings.sizes = {100, 5000};
    settings.verify = true;
  }
  std::vector<std::string> keys() {
    const auto page = loop.run(memory.list("bucket", {}));
    std::vector<std::string> found;
    for (const ListEntry& entry : page->objects) found.push_back(entry.key);
    return found;
  }
  LoadSettings settings;
};

TEST(LoadRun, MixesOperationsAndTidiesUp) {
  Bed bed;
  bed.settings.mix = *parse_mix("put=30,get=30,head=10,list=10,delete=20");
  bed.settings.requests_max = 1000;
  LoadRun run(bed.loop, bed.memory, bed.memory, bed.settings);
  ASSERT_TRUE(bed.loop.run(run.prepare()));
  EXPECT_EQ(bed.keys().size(), 40u);
  ASSERT_TRUE(bed.loop.run(run.run()));
  const LoadTallies& tallies = run.tallies();
  EXPECT_EQ(tallies.all.finished(), 1000u);
  EXPECT_EQ(tallies.all.failed, 0u);
  for (const LoadTally& tally : tallies.by_operation) EXPECT_GT(tally.finished(), 50u);
  const std::uint64_t left = 40 + tallies.of(LoadOperation::kPut).finished() -
                             tallies.of(LoadOperation::kDelete).finished();
  EXPECT_EQ(bed.keys().size(), left);
  ASSERT_TRUE(bed.loop.run(run.tidy()));
  EXPECT_EQ(bed.keys(), std::vector<std::string>());
}

TEST(LoadRun, DeletesEachObjectOnceAndThenEnds) {
  Bed bed;
  bed.settings.mix = *parse_mix("delete");
  LoadRun run(bed.loop, bed.memory, bed.memory, bed.settings);
  ASSERT_TRUE(bed.loop.run(run.prepare()));
  ASSERT_TRUE(bed.loop.run(run.run()));
  EXPECT_EQ(run.tallies().all.finished(), 20u);
  EXPECT_TRUE(run.ran_dry());
  EXPECT_EQ(bed.keys().size(), 0u);
}

TEST(LoadRun, ReadsWhatAnotherRunHasLeftAndLeavesIt) {
  Bed bed;
  bed.settings.mix = *parse_mix("get,put");
  bed.settings.requests_max = 100;
  {
    LoadRun run(bed.loop, bed.memory, bed.memory, bed.settings);
    ASSERT_TRUE(bed.loop.run(run.prepare()));
  }
  bed.settings.reuse = true;
  LoadRun run(bed.loop, bed.memory, bed.memory, bed.settings);
  ASSERT_TRUE(bed.loop.run(run.prepare()));
  ASSERT_TRUE(bed.loop.run(run.run()));
  EXPECT_EQ(run.tallies().all.failed, 0u);
  ASSERT_TRUE(bed.loop.run(run.tidy()));
  EXPECT_EQ(bed.keys().size(), 20u);
}

TEST(LoadRun, FindsWrongBytes) {
  Bed bed;
  bed.settings.mix = *parse_mix("get,head");
  bed.settings.requests_max = 200;
  LoadRun run(bed.loop, bed.memory, bed.memory, bed.settings);
  ASSERT_TRUE(bed.loop.run(run.prepare()));
  ObjectAddress object{"bucket", run.plan().key(3)};
  std::string bytes(run.plan().size(3), 'x');
  ASSERT_TRUE(bed.loop.run(bed.memory.put(object, Body::of(as_bytes(bytes)), {})));
  object.key = run.plan().key(4);
  bytes.resize(run.plan().size(4) + 1);
  ASSERT_TRUE(bed.loop.run(bed.memory.put(object, Body::of(as_bytes(bytes)), {})));
  ASSERT_TRUE(bed.loop.run(run.run()));
  EXPECT_GT(run.tallies().of(LoadOperation::kGet).errors.at("WrongContent"), 0u);
  EXPECT_GT(run.tallies().of(LoadOperation::kGet).errors.at("WrongLength"), 0u);
  EXPECT_GT(run.tallies().of(LoadOperation::kHead).errors.at("WrongLength"), 0u);
}

TEST(LoadRun, PutsLargeObjectsInParts) {
  Bed bed;
  bed.settings.mix = *parse_mix("put,get");
  bed.settings.sizes = {11'000'000, 11'000'000};
  bed.settings.part_size = 5 << 20;
  bed.settings.objects = 1;
  bed.settings.requests_max = 6;
  LoadRun run(bed.loop, bed.memory, bed.memory, bed.settings);
  ASSERT_TRUE(bed.loop.run(run.prepare()));
  ASSERT_TRUE(bed.loop.run(run.run()));
  EXPECT_EQ(run.tallies().all.failed, 0u);
  EXPECT_EQ(run.tallies().all.bytes, 66'000'000u);
  const auto head = bed.loop.run(bed.memory.head({"bucket", run.plan().key(0)}));
  EXPECT_THAT(head->etag, testing::HasSubstr("-3"));
}

TEST(LoadRun, CountsFailuresByCode) {
  Bed bed(*parse_fault_script(
      R"({"rules":[{"on":"PutObject","count":3,"do":"status","status":503,"code":"SlowDown"}]})"));
  bed.settings.mix = *parse_mix("put");
  bed.settings.requests_max = 10;
  LoadRun run(bed.loop, bed.store, bed.memory, bed.settings);
  ASSERT_TRUE(bed.loop.run(run.run()));
  EXPECT_EQ(run.tallies().all.finished(), 10u);
  EXPECT_EQ(run.tallies().all.failed, 3u);
  EXPECT_EQ(run.tallies().of(LoadOperation::kPut).errors.at("SlowDown"), 3u);
}

/// One answer takes a second; all others a millisecond.
FaultScript one_stall() {
  return *parse_fault_script(R"({"latency_ms":1,"rules":[
      {"on":"PutObject","after":100,"count":1,"do":"delay","ms":1000}]})");
}

TEST(LoadRun, OpenModelCountsTheWaitingOfAllWhoWereDueDuringAStall) {
  Bed bed(one_stall());
  bed.settings.mix = *parse_mix("put");
  bed.settings.concurrency = 1;
  bed.settings.rate = 100;
  bed.settings.duration = 10s;
  LoadRun run(bed.loop, bed.store, bed.memory, bed.settings);
  ASSERT_TRUE(bed.loop.run(run.run()));
  const LoadTally& tally = run.tallies().all;
  EXPECT_EQ(tally.finished(), 1000u);
  EXPECT_EQ(run.not_started(), 0u);
  // 100 were due within that second: each waited for the rest of it.
  EXPECT_GT(tally.latency_ms(0.95), 400);
  EXPECT_LT(tally.latency_ms(0.5), 1.1);
}

TEST(LoadRun, ClosedModelDoesNot) {
  Bed bed(one_stall());
  bed.settings.mix = *parse_mix("put");
  bed.settings.concurrency = 1;
  bed.settings.requests_max = 1000;
  LoadRun run(bed.loop, bed.store, bed.memory, bed.settings);
  ASSERT_TRUE(bed.loop.run(run.run()));
  EXPECT_LT(run.tallies().all.latency_ms(0.99), 1.1);
  EXPECT_NEAR(run.tallies().all.latency_max_ms(), 1000, 10);
}

TEST(LoadRun, SlicesShowWhenItStalled) {
  Bed bed(one_stall());
  bed.settings.mix = *parse_mix("put");
  bed.settings.sizes = {100, 100};
  bed.settings.concurrency = 1;
  bed.settings.duration = 2s;
  LoadRun run(bed.loop, bed.store, bed.memory, bed.settings);
  ASSERT_TRUE(bed.loop.run(run.run()));
  const auto& slices = run.slices().slices();
  EXPECT_GT(run.slices().length() * (slices.size() + 1), 2s);
  std::uint64_t count = 0;
  ByteCount bytes = 0;
  std::size_t idle = 0;
  for (const LoadSlice& slice : slices) {
    const LoadSlice::Operation& puts = slice.of(LoadOperation::kPut);
    count += count_of(puts.latency_ns);
    bytes += puts.bytes;
    idle += puts.latency_ns.empty();
  }
  EXPECT_LE(count, run.tallies().all.finished());
  EXPECT_NEAR(static_cast<double>(count), static_cast<double>(run.tallies().all.finished()), 100);
  EXPECT_EQ(bytes, 100 * count);
  EXPECT_NEAR(static_cast<double>(idle), static_cast<double>(slices.size()) / 2, 2);
}

TEST(LoadRun, TellsWhatARateTooHighLeftUndone) {
  Bed bed(*parse_fault_script(R"({"latency_ms":100,"rules":[]})"));
  bed.settings.mix = *parse_mix("put");
  bed.settings.concurrency = 1;
  bed.settings.rate = 100;
  bed.settings.duration = 10s;
  LoadRun run(bed.loop, bed.store, bed.memory, bed.settings);
  ASSERT_TRUE(bed.loop.run(run.run()));
  EXPECT_EQ(run.tallies().all.finished() + run.not_started(), 1000u);
  EXPECT_GT(run.not_started(), 800u);
}

TEST(LoadTally, QuantilesErrByLessThanOnePercentAndNeverPassTheMaximum) {
  LoadTally tally;
  for (int i = 1; i <= 100'000; ++i) tally.succeed(std::chrono::microseconds(i), 1);
  for (const double q : {0.5, 0.9, 0.99, 0.999}) {
    EXPECT_NEAR(tally.latency_ms(q), 100 * q, q) << q;
  }
  EXPECT_EQ(tally.latency_ms(1), 100);
  EXPECT_EQ(tally.latency_max_ms(), 100);
  LoadTally one;
  one.succeed(std::chrono::nanoseconds(1'000'001), 0);
  EXPECT_EQ(one.latency_ms(0.5), one.latency_max_ms());
}

TEST(LoadTally, TakesAnyNumberOfCodes) {
  LoadTally tally;
  for (int i = 0; i < 1000; ++i) {
    Error error = make_error(ErrorKind::kServer, "");
    error.context.code = "Code" + std::to_string(i);
    tally.fail(1ms, error);
  }
  EXPECT_LE(tally.errors.size(), 65u);
  EXPECT_EQ(tally.errors.at("others"), 1000u - 64);
}

TEST(LoadReport, NumbersAddUp) {
  LoadTallies tallies;
  for (int i = 0; i < 200; ++i) {
    tallies.of(LoadOperation::kPut).succeed(2ms, 1 << 20);
    tallies.all.succeed(2ms, 1 << 20);
  }
  LoadSettings settings;
  settings.mix = *parse_mix("put");
  const LoadReport report{.target = "s3://b",
                          .settings = settings,
                          .tallies = tallies,
                          .elapsed = std::chrono::seconds(2),
                          .connections = 8,
                          .client_cpu_s = 0.004,
                          .server = LoadReport::Server{1, 0.01, {}}};
  const auto json = boost::json::parse(load_json(report));
  EXPECT_EQ(json.at_pointer("/operations/put/ops_per_s").to_number<double>(), 100);
  EXPECT_EQ(json.at_pointer("/all/mib_per_s").to_number<double>(), 100);
  EXPECT_NEAR(json.at_pointer("/all/p99_ms").to_number<double>(), 2, 0.02);
  EXPECT_NEAR(json.at_pointer("/client_cpu_us_per_op").to_number<double>(), 20, 1e-9);
  EXPECT_NEAR(json.at_pointer("/server/cpu_us_per_op").to_number<double>(), 50, 1e-9);
  EXPECT_THAT(load_table(report), testing::HasSubstr("closed model"));
}

TEST(ProcessCost, OfThisProcessAndOfNone) {
  const auto own = cost_of(::getpid());
  ASSERT_TRUE(own);
  EXPECT_GT(own->resident, 1u << 20);
  EXPECT_GE(own->resident_peak, own->resident);
  EXPECT_NEAR(own->cpu_s, own_cpu_seconds(), 0.1);
  EXPECT_EQ(cost_of(1 << 29).error().kind, ErrorKind::kNotFound);
}

}  // namespace
}  // namespace telpher
