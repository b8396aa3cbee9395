#pragma once
// What S3-compatible services differ in, as data: a new one is a new row in provider.cc. Pure.

#include "codec/http_headers.h"
#include "store/types.h"

#include <string_view>

namespace telpher {

enum class Addressing {
  kPath,         // https://host/bucket/key
  kVirtualHost,  // https://bucket.host/key
};

struct Provider {
  std::string_view name;  // "AWS", "MinIO" …
  /// Endpoint hosts that end so belong to it; separated by blanks. Empty = known by its answers.
  std::string_view hosts;
  Addressing addressing = Addressing::kPath;
  /// When neither the user nor the host says ("s3.<region>.<host>").
  std::string_view region = "us-east-1";
  Capabilities capabilities;
  /// Refusals may be for the checksum headers until an answer has repeated one. (That they are
  /// heeded is believed of nobody without such an answer: many stores ignore what they do not know,
  /// and names are borrowed.)
  bool checksums_unproven = false;
  bool location_constraint = false;  // CreateBucket names the region
  int list_version = 2;

  // Quirks.
  std::string_view copy_if_match = "x-amz-copy-source-if-match";  // as the store calls it
  bool quoted_if_match = true;  // If-Match on PutObject takes ETags as they are given out
  /// UploadPartCopy heeds x-amz-copy-source-if-match and refuses ranges past the end.
  bool copy_part_checks = true;
  /// UploadPartCopy from a key with "%" works (it crashes the RADOS gateway 16).
  bool copy_part_from_percent_keys = true;
  /// CopyObject heeds x-amz-tagging-directive; else tags are set after the copy.
  bool copy_takes_tags = true;
  bool create_upload_takes_tags = true;
  /// Completing an upload that is gone answers NoSuchUpload, not InternalError.
  bool complete_tells_missing = true;
};

/// By the host of the endpoint; the unknown provider when no row fits.
const Provider& provider_of_host(std::string_view host);
/// By name, in any case (for settings); nullptr when there is none.
const Provider* provider_named(std::string_view name);
/// By an answer's Server header or the form of its request ids; nullptr when they tell nothing.
const Provider* provider_of_answer(const Headers& headers);
const Provider& unknown_provider();

/// "eu-west-1" from "s3.eu-west-1.amazonaws.com" and the like; else the provider's default.
std::string_view region_of_host(const Provider& provider, std::string_view host);

}  // namespace telpher
