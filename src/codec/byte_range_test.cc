#include "codec/byte_range.h"

#include "base/random.h"

#include <gtest/gtest.h>

namespace telpher {
namespace {

TEST(ContentRange, Parses) {
  EXPECT_EQ(parse_content_range("bytes 0-9/100").value(), (ContentRange{ByteRange{0, 10}, 100}));
  EXPECT_EQ(parse_content_range("Bytes 5-5/*").value(), (ContentRange{ByteRange{5, 1}, {}}));
  EXPECT_EQ(parse_content_range("bytes */100").value(), (ContentRange{{}, 100}));
}

TEST(ContentRange, RefusesLies) {
  for (const char* text :
       {"", "bytes", "bytes */*", "bytes 0-9", "bytes=0-9/100", "bytes 9-0/100", "bytes 0-100/100",
        "bytes -9/100", "bytes 0-/100", "items 0-9/100", "bytes 0 - 9/100", "bytes 0-9/100/1",
        "bytes 0-18446744073709551615/*", "bytes 0-9/-1", "bytes +0-9/100", "bytes 0-9/"}) {
    EXPECT_FALSE(parse_content_range(text).has_value()) << text;
  }
}

TEST(ContentRange, ParsingUndoesMaking) {
  Random random(17);
  for (int round = 0; round < 1000; ++round) {
    const ByteRange range{random.next() >> (2 + random.below(60)), 1 + random.below(1'000'000)};
    ContentRange value{range, range.end() + random.below(1000)};
    if (random.chance(0.2)) value.total.reset();
    if (value.total && random.chance(0.2)) value.range.reset();
    EXPECT_EQ(parse_content_range(make_content_range(value)).value(), value);
  }
}

TEST(RangeRequest, Parses) {
  EXPECT_EQ(parse_range_request("bytes=0-9"), (RangeRequest{0, 9}));
  EXPECT_EQ(parse_range_request("bytes=5-"), (RangeRequest{5, {}}));
  EXPECT_EQ(parse_range_request("BYTES= -5"), (RangeRequest{{}, 5}));
  for (const char* text : {"", "bytes=", "bytes=-", "bytes=9-0", "bytes=0-1,3-4", "items=0-1",
                           "bytes 0-1", "bytes=a-b", "bytes=0-1-2", "0-1"}) {
    EXPECT_FALSE(parse_range_request(text).has_value()) << text;
  }
}

TEST(RangeRequest, ResolvesAgainstTheSize) {
  const auto resolve = [](std::string_view text, ByteCount total) {
    return resolve_range(parse_range_request(text).value(), total);
  };
  EXPECT_EQ(resolve("bytes=0-9", 100), (ByteRange{0, 10}));
  EXPECT_EQ(resolve("bytes=90-199", 100), (ByteRange{90, 10}));
  EXPECT_EQ(resolve("bytes=99-", 100), (ByteRange{99, 1}));
  EXPECT_EQ(resolve("bytes=-5", 100), (ByteRange{95, 5}));
  EXPECT_EQ(resolve("bytes=-500", 100), (ByteRange{0, 100}));
  EXPECT_EQ(resolve("bytes=1-99999999999999999999", 100), (ByteRange{1, 99}));
  EXPECT_EQ(resolve("bytes=-99999999999999999999", 100), (ByteRange{0, 100}));
  EXPECT_FALSE(resolve("bytes=18446744073709551616-", 100));
  EXPECT_EQ(resolve("bytes=100-", 100), std::nullopt);
  EXPECT_EQ(resolve("bytes=-0", 100), std::nullopt);
  EXPECT_EQ(resolve("bytes=0-", 0), std::nullopt);
  EXPECT_EQ(resolve("bytes=-5", 0), std::nullopt);
}

TEST(RangeRequest, ParsingUndoesMaking) {
  Random random(19);
  for (int round = 0; round < 1000; ++round) {
    const ByteRange range{random.next() >> (2 + random.below(60)), 1 + random.below(1'000'000)};
    const auto request = parse_range_request(make_range_request(range));
    ASSERT_TRUE(request.has_value());
    EXPECT_EQ(resolve_range(*request, range.end() + random.below(2)), range);
    EXPECT_EQ(parse_range_request(make_range_request_from(range.offset)),
              (RangeRequest{range.offset, {}}));
  }
}

}  // namespace
}  // namespace telpher
