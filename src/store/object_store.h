#pragma once
// ObjectStore: what every backend (memory, local, S3) and every layer (retry, limit, metrics,
// chaos …) implements. Conveniences are free functions over it. An instance belongs to one loop.
//
// All calls: bucket names and keys are checked by the store (kInvalid). Common errors: kNotFound
// (bucket, key, upload id; context.code tells which: "NoSuchBucket", "NoSuchKey", "NoSuchUpload"),
// kDenied, kThrottled, kTimeout, kNetwork, kServer, kCancelled. Cancelling a write leaves it done
// or not done, never half; repeating is safe.
// Source: the S3 API reference, operation by operation.

#include "runtime/body.h"
#include "runtime/task.h"
#include "store/types.h"

#include <memory>

namespace telpher {

struct GetOptions {
  std::optional<ByteRange> range;  // empty = the whole object
  std::string if_match;            // ETag; kPrecondition when it is another
};

struct GetResult {
  ObjectInfo info;       // size is the whole object's
  ByteCount length = 0;  // of the body that follows
  std::unique_ptr<ByteReader> body;
};

struct PutOptions {
  ObjectMetadata metadata;
  StorageOptions storage;
  WriteCondition condition;
  /// Of the body. The store refuses other bytes with kCorrupt (temporary: the wire was at fault).
  std::optional<Digest> checksum;
  /// base64; sent to stores that know no other checksum. Empty = none.
  std::string content_md5;
  Tags tags;
  /// The checksum to keep when none is given; kNone = the store's default.
  ChecksumAlgorithm algorithm = ChecksumAlgorithm::kNone;
  /// A checksum that follows a stream: looked at once the body has been read; null or nullopt =
  /// none. As `checksum` otherwise, and of `algorithm`.
  const std::optional<Digest>* trailer = nullptr;
};

struct PutResult {
  std::string etag;
  std::string version_id;
  std::optional<StoredChecksum> checksum;  // as the store computed it
};

struct CreateUploadOptions {
  ObjectMetadata metadata;
  StorageOptions storage;
  /// Announced for the whole object; kNone = none.
  ChecksumAlgorithm checksum = ChecksumAlgorithm::kNone;
  /// The object's checksum is that of its parts' checksums, not of its bytes. Algorithms that do
  /// not combine (SHA) are composite anyway.
  bool composite = false;
  Tags tags;
};

/// As in PutOptions.
struct PutPartOptions {
  std::optional<Digest> checksum;
  std::string content_md5;
  const std::optional<Digest>* trailer = nullptr;
  ChecksumAlgorithm algorithm = ChecksumAlgorithm::kNone;  // of the trailer
};

struct CompleteOptions {
  WriteCondition condition;
  /// Of the object's bytes, or (`checksum_parts` > 0) composite over so many parts. The store
  /// refuses to complete (kCorrupt) when the parts differ from it.
  std::optional<Digest> checksum;
  int checksum_parts = 0;
  std::optional<ByteCount> size;
};

struct CopyOptions {
  std::optional<ObjectMetadata> metadata;  // set = replace, empty = copy
  std::optional<Tags> tags;                // set = replace, empty = copy
  StorageOptions storage;
  WriteCondition condition;
  std::string source_if_match;  // ETag
  /// The checksum to keep; kNone = as the source's.
  ChecksumAlgorithm algorithm = ChecksumAlgorithm::kNone;
};

struct ListOptions {
  std::string prefix;
  std::string delimiter;     // "/" = one level
  std::string start_after;   // keys after this one
  std::string continuation;  // from the page before
  int max_keys = 1000;
  bool versions = false;  // all versions and delete markers, of each key the newest first
};

struct ListEntry {
  std::string key;
  ByteCount size = 0;
  std::string etag;
  std::chrono::system_clock::time_point last_modified{};
  std::string storage_class;
  ChecksumAlgorithm checksum = ChecksumAlgorithm::kNone;  // kNone = none, or not said
  bool composite = false;                                 // the checksum is
  // Where versions were asked for:
  std::string version_id = {};  // "null" when it was written without versioning
  bool is_latest = true;
  bool delete_marker = false;  // no object: it says that there is none any more
};

struct ListPage {
  std::vector<ListEntry> objects;  // in byte order of keys
  std::vector<std::string> prefixes;
  std::string continuation;  // empty = the last page
};

struct PartsPage {
  std::vector<PartInfo> parts;  // by number
  PartNumber continuation = 0;  // 0 = the last page; else: part_number_marker of the next
  ChecksumAlgorithm checksum = ChecksumAlgorithm::kNone;  // announced; kNone = none, or not said
  bool composite = false;
  std::string storage_class;  // the upload's; empty = the store's default, or not said
};

struct UploadsPage {
  std::vector<UploadInfo> uploads;
  std::string key_marker;  // empty = the last page
  std::string upload_id_marker;
};

/// A key that remove_many() could not delete.
struct RemoveFailure {
  std::string key;
  Error error;
};

struct ListUploadsOptions {
  std::string prefix;
  std::string key_marker;
  std::string upload_id_marker;
  int max_uploads = 1000;  // 1..1000
};

class ObjectStore {
 public:
  virtual ~ObjectStore() = default;
  virtual const Capabilities& capabilities() const = 0;

