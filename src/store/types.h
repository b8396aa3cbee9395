#pragma once
// The nouns of object storage.

#include "base/bytes.h"
#include "base/result.h"
#include "codec/checksum.h"

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace telpher {

/// A bucket and a key in it. The key is 1..1024 bytes of UTF-8 and never a path.
struct ObjectAddress {
  std::string bucket;
  std::string key;
  /// Of what is read or removed: this version of it; empty = the current one. Where an object is
  /// written it is empty. Stores without versions know "null" only (else kNotFound NoSuchVersion).
  std::string version_id = {};
  bool operator==(const ObjectAddress&) const = default;
};

/// 3–63 of [a-z0-9.-], alphanumeric ends, no "..", not IPv4-shaped, no "xn--" prefix, no
/// "-s3alias" suffix. Errors: kInvalid, saying which rule. Source: S3 bucket naming rules.
Result<void> check_bucket_name(std::string_view bucket);
/// 1..1024 bytes of UTF-8. Errors: kInvalid.
Result<void> check_key(std::string_view key);

/// 1..10'000.
using PartNumber = int;

/// A checksum as a store keeps it.
struct StoredChecksum {
  Digest digest;
  int parts = 0;  // 0 = of the object's bytes; else composite: of the digests of so many parts
  bool operator==(const StoredChecksum&) const = default;
};

/// What travels with an object's bytes.
struct ObjectMetadata {
  std::string content_type;
  std::string content_encoding;
  std::string content_language;
  std::string content_disposition;
  std::string cache_control;
  std::string expires;
  std::map<std::string, std::string> user;  // x-amz-meta-*, names in lower case
  bool operator==(const ObjectMetadata&) const = default;
};

/// What an object had, with what somebody wants changed.
ObjectMetadata merged(ObjectMetadata metadata, const ObjectMetadata& wanted);

/// How an object is to be stored. Empty = the store's default. Stores without the ability refuse
/// with kUnsupported.
struct StorageOptions {
  std::string storage_class;
  std::string server_side_encryption;  // "AES256", "aws:kms"
  std::string sse_kms_key_id;
  std::string acl;
  bool operator==(const StorageOptions&) const = default;
};

/// Conditions on a write. At most one of the first two is set.
struct WriteCondition {
  bool if_none_match = false;  // only if no such object exists: If-None-Match: *
  std::string if_match;        // only over this ETag
  /// Only while the bucket belongs to this user: it may be another's by the time a long body ends.
  /// For stores that keep owners.
  std::optional<std::string> bucket_owner;
  /// Whether it depends on what object is there.
  bool on_object() const { return if_none_match || !if_match.empty(); }
};

struct PartInfo {
  PartNumber number = 0;
  ByteCount size = 0;
  std::string etag;
  std::optional<Digest> checksum;
  std::chrono::system_clock::time_point last_modified{};  // epoch = not known
};

struct ObjectInfo {
  ByteCount size = 0;
  std::string etag;  // with its quotes, as the store gave it
  std::chrono::system_clock::time_point last_modified{};
  ObjectMetadata metadata;
  std::string storage_class;
  std::string version_id;
  std::optional<StoredChecksum> checksum;
  int tag_count = 0;
  /// Numbers, sizes and checksums of the parts it was completed from, in their order; null when it
  /// was put whole, or when the store does not say.
  std::shared_ptr<const std::vector<PartInfo>> parts;
};

/// Object tags: key to value.
using Tags = std::map<std::string, std::string>;

struct UploadInfo {
  std::string key;
  std::string upload_id;
  std::chrono::system_clock::time_point initiated{};
  std::string storage_class;
  ChecksumAlgorithm checksum = ChecksumAlgorithm::kNone;  // announced; kNone = the store's default
  bool composite = false;
};

struct BucketInfo {
  std::string name;
  std::chrono::system_clock::time_point created{};
  std::string owner;  // id of the user it belongs to; empty = nobody in particular
};

/// What a store can do: data, not code.
struct Capabilities {
  ByteCount part_size_min = 5 * 1024 * 1024;
  ByteCount part_size_max = 5ULL << 30;
  int parts_max = 10'000;
  ByteCount put_size_max = 5ULL << 30;
  bool equal_parts = false;  // all parts but the last must have one size (R2)
  bool checksums = true;     // takes and returns x-amz-checksum-* (crc64nvme, crc32c …)
  bool etag_is_md5 = true;   // of a plain PUT and of each part
  bool conditional_writes = true;
  bool conditional_complete = true;
  bool conditional_removes = true;
  bool partial_complete = true;  // complete() may leave out parts that were sent
  bool server_side_copy = true;
  bool tagging = true;
  bool counts_bodies = false;  // sends over a network, and tells Body::count how far it is
};

}  // namespace telpher
