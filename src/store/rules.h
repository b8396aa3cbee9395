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
Error invalid_upload_id_marker();
/// The bytes fail their checksum. Temporary: the wire was at fault.
Error bad_digest(std::string_view what);
/// kUnsupported, "NotImplemented".
Error not_implemented(std::string_view what);
/// A part brings a checksum by another algorithm than its upload announced.
Error checksum_type_mismatch(ChecksumAlgorithm announced, ChecksumAlgorithm actual);
/// Somebody else's bucket.
Error bucket_already_exists(std::string_view bucket);
/// A copy onto itself that would change nothing.
Error illegal_copy();

/// Without quotes around.
std::string_view bare_etag(std::string_view etag);
inline bool same_etag(std::string_view a, std::string_view b) {
  return bare_etag(a) == bare_etag(b);
}

/// Whether an ETag looks like the MD5 of an object's bytes: 32 hexadecimal digits. Encrypted
/// objects may have others that do: equal ones prove equality, different ones prove nothing.
bool is_md5_etag(std::string_view etag);

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
    /// Known once the bytes have come; null or nullopt = none.
    const std::optional<Digest>* trailer = nullptr;
    ChecksumAlgorithm trailer_algorithm = ChecksumAlgorithm::kNone;
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
  /// `expected` or the trailer, by another algorithm than the one to keep.
  std::optional<Checksum> other_;
  std::optional<Digest> expected_;
  const std::optional<Digest>* trailer_;
  std::string content_md5_;
  bool md5_etag_;
};

/// What put() has to compute. The checksum that is kept is the one given, else the one asked for.
ContentDigester::Options digester_options(const Capabilities& capabilities,
                                          const PutOptions& options);
/// What put_part() has to compute.
/// @param announced  by the upload; kNone = the store's default
/// Errors: kInvalid ("InvalidRequest": the part brings another), kUnsupported.
Result<ContentDigester::Options> digester_options(const Capabilities& capabilities,
                                                  const PutPartOptions& options,
                                                  ChecksumAlgorithm announced);

/// Refuses what `capabilities` lack: checksums, conditions, tags. Errors: kUnsupported, kInvalid.
Result<void> check_put_options(const Capabilities& capabilities, const PutOptions& options);
/// Storage options of a store without encryption and access lists: only those that change nothing
/// are taken. Errors: kUnsupported, kInvalid (unknown storage class).
Result<void> check_storage_options(const StorageOptions& options);
/// Errors: kInvalid (user metadata above 2 KiB).
Result<void> check_metadata(const ObjectMetadata& metadata);
/// At most 10, keys of 1..128 characters, values up to 256. Errors: kInvalid.
Result<void> check_tags(const Tags& tags);
/// Storage options, metadata, tags, checksums. Errors: kUnsupported, kInvalid.
Result<void> check_create_options(const Capabilities& capabilities,
                                  const CreateUploadOptions& options);
/// The same, and that something is changed when an object is copied onto itself.
Result<void> check_copy_options(const ObjectAddress& from, const ObjectAddress& to,
                                const CopyOptions& options);
/// Of one DeleteObjects. Errors: kInvalid (more than 1000).
Result<void> check_key_count(std::size_t count);

/// @param etag  of the object that is there, empty = none
/// Errors: kPrecondition; kNotFound for if_match where nothing is.
Result<void> check_condition(const WriteCondition& condition, std::string_view key,
                             std::optional<std::string_view> etag);

/// @param owner  of the bucket that is there
/// Errors: kDenied ("AccessDenied").
Result<void> check_bucket_owner(const WriteCondition& condition, std::string_view owner);

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
  std::shared_ptr<const std::vector<PartInfo>> parts;
};

/// Checks the parts named against those uploaded (`find` returns null for none) and joins their
/// digests.
/// @param upload  as it was created: which checksum, composite or of the whole
/// Errors: kInvalid (empty list, order, InvalidPart, EntityTooSmall, unequal parts), kCorrupt
/// (options.checksum, options.size).
Result<Assembly> assemble_parts(const Capabilities& capabilities, const CreateUploadOptions& upload,
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
