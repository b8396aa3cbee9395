#pragma once
// The operations of an ObjectStore, and those an S3 endpoint has besides, by name: what layers
// count, limit and disturb.

#include <array>
#include <cstddef>
#include <string_view>

namespace telpher {

enum class Operation {
  kHeadObject,
  kGetObject,
  kPutObject,
  kDeleteObject,
  kDeleteObjects,
  kCopyObject,
  kListObjects,  // V2
  kListObjectsV1,
  kListObjectVersions,
  kCreateUpload,
  kPutPart,
  kCopyPart,
  kComplete,
  kAbort,
  kListParts,
  kListUploads,
  kListBuckets,
  kCreateBucket,
  kHeadBucket,
  kDeleteBucket,
  kGetTags,
  kSetTags,
  kDeleteTags,
  kGetAttributes,
  kGetBucketLocation,
  kOther,  // what clients ask an endpoint in passing
};

constexpr std::size_t kOperationCount = 26;

/// S3's words: "PutObject", "UploadPart" …
constexpr std::string_view to_string(Operation operation) {
  constexpr std::array<std::string_view, kOperationCount> kNames = {
      "HeadObject",
      "GetObject",
      "PutObject",
      "DeleteObject",
      "DeleteObjects",
      "CopyObject",
      "ListObjectsV2",
      "ListObjects",
      "ListObjectVersions",
      "CreateMultipartUpload",
      "UploadPart",
      "UploadPartCopy",
      "CompleteMultipartUpload",
      "AbortMultipartUpload",
      "ListParts",
      "ListMultipartUploads",
      "ListBuckets",
      "CreateBucket",
      "HeadBucket",
      "DeleteBucket",
      "GetObjectTagging",
      "PutObjectTagging",
      "DeleteObjectTagging",
      "GetObjectAttributes",
      "GetBucketLocation",
      "Other",
  };
  return kNames[static_cast<std::size_t>(operation)];
}

/// Whether a second run of the operation finds the store as the first left it, and so answers as if
/// it were the first. The others have their lost answers repaired (layers/retry).
constexpr bool is_read(Operation operation) {
  switch (operation) {
    case Operation::kHeadObject:
    case Operation::kGetObject:
    case Operation::kListObjects:
    case Operation::kListObjectsV1:
    case Operation::kListObjectVersions:
    case Operation::kListParts:
    case Operation::kListUploads:
    case Operation::kListBuckets:
    case Operation::kHeadBucket:
    case Operation::kGetTags:
    case Operation::kGetAttributes:
    case Operation::kGetBucketLocation:
    case Operation::kOther: return true;
    default: return false;
  }
}

}  // namespace telpher
