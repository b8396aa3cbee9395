#pragma once
// The documents that clients send to S3, and the tags they send in a header. Made for hostile
// input: sizes, depth and counts are limited, document types, unknown entities, NUL and what is not
// UTF-8 are refused. Text is taken as it stands, blanks and control characters included, so that
// each key can be named. Pure functions.
// Source: the request bodies in the Amazon S3 API reference.

#include "base/result.h"
#include "store/types.h"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace telpher {

// Longer bodies are refused; whoever reads one off the wire stops there.
inline constexpr std::size_t kCompleteBytesMax = 4 * 1024 * 1024;  // 10,000 parts with checksums
inline constexpr std::size_t kDeleteBytesMax = 2 * 1024 * 1024;
inline constexpr std::size_t kSmallDocumentBytesMax = 64 * 1024;  // all others

// Errors of all: kInvalid with S3's code and status 400: MalformedXML (not well-formed, another
// root, something required is missing or is no number), MaxMessageLengthExceeded.

/// CompleteMultipartUpload: 1 to 10,000 parts in the order they came; whether they ascend and exist
/// is for the store to say. ETags as they came. Errors: also InvalidArgument (part number below 1,
/// a checksum that is none, or more than one).
Result<std::vector<PartInfo>> parse_complete_body(std::string_view xml);

struct DeleteTarget {
  std::string key;
  std::string version_id;
  std::string if_match;  // ETag; empty = unconditional
  std::string unspoken;  // an element that makes it conditional in a way not spoken here
};
struct DeleteBody {
  std::vector<DeleteTarget> objects;  // 1 to 1,000
  bool quiet = false;
};
/// Delete (DeleteObjects).
Result<DeleteBody> parse_delete_body(std::string_view xml);

/// Tagging of an object. Errors: also BadRequest (more than 10), InvalidTag (too long, reserved,
/// letters S3 does not take, the same key twice).
Result<Tags> parse_tagging_body(std::string_view xml);

/// x-amz-tagging: "k1=v1&k2=v2". Errors: as parse_tagging_body(); InvalidArgument (not
/// URL-encoded UTF-8, no key, the same key twice).
Result<Tags> parse_tagging_header(std::string_view value);

/// CreateBucketConfiguration: its LocationConstraint; "" without a body or without one.
/// Errors: kUnsupported (directory buckets, tags).
Result<std::string> parse_create_bucket_body(std::string_view xml);

}  // namespace telpher
