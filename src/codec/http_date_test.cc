#include "codec/http_date.h"

#include "base/random.h"

#include <gtest/gtest.h>

namespace telpher {
namespace {

using std::chrono::seconds;
using std::chrono::sys_seconds;

TEST(HttpDate, AllThreeForms) {
  const sys_seconds time{seconds(784111777)};
  EXPECT_EQ(format_http_date(time), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT"), time);
  EXPECT_EQ(parse_http_date("Sunday, 06-Nov-94 08:49:37 GMT"), time);
  EXPECT_EQ(parse_http_date("Sun Nov  6 08:49:37 1994"), time);
}

TEST(HttpDate, RefusesTheRest) {
  for (const char* text :
       {"", ",", "0", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 CET",
        "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 06 nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:49:37 GMT", "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, 06 Nov 1994 -8:49:37 GMT", "Sun,  6 Nov 1994 08:49:37 GMT", "1994-11-06T08:49:37Z"}) {
    EXPECT_FALSE(parse_http_date(text).has_value()) << text;
  }
}

TEST(HttpDate, ParsingUndoesFormatting) {
  Random random(1);
  for (int round = 0; round < 2000; ++round) {
    const sys_seconds time{seconds(static_cast<std::int64_t>(random.below(253'402'300'800)))};
    EXPECT_EQ(parse_http_date(format_http_date(time)), time);
  }
}

TEST(RetryAfter, SecondsOrDate) {
  const sys_seconds now{seconds(784111777)};
  EXPECT_EQ(parse_retry_after(" 120 ", now), seconds(120));
  EXPECT_EQ(parse_retry_after("Sun, 06 Nov 1994 08:49:47 GMT", now), seconds(10));
  EXPECT_EQ(parse_retry_after("Sun, 06 Nov 1994 08:00:00 GMT", now), seconds(0));
  for (const char* text : {"", "-1", "1.5", "soon", "99999999999"}) {
    EXPECT_FALSE(parse_retry_after(text, now).has_value()) << text;
  }
}

}  // namespace
}  // namespace telpher
