#pragma once
// Requests of the S3 API, built but not signed: method, target, headers, body. Pure.
// Source: Amazon S3 API reference, one function per operation.

#include "s3/endpoint.h"
#include "s3/error_table.h"
#include "store/object_store.h"

#include <string>
#include <string_view>

namespace telpher {

/// How to speak to a store: what of its provider and of what has been learned matters here.
struct S3Dialect {
  bool checksums = true;  // x-amz-checksum-* headers may be sent
  int list_version = 2;
  bool quoted_if_match = true;
  std::string_view copy_if_match = "x-amz-copy-source-if-match";
};

struct S3Request {
  S3Target target;              // views of what the caller keeps
  HttpRequest http;             // its body is set by the sender: `payload`, or the caller's bytes
  std::string payload;          // an XML document, or empty
  bool sends_checksum = false;  // a refusal may be for that
};

// `route`, `object`, `key` and `upload_id` must outlive the request. Those that return a Result
// refuse metadata that cannot be sent as header fields: kInvalid.
namespace s3_request {

S3Request head_object(const BucketRoute& route, const ObjectAddress& object,
                      const S3Dialect& dialect);
S3Request get_object(const BucketRoute& route, const ObjectAddress& object,
                     const GetOptions& options, const S3Dialect& dialect);
Result<S3Request> put_object(const BucketRoute& route, std::string_view key,
                             const PutOptions& options, const S3Dialect& dialect);
S3Request delete_object(const BucketRoute& route, const ObjectAddress& object,
                        std::string_view if_match);
/// Answered with what could not be deleted only.
S3Request delete_objects(const BucketRoute& route, const std::vector<std::string>& keys);
Result<S3Request> copy_object(const ObjectAddress& from, const BucketRoute& route,
                              std::string_view key, const CopyOptions& options,
                              const S3Dialect& dialect);
S3Request list_objects(const BucketRoute& route, const ListOptions& options,
                       const S3Dialect& dialect);
S3Request list_versions(const BucketRoute& route, const ListOptions& options);

Result<S3Request> create_upload(const BucketRoute& route, std::string_view key,
                                const CreateUploadOptions& options, const S3Dialect& dialect);
S3Request put_part(const BucketRoute& route, std::string_view key, std::string_view upload_id,
                   PartNumber number, const PutPartOptions& options, const S3Dialect& dialect);
S3Request copy_part(const ObjectAddress& from, ByteRange range, const BucketRoute& route,
                    std::string_view key, std::string_view upload_id, PartNumber number,
                    std::string_view source_if_match, const S3Dialect& dialect);
S3Request complete_upload(const BucketRoute& route, std::string_view key,
                          std::string_view upload_id, const std::vector<PartInfo>& parts,
                          const CompleteOptions& options, const S3Dialect& dialect);
S3Request abort_upload(const BucketRoute& route, std::string_view key, std::string_view upload_id);
S3Request list_parts(const BucketRoute& route, std::string_view key, std::string_view upload_id,
                     PartNumber part_number_marker);
S3Request list_uploads(const BucketRoute& route, const ListUploadsOptions& options);

S3Request list_buckets(const BucketRoute& service);
/// @param location  LocationConstraint; empty = the endpoint's own region
S3Request create_bucket(const BucketRoute& route, std::string_view location);
S3Request head_bucket(const BucketRoute& route);
S3Request delete_bucket(const BucketRoute& route);

S3Request get_tags(const BucketRoute& route, const ObjectAddress& object);
S3Request put_tags(const BucketRoute& route, const ObjectAddress& object, const Tags& tags);

}  // namespace s3_request
}  // namespace telpher
