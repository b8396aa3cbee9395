#include "store/rules.h"

#include "codec/base64.h"
#include "codec/hex.h"
#include "codec/utf8.h"

#include <algorithm>

namespace telpher {

Error store_error(ErrorKind kind, std::string_view code, int http_status, std::string message) {
  Error error = make_error(kind, std::move(message));
  error.context.code = code;
  error.context.http_status = http_status;
  return error;
}

Error no_such_bucket(std::string_view bucket) {
  return store_error(ErrorKind::kNotFound, "NoSuchBucket", 404,
                     "S3 bucket '" + std::string(bucket) + "' does not exist");
}

Error no_such_key(std::string_view key) {
  return store_error(ErrorKind::kNotFound, "NoSuchKey", 404,
                     "no object with the key '" + std::string(key) + "'");
}

Error no_such_upload(std::string_view upload_id) {
  return store_error(ErrorKind::kNotFound, "NoSuchUpload", 404,
                     "no multipart upload with the id '" + std::string(upload_id) + "'");
}

Error bad_digest(std::string_view what) {
  Error error =
      store_error(ErrorKind::kCorrupt, "BadDigest", 400,
                  "the bytes received do not match the " + std::string(what) + " announced");
  error.persistence = Persistence::kTemporary;
  return error;
}

Error not_implemented(std::string_view what) {
  return store_error(ErrorKind::kUnsupported, "NotImplemented", 501,
                     "this store does not support " + std::string(what));
}

std::string_view bare_etag(std::string_view etag) {
  if (etag.size() >= 2 && etag.front() == '"' && etag.back() == '"') {
    return etag.substr(1, etag.size() - 2);
  }
  return etag;
}

namespace {

std::string quoted(std::string_view text) { return '"' + std::string(text) + '"'; }

ChecksumAlgorithm kept_algorithm(const ContentDigester::Options& options) {
  if (options.algorithm != ChecksumAlgorithm::kNone) return options.algorithm;
  if (options.expected && options.expected->algorithm() != ChecksumAlgorithm::kMd5) {
    return options.expected->algorithm();
  }
  return ChecksumAlgorithm::kCrc64Nvme;
}

}  // namespace

std::string checksum_etag(const Digest& checksum) {
  return quoted(std::string(to_string(checksum.algorithm())) + "-" + checksum.to_hex());
}

Result<void> check_address(const ObjectAddress& object) {
  TRY_VOID(check_bucket_name(object.bucket));
  return check_key(object.key);
}

ContentDigester::ContentDigester(const Options& options)
    : checksum_(kept_algorithm(options)),
      expected_(options.expected),
      content_md5_(options.content_md5),
      md5_etag_(options.md5_etag) {
  const bool md5_expected = expected_ && expected_->algorithm() == ChecksumAlgorithm::kMd5;
  if (md5_etag_ || !content_md5_.empty() || md5_expected) md5_.emplace(ChecksumAlgorithm::kMd5);
  if (expected_ && !md5_expected && expected_->algorithm() != checksum_.algorithm()) {
    other_.emplace(expected_->algorithm());
  }
}

void ContentDigester::update(Bytes bytes) {
  checksum_.update(bytes);
  if (md5_) md5_->update(bytes);
  if (other_) other_->update(bytes);
}

Result<ContentDigester::Digests> ContentDigester::finish() {
  Digests digests;
  digests.checksum = checksum_.finish();
  Digest md5;
  if (md5_) md5 = md5_->finish();
  if (expected_) {
    Digest actual = digests.checksum;
    if (other_) actual = other_->finish();
    if (expected_->algorithm() == ChecksumAlgorithm::kMd5) actual = md5;
    if (actual != *expected_) return bad_digest(to_string(expected_->algorithm()));
  }
  if (!content_md5_.empty()) {
    const Result<Digest> announced = Digest::from_base64(ChecksumAlgorithm::kMd5, content_md5_);
    if (!announced) {
      return store_error(ErrorKind::kInvalid, "InvalidDigest", 400,
                         "Content-MD5 is not the base64 of an MD5 digest");
    }
    if (*announced != md5) return bad_digest("Content-MD5");
  }
  digests.etag = md5_etag_ ? quoted(md5.to_hex()) : checksum_etag(digests.checksum);
  return digests;
}

Result<void> check_put_options(const Capabilities& capabilities, const PutOptions& options) {
  if (options.checksum && !capabilities.checksums) return not_implemented("checksum headers");
  const bool conditional = options.condition.if_none_match || !options.condition.if_match.empty();
  if (conditional && !capabilities.conditional_writes) {
    return not_implemented("conditional writes");
  }
  TRY_VOID(check_storage_options(options.storage));
  return check_metadata(options.metadata);
}

Result<void> check_storage_options(const StorageOptions& options) {
  if (!options.server_side_encryption.empty() || !options.sse_kms_key_id.empty()) {
    return not_implemented("server-side encryption");
  }
  if (!options.acl.empty() && options.acl != "private" &&
      options.acl != "bucket-owner-full-control") {
    return not_implemented("access control lists");
  }
  constexpr std::string_view kClasses[] = {"",
                                           "STANDARD",
                                           "REDUCED_REDUNDANCY",
                                           "STANDARD_IA",
                                           "ONEZONE_IA",
                                           "INTELLIGENT_TIERING",
                                           "GLACIER",
                                           "DEEP_ARCHIVE",
                                           "GLACIER_IR"};
  if (std::ranges::find(kClasses, options.storage_class) == std::end(kClasses)) {
    return store_error(ErrorKind::kInvalid, "InvalidStorageClass", 400,
                       "unknown storage class '" + options.storage_class + "'");
  }
  return {};
}

Result<void> check_metadata(const ObjectMetadata& metadata) {
  std::size_t size = 0;
  for (const auto& [name, value] : metadata.user) size += name.size() + value.size();
  if (size > 2048) {
    return store_error(ErrorKind::kInvalid, "MetadataTooLarge", 400, "user metadata exceeds 2 KiB");
  }
  return {};
}

Result<void> check_tags(const std::map<std::string, std::string>& tags) {
  if (tags.size() > 10) {
    return store_error(ErrorKind::kInvalid, "BadRequest", 400, "an object has at most 10 tags");
  }
  for (const auto& [key, value] : tags) {
    if (key.empty() || utf8_length(key) > 128 || utf8_length(value) > 256) {
      return store_error(ErrorKind::kInvalid, "InvalidTag", 400,
                         "a tag's key is 1 to 128 characters long, its value at most 256");
    }
  }
  return {};
}

Result<void> check_condition(const WriteCondition& condition, std::string_view key,
                             std::optional<std::string_view> etag) {
  if (condition.if_none_match && etag) {
    return store_error(ErrorKind::kPrecondition, "PreconditionFailed", 412,
                       "an object with the key '" + std::string(key) + "' exists already");
  }
  if (condition.if_match.empty()) return {};
  if (!etag) return no_such_key(key);
  if (!same_etag(condition.if_match, *etag)) {
    return store_error(ErrorKind::kPrecondition, "PreconditionFailed", 412,
                       "the object with the key '" + std::string(key) + "' is another now");
  }
  return {};
}

Result<ByteRange> resolve_range(const std::optional<ByteRange>& range, ByteCount size) {
  if (!range) return ByteRange{0, size};
  if (range->offset >= size || range->length == 0) {
    return store_error(ErrorKind::kInvalid, "InvalidRange", 416,
                       "the range begins at " + std::to_string(range->offset) +
                           ", the object has " + std::to_string(size) + " bytes");
  }
  return ByteRange{range->offset, std::min(range->length, size - range->offset)};
}

Result<void> check_copy_range(ByteRange range, ByteCount size) {
  if (range.length == 0 || range.offset > size || range.length > size - range.offset) {
    return store_error(
        ErrorKind::kInvalid, "InvalidRange", 416,
        "the range to copy does not lie within the source's " + std::to_string(size) + " bytes");
  }
  return {};
}

Result<void> check_part_number(const Capabilities& capabilities, PartNumber number) {
  if (number >= 1 && number <= capabilities.parts_max) return {};
  return store_error(ErrorKind::kInvalid, "InvalidArgument", 400,
                     "part number " + std::to_string(number) + " is not within 1 to " +
                         std::to_string(capabilities.parts_max));
}

namespace {

Error invalid_part(PartNumber number) {
  return store_error(
      ErrorKind::kInvalid, "InvalidPart", 400,
      "part " + std::to_string(number) + " was not uploaded, or with another ETag or checksum");
}

/// Order, existence, ETags and sizes.
Result<std::vector<const PartInfo*>> resolve_parts(
    const Capabilities& capabilities, const std::vector<PartInfo>& named,
    const std::function<const PartInfo*(PartNumber)>& find) {
  if (named.empty()) {
    return store_error(ErrorKind::kInvalid, "MalformedXML", 400, "the list of parts is empty");
  }
  std::vector<const PartInfo*> parts;
  parts.reserve(named.size());
  for (std::size_t i = 0; i < named.size(); ++i) {
    if (i > 0 && named[i].number <= named[i - 1].number) {
      return store_error(ErrorKind::kInvalid, "InvalidPartOrder", 400,
                         "the parts are not in ascending order");
    }
    const PartInfo* part = find(named[i].number);
    if (!part || !same_etag(part->etag, named[i].etag)) return invalid_part(named[i].number);
    const std::optional<Digest>& checksum = named[i].checksum;
    if (checksum && part->checksum && checksum->algorithm() == part->checksum->algorithm() &&
        *checksum != *part->checksum) {
      return invalid_part(named[i].number);
    }
    parts.push_back(part);
  }
  for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
    if (parts[i]->size < capabilities.part_size_min) {
      return store_error(ErrorKind::kInvalid, "EntityTooSmall", 400,
                         "part " + std::to_string(parts[i]->number) + " has " +
                             std::to_string(parts[i]->size) + " bytes; the least is " +
                             std::to_string(capabilities.part_size_min));
    }
    if (capabilities.equal_parts && parts[i]->size != parts[0]->size) {
      return invalid_part(parts[i]->number);
    }
  }
  return parts;
}

/// Of the whole where the algorithm combines, else composite.
Result<StoredChecksum> join_checksums(ChecksumAlgorithm algorithm,
                                      const std::vector<const PartInfo*>& parts) {
  if (checksum_combines(algorithm)) {
    Digest whole = *parts[0]->checksum;
    for (std::size_t i = 1; i < parts.size(); ++i) {
      TRY(whole, combine_digests(whole, *parts[i]->checksum, parts[i]->size));
    }
    return StoredChecksum{whole, 0};
  }
  Checksum composite(algorithm);
  for (const PartInfo* part : parts) composite.update(part->checksum->bytes());
  return StoredChecksum{composite.finish(), static_cast<int>(parts.size())};
}

}  // namespace

