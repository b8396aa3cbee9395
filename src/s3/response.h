#pragma once
// Answers of the S3 API, read into the types of store/. Pure. Bytes from outside: malformed XML is
// kProtocol (temporary: a proxy may have been at fault), never a crash.

#include "codec/http_headers.h"
#include "s3/error_table.h"
#include "store/object_store.h"

#include <string_view>

namespace telpher::s3_response {

/// Documents are read whole; a page of 1,000 keys of 1,024 encoded bytes stays below this.
constexpr std::size_t kDocumentBytesMax = 16 * 1024 * 1024;
/// Of an error answer.
constexpr std::size_t kErrorBytesMax = 64 * 1024;

/// Headers of HeadObject and GetObject. `size` is left for the caller, who knows about ranges.
ObjectInfo parse_object_info(const Headers& headers);
/// ETag, version and checksum of PutObject and UploadPart.
PutResult parse_put_headers(const Headers& headers);
/// "x-amz-checksum-*", whichever is there.
std::optional<StoredChecksum> parse_checksum_headers(const Headers& headers);
/// An error answer: code, message … from its <Error> document if there is one, the rest from the
/// headers. `now` is for Retry-After dates.
S3ErrorAnswer parse_error(int status, const Headers& headers, std::string_view body,
                          std::chrono::sys_seconds now);
/// Whether a body that came with 200 is an <Error> document in truth.
bool is_error_document(std::string_view body);
/// Whether a body is none of S3's: a web page, or no XML at all. Empty, or cut short, it may be.
bool is_no_document(std::string_view body);

struct ListAnswer {
  ListPage page;
  bool version1 = false;  // the store took no notice of list-type=2
};
Result<ListAnswer> parse_list(std::string_view xml);
/// Of ListObjectVersions; the continuation is as s3_request::list_versions() takes it.
Result<ListPage> parse_versions(std::string_view xml);
Result<std::string> parse_create_upload(std::string_view xml);
/// CopyObject and CompleteMultipartUpload: `operation`. `headers` give the version.
Result<PutResult> parse_write_document(std::string_view operation, std::string_view xml,
                                       const Headers& headers);
/// UploadPartCopy; number and size are the caller's to fill in.
Result<PartInfo> parse_copy_part(std::string_view xml);
Result<PartsPage> parse_parts(std::string_view xml);
Result<UploadsPage> parse_uploads(std::string_view xml);
/// DeleteObjects; errors as make_s3_error() words them, with `bucket`.
Result<std::vector<RemoveFailure>> parse_delete_result(std::string_view xml,
                                                       std::string_view bucket);
Result<std::vector<BucketInfo>> parse_buckets(std::string_view xml);
Result<Tags> parse_tags(std::string_view xml);

/// "2009-10-12T17:50:30.000Z"; nullopt when malformed.
std::optional<std::chrono::system_clock::time_point> parse_xml_time(std::string_view text);

}  // namespace telpher::s3_response
