#include "store/rules.h"

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

Error invalid_upload_id_marker() {
  return store_error(ErrorKind::kInvalid, "InvalidArgument", 400, "Invalid uploadId marker");
}

Error bad_digest(std::string_view what) {
  std::string message = "The Content-MD5 you specified did not match what we received.";
  if (what != "Content-MD5") {
    std::string name(what);
    for (char& c : name) {
      if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    }
    message = "The " + name + " you specified did not match the calculated checksum.";
  }
  Error error = store_error(ErrorKind::kCorrupt, "BadDigest", 400, std::move(message));
  error.persistence = Persistence::kTemporary;
  return error;
}

Error not_implemented(std::string_view what) {
  return store_error(ErrorKind::kUnsupported, "NotImplemented", 501,
                     "this store does not support " + std::string(what));
}

Error checksum_type_mismatch(ChecksumAlgorithm announced, ChecksumAlgorithm actual) {
  return store_error(ErrorKind::kInvalid, "InvalidRequest", 400,
                     "Checksum Type mismatch occurred, expected checksum Type: " +
                         std::string(to_string(announced)) +
                         ", actual checksum Type: " + std::string(to_string(actual)));
}

Error bucket_already_exists(std::string_view bucket) {
  return store_error(ErrorKind::kConflict, "BucketAlreadyExists", 409,
                     "the bucket '" + std::string(bucket) + "' belongs to somebody else");
}

Error illegal_copy() {
  return store_error(ErrorKind::kInvalid, "InvalidRequest", 400,
                     "This copy request is illegal because it is trying to copy an object to "
                     "itself without changing the object's metadata, storage class, website "
                     "redirect location or encryption attributes.");
}

std::string_view bare_etag(std::string_view etag) {
  if (etag.size() >= 2 && etag.front() == '"' && etag.back() == '"') {
    return etag.substr(1, etag.size() - 2);
  }
  return etag;
}

bool is_md5_etag(std::string_view etag) {
  const std::string_view bare = bare_etag(etag);
  return bare.size() == 32 && std::ranges::all_of(bare, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
         });
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
  TRY_VOID(check_key(object.key));
  if (object.version_id.empty() || object.version_id == "null") return {};
  return store_error(ErrorKind::kNotFound, "NoSuchVersion", 404,
                     "'" + object.key + "' has no version '" + object.version_id +
                         "': this store keeps no versions");
}