Result<Assembly> assemble_parts(const Capabilities& capabilities, ChecksumAlgorithm algorithm,
                                const std::vector<PartInfo>& named, const CompleteOptions& options,
                                const std::function<const PartInfo*(PartNumber)>& find) {
  TRY(const std::vector<const PartInfo*> parts, resolve_parts(capabilities, named, find));
  Assembly assembly;
  for (const PartInfo* part : parts) assembly.size += part->size;
  if (options.size && *options.size != assembly.size) {
    return store_error(ErrorKind::kCorrupt, "InvalidRequest", 400,
                       "the parts add up to " + std::to_string(assembly.size) + " bytes, not to " +
                           std::to_string(*options.size));
  }

  if (algorithm == ChecksumAlgorithm::kNone) algorithm = ChecksumAlgorithm::kCrc64Nvme;
  const bool all_known = std::ranges::all_of(parts, [&](const PartInfo* part) {
    return part->checksum && part->checksum->algorithm() == algorithm;
  });
  if (all_known) {
    TRY(assembly.checksum, join_checksums(algorithm, parts));
  }
  if (options.checksum) {
    if (!capabilities.checksums) return not_implemented("checksum headers");
    const bool comparable =
        assembly.checksum &&
        assembly.checksum->digest.algorithm() == options.checksum->algorithm() &&
        (assembly.checksum->parts == 0 || parts.size() == 1);
    if (!comparable) {
      return store_error(ErrorKind::kInvalid, "InvalidRequest", 400,
                         "the upload was not created for a full-object checksum by " +
                             std::string(to_string(options.checksum->algorithm())));
    }
    if (assembly.checksum->digest != *options.checksum) {
      Error error = bad_digest(to_string(options.checksum->algorithm()));
      error.persistence = Persistence::kPermanent;  // the parts themselves are wrong
      return error;
    }
  }

  // Parts may have been sent while the store made other ETags.
  const bool md5_parts = std::ranges::all_of(
      parts, [](const PartInfo* part) { return bare_etag(part->etag).size() == 32; });
  if (capabilities.etag_is_md5 && md5_parts) {
    Checksum md5(ChecksumAlgorithm::kMd5);
    for (const PartInfo* part : parts) {
      TRY(const std::string raw, hex_decode(bare_etag(part->etag)));
      md5.update(as_bytes(raw));
    }
    assembly.etag = quoted(md5.finish().to_hex() + "-" + std::to_string(parts.size()));
  } else if (assembly.checksum) {
    assembly.etag = checksum_etag(assembly.checksum->digest);
    assembly.etag.insert(assembly.etag.size() - 1, "-" + std::to_string(parts.size()));
  }
  return assembly;
}

