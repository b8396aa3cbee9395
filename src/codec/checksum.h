#pragma once
// A checksum whose algorithm is chosen at run time: what S3 calls "checksum algorithm", plus MD5.
// One owner, one thread.

#include "base/bytes.h"
#include "base/result.h"
#include "codec/crc.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

struct evp_md_ctx_st;

namespace telpher {

enum class ChecksumAlgorithm { kNone, kCrc64Nvme, kCrc32c, kCrc32, kSha256, kSha1, kMd5 };

/// Those that S3 knows by header and element.
inline constexpr std::array kS3Checksums = {ChecksumAlgorithm::kCrc64Nvme,
                                            ChecksumAlgorithm::kCrc32c, ChecksumAlgorithm::kCrc32,
                                            ChecksumAlgorithm::kSha256, ChecksumAlgorithm::kSha1};

/// "none", "crc64nvme", "crc32c", "crc32", "sha256", "sha1", "md5".
std::string_view to_string(ChecksumAlgorithm algorithm);
/// The inverse of to_string(), in any case, "-" and "_" ignored (so S3's "CRC64NVME" and a person's
/// "sha-256" are taken). Errors: kInvalid.
Result<ChecksumAlgorithm> parse_checksum_algorithm(std::string_view name);
/// "x-amz-checksum-crc64nvme"; "content-md5" for kMd5; "" for kNone.
std::string_view checksum_header(ChecksumAlgorithm algorithm);
/// S3's word in x-amz-checksum-algorithm and in XML: "CRC64NVME", "SHA256" …; "" for kNone, kMd5.
std::string_view checksum_s3_name(ChecksumAlgorithm algorithm);
/// Bytes in a digest; 0 for kNone.
std::size_t checksum_size(ChecksumAlgorithm algorithm);
/// Whether the checksum of a whole can be computed from those of its parts.
bool checksum_combines(ChecksumAlgorithm algorithm);

/// The raw bytes of a finished checksum; CRCs are big-endian, as S3 sends them.
class Digest {
 public:
  Digest() = default;
  /// `bytes` must be checksum_size(algorithm) long. Errors: kInvalid.
  static Result<Digest> from_bytes(ChecksumAlgorithm algorithm, Bytes bytes);
  static Result<Digest> from_base64(ChecksumAlgorithm algorithm, std::string_view text);
  static Result<Digest> from_hex(ChecksumAlgorithm algorithm, std::string_view text);

  ChecksumAlgorithm algorithm() const { return algorithm_; }
  Bytes bytes() const { return {bytes_.data(), size_}; }
  bool empty() const { return size_ == 0; }
  std::string to_base64() const;
  std::string to_hex() const;
  bool operator==(const Digest&) const = default;

 private:
  ChecksumAlgorithm algorithm_ = ChecksumAlgorithm::kNone;
  std::uint8_t size_ = 0;
  std::array<std::byte, 32> bytes_{};
};

/// The digest of A followed by B from theirs and the length of B in bytes. Both must have the same
/// algorithm, one that combines. Errors: kUnsupported.
Result<Digest> combine_digests(const Digest& a, const Digest& b, ByteCount length_b);

/// Digests bytes as they arrive.
class Checksum {
 public:
  explicit Checksum(ChecksumAlgorithm algorithm);

  ChecksumAlgorithm algorithm() const { return algorithm_; }
  void update(Bytes bytes);
  /// The digest of all bytes since construction or the last finish(); starts anew.
  Digest finish();

 private:
  struct FreeContext {
    void operator()(evp_md_ctx_st* context) const;
  };
  void start();

  ChecksumAlgorithm algorithm_;
  Crc64Nvme crc64_;
  Crc32c crc32c_;
  Crc32 crc32_;
  std::unique_ptr<evp_md_ctx_st, FreeContext> context_;
};

/// The digest of bytes that are all here.
Digest checksum_of(ChecksumAlgorithm algorithm, Bytes bytes);

/// "sha256:9f86d0…". Errors: kInvalid.
Result<Digest> parse_digest(std::string_view text);

}  // namespace telpher