  virtual Task<Result<ObjectInfo>> head(ObjectAddress object) = 0;
  virtual Task<Result<GetResult>> get(ObjectAddress object, GetOptions options) = 0;
  /// `options` stay the caller's and must outlive the task: they pass through every layer.
  /// Errors also: kPrecondition (condition), kConflict (409, repeat), kCorrupt (checksum).
  virtual Task<Result<PutResult>> put(ObjectAddress object, Body body,
                                      const PutOptions& options) = 0;
  /// Deleting what does not exist succeeds.
  /// @param if_match  only this ETag, or "*": only what exists; empty = whatever is there. Errors
  ///     then also: kPrecondition (another ETag), kNotFound (no object), kUnsupported.
  virtual Task<Result<void>> remove(ObjectAddress object, std::string if_match = {}) = 0;
  /// Deletes up to 1000 keys in one request. Returns those it could not delete; the others are
  /// gone. Source: S3 API, DeleteObjects.
  virtual Task<Result<std::vector<RemoveFailure>>> remove_many(std::string bucket,
                                                               std::vector<std::string> keys) = 0;
  /// Copies within this store, ≤ 5 GiB. Errors also: kPrecondition (source_if_match, condition).
  virtual Task<Result<PutResult>> copy(ObjectAddress from, ObjectAddress to,
                                       CopyOptions options) = 0;
  virtual Task<Result<ListPage>> list(std::string bucket, ListOptions options) = 0;

  /// Returns the upload id.
  virtual Task<Result<std::string>> create_upload(ObjectAddress object,
                                                  CreateUploadOptions options) = 0;
  /// Parts may run side by side, in any order; the last one sent for a number counts.
  virtual Task<Result<PartInfo>> put_part(ObjectAddress object, std::string upload_id,
                                          PartNumber number, Body body, PutPartOptions options) = 0;
  virtual Task<Result<PartInfo>> copy_part(ObjectAddress from, ByteRange range,
                                           ObjectAddress object, std::string upload_id,
                                           PartNumber number, std::string source_if_match) = 0;
  /// `parts` in ascending order. After a lost answer a repeat may say NoSuchUpload though the
  /// object is there: compare by head(). Errors also: kPrecondition, kConflict, kCorrupt, kInvalid.
  virtual Task<Result<PutResult>> complete(ObjectAddress object, std::string upload_id,
                                           std::vector<PartInfo> parts,
                                           CompleteOptions options) = 0;
  /// Ending what is gone already succeeds.
  virtual Task<Result<void>> abort(ObjectAddress object, std::string upload_id) = 0;
  virtual Task<Result<PartsPage>> list_parts(ObjectAddress object, std::string upload_id,
                                             PartNumber part_number_marker) = 0;
  virtual Task<Result<UploadsPage>> list_uploads(std::string bucket,
                                                 ListUploadsOptions options) = 0;

  virtual Task<Result<std::vector<BucketInfo>>> list_buckets() = 0;
  /// Creating one's own bucket again succeeds. Errors also: kConflict ("BucketAlreadyExists":
  /// somebody else's). `owner` is for stores that keep one (memory, local); others ignore it.
  virtual Task<Result<void>> create_bucket(std::string bucket, std::string owner = {}) = 0;
  virtual Task<Result<BucketInfo>> head_bucket(std::string bucket) = 0;
  /// Errors also: kConflict (BucketNotEmpty; permanent).
  virtual Task<Result<void>> remove_bucket(std::string bucket) = 0;

  virtual Task<Result<Tags>> tags(ObjectAddress object) = 0;
  virtual Task<Result<void>> set_tags(ObjectAddress object, Tags tags) = 0;
};

}  // namespace telpher
