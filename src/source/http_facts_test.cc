#include "source/http_facts.h"

#include <gtest/gtest.h>

namespace telpher {
namespace {

using std::chrono::sys_seconds;
using namespace std::chrono_literals;

Headers headers(std::initializer_list<std::pair<const char*, const char*>> fields) {
  Headers all;
  for (const auto& [name, value] : fields) all.add(name, value);
  return all;
}

const Digest kCrc = checksum_of(ChecksumAlgorithm::kCrc32c, as_bytes("hello"));
const Digest kSha = checksum_of(ChecksumAlgorithm::kSha256, as_bytes("hello"));
const Digest kMd5 = checksum_of(ChecksumAlgorithm::kMd5, as_bytes("hello"));

TEST(HttpFacts, DigestsAreFoundWhereverTheyAreTold) {
  const std::string crc = kCrc.to_base64();
  const std::string sha = kSha.to_base64();
  const std::string md5 = kMd5.to_base64();
  const auto found = [](const char* name, const std::string& value, int status = 200) {
    Headers all;
    all.add(name, value);
    return digest_in(all, status);
  };
  EXPECT_EQ(found("Repr-Digest", "unixsum=:xx:, sha-256=:" + sha + ":"), kSha);
  EXPECT_EQ(found("Digest", "SHA-256=" + sha + ",MD5=" + md5), kSha);
  EXPECT_EQ(found("x-amz-checksum-crc32c", crc), kCrc);
  EXPECT_EQ(found("x-goog-hash", "crc32c=" + crc + ",md5=" + md5), kCrc);
  EXPECT_EQ(found("Content-MD5", md5), kMd5);
  EXPECT_EQ(found("Content-MD5", md5, 206), std::nullopt);  // of the part, not of the whole
  EXPECT_EQ(found("x-amz-checksum-sha256", sha + "-3"), std::nullopt);
  EXPECT_EQ(found("Repr-Digest", "sha-256=" + sha), std::nullopt);
  EXPECT_EQ(found("Digest", "sha-256=garbage"), std::nullopt);
}

TEST(HttpFacts, DigestsOfOtherBytesAreNotBelieved) {
  const std::string crc = kCrc.to_base64();
  Headers composite = headers({{"x-amz-checksum-type", "COMPOSITE"}});
  composite.add("x-amz-checksum-crc32c", crc);
  EXPECT_EQ(digest_in(composite, 200), std::nullopt);
  Headers unpacked = headers({{"x-goog-stored-content-encoding", "gzip"}});
  unpacked.add("x-goog-hash", "crc32c=" + crc);
  EXPECT_EQ(digest_in(unpacked, 200), std::nullopt);
  unpacked.add("Content-Encoding", "gzip");
  EXPECT_EQ(digest_in(unpacked, 200), kCrc);
}

TEST(HttpFacts, ADateIsStrongOnlyWhenItIsOld) {
  const sys_seconds now = sys_seconds(1'900'000'000s);
  const char* date = "Tue, 01 Jul 2025 00:00:00 GMT";
  EXPECT_EQ(strong_validator(headers({{"Last-Modified", date}, {"Date", date}}), now), "");
  EXPECT_EQ(strong_validator(
                headers({{"Last-Modified", date}, {"Date", "Tue, 01 Jul 2025 00:01:00 GMT"}}), now),
            std::string("Last-Modified: ") + date);
  EXPECT_EQ(strong_validator(headers({{"ETag", "W/\"a\""}, {"Last-Modified", "junk"}}), now), "");
  EXPECT_EQ(strong_validator(headers({{"ETag", "\"a\""}, {"Last-Modified", date}}), now), "\"a\"");
}

TEST(HttpFacts, LikenessTellsSilenceFromDifference) {
  EXPECT_EQ(compare_validator(headers({{"ETag", "\"a\""}}), "\"a\""), Likeness::kSame);
  EXPECT_EQ(compare_validator(headers({{"ETag", "\"b\""}}), "\"a\""), Likeness::kOther);
  EXPECT_EQ(compare_validator(headers({{"ETag", "W/\"a\""}}), "\"a\""), Likeness::kUnknown);
  EXPECT_EQ(compare_validator({}, "\"a\""), Likeness::kUnknown);
}

TEST(HttpFacts, UserHeaders) {
  EXPECT_EQ(*parse_user_headers({"X-A:  b c "})->find("x-a"), "b c");
  for (const char* bad : {"NoColon", ": x", "A b: c", "X: a\r\nEvil: b", "Range: bytes=0-1",
                          "HOST: x", "if-match: *", "Accept-Encoding: gzip"}) {
    EXPECT_EQ(parse_user_headers({bad}).error().kind, ErrorKind::kInvalid) << bad;
  }
}

TEST(HttpFacts, PresignedLinksToOneObjectAreOneAddress) {
  const auto stable = [](const char* url) { return stable_address(*parse_uri(url)); };
  EXPECT_EQ(stable("https://u:p@b.s3.amazonaws.com/k?versionId=7&X-Amz-Signature=aa&X-Amz-Date=1"),
            "https://b.s3.amazonaws.com/k?versionId=7");
  EXPECT_EQ(stable("https://s/b/k?AWSAccessKeyId=A&Signature=x&Expires=1"), "https://s/b/k");
  EXPECT_EQ(stable("https://h/d?id=1&Expires=2"), "https://h/d?id=1&Expires=2");
}

}  // namespace
}  // namespace telpher
