#include "codec/checksum.h"

#include "base/check.h"
#include "codec/base64.h"
#include "codec/hex.h"
#include "codec/text.h"

#include <openssl/evp.h>

#include <algorithm>
#include <cstring>

namespace telpher {
namespace {

struct AlgorithmInfo {
  ChecksumAlgorithm algorithm;
  std::string_view name;
  std::string_view header;
  std::string_view s3_name;
  std::uint8_t size;
  bool combines;
};

constexpr AlgorithmInfo kAlgorithms[] = {
    {ChecksumAlgorithm::kNone, "none", "", "", 0, false},
    {ChecksumAlgorithm::kCrc64Nvme, "crc64nvme", "x-amz-checksum-crc64nvme", "CRC64NVME", 8, true},
    {ChecksumAlgorithm::kCrc32c, "crc32c", "x-amz-checksum-crc32c", "CRC32C", 4, true},
    {ChecksumAlgorithm::kCrc32, "crc32", "x-amz-checksum-crc32", "CRC32", 4, true},
    {ChecksumAlgorithm::kSha256, "sha256", "x-amz-checksum-sha256", "SHA256", 32, false},
    {ChecksumAlgorithm::kSha1, "sha1", "x-amz-checksum-sha1", "SHA1", 20, false},
    {ChecksumAlgorithm::kMd5, "md5", "content-md5", "", 16, false},
};

const AlgorithmInfo& info(ChecksumAlgorithm algorithm) {
  return kAlgorithms[static_cast<std::size_t>(algorithm)];
}

// Fetched once: EVP_sha256() and its kin look the implementation up again at every use (0.5 µs).
const EVP_MD* message_digest(ChecksumAlgorithm algorithm) {
  static const EVP_MD* const sha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  static const EVP_MD* const sha1 = EVP_MD_fetch(nullptr, "SHA1", nullptr);
  static const EVP_MD* const md5 = EVP_MD_fetch(nullptr, "MD5", nullptr);
  switch (algorithm) {
    case ChecksumAlgorithm::kSha256: return sha256;
    case ChecksumAlgorithm::kSha1: return sha1;
    case ChecksumAlgorithm::kMd5: return md5;
    default: return nullptr;
  }
}

template <class Word>
std::array<std::byte, sizeof(Word)> to_big_endian(Word value) {
  std::array<std::byte, sizeof(Word)> bytes;
  for (std::size_t i = 0; i < sizeof(Word); ++i) {
    bytes[i] = static_cast<std::byte>(value >> (8 * (sizeof(Word) - 1 - i)));
  }
  return bytes;
}

template <class Word>
Word from_big_endian(Bytes bytes) {
  Word value = 0;
  for (std::byte byte : bytes) value = static_cast<Word>(value << 8 | std::to_integer<Word>(byte));
  return value;
}

Digest digest_of(ChecksumAlgorithm algorithm, Bytes bytes) {
  Result<Digest> digest = Digest::from_bytes(algorithm, bytes);
  CHECK(digest.has_value());
  return *digest;
}

template <class AnyCrc>
Digest combine_crcs(const Digest& a, const Digest& b, ByteCount length_b) {
  using Word = typename AnyCrc::Word;
  const Word value =
      AnyCrc::combine(from_big_endian<Word>(a.bytes()), from_big_endian<Word>(b.bytes()), length_b);
  return digest_of(a.algorithm(), to_big_endian(value));
}

}  // namespace

std::string_view to_string(ChecksumAlgorithm algorithm) { return info(algorithm).name; }

Result<ChecksumAlgorithm> parse_checksum_algorithm(std::string_view name) {
  std::string plain;
  for (char c : name) {
    if (c != '-' && c != '_') plain += ascii_lower(c);
  }
  for (const AlgorithmInfo& entry : kAlgorithms) {
    if (entry.name == plain) return entry.algorithm;
  }
  return make_error(ErrorKind::kInvalid,
                    "unknown checksum algorithm '" + std::string(name) +
                        "' (crc64nvme, crc32c, crc32, sha256, sha1, md5 or none)");
}

std::string_view checksum_header(ChecksumAlgorithm algorithm) { return info(algorithm).header; }
std::string_view checksum_s3_name(ChecksumAlgorithm algorithm) { return info(algorithm).s3_name; }
std::size_t checksum_size(ChecksumAlgorithm algorithm) { return info(algorithm).size; }
bool checksum_combines(ChecksumAlgorithm algorithm) { return info(algorithm).combines; }

Result<Digest> Digest::from_bytes(ChecksumAlgorithm algorithm, Bytes bytes) {
  if (bytes.size() != checksum_size(algorithm)) {
    return make_error(ErrorKind::kInvalid, "a " + std::string(to_string(algorithm)) +
                                               " digest has " +
                                               std::to_string(checksum_size(algorithm)) +
                                               " bytes, not " + std::to_string(bytes.size()));
  }
  Digest digest;
  digest.algorithm_ = algorithm;
  digest.size_ = static_cast<std::uint8_t>(bytes.size());
  std::ranges::copy(bytes, digest.bytes_.begin());
  return digest;
}

Result<Digest> Digest::from_base64(ChecksumAlgorithm algorithm, std::string_view text) {
  TRY(const std::string bytes, base64_decode(text));
  return from_bytes(algorithm, as_bytes(bytes));
}

Result<Digest> Digest::from_hex(ChecksumAlgorithm algorithm, std::string_view text) {
  TRY(const std::string bytes, hex_decode(text));
  return from_bytes(algorithm, as_bytes(bytes));
}

std::string Digest::to_base64() const { return base64_encode(bytes()); }
std::string Digest::to_hex() const { return hex_encode(bytes()); }

Result<Digest> combine_digests(const Digest& a, const Digest& b, ByteCount length_b) {
  if (a.algorithm() == b.algorithm()) {
    switch (a.algorithm()) {
      case ChecksumAlgorithm::kCrc64Nvme: return combine_crcs<Crc64Nvme>(a, b, length_b);
      case ChecksumAlgorithm::kCrc32c: return combine_crcs<Crc32c>(a, b, length_b);
      case ChecksumAlgorithm::kCrc32: return combine_crcs<Crc32>(a, b, length_b);
      default: break;
    }
  }
  return make_error(ErrorKind::kUnsupported, std::string(to_string(a.algorithm())) + " and " +
                                                 std::string(to_string(b.algorithm())) +
                                                 " digests cannot be combined");
}

Checksum::Checksum(ChecksumAlgorithm algorithm) : algorithm_(algorithm) {
  if (message_digest(algorithm) != nullptr) {
    context_.reset(EVP_MD_CTX_new());
    CHECK(context_ != nullptr);
  }
  start();
}

void Checksum::FreeContext::operator()(evp_md_ctx_st* context) const { EVP_MD_CTX_free(context); }

void Checksum::start() {
  crc64_ = {};
  crc32c_ = {};
  crc32_ = {};
  if (context_ == nullptr) return;
  CHECK(EVP_DigestInit_ex2(context_.get(), message_digest(algorithm_), nullptr) == 1);
}

void Checksum::update(Bytes bytes) {
  switch (algorithm_) {
    case ChecksumAlgorithm::kNone: return;
    case ChecksumAlgorithm::kCrc64Nvme: crc64_.update(bytes); return;
    case ChecksumAlgorithm::kCrc32c: crc32c_.update(bytes); return;
    case ChecksumAlgorithm::kCrc32: crc32_.update(bytes); return;
    default: CHECK(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1);
  }
}

Digest Checksum::finish() {
  Digest digest;
  switch (algorithm_) {
    case ChecksumAlgorithm::kNone: break;
    case ChecksumAlgorithm::kCrc64Nvme:
      digest = digest_of(algorithm_, to_big_endian(crc64_.value()));
      break;
    case ChecksumAlgorithm::kCrc32c:
      digest = digest_of(algorithm_, to_big_endian(crc32c_.value()));
      break;
    case ChecksumAlgorithm::kCrc32:
      digest = digest_of(algorithm_, to_big_endian(crc32_.value()));
      break;
    default: {
      std::array<std::byte, EVP_MAX_MD_SIZE> bytes;
      unsigned size = 0;
      CHECK(EVP_DigestFinal_ex(context_.get(), reinterpret_cast<unsigned char*>(bytes.data()),
                               &size) == 1);
      digest = digest_of(algorithm_, Bytes(bytes.data(), size));
    }
  }
  start();
  return digest;
}

Digest checksum_of(ChecksumAlgorithm algorithm, Bytes bytes) {
  Checksum checksum(algorithm);
  checksum.update(bytes);
  return checksum.finish();
}

Result<Digest> parse_digest(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) {
    return make_error(ErrorKind::kInvalid, "must be ALGORITHM:HEX, as in sha256:9f86d0…");
  }
  TRY(const ChecksumAlgorithm algorithm, parse_checksum_algorithm(text.substr(0, colon)));
  if (algorithm == ChecksumAlgorithm::kNone) {
    return make_error(ErrorKind::kInvalid, "'none' would prove nothing");
  }
  return Digest::from_hex(algorithm, text.substr(colon + 1));
}

}  // namespace telpher
