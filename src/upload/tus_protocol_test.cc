#include "upload/tus_protocol.h"

#include <gtest/gtest.h>

namespace telpher {
namespace {

const std::string kId(32, 'a');
const std::string kOther = "0123456789abcdef0123456789abcdef";

TEST(TusProtocol, Metadata) {
  const auto metadata = parse_tus_metadata("filename d29ybGQudHh0, secret,empty ,key YS9i");
  ASSERT_TRUE(metadata.has_value());
  EXPECT_EQ(*metadata,
            (std::map<std::string, std::string>{
                {"filename", "world.txt"}, {"secret", ""}, {"empty", ""}, {"key", "a/b"}}));
  EXPECT_TRUE(parse_tus_metadata("").value().empty());
  for (std::string_view text : {"a !!", "a YQ==,a YQ==", ",", "a YQ== YQ==", "a YQ"}) {
    EXPECT_FALSE(parse_tus_metadata(text).has_value()) << text;
  }
  EXPECT_FALSE(parse_tus_metadata("a " + std::string(9000, 'A')).has_value());
}

TEST(TusProtocol, Checksums) {
  const auto sha1 = parse_tus_checksum("sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=");
  ASSERT_TRUE(sha1.has_value());
  EXPECT_EQ(*sha1, checksum_of(ChecksumAlgorithm::kSha1, as_bytes("hello world")));
  for (const ChecksumAlgorithm algorithm :
       {ChecksumAlgorithm::kMd5, ChecksumAlgorithm::kSha256, ChecksumAlgorithm::kCrc32}) {
    const Digest digest = checksum_of(algorithm, as_bytes("x"));
    EXPECT_EQ(
        parse_tus_checksum(std::string(to_string(algorithm)) + " " + digest.to_base64()).value(),
        digest);
  }
  EXPECT_EQ(parse_tus_checksum("sha512 YQ==").error().kind, ErrorKind::kUnsupported);
  for (std::string_view text :
       {"", "sha1", "sha1 YQ==", "sha1 !", " Kq5sNclPz7QV2+lfQIuc6R7oRu0="}) {
    EXPECT_FALSE(parse_tus_checksum(text).has_value()) << text;
  }
}

TEST(TusProtocol, Concatenation) {
  EXPECT_EQ(parse_tus_concat("partial", "/tus/")->kind, TusConcat::Kind::kPartial);
  const auto joined = parse_tus_concat(
      "final;/tus/" + kId + " https://host:8080/behind/a/proxy/" + kOther, "/tus/");
  ASSERT_TRUE(joined.has_value());
  EXPECT_EQ(joined->kind, TusConcat::Kind::kFinal);
  EXPECT_EQ(joined->ids, (std::vector{kId, kOther}));
  for (const std::string& text :
       {std::string(), std::string("final"), std::string("final;"), std::string("final;/tus/x"),
        "final;/tus/" + kId + " /tus/" + kId, std::string("both")}) {
    EXPECT_FALSE(parse_tus_concat(text, "/tus/").has_value()) << text;
  }
}

}  // namespace
}  // namespace telpher
