#pragma once
// The documents an S3 service answers with. Pure.
// Source: the S3 API reference, "Response Syntax" of each operation.

#include "s3/service/call.h"
#include "s3/service/refusals.h"
#include "s3/service/user.h"
#include "store/object_store.h"

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace telpher {

/// U+FFFE or U+FFFF at the start of `text`: letters of UTF-8 that XML has not.
bool is_noncharacter(std::string_view text);

/// Builds a document. What has to be escaped is escaped, control characters too.
class Xml {
 public:
  explicit Xml(std::string_view root);
  Xml& open(std::string_view name);
  Xml& close(std::string_view name);
  Xml& element(std::string_view name, std::string_view value);
  Xml& number(std::string_view name, std::uint64_t value);
  /// Closes the root and hands out the document.
  std::string finish();

 private:
  std::string root_;
  std::string text_;
};

/// "2009-10-12T17:50:30.000Z".
std::string xml_time(std::chrono::system_clock::time_point time);

/// Code and status that S3 gives an error of a store that names none.
std::string_view s3_code_of(const Error& error);
int http_status_of(const Error& error);
/// S3's words for it.
std::string message_of(const Error& error);

struct ErrorAnswer {
  const Error& error;
  const ErrorDetails& details;
  std::string_view resource;  // the path asked for
  const ObjectAddress& object;
  std::string_view request_id;
  std::string_view region;  // named when the error is about it
};
std::string error_document(const ErrorAnswer& answer);

/// What a listing was asked for, as it is repeated in the answer.
struct ListQuestion {
  ListOptions options;
  bool version_2 = true;
  bool encode_url = false;
  bool fetch_owner = false;
  std::string_view marker;  // v1, versions
};
std::string list_document(const std::string& bucket, const ListQuestion& question,
                          const ListPage& page, const S3User& owner);
/// Of a bucket without versioning: each object's only version is "null".
std::string versions_document(const std::string& bucket, const ListQuestion& question,
                              const ListPage& page, const S3User& owner);

struct UploadsQuestion {
  ListUploadsOptions options;
  std::string_view delimiter;
  bool encode_url = false;
};
struct UploadsAnswer {
  std::vector<UploadInfo> uploads;
  std::vector<std::string> prefixes;  // common to uploads, by the delimiter
  std::string key_marker;             // what the page ends with
  std::string upload_id_marker;
  bool truncated = false;
};
std::string uploads_document(const std::string& bucket, const UploadsQuestion& question,
                             const UploadsAnswer& answer, const S3User& owner);
std::string parts_document(const S3Call& call, int marker, int max_parts, const PartsPage& page,
                           const S3User& owner);
struct BucketsQuestion {
  std::string_view prefix;        // as asked for
  std::string_view continuation;  // of the next page; empty = the last page
  std::string_view region;        // told of each bucket; empty = not told
};
std::string buckets_document(std::span<const BucketInfo> buckets, const S3User& owner,
                             const BucketsQuestion& question);
std::string tagging_document(const Tags& tags);
std::string acl_document(const S3User& owner);
std::string delete_document(const std::vector<std::string>& deleted,
                            const std::vector<RemoveFailure>& failed);
std::string create_upload_document(const ObjectAddress& object, std::string_view upload_id);
std::string complete_document(const ObjectAddress& object, std::string_view location,
                              const PutResult& result);
/// CopyObjectResult, CopyPartResult.
std::string copy_document(std::string_view root, std::string_view etag,
                          std::chrono::system_clock::time_point time,
                          const std::optional<StoredChecksum>& checksum);

struct AttributesQuestion {
  bool etag = false, checksum = false, parts = false, storage_class = false, size = false;
  int max_parts = 1000;
  PartNumber marker = 0;
};
std::string attributes_document(const AttributesQuestion& question, const ObjectInfo& info);

/// "FULL_OBJECT" or "COMPOSITE".
std::string_view checksum_type(const StoredChecksum& checksum);
/// Base64, with "-N" behind it when it is composite.
std::string checksum_text(const StoredChecksum& checksum);

}  // namespace telpher
