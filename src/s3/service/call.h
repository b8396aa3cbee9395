#pragma once
// A request to an S3 service as it arrived, taken apart: which operation on what. Pure.
// Source: the S3 API reference, "Actions"; S3 user guide, "Virtual hosting of general purpose
// buckets".

#include "base/result.h"
#include "codec/http_headers.h"
#include "s3/service/refusals.h"
#include "store/object_store.h"
#include "store/operation.h"

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace telpher {

struct S3Call {
  Operation operation = Operation::kOther;
  /// Of kOther: the subresource a client asks for in passing, "acl", "versioning" ….
  std::string subresource;
  ObjectAddress object;  // bucket and key are empty where none is meant
  std::vector<std::pair<std::string, std::string>> query;  // decoded
  bool is_read = false;                                    // GET or HEAD

  /// "" when it is not there.
  std::string_view parameter(std::string_view name) const;
  bool has_parameter(std::string_view name) const;
};

/// What stands before ".DOMAIN" in a Host header ("bucket.DOMAIN:port"); "" for none.
/// @param domains  in lower case
std::string_view bucket_of_host(std::string_view host, std::span<const std::string> domains);

/// "SERVICE", "BUCKET" or "OBJECT", as errors name it; the target need not be a sound one.
std::string resource_type(std::string_view target, const Headers& headers,
                          std::span<const std::string> domains);

/// @param host     the Host header: "bucket.DOMAIN:port" names a bucket, any other host none
/// @param domains  in lower case
/// Errors: kInvalid (bad percent-encoding; "MethodNotAllowed"), kUnsupported ("NotImplemented":
/// subresources that are not spoken here are never ignored).
Result<S3Call> parse_s3_call(std::string_view method, std::string_view target,
                             const Headers& headers, std::span<const std::string> domains);

/// A number in the query, `otherwise` when it is not there. Errors: kInvalid ("InvalidArgument").
Result<int> number_of(const S3Call& call, std::string_view name, int otherwise,
                      ErrorDetails& details);
/// encoding-type of a listing. Errors: kInvalid ("InvalidArgument").
Result<bool> wants_url_encoding(const S3Call& call, ErrorDetails& details);
/// partNumber, 1 to 10'000. Errors: kInvalid ("InvalidArgument").
Result<PartNumber> part_number_of(const S3Call& call, ErrorDetails& details);

/// The value of x-amz-copy-source: "/bucket/key", encoded, with or without "?versionId=null".
/// Errors: kInvalid.
Result<ObjectAddress> parse_copy_source(std::string_view value);

}  // namespace telpher
