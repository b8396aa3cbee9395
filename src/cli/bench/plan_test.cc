#include "cli/bench/plan.h"

#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <set>

namespace telpher {
namespace {

using namespace std::chrono_literals;

OperationMix mix_of(std::string_view text) { return *parse_mix(text); }

TEST(OperationMix, TakesOneNameOrShares) {
  EXPECT_EQ(mix_of("get").weights, (OperationMix{{0, 1, 0, 0, 0}}.weights));
  EXPECT_EQ(mix_of("put=50,get=40,list=5,delete=5").weights,
            (OperationMix{{50, 40, 0, 5, 5}}.weights));
  EXPECT_EQ(mix_of("head,put=0").weights, (OperationMix{{0, 0, 1, 0, 0}}.weights));
}

TEST(OperationMix, SaysWhatIsWrong) {
  for (const char* text : {"", "post", "put=", "put=-1", "put=1.5", "put=0", "put=1,put=2",
                           "put=1,", "put = 1", "put=99999999999"}) {
    const auto mix = parse_mix(text);
    ASSERT_FALSE(mix) << text;
    EXPECT_EQ(mix.error().kind, ErrorKind::kInvalid);
  }
}

TEST(SizeRange, TakesOneSizeOrTwo) {
  EXPECT_EQ(parse_size_range("10KiB")->min, 10'240u);
  EXPECT_EQ(parse_size_range("10KiB")->max, 10'240u);
  EXPECT_EQ(parse_size_range("0..1MiB")->max, 1'048'576u);
  for (const char* text : {"", "..", "1..", "2KiB..1KiB", "1KiB...2KiB", "-1"}) {
    EXPECT_FALSE(parse_size_range(text)) << text;
  }
}

TEST(LoadPlan, SharesComeOutAsAskedFor) {
  const LoadPlan plan(1, mix_of("put=50,get=40,list=5,delete=5"), {}, "");
  std::map<LoadOperation, int> counts;
  for (std::uint64_t i = 0; i < 100'000; ++i) ++counts[plan.operation(i)];
  EXPECT_NEAR(counts[LoadOperation::kPut], 50'000, 1'000);
  EXPECT_NEAR(counts[LoadOperation::kGet], 40'000, 1'000);
  EXPECT_NEAR(counts[LoadOperation::kList], 5'000, 400);
  EXPECT_NEAR(counts[LoadOperation::kDelete], 5'000, 400);
  EXPECT_EQ(counts[LoadOperation::kHead], 0);
}

TEST(LoadPlan, IsFixedByItsSeed) {
  const SizeRange sizes{0, 1 << 20};
  const LoadPlan plan(7, mix_of("put,get"), sizes, "p/");
  const LoadPlan same(7, mix_of("put,get"), sizes, "p/");
  const LoadPlan other(8, mix_of("put,get"), sizes, "p/");
  int different = 0;
  for (std::uint64_t i = 0; i < 1000; ++i) {
    ASSERT_EQ(plan.operation(i), same.operation(i));
    ASSERT_EQ(plan.size(i), same.size(i));
    ASSERT_EQ(plan.key(i), same.key(i));
    ASSERT_EQ(plan.pick(i, 99), same.pick(i, 99));
    different += plan.size(i) != other.size(i);
    EXPECT_NE(plan.key(i), other.key(i));
  }
  EXPECT_GT(different, 900);
}

TEST(LoadPlan, KeysAreDistinctAndInOrder) {
  const LoadPlan plan(255, mix_of("put"), {}, "tmp/");
  EXPECT_EQ(plan.key(0), "tmp/bench-ff/0000000000");
  for (const std::uint64_t number : {9ULL, 99ULL, 999'999ULL}) {
    EXPECT_LT(plan.key(number), plan.key(number + 1));
  }
}

TEST(LoadPlan, SizesStayInTheirRangeAndFillIt) {
  const LoadPlan plan(1, mix_of("put"), {1 << 10, 1 << 20}, "");
  int below_32k = 0;
  for (std::uint64_t i = 0; i < 10'000; ++i) {
    const ByteCount size = plan.size(i);
    ASSERT_GE(size, 1u << 10);
    ASSERT_LE(size, 1u << 20);
    below_32k += size < (1 << 15);
  }
  EXPECT_NEAR(below_32k, 5'000, 300);  // half of them below the geometric mean
}

TEST(LoadPlan, PicksAllObjects) {
  const LoadPlan plan(1, mix_of("get"), {}, "");
  std::set<std::uint64_t> picked;
  for (std::uint64_t i = 0; i < 1000; ++i) picked.insert(plan.pick(i, 10));
  EXPECT_EQ(picked.size(), 10u);
  EXPECT_EQ(*picked.rbegin(), 9u);
}

TEST(LoadPayload, DiffersFromObjectToObjectAndFromPieceToPiece) {
  const LoadPayload payload(1, 64);
  std::set<std::string> seen;
  for (std::uint64_t object = 0; object < 1000; ++object) {
    for (std::uint64_t piece = 0; piece < 3; ++piece) {
      const Bytes bytes = payload.piece(object, piece, 64);
      seen.emplace(as_text(bytes));
    }
  }
  EXPECT_EQ(seen.size(), 3000u);
}

TEST(LoadPayload, MatchesOnlyWhatItGave) {
  const LoadPayload payload(1, 100);
  std::string whole;
  for (std::uint64_t piece = 0; piece < 3; ++piece) {
    whole += as_text(payload.piece(5, piece, 100));
  }
  EXPECT_TRUE(payload.matches(5, 0, as_bytes(whole)));
  EXPECT_TRUE(payload.matches(5, 70, as_bytes(whole.substr(70, 150))));
  EXPECT_FALSE(payload.matches(5, 71, as_bytes(whole.substr(70, 150))));
  EXPECT_FALSE(payload.matches(6, 0, as_bytes(whole)));
  whole[299] = static_cast<char>(whole[299] ^ 1);
  EXPECT_FALSE(payload.matches(5, 0, as_bytes(whole)));
}

TEST(Pace, ClosedModelStartsWhenAskedUntilTheEnd) {
  const TimePoint begin{1h};
  Pace pace(begin, {.end = begin + 10s, .count_max = 3});
  EXPECT_EQ(pace.next(begin + 4s)->at, begin + 4s);
  EXPECT_EQ(pace.next(begin + 9s)->index, 1u);
  EXPECT_FALSE(pace.next(begin + 10s));
  EXPECT_EQ(pace.next(begin + 5s)->index, 2u);
  EXPECT_FALSE(pace.next(begin + 6s));
  EXPECT_EQ(pace.overdue(begin + 20s), 0u);
}

TEST(Pace, OpenModelTellsWhenEachWasDueHoweverLateItIsAsked) {
  const TimePoint begin{1h};
  Pace pace(begin, {.rate = 4, .end = begin + 2s});
  EXPECT_EQ(pace.next(begin)->at, begin);
  EXPECT_EQ(pace.next(begin)->at, begin + 250ms);           // early: the worker waits
  EXPECT_EQ(pace.next(begin + 1900ms)->at, begin + 500ms);  // late: measured from when it was due
  EXPECT_EQ(pace.overdue(begin + 1900ms), 5u);
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(pace.next(begin + 2500ms));
  EXPECT_FALSE(pace.next(begin + 2500ms));  // 8 in 2 s
  EXPECT_EQ(pace.overdue(begin + 2500ms), 0u);
}

TEST(Pace, OpenModelGivesUpOnABacklogAndCountsIt) {
  const TimePoint begin{1h};
  Pace pace(begin, {.rate = 1000, .end = begin + 2s});
  EXPECT_TRUE(pace.next(begin));
  EXPECT_FALSE(pace.next(begin + 60s));
  EXPECT_EQ(pace.overdue(begin + 60s), 1999u);
}

}  // namespace
}  // namespace telpher