std::optional<std::string> after_prefix(std::string_view prefix) {
  std::string next(prefix);
  while (!next.empty() && next.back() == '\xff') next.pop_back();
  if (next.empty()) return std::nullopt;
  next.back() = static_cast<char>(static_cast<unsigned char>(next.back()) + 1);
  return next;
}

namespace {

// A continuation is the base64 of one letter and the key or common prefix that came last: opaque,
// and safe in URLs and XML once encoded.
constexpr char kAfterKey = 'k';
constexpr char kAfterPrefix = 'p';

std::string make_continuation(char kind, std::string_view last) {
  return base64_encode(as_bytes(kind + std::string(last)));
}

/// Where the page begins; nullopt = nothing can follow.
Result<std::optional<ListPosition>> first_position(const ListOptions& options) {
  ListPosition position{options.prefix, false};
  if (!options.continuation.empty()) {
    const Result<std::string> decoded = base64_decode(options.continuation);
    if (!decoded || decoded->empty() ||
        (decoded->front() != kAfterKey && decoded->front() != kAfterPrefix)) {
      return store_error(ErrorKind::kInvalid, "InvalidArgument", 400,
                         "the continuation token is not one of this store");
    }
    const std::string last = decoded->substr(1);
    if (decoded->front() == kAfterKey) return ListPosition{last, true};
    std::optional<std::string> next = after_prefix(last);
    if (!next) return std::nullopt;
    return ListPosition{*std::move(next), false};
  }
  if (options.start_after >= options.prefix && !options.start_after.empty()) {
    position = {options.start_after, true};
  }
  return position;
}

}  // namespace

