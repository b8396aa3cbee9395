#include "peers/body_check.h"

#include "codec/text.h"

namespace telpher::bench {
namespace {

constexpr ChecksumAlgorithm kAlgorithms[] = {
    ChecksumAlgorithm::kCrc64Nvme, ChecksumAlgorithm::kCrc32c, ChecksumAlgorithm::kCrc32,
    ChecksumAlgorithm::kSha256,    ChecksumAlgorithm::kSha1,   ChecksumAlgorithm::kMd5};

}  // namespace

void BodyCheck::start(const Head& head, bool md5) {
  running_crc64_.finish();
  expected_.clear();
  running_md5_.reset();
  md5_.reset();
  aws_chunked_.reset();
  size_ = 0;
  echo_.clear();
  if (head.header("content-encoding").find("aws-chunked") != std::string_view::npos ||
      head.header("x-amz-content-sha256").starts_with("STREAMING-")) {
    aws_chunked_.emplace();
    announced_ = parse_decimal<ByteCount>(head.header("x-amz-decoded-content-length"));
  } else {
    announced_ = parse_decimal<ByteCount>(head.header("content-length"));
  }
  std::string_view trailers = head.header("x-amz-trailer");
  for (ChecksumAlgorithm algorithm : kAlgorithms) {
    std::string_view name = checksum_header(algorithm);
    if (std::string_view value = head.header(name); !value.empty()) {
      expect(algorithm, std::string(value));
    } else if (aws_chunked_ && iequals(trailers, name)) {
      expect(algorithm, "");
    }
  }
  if (md5 && !running_md5_) running_md5_.emplace(ChecksumAlgorithm::kMd5);
}

void BodyCheck::expect(ChecksumAlgorithm algorithm, std::string base64) {
  // CRC-64 and MD5 run anyway or serve the ETag too; the others only serve the comparison.
  if (algorithm == ChecksumAlgorithm::kMd5) running_md5_.emplace(algorithm);
  expected_.push_back({Checksum(algorithm), std::move(base64)});
}

void BodyCheck::body(Bytes bytes) {
  if (!aws_chunked_) return decoded(bytes);
  aws_chunked_->feed(bytes, [this](Bytes piece) { decoded(piece); });
}

void BodyCheck::decoded(Bytes bytes) {
  size_ += bytes.size();
  running_crc64_.update(bytes);
  if (running_md5_) running_md5_->update(bytes);
  for (Expected& expected : expected_) {
    ChecksumAlgorithm algorithm = expected.checksum.algorithm();
    if (algorithm != ChecksumAlgorithm::kCrc64Nvme && algorithm != ChecksumAlgorithm::kMd5) {
      expected.checksum.update(bytes);
    }
  }
}

std::string BodyCheck::trailer(std::string_view name) const {
  const std::string& all = aws_chunked_->trailers();
  std::size_t start = all.find(std::string(name) + ":");
  if (start == std::string::npos) return "";
  start += name.size() + 1;
  return all.substr(start, all.find('\n', start) - start);
}

Verdict BodyCheck::finish() {
  crc64_ = running_crc64_.finish();
  if (running_md5_) md5_ = running_md5_->finish();
  if ((announced_ && *announced_ != size_) || (aws_chunked_ && !aws_chunked_->is_done())) {
    return Verdict::kIncomplete;
  }
  for (Expected& expected : expected_) {
    ChecksumAlgorithm algorithm = expected.checksum.algorithm();
    std::string_view name = checksum_header(algorithm);
    Digest actual = algorithm == ChecksumAlgorithm::kCrc64Nvme ? crc64_
                    : algorithm == ChecksumAlgorithm::kMd5     ? *md5_
                                                               : expected.checksum.finish();
    std::string sent = expected.base64.empty() ? trailer(name) : expected.base64;
    if (actual.to_base64() != sent) return Verdict::kMismatch;
    if (algorithm != ChecksumAlgorithm::kMd5) echo_ += std::string(name) + ": " + sent + "\r\n";
  }
  return expected_.empty() ? Verdict::kUnverified : Verdict::kVerified;
}

std::uint64_t fingerprint_of(const Digest& crc64, ByteCount size) {
  std::uint64_t value = 0;
  for (std::byte byte : crc64.bytes()) value = value << 8 | static_cast<std::uint64_t>(byte);
  value ^= size * 0x9E3779B97F4A7C15;  // splitmix64's finish, so that sums do not cancel out
  value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
  value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
  return value ^ (value >> 31);
}

}  // namespace telpher::bench