ContentDigester::ContentDigester(const Options& options)
    : checksum_(kept_algorithm(options)),
      expected_(options.expected),
      trailer_(options.trailer),
      content_md5_(options.content_md5),
      md5_etag_(options.md5_etag) {
  const bool md5_expected = expected_ && expected_->algorithm() == ChecksumAlgorithm::kMd5;
  if (md5_etag_ || !content_md5_.empty() || md5_expected) md5_.emplace(ChecksumAlgorithm::kMd5);
  ChecksumAlgorithm other = trailer_ ? options.trailer_algorithm : ChecksumAlgorithm::kNone;
  if (expected_ && !md5_expected) other = expected_->algorithm();
  if (other != ChecksumAlgorithm::kNone && other != checksum_.algorithm()) other_.emplace(other);
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
  Digest other;
  if (other_) other = other_->finish();
  const auto check = [&](const Digest& announced) -> Result<void> {
    for (const Digest* actual : {&digests.checksum, &other, &md5}) {
      if (*actual == announced) return {};
    }
    return bad_digest(to_string(announced.algorithm()));
  };
  if (expected_) TRY_VOID(check(*expected_));
  if (trailer_ && *trailer_) TRY_VOID(check(**trailer_));
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

ContentDigester::Options digester_options(const Capabilities& capabilities,
                                          const PutOptions& options) {
  const bool kept_is_given =
      options.checksum && options.checksum->algorithm() != ChecksumAlgorithm::kMd5;
  return {.md5_etag = capabilities.etag_is_md5,
          .algorithm = kept_is_given ? ChecksumAlgorithm::kNone : options.algorithm,
          .expected = options.checksum,
          .content_md5 = options.content_md5,
          .trailer = options.trailer,
          .trailer_algorithm = options.algorithm};
}

Result<ContentDigester::Options> digester_options(const Capabilities& capabilities,
                                                  const PutPartOptions& options,
                                                  ChecksumAlgorithm announced) {
  const bool has_checksum = options.checksum || options.algorithm != ChecksumAlgorithm::kNone;
  if (has_checksum && !capabilities.checksums) return not_implemented("checksum headers");
  ChecksumAlgorithm brought = options.algorithm;
  if (options.checksum) brought = options.checksum->algorithm();
  const bool counts = brought != ChecksumAlgorithm::kNone && brought != ChecksumAlgorithm::kMd5;
  if (announced != ChecksumAlgorithm::kNone && counts && brought != announced) {
    return checksum_type_mismatch(announced, brought);
  }
  return ContentDigester::Options{.md5_etag = capabilities.etag_is_md5,
                                  .algorithm = announced == ChecksumAlgorithm::kNone
                                                   ? ChecksumAlgorithm::kCrc64Nvme
                                                   : announced,
                                  .expected = options.checksum,
                                  .content_md5 = options.content_md5,
                                  .trailer = options.trailer,
                                  .trailer_algorithm = options.algorithm};
}

namespace {

Result<void> check_wanted_tags(const Capabilities& capabilities, const Tags& tags) {
  if (tags.empty()) return {};
  if (!capabilities.tagging) return not_implemented("tags");
  return check_tags(tags);
}

}  // namespace

Result<void> check_put_options(const Capabilities& capabilities, const PutOptions& options) {
  const bool has_checksum = options.checksum || options.algorithm != ChecksumAlgorithm::kNone;
  if (has_checksum && !capabilities.checksums) return not_implemented("checksum headers");
  if (options.condition.on_object() && !capabilities.conditional_writes) {
    return not_implemented("conditional writes");
  }
  TRY_VOID(check_wanted_tags(capabilities, options.tags));
  TRY_VOID(check_storage_options(options.storage));
  return check_metadata(options.metadata);
}

Result<void> check_create_options(const Capabilities& capabilities,
                                  const CreateUploadOptions& options) {
  if (options.checksum != ChecksumAlgorithm::kNone && !capabilities.checksums) {
    return not_implemented("checksum headers");
  }
  TRY_VOID(check_wanted_tags(capabilities, options.tags));
  TRY_VOID(check_storage_options(options.storage));
  return check_metadata(options.metadata);
}

Result<void> check_copy_options(const ObjectAddress& from, const ObjectAddress& to,
                                const CopyOptions& options) {
  TRY_VOID(check_storage_options(options.storage));
  if (options.metadata) TRY_VOID(check_metadata(*options.metadata));
  if (options.tags) TRY_VOID(check_tags(*options.tags));
  const bool changes = options.metadata || !options.storage.storage_class.empty() ||
                       options.algorithm != ChecksumAlgorithm::kNone;
  if (from == to && !changes) return illegal_copy();
  return {};
}

Result<void> check_key_count(std::size_t count) {
  if (count <= 1000) return {};
  return store_error(ErrorKind::kInvalid, "MalformedXML", 400,
                     "more than 1000 keys are to be deleted at once");
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

Result<void> check_tags(const Tags& tags) {
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
  if (condition.if_match != "*" && !same_etag(condition.if_match, *etag)) {
    return store_error(ErrorKind::kPrecondition, "PreconditionFailed", 412,
                       "the object with the key '" + std::string(key) + "' is another now");
  }
  return {};
}

Result<void> check_bucket_owner(const WriteCondition& condition, std::string_view owner) {
  if (!condition.bucket_owner || *condition.bucket_owner == owner) return {};
  return store_error(ErrorKind::kDenied, "AccessDenied", 403, "Access Denied");
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
    const Capabilities& capabilities, ChecksumAlgorithm announced,
    const std::vector<PartInfo>& named, const std::function<const PartInfo*(PartNumber)>& find) {
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
    // Of an upload that announced none the parts may have been proven by others than are kept.
    const bool kept =
        announced != ChecksumAlgorithm::kNone ||
        (checksum && part->checksum && checksum->algorithm() == part->checksum->algorithm());
    if (checksum && capabilities.checksums && kept && checksum != part->checksum) {
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

/// Of the whole where the algorithm combines and nothing else was asked for, else composite.
Result<StoredChecksum> join_checksums(ChecksumAlgorithm algorithm, bool composite_wanted,
                                      const std::vector<const PartInfo*>& parts) {
  if (checksum_combines(algorithm) && !composite_wanted) {
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

/// Is the object what the caller of Complete says it is?
Result<void> check_whole(const std::optional<StoredChecksum>& made, const Digest& announced,
                         int announced_parts) {
  const bool composite = announced_parts > 0;
  const bool comparable =
      made && made->digest.algorithm() == announced.algorithm() && (made->parts > 0) == composite;
  if (!comparable) {
    return store_error(ErrorKind::kInvalid, "InvalidRequest", 400,
                       "the upload was not created for a " +
                           std::string(composite ? "composite" : "full-object") + " checksum by " +
                           std::string(to_string(announced.algorithm())));
  }
  if (made->digest == announced && made->parts == announced_parts) return {};
  Error error = bad_digest(to_string(announced.algorithm()));
  error.persistence = Persistence::kPermanent;  // the parts themselves are wrong
  return error;
}

}  // namespace

Result<Assembly> assemble_parts(const Capabilities& capabilities, const CreateUploadOptions& upload,
                                const std::vector<PartInfo>& named, const CompleteOptions& options,
                                const std::function<const PartInfo*(PartNumber)>& find) {
  TRY(const std::vector<const PartInfo*> parts,
      resolve_parts(capabilities, upload.checksum, named, find));
  Assembly assembly;
  for (const PartInfo* part : parts) assembly.size += part->size;
  if (options.size && *options.size != assembly.size) {
    return store_error(ErrorKind::kCorrupt, "InvalidRequest", 400,
                       "the parts add up to " + std::to_string(assembly.size) + " bytes, not to " +
                           std::to_string(*options.size));
  }

  ChecksumAlgorithm algorithm = upload.checksum;
  if (algorithm == ChecksumAlgorithm::kNone) algorithm = ChecksumAlgorithm::kCrc64Nvme;
  const bool all_known = std::ranges::all_of(parts, [&](const PartInfo* part) {
    return part->checksum && part->checksum->algorithm() == algorithm;
  });
  if (all_known) {
    TRY(assembly.checksum, join_checksums(algorithm, upload.composite, parts));
  }
  if (options.checksum) {
    if (!capabilities.checksums) return not_implemented("checksum headers");
    TRY_VOID(check_whole(assembly.checksum, *options.checksum, options.checksum_parts));
  }
  auto kept = std::make_shared<std::vector<PartInfo>>();
  kept->reserve(parts.size());
  for (const PartInfo* part : parts) kept->push_back(*part);
  assembly.parts = std::move(kept);

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

}  // namespace telpher
