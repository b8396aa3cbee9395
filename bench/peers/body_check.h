#pragma once
// Checks the body of one PUT: its length, and every checksum that the client sent with it, in a
// header or in an aws-chunked trailer. The CRC-64/NVME is always computed, so that the harness can
// compare what arrived with what was sent even for clients that send no checksum. The
// `x-amz-content-sha256` of a signed payload is not checked.

#include "codec/checksum.h"
#include "peers/chunked.h"
#include "peers/http.h"

#include <optional>
#include <string>
#include <vector>

namespace telpher::bench {

enum class Verdict {
  kVerified,    // every checksum that was sent is right, and there was at least one
  kUnverified,  // none was sent
  kMismatch,    // one was wrong
  kIncomplete,  // the length or the chunks are not what the head announced
};

class BodyCheck {
 public:
  /// @param md5  also compute the MD5, for an ETag as AWS makes it
  void start(const Head& head, bool md5);
  void body(Bytes bytes);
  Verdict finish();

  ByteCount size() const { return size_; }
  /// After finish().
  const Digest& crc64() const { return crc64_; }
  const std::optional<Digest>& md5() const { return md5_; }
  /// Response headers that repeat the checksums which were sent.
  const std::string& echo() const { return echo_; }

 private:
  struct Expected {
    Checksum checksum;
    std::string base64;  // empty: comes as a trailer
  };
  void expect(ChecksumAlgorithm algorithm, std::string base64);
  void decoded(Bytes bytes);
  std::string trailer(std::string_view name) const;

  Checksum running_crc64_{ChecksumAlgorithm::kCrc64Nvme};
  std::vector<Expected> expected_;
  std::optional<Checksum> running_md5_;
  std::optional<ChunkedDecoder> aws_chunked_;
  std::optional<ByteCount> announced_;
  ByteCount size_ = 0;
  Digest crc64_;
  std::optional<Digest> md5_;
  std::string echo_;
};

/// Adds one object to a sum that does not depend on the order: two sets of objects with the same
/// fingerprint have the same sizes and CRC-64s. Names do not count (clients choose them).
std::uint64_t fingerprint_of(const Digest& crc64, ByteCount size);

}  // namespace telpher::bench
