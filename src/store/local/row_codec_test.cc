#include "store/local/row_codec.h"

#include <gtest/gtest.h>

namespace telpher {
namespace {

TEST(RowCodec, ValuesSurvive) {
  const std::vector<Extent> extents = {{(0x7fffffffULL << 32) | kSegmentBit | 1, 5, 100},
                                       {1, 0, ~0ULL}};
  EXPECT_EQ(*decode_extents(encode_extents(extents)), extents);
  const StoredChecksum composite{checksum_of(ChecksumAlgorithm::kSha256, as_bytes("x")), 12};
  EXPECT_EQ(*decode_checksum(encode_checksum(composite)), composite);
  EXPECT_EQ(*decode_checksum(encode_checksum(std::nullopt)), std::nullopt);
  ListEntry entry;
  ASSERT_TRUE(decode_checksum_kind(encode_checksum(composite), entry));
  EXPECT_EQ(entry.checksum, ChecksumAlgorithm::kSha256);
  EXPECT_TRUE(entry.composite);
  ASSERT_TRUE(decode_checksum_kind(encode_checksum(StoredChecksum{composite.digest, 0}), entry));
  EXPECT_FALSE(entry.composite);
  EXPECT_FALSE(decode_checksum_kind("what?:x:0", entry));
  ObjectMetadata metadata;
  metadata.content_type = "text/plain; charset=\"utf-8\"";
  metadata.expires = "Thu, 01 Jan 1970 00:00:00 GMT";
  metadata.user = {{"name", "Zoë \"quoted\"\n"}};
  const ObjectMetadata again = decode_metadata(encode_metadata(metadata)).value();
  EXPECT_EQ(again.content_type, metadata.content_type);
  EXPECT_EQ(again.expires, metadata.expires);
  EXPECT_EQ(again.user, metadata.user);
  const Tags tags = {{"a", ""}, {"b", "=&"}};
  EXPECT_EQ(*decode_tags(encode_tags(tags)), tags);
}

TEST(RowCodec, PartsSurvive) {
  EXPECT_FALSE(*decode_parts(encode_parts(nullptr)));
  const Digest digest = checksum_of(ChecksumAlgorithm::kSha256, as_bytes("x"));
  for (const std::optional<Digest>& last : {std::optional(digest), std::optional<Digest>()}) {
    const auto parts = std::make_shared<std::vector<PartInfo>>();
    parts->push_back({.number = 1, .size = 5'000'000'000, .checksum = digest});
    parts->push_back({.number = 10'000, .size = 0, .checksum = last});
    const PartList again = decode_parts(encode_parts(parts)).value();
    ASSERT_EQ(again->size(), 2U);
    EXPECT_EQ((*again)[0].number, 1);
    EXPECT_EQ((*again)[0].size, 5'000'000'000U);
    EXPECT_EQ((*again)[1].number, 10'000);
    EXPECT_EQ((*again)[1].checksum, last);
    EXPECT_EQ((*again)[0].checksum.has_value(), last.has_value()) << "all or none";
  }
}

TEST(RowCodec, DamageIsAnError) {
  EXPECT_FALSE(decode_extents("too short"));
  for (const char* text : {"x", "crc64nvme:AAAAAAAAAAA=", "crc64nvme:AAAA:0", "none::0",
                           "crc64nvme:AAAAAAAAAAA=:3106528985"}) {
    EXPECT_FALSE(decode_checksum(text)) << text;
  }
  for (const char* text : {"x", "x:", "none:short", "sha256:0123456789012345"}) {
    EXPECT_FALSE(decode_parts(text)) << text;
  }
  EXPECT_FALSE(decode_metadata("{"));
  EXPECT_FALSE(decode_metadata(R"({"user": {"a": 1}})"));
  EXPECT_FALSE(decode_tags("[]"));
}

}  // namespace
}  // namespace telpher
