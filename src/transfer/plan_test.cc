#include "transfer/plan.h"

#include "base/random.h"
#include "base/units.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace telpher {
namespace {

using testing::HasSubstr;
using Kind = PartSizePolicy::Kind;

PlanInput ranged(ByteCount size) {
  PlanInput input;
  input.size = size;
  input.ranges = true;
  return input;
}

PlanInput unknown() { return {}; }

UploadPlan plan_of(const PlanInput& input) {
  Result<UploadPlan> plan = make_plan(input);
  EXPECT_TRUE(plan) << plan.error().message;
  return *std::move(plan);
}

TEST(Plan, SmallObjectsAreOnePut) {
  for (const ByteCount size : {ByteCount{0}, ByteCount{1}, 16 * kMiB - 1}) {
    const UploadPlan plan = plan_of(ranged(size));
    EXPECT_EQ(plan.mode, TransferMode::kPut);
    EXPECT_EQ(plan.part(1), (ByteRange{0, size}));
  }
  EXPECT_EQ(plan_of(ranged(16 * kMiB)).mode, TransferMode::kRanged);
}

TEST(Plan, EightMebibytesWhereSixteenWouldLeaveConnectionsIdle) {
  EXPECT_EQ(plan_of(ranged(159 * kMiB - 15 * kMiB)).part_size, 8 * kMiB);
  EXPECT_EQ(plan_of(ranged(160 * kMiB)).part_size, 16 * kMiB);
  PlanInput little_memory = ranged(10 * kGiB);
  little_memory.memory_budget = 64 * kMiB;
  EXPECT_EQ(plan_of(little_memory).part_size, 8 * kMiB);
  little_memory.local_file = true;  // needs no buffers
  EXPECT_EQ(plan_of(little_memory).part_size, 16 * kMiB);
  EXPECT_EQ(plan_of(little_memory).parts_in_flight, 10);
}

TEST(Plan, PartsGrowOnlyToStayWithinTheStoresNumber) {
  EXPECT_EQ(plan_of(ranged(10'000 * 16 * kMiB)).part_size, 16 * kMiB);
  EXPECT_EQ(plan_of(ranged(10'000 * 16 * kMiB + 1)).part_size, 17 * kMiB);
  PlanInput scaleway = ranged(100 * kGiB);
  scaleway.capabilities.parts_max = 1000;
  EXPECT_EQ(plan_of(scaleway).part_size, 103 * kMiB);
}

TEST(Plan, Tiers) {
  PlanInput input = ranged(10 * kGiB - 1);
  input.part_size.kind = Kind::kTiered;
  input.local_file = true;
  EXPECT_EQ(plan_of(input).part_size, 100 * kMiB);
  input.size = 10 * kGiB;
  EXPECT_EQ(plan_of(input).part_size, 250 * kMiB);
  input.size = 100 * kGiB;
  EXPECT_EQ(plan_of(input).part_size, 500 * kMiB);
  input.local_file = false;
  EXPECT_EQ(plan_of(input).part_size, 128 * kMiB);
  EXPECT_THAT(describe(plan_of(input)), HasSubstr("made smaller"));
}

TEST(Plan, FixedSizesOutsideTheStoresLimitsAreInvalid) {
  for (const ByteCount size : {ByteCount{0}, 5 * kMiB - 1, 5 * kGiB + 1}) {
    PlanInput input = ranged(kGiB);
    input.part_size = {Kind::kFixed, size};
    EXPECT_EQ(make_plan(input).error().kind, ErrorKind::kInvalid);
    input.size.reset();
    EXPECT_EQ(make_plan(input).error().kind, ErrorKind::kInvalid);
  }
}

TEST(Plan, SaysWhichMemoryWouldDo) {
  PlanInput input = ranged(5 * kTiB);  // parts of 525 MiB at least
  const Result<UploadPlan> plan = make_plan(input);
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().kind, ErrorKind::kLimit);
  EXPECT_THAT(plan.error().message, HasSubstr("--memory 1049MiB"));
  input.memory_budget = 1049 * kMiB;
  EXPECT_TRUE(make_plan(input));
}

TEST(Plan, SourcesLargerThanTheStoreTakesAreRefused) {
  EXPECT_EQ(make_plan(ranged(60 * kTiB)).error().kind, ErrorKind::kLimit);
}

TEST(Plan, WithoutRangesItIsASingleStream) {
  PlanInput input = ranged(kGiB);
  input.ranges = false;
  const UploadPlan plan = plan_of(input);
  EXPECT_EQ(plan.mode, TransferMode::kSingleStream);
  EXPECT_EQ(plan.water_marks_at(1).high, 13);
  EXPECT_EQ(plan.water_marks_at(1).low, 11);
}

TEST(Plan, UnknownLengthGrowsToAQuarterOfTheBudget) {
  const UploadPlan plan = plan_of(unknown());
  EXPECT_EQ(plan.mode, TransferMode::kUnknownLength);
  EXPECT_EQ(plan.part_size_of(1), 16 * kMiB);
  EXPECT_EQ(plan.part_size_of(500), 16 * kMiB);
  EXPECT_EQ(plan.part_size_of(501), 32 * kMiB);
  EXPECT_EQ(plan.part_size_of(10'000), 64 * kMiB);
  EXPECT_GT(plan.reach(), 48 * kGiB);
  EXPECT_THAT(plan.passed_reach().message, HasSubstr("--memory 1GiB"));
  EXPECT_THAT(describe(plan), HasSubstr("growing to 64.0 MiB"));
}

TEST(Plan, UnknownLengthToAStoreOfEqualPartsUsesOneSize) {
  PlanInput input = unknown();
  input.capabilities.equal_parts = true;
  const UploadPlan plan = plan_of(input);
  EXPECT_EQ(plan.part_size_of(1), plan.part_size_of(10'000));
  EXPECT_EQ(plan.reach(), 10'000 * 64 * kMiB);
}

TEST(Plan, PassedReachNamesThePartSizeWhenThatWasTheLimit) {
  PlanInput input = unknown();
  input.part_size = {Kind::kFixed, 5 * kMiB};
  EXPECT_THAT(plan_of(input).passed_reach().message, HasSubstr("--part-size 20MiB"));
}

// --- properties -------------------------------------------------------------------------------

PlanInput random_input(Random& random) {
  PlanInput input;
  if (random.chance(0.8)) input.size = random.next() >> (random.below(44) + 20);
  input.ranges = random.chance(0.6);
  input.local_file = input.size && random.chance(0.3);
  if (input.local_file) input.ranges = true;
  input.concurrency = 1 + static_cast<int>(random.below(256));
  input.memory_budget = (random.next() >> (random.below(24) + 32)) + 1;
  Capabilities& store = input.capabilities;
  if (random.chance(0.3)) store.parts_max = 1 + static_cast<int>(random.below(2000));
  if (random.chance(0.3)) {
    store.part_size_min = 1 + random.below(kMiB);
    store.part_size_max = store.part_size_min + random.below(64 * kMiB);
    store.put_size_max = 1 + random.below(64 * kMiB);
  }
  store.equal_parts = random.chance(0.2);
  switch (random.below(3)) {
    case 0: input.part_size.kind = Kind::kAuto; break;
    case 1: input.part_size.kind = Kind::kTiered; break;
    default: input.part_size = {Kind::kFixed, random.next() >> (random.below(20) + 30)};
  }
  return input;
}

void check_sizes(const PlanInput& input, const UploadPlan& plan, PartNumber number, bool last) {
  const ByteRange part = plan.part(number);
  ASSERT_GT(part.length, 0u);
  ASSERT_LE(part.length, input.capabilities.part_size_max);
  if (!last) ASSERT_GE(part.length, input.capabilities.part_size_min);
  if (!last && input.capabilities.equal_parts) ASSERT_EQ(part.length, plan.part_size);
  if (input.local_file) return;
  const ByteCount page = 4096;
  const ByteCount buffer = (plan.part_size_of(number) + page - 1) / page * page;
  const auto buffers = static_cast<ByteCount>(plan.buffers_at(number));
  ASSERT_GE(buffers, 1u);
  ASSERT_LE(buffers * buffer, input.memory_budget);
  const WaterMarks marks = plan.water_marks_at(number);
  ASSERT_LE(static_cast<ByteCount>(marks.high), buffers);
  ASSERT_LT(marks.low, marks.high);
  ASSERT_GE(marks.low, 0);
}

void check_known(const PlanInput& input, const UploadPlan& plan) {
  if (plan.mode == TransferMode::kPut) {
    ASSERT_EQ(plan.part(1), (ByteRange{0, *input.size}));
    ASSERT_LE(*input.size, input.capabilities.put_size_max);
    return;
  }
  ASSERT_LE(plan.parts, input.capabilities.parts_max);
  ByteCount covered = 0;
  for (PartNumber number = 1; number <= plan.parts; ++number) {
    ASSERT_EQ(plan.part(number).offset, covered);
    ASSERT_NO_FATAL_FAILURE(check_sizes(input, plan, number, number == plan.parts));
    covered += plan.part(number).length;
  }
  ASSERT_EQ(covered, *input.size);
  ASSERT_GE(plan.parts_in_flight, 1);
  ASSERT_LE(plan.parts_in_flight, input.concurrency);
}

void check_unknown(const PlanInput& input, const UploadPlan& plan) {
  const int parts_max = input.capabilities.parts_max;
  const int stride = std::max(parts_max / 50, 1);
  for (PartNumber number = 1; number <= parts_max; number += stride) {
    ASSERT_NO_FATAL_FAILURE(check_sizes(input, plan, number, false));
  }
  ASSERT_EQ(plan.part(parts_max).end(), plan.reach());
  ASSERT_EQ(plan.passed_reach().kind, ErrorKind::kLimit);
}

TEST(PlanProperty, EveryByteOnceWithinEveryLimit) {
  int planned = 0;
  for (std::uint64_t seed = 1; seed <= 20'000; ++seed) {
    Random random(seed);
    const PlanInput input = random_input(random);
    const Result<UploadPlan> plan = make_plan(input);
    if (!plan) {
      EXPECT_TRUE(plan.error().kind == ErrorKind::kLimit ||
                  plan.error().kind == ErrorKind::kInvalid);
      continue;
    }
    ++planned;
    if (input.size) {
      check_known(input, *plan);
    } else {
      check_unknown(input, *plan);
    }
    if (HasFatalFailure()) FAIL() << "seed " << seed << ": " << describe(*plan);
  }
  EXPECT_GT(planned, 5'000);
}

}  // namespace
}  // namespace telpher
