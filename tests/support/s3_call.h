#pragma once
// A request to an S3 service as it arrived, taken apart; and the documents a service answers with.
// Pure. Path-style addresses only.

#include "base/result.h"
#include "codec/http_headers.h"
#include "store/object_store.h"
#include "store/operation.h"

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace telpher {

struct S3Call {
  Operation operation = Operation::kListBuckets;
  bool is_location = false;  // GetBucketLocation, which is no operation of a store
  ObjectAddress object;      // key and bucket may be empty
  std::vector<std::pair<std::string, std::string>> query;  // decoded

  /// "" when it is not there.
  std::string_view parameter(std::string_view name) const;
  bool has_parameter(std::string_view name) const;
};

/// Errors: kInvalid (encoding), kUnsupported ("NotImplemented": what is not spoken here, including
/// unknown subresources: they are never ignored).
Result<S3Call> parse_s3_call(std::string_view method, std::string_view target,
                             const Headers& headers);

/// Options as they stand in headers. Errors: kInvalid ("InvalidDigest", "InvalidRequest").
Result<PutOptions> parse_put_options(const Headers& headers);
Result<CreateUploadOptions> parse_create_options(const Headers& headers);
Result<std::map<std::string, std::string>> parse_tagging_header(const Headers& headers);
ObjectMetadata parse_metadata(const Headers& headers);
WriteCondition parse_condition(const Headers& headers);
/// The one checksum header that is there.
Result<std::optional<Digest>> parse_checksum_header(const Headers& headers);
/// "/bucket/key", encoded. Errors: kInvalid.
Result<ObjectAddress> parse_copy_source(std::string_view value);
/// The body of CompleteMultipartUpload. Errors: kInvalid ("MalformedXML").
Result<std::vector<PartInfo>> parse_part_list(std::string_view xml);
/// The body of DeleteObjects: its keys.
Result<std::vector<std::string>> parse_delete(std::string_view xml);
Result<std::map<std::string, std::string>> parse_tagging(std::string_view xml);

/// Code and status that S3 gives an error of a store that names none.
std::string_view s3_code_of(const Error& error);
int http_status_of(const Error& error);

/// What has to be escaped is escaped, control characters too.
class Xml {
 public:
  explicit Xml(std::string_view root);
  Xml& open(std::string_view name);
  Xml& close(std::string_view name);
  Xml& element(std::string_view name, std::string_view value);
  /// Closes the root and hands out the document.
  std::string finish();

 private:
  std::string root_;
  std::string text_;
};

std::string error_document(const Error& error, std::string_view request_id,
                           std::string_view region = {});
std::string list_document(const std::string& bucket, const ListOptions& options,
                          const ListPage& page);
std::string parts_document(const ObjectAddress& object, std::string_view upload_id,
                           const PartsPage& page);
std::string uploads_document(const std::string& bucket, const UploadsPage& page);
std::string delete_document(const std::vector<RemoveFailure>& failures);
std::string buckets_document(const std::vector<BucketInfo>& buckets);
std::string tagging_document(const std::map<std::string, std::string>& tags);
/// CompleteMultipartUploadResult, CopyObjectResult, CopyPartResult.
std::string write_document(std::string_view root, const ObjectAddress& object,
                           std::string_view etag, const std::optional<StoredChecksum>& checksum);

/// Adds x-amz-checksum-… and its type.
void add_checksum_headers(Headers& headers, const std::optional<StoredChecksum>& checksum);
void add_object_headers(Headers& headers, const ObjectInfo& info);

}  // namespace telpher