Result<ListPage> make_list_page(const ListOptions& options, const ListCursor& next) {
  if (options.max_keys < 0) {
    return store_error(ErrorKind::kInvalid, "InvalidArgument", 400, "max-keys is negative");
  }
  const int limit = std::min(options.max_keys, 1000);
  ListPage page;
  TRY(std::optional<ListPosition> position, first_position(options));
  int count = 0;
  std::string last;  // the continuation if another entry follows
  while (limit > 0 && position) {
    TRY(std::optional<ListEntry> entry, next(*position));
    if (!entry || !entry->key.starts_with(options.prefix)) return page;
    const std::size_t cut = options.delimiter.empty()
                                ? std::string::npos
                                : entry->key.find(options.delimiter, options.prefix.size());
    if (cut != std::string::npos) {
      std::string prefix = entry->key.substr(0, cut + options.delimiter.size());
      std::optional<std::string> beyond = after_prefix(prefix);
      if (prefix != options.start_after || !options.continuation.empty()) {
        if (count == limit) break;
        last = make_continuation(kAfterPrefix, prefix);
        page.prefixes.push_back(std::move(prefix));
        ++count;
      }
      position.reset();
      if (beyond) position = ListPosition{*std::move(beyond), false};
      continue;
    }
    if (count == limit) break;
    last = make_continuation(kAfterKey, entry->key);
    position = ListPosition{entry->key, true};
    page.objects.push_back(*std::move(entry));
    ++count;
  }
  if (position) page.continuation = last;
  return page;
}

}  // namespace telpher
