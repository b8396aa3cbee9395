#include "codec/checksum.h"

#include <gtest/gtest.h>

namespace telpher {
namespace {

constexpr ChecksumAlgorithm kAll[] = {
    ChecksumAlgorithm::kNone,  ChecksumAlgorithm::kCrc64Nvme, ChecksumAlgorithm::kCrc32c,
    ChecksumAlgorithm::kCrc32, ChecksumAlgorithm::kSha256,    ChecksumAlgorithm::kSha1,
    ChecksumAlgorithm::kMd5,
};

TEST(Checksum, KnownDigests) {
  const auto hex = [](ChecksumAlgorithm algorithm, std::string_view text) {
    return checksum_of(algorithm, as_bytes(text)).to_hex();
  };
  EXPECT_EQ(hex(ChecksumAlgorithm::kCrc64Nvme, "123456789"), "ae8b14860a799888");
  EXPECT_EQ(hex(ChecksumAlgorithm::kCrc32c, "123456789"), "e3069283");
  EXPECT_EQ(hex(ChecksumAlgorithm::kCrc32, "123456789"), "cbf43926");
  EXPECT_EQ(hex(ChecksumAlgorithm::kMd5, "abc"), "900150983cd24fb0d6963f7d28e17f72");
  EXPECT_EQ(hex(ChecksumAlgorithm::kSha1, "abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ(hex(ChecksumAlgorithm::kSha256, "abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hex(ChecksumAlgorithm::kNone, "abc"), "");
}

TEST(Checksum, Base64AsS3SendsIt) {
  EXPECT_EQ(checksum_of(ChecksumAlgorithm::kCrc64Nvme, as_bytes("123456789")).to_base64(),
            "rosUhgp5mIg=");
  EXPECT_EQ(checksum_of(ChecksumAlgorithm::kCrc32c, as_bytes("123456789")).to_base64(), "4waSgw==");
}

TEST(Checksum, PiecesAndReuseGiveTheSameDigest) {
  for (ChecksumAlgorithm algorithm : kAll) {
    Checksum checksum(algorithm);
    for (int round = 0; round < 2; ++round) {
      checksum.update(as_bytes("hello "));
      checksum.update({});
      checksum.update(as_bytes("world"));
      EXPECT_EQ(checksum.finish(), checksum_of(algorithm, as_bytes("hello world")))
          << to_string(algorithm);
    }
  }
}

TEST(Checksum, DigestTextRoundTrips) {
  for (ChecksumAlgorithm algorithm : kAll) {
    const Digest digest = checksum_of(algorithm, as_bytes("x"));
    EXPECT_EQ(Digest::from_base64(algorithm, digest.to_base64()).value(), digest);
    EXPECT_EQ(Digest::from_hex(algorithm, digest.to_hex()).value(), digest);
  }
  EXPECT_FALSE(Digest::from_base64(ChecksumAlgorithm::kCrc32c, "rosUhgp5mIg=").has_value());
}

TEST(Checksum, OnlyCrcsCombine) {
  for (ChecksumAlgorithm algorithm : kAll) {
    const Result<Digest> whole = combine_digests(checksum_of(algorithm, as_bytes("hello ")),
                                                 checksum_of(algorithm, as_bytes("world")), 5);
    ASSERT_EQ(whole.has_value(), checksum_combines(algorithm));
    if (whole) EXPECT_EQ(*whole, checksum_of(algorithm, as_bytes("hello world")));
  }
  EXPECT_FALSE(combine_digests(checksum_of(ChecksumAlgorithm::kCrc32, {}),
                               checksum_of(ChecksumAlgorithm::kCrc32c, {}), 0)
                   .has_value());
}

TEST(Checksum, Names) {
  for (ChecksumAlgorithm algorithm : kAll) {
    EXPECT_EQ(parse_checksum_algorithm(to_string(algorithm)).value(), algorithm);
  }
  EXPECT_EQ(parse_checksum_algorithm("CRC64NVME").value(), ChecksumAlgorithm::kCrc64Nvme);
  EXPECT_EQ(parse_checksum_algorithm("SHA-256").value(), ChecksumAlgorithm::kSha256);
  EXPECT_FALSE(parse_checksum_algorithm("sha512").has_value());
  EXPECT_EQ(checksum_header(ChecksumAlgorithm::kCrc64Nvme), "x-amz-checksum-crc64nvme");
}

}  // namespace
}  // namespace telpher
