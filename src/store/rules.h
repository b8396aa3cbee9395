#pragma once
// The rules of object storage that every backend of ours keeps: its errors in S3's words, what is
// computed over content, conditions, ranges, how parts become an object, how keys become a page.
// Pure functions and value objects; no I/O, no clock.
// Source: the S3 API reference.

#include "store/object_store.h"
#include "store/types.h"

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace telpher {

/// An error with S3's code and status. Permanent.
Error store_error(ErrorKind kind, std::string_view code, int http_status, std::string message);
Error no_such_bucket(std::string_view bucket);
Error no_such_key(std::string_view key);
Error no_such_upload(std::string_view upload_id);
/// The bytes fail their checksum. Temporary: the wire was at fault.
Error bad_digest(std::string_view what);
/// kUnsupported, "NotImplemented".
Error not_implemented(std::string_view what);

/// Without quotes around.
std::string_view bare_etag(std::string_view etag);
inline bool same_etag(std::string_view a, std::string_view b) {
  return bare_etag(a) == bare_etag(b);
}

/// The ETag of stores that keep no MD5: quoted, made of the checksum's name and value.
std::string checksum_etag(const Digest& checksum);

/// Both names. Errors: kInvalid.
Result<void> check_address(const ObjectAddress& object);

/// Digests content as it is written: the ETag, the checksum to keep, and whether the bytes are the
/// ones announced.
class ContentDigester {
 public:
  struct Options {
    bool md5_etag = true;  // else the ETag is made of the kept checksum
    ChecksumAlgorithm algorithm = ChecksumAlgorithm::kCrc64Nvme;  // to keep when none is expected
    std::optional<Digest> expected;
    std::string_view content_md5;  // base64
  };
  explicit ContentDigester(const Options& options);

  void update(Bytes bytes);

  struct Digests {
    std::string etag;  // quoted
    Digest checksum;   // by the algorithm asked for
  };
  /// Errors: kCorrupt ("BadDigest") when the bytes are not those announced; kInvalid for a
  /// content_md5 that is none.
  Result<Digests> finish();

 private:
  std::optional<Checksum> md5_;
  Checksum checksum_;
  std::optional<Checksum> other_;  // `expected` by another algorithm than the one to keep
  std::optional<Digest> expected_;
  std::string content_md5_;
  bool md5_etag_;
};

/// Refuses what `capabilities` lack: checksums, conditions. Errors: kUnsupported.
Result<void> check_put_options(const Capabilities& capabilities, const PutOptions& options);
/// Storage options of a store without encryption and access lists: only those that change nothing
/// are taken. Errors: kUnsupported, kInvalid (unknown storage class).
Result<void> check_storage_options(const StorageOptions& options);
/// Errors: kInvalid (user metadata above 2 KiB).
Result<void> check_metadata(const ObjectMetadata& metadata);
/// At most 10, keys of 1..128 characters, values up to 256. Errors: kInvalid.
Result<void> check_tags(const std::map<std::string, std::string>& tags);

/// @param etag  of the object that is there, empty = none
/// Errors: kPrecondition; kNotFound for if_match where nothing is.
Result<void> check_condition(const WriteCondition& condition, std::string_view key,
                             std::optional<std::string_view> etag);

/// The part of `range` that exists. Errors: kInvalid ("InvalidRange", 416) when it begins at or
/// after the end.
Result<ByteRange> resolve_range(const std::optional<ByteRange>& range, ByteCount size);

/// The range that CopyPart may take: whole inside. Errors: kInvalid.
Result<void> check_copy_range(ByteRange range, ByteCount size);

/// 1..parts_max. Errors: kInvalid.
Result<void> check_part_number(const Capabilities& capabilities, PartNumber number);

/// What Complete makes of the parts it names.
struct Assembly {
  ByteCount size = 0;
  std::string etag;
  std::optional<StoredChecksum> checksum;
};

/// Checks the parts named against those uploaded (`find` returns null for none) and joins their
/// digests.
/// @param algorithm  announced at create_upload; kNone = the store's default
/// Errors: kInvalid (empty list, order, InvalidPart, EntityTooSmall, unequal parts), kCorrupt
/// (options.checksum, options.size).
Result<Assembly> assemble_parts(const Capabilities& capabilities, ChecksumAlgorithm algorithm,
                                const std::vector<PartInfo>& named, const CompleteOptions& options,
                                const std::function<const PartInfo*(PartNumber)>& find);

/// One page of a listing. `next` returns the first entry whose key is at or after (or, with
/// `after`, after) the key given; nullopt at the end.
struct ListPosition {
  std::string key;
  bool after = false;
};
using ListCursor = std::function<Result<std::optional<ListEntry>>(const ListPosition&)>;
/// Errors: kInvalid (continuation of nobody's, max_keys below 0), those of `next`.
Result<ListPage> make_list_page(const ListOptions& options, const ListCursor& next);

/// The first string after all that begin with `prefix`; nullopt if there is none.
std::optional<std::string> after_prefix(std::string_view prefix);

}  // namespace telpher
