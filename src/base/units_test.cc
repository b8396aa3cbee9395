#include "base/units.h"

#include <gtest/gtest.h>

namespace telpher {
namespace {

TEST(ParseSize, AcceptsWhatPeopleType) {
  EXPECT_EQ(parse_size("0").value(), 0u);
  EXPECT_EQ(parse_size("5242880").value(), 5 * kMiB);
  EXPECT_EQ(parse_size("16MiB").value(), 16 * kMiB);
  EXPECT_EQ(parse_size("16m").value(), 16 * kMiB);
  EXPECT_EQ(parse_size("1.5g").value(), kGiB + kGiB / 2);
  EXPECT_EQ(parse_size("2MB").value(), 2'000'000u);
}

TEST(ParseSize, RefusesTheRest) {
  for (const char* text : {"", "MiB", "-1", "16 MiB", "16X", "1e30", "nan", "inf", "0x10"}) {
    EXPECT_FALSE(parse_size(text).has_value()) << text;
  }
}

TEST(ParseDuration, UnitsAndBareSeconds) {
  EXPECT_EQ(parse_duration("500ms").value().count(), 500);
  EXPECT_EQ(parse_duration("30").value().count(), 30'000);
  EXPECT_EQ(parse_duration("1h").value().count(), 3'600'000);
  EXPECT_EQ(parse_duration("7d").value().count(), 7LL * 86'400'000);
  EXPECT_FALSE(parse_duration("soon").has_value());
}

TEST(FormatSize, ThreeDigits) {
  EXPECT_EQ(format_size(0), "0 B");
  EXPECT_EQ(format_size(1023), "1023 B");
  EXPECT_EQ(format_size(1536), "1.50 KiB");
  EXPECT_EQ(format_size(16 * kMiB), "16.0 MiB");
  EXPECT_EQ(format_size(1023 * kMiB), "1.00 GiB");
}

TEST(FormatDuration, ReadsAsPeopleSayIt) {
  using std::chrono::milliseconds;
  EXPECT_EQ(format_duration(milliseconds(4'200)), "4s");
  EXPECT_EQ(format_duration(milliseconds(65'000)), "1m 05s");
  EXPECT_EQ(format_duration(milliseconds(2 * 3'600'000 + 3 * 60'000)), "2h 03m");
}

}  // namespace
}  // namespace telpher
