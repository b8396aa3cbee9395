#include "store/layers/same_content.h"

#include "codec/hex.h"
#include "runtime/offload.h"
#include "store/read_body.h"
#include "store/rules.h"

namespace telpher {
namespace {

/// By the checksum of the whole, if both sides have one by the same algorithm.
std::optional<bool> compare(const std::optional<StoredChecksum>& stored,
                            const std::optional<Digest>& expected) {
  if (!stored || stored->parts != 0 || !expected) return std::nullopt;
  if (stored->digest.algorithm() != expected->algorithm()) return std::nullopt;
  return stored->digest == *expected;
}

/// MD5 of the MD5s of the parts, as a multipart ETag has it.
std::optional<std::string> multipart_etag(const std::vector<PartInfo>& parts) {
  Checksum md5(ChecksumAlgorithm::kMd5);
  for (const PartInfo& part : parts) {
    const Result<std::string> raw = hex_decode(bare_etag(part.etag));
    if (!raw || raw->size() != 16) return std::nullopt;
    md5.update(as_bytes(*raw));
  }
  return md5.finish().to_hex() + "-" + std::to_string(parts.size());
}

std::optional<Digest> whole_of(const std::vector<PartInfo>& parts) {
  std::optional<Digest> whole;
  for (const PartInfo& part : parts) {
    if (!part.checksum || !checksum_combines(part.checksum->algorithm())) return std::nullopt;
    if (!whole) {
      whole = part.checksum;
      continue;
    }
    if (whole->algorithm() != part.checksum->algorithm()) return std::nullopt;
    Result<Digest> longer = combine_digests(*whole, *part.checksum, part.size);
    if (!longer) return std::nullopt;
    whole = *longer;
  }
  return whole;
}

Result<Digest> digest_body(ChecksumAlgorithm algorithm, const Body& body) {
  Checksum checksum(algorithm);
  TRY_VOID(read_body(body, [&](Bytes bytes) {
    checksum.update(bytes);
    return Result<void>();
  }));
  return checksum.finish();
}

}  // namespace

Task<bool> is_same_content(ObjectInfo info, Body body, std::optional<Digest> announced,
                           bool etag_is_md5) {
  if (info.size != body.size) co_return false;
  if (const auto same = compare(info.checksum, announced)) co_return *same;
  ChecksumAlgorithm algorithm = ChecksumAlgorithm::kMd5;
  if (info.checksum && info.checksum->parts == 0) {
    algorithm = info.checksum->digest.algorithm();
  } else if (!etag_is_md5) {
    co_return false;
  }
  const Result<Digest> digest = co_await offload([&] { return digest_body(algorithm, body); });
  if (!digest) co_return false;
  if (algorithm == ChecksumAlgorithm::kMd5) co_return bare_etag(info.etag) == digest->to_hex();
  co_return info.checksum->digest == *digest;
}

bool is_same_content(const ObjectInfo& info, const std::vector<PartInfo>& parts,
                     const CompleteOptions& options, bool etag_is_md5) {
  if (etag_is_md5) {
    const std::optional<std::string> etag = multipart_etag(parts);
    if (etag && bare_etag(info.etag) == *etag) return true;
  }
  ByteCount size = 0;
  for (const PartInfo& part : parts) size += part.size;
  if (info.size != options.size.value_or(size)) return false;
  if (const auto same = compare(info.checksum, options.checksum)) return *same;
  return compare(info.checksum, whole_of(parts)).value_or(false);
}

bool is_same_content(const ObjectInfo& source, const ObjectInfo& copy) {
  if (source.size != copy.size) return false;
  if (source.checksum && copy.checksum &&
      source.checksum->digest.algorithm() == copy.checksum->digest.algorithm()) {
    return *source.checksum == *copy.checksum;
  }
  return same_etag(source.etag, copy.etag);
}

}  // namespace telpher
