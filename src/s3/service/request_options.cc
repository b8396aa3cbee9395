#include "s3/service/request_options.h"

#include "codec/entity_tag.h"
#include "codec/http_date.h"
#include "codec/text.h"
#include "s3/service/aws_chunked.h"
#include "s3/service/refusals.h"
#include "s3/service/xml_request.h"

#include <algorithm>
#include <array>

namespace telpher {
namespace {

std::string field(const Headers& headers, std::string_view name) {
  return std::string(headers.find(name).value_or(""));
}

/// Without "aws-chunked", which is about the way here and not about the object; else as it came.
std::string content_encoding(const Headers& headers) {
  std::string sent(headers.joined("content-encoding").value_or(""));
  const std::string_view separator = sent.find(", ") == std::string::npos ? "," : ", ";
  std::string kept;
  bool is_chunked = false;
  for_each_list_item(sent, [&](std::string_view item) {
    if (iequals(item, "aws-chunked")) {
      is_chunked = true;
      return;
    }
    if (!kept.empty()) kept += separator;
    kept += item;
  });
  return is_chunked ? kept : sent;
}

ObjectMetadata parse_metadata(const Headers& headers) {
  ObjectMetadata metadata;
  metadata.content_type = field(headers, "content-type");
  metadata.content_encoding = content_encoding(headers);
  metadata.content_language = field(headers, "content-language");
  metadata.content_disposition = field(headers, "content-disposition");
  metadata.cache_control = field(headers, "cache-control");
  metadata.expires = field(headers, "expires");
  constexpr std::string_view kPrefix = "x-amz-meta-";
  for (const Header header : headers) {
    if (!istarts_with(header.name, kPrefix)) continue;
    std::string& value = metadata.user[to_lower(header.name.substr(kPrefix.size()))];
    if (!value.empty()) value += ",";  // repeated fields are one list
    value += header.value;
  }
  return metadata;
}

struct AnnouncedChecksum {
  Digest digest;
  int parts = 0;
};

/// The one checksum header that is there; composite ones are told by "-N".
Result<std::optional<AnnouncedChecksum>> parse_checksum_header(const Headers& headers) {
  std::optional<AnnouncedChecksum> found;
  for (const ChecksumAlgorithm algorithm : kS3Checksums) {
    const std::string_view name = checksum_header(algorithm);
    const auto value = headers.find(name);
    if (!value) continue;
    if (found || headers.count(name) > 1) {
      return invalid_request("Expecting a single x-amz-checksum- header.");
    }
    const std::size_t dash = std::min(value->find('-'), value->size());
    const auto digest = Digest::from_base64(algorithm, value->substr(0, dash));
    const auto parts = dash == value->size() ? std::optional(0u)
                                             : parse_decimal<unsigned>(value->substr(dash + 1));
    if (!digest || !parts || *parts > 10'000) {
      return invalid_request("Value for " + std::string(name) + " header is invalid.");
    }
    found = AnnouncedChecksum{*digest, static_cast<int>(*parts)};
  }
  return found;
}

Result<std::optional<Digest>> parse_full_checksum(const Headers& headers) {
  TRY(const std::optional<AnnouncedChecksum> checksum, parse_checksum_header(headers));
  if (!checksum) return std::nullopt;
  if (checksum->parts > 0) return invalid_request("A composite checksum is no object's or part's.");
  return checksum->digest;
}

/// nullopt when the header is not there.
Result<std::optional<ChecksumAlgorithm>> parse_algorithm(const Headers& headers,
                                                         std::string_view name) {
  const auto value = headers.find(name);
  if (!value) return std::nullopt;
  for (const ChecksumAlgorithm algorithm : kS3Checksums) {
    if (iequals(*value, checksum_s3_name(algorithm))) return algorithm;
  }
  return invalid_request(
      "Checksum algorithm provided is unsupported. Please try again with any of the valid types: "
      "[CRC32, CRC32C, CRC64NVME, SHA1, SHA256]");
}

Result<std::string> parse_content_md5(const Headers& headers) {
  const auto value = headers.find("content-md5");
  if (!value) return std::string();
  if (!Digest::from_base64(ChecksumAlgorithm::kMd5, *value)) {
    return store_error(ErrorKind::kInvalid, "InvalidDigest", 400,
                       "The Content-MD5 you specified was invalid.");
  }
  return std::string(*value);
}

/// What x-amz-sdk-checksum-algorithm promises must come in a header or a trailer.
Result<void> check_promised_checksum(const Headers& headers, const std::optional<Digest>& checksum,
                                     ChecksumAlgorithm trailer) {
  TRY(const auto promised, parse_algorithm(headers, "x-amz-sdk-checksum-algorithm"));
  if (!promised) return {};
  const ChecksumAlgorithm given = checksum ? checksum->algorithm() : trailer;
  if (given == ChecksumAlgorithm::kNone && !headers.contains("content-md5")) {
    return invalid_request(
        "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or "
        "x-amz-trailer headers were found.");
  }
  if (given != ChecksumAlgorithm::kNone && given != *promised) {
    return invalid_request("Value for x-amz-sdk-checksum-algorithm header is invalid.");
  }
  return {};
}

Result<StorageOptions> parse_storage(const Headers& headers) {
  StorageOptions storage;
  storage.storage_class = field(headers, "x-amz-storage-class");
  if (storage.storage_class == "STANDARD") storage.storage_class.clear();
  storage.acl = field(headers, "x-amz-acl");
  return storage;
}

Result<Tags> parse_tags(const Headers& headers) {
  const auto value = headers.find("x-amz-tagging");
  if (!value) return Tags();
  return parse_tagging_header(*value);
}

bool is_replace(const Headers& headers, std::string_view directive) {
  return iequals(headers.find(directive).value_or(""), "REPLACE");
}

Result<void> check_directive(const Headers& headers, std::string_view name) {
  const std::string_view value = headers.find(name).value_or("COPY");
  if (value == "COPY" || value == "REPLACE") return {};
  return invalid_argument(name == "x-amz-metadata-directive" ? "Unknown metadata directive."
                                                             : "Unknown tagging directive.");
}

}  // namespace

Result<WriteCondition> parse_write_condition(const Headers& headers) {
  WriteCondition condition;
  if (const auto none_match = headers.find("if-none-match")) {
    if (*none_match != "*") {
      return not_implemented("If-None-Match on a write with anything but \"*\"");
    }
    condition.if_none_match = true;
  }
  if (const auto match = headers.find("if-match")) {
    // An empty one names no object: it must not mean any.
    if (match->empty()) return precondition_failed();
    condition.if_match = *match;
  }
  if (condition.if_none_match && !condition.if_match.empty()) {
    return not_implemented("If-Match and If-None-Match on one write");
  }
  return condition;
}

Result<void> check_headers_are_spoken(const Headers& headers) {
  constexpr std::array<std::string_view, 7> kRefused = {
      "x-amz-server-side-encryption", "x-amz-copy-source-server-side-encryption",
      "x-amz-object-lock-",           "x-amz-grant-",
      "x-amz-website-redirect-",      "x-amz-write-offset-bytes",
      "x-amz-bucket-object-lock-"};
  for (const Header header : headers) {
    if (!istarts_with(header.name, "x-amz-")) continue;
    if (header.value == "false") continue;  // a lock that is not wanted
    for (const std::string_view refused : kRefused) {
      if (istarts_with(header.name, refused)) return header_not_implemented(header.name);
    }
  }
  return {};
}

Result<void> check_canned_acl(const Headers& headers) {
  const auto acl = headers.find("x-amz-acl");
  if (!acl || *acl == "private" || *acl == "bucket-owner-full-control") return {};
  constexpr std::string_view kOthers[] = {"public-read",        "public-read-write",
                                          "aws-exec-read",      "authenticated-read",
                                          "log-delivery-write", "bucket-owner-read"};
  if (std::ranges::find(kOthers, *acl) != std::end(kOthers))
    return header_not_implemented("x-amz-acl");
  return store_error(ErrorKind::kInvalid, "InvalidArgument", 400,
                     "'" + std::string(*acl) + "' is no canned ACL.");
}

Result<void> check_read_is_plain(const Headers& headers) {
  for (const Header header : headers) {
    if (istarts_with(header.name, "x-amz-server-side-encryption")) {
      return invalid_request("The encryption parameters are not applicable to this object.");
    }
  }
  return {};
}

Result<void> check_length_is_said(const Headers& headers) {
  if (headers.contains("content-length") || headers.contains("transfer-encoding")) return {};
  return store_error(ErrorKind::kInvalid, "MissingContentLength", 411,
                     "You must provide the Content-Length HTTP header.");
}

namespace {

/// A body has one checksum: in a header or in a trailer.
Result<void> check_one_checksum(const std::optional<Digest>& header, ChecksumAlgorithm trailer) {
  if (!header || trailer == ChecksumAlgorithm::kNone) return {};
  return invalid_request(
      "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.");
}

}  // namespace

Result<PutOptions> parse_put_options(const Headers& headers) {
  TRY_VOID(check_headers_are_spoken(headers));
  PutOptions options;
  options.metadata = parse_metadata(headers);
  TRY_VOID(check_canned_acl(headers));
  TRY(options.storage, parse_storage(headers));
  TRY(options.condition, parse_write_condition(headers));
  TRY(options.checksum, parse_full_checksum(headers));
  TRY(options.content_md5, parse_content_md5(headers));
  TRY(options.tags, parse_tags(headers));
  TRY(options.algorithm, announced_trailer(headers));
  TRY_VOID(check_one_checksum(options.checksum, options.algorithm));
  TRY_VOID(check_promised_checksum(headers, options.checksum, options.algorithm));
  return options;
}

Result<PutPartOptions> parse_part_options(const Headers& headers) {
  TRY_VOID(check_headers_are_spoken(headers));
  PutPartOptions options;
  TRY(options.checksum, parse_full_checksum(headers));
  TRY(options.content_md5, parse_content_md5(headers));
  TRY(options.algorithm, announced_trailer(headers));
  TRY_VOID(check_one_checksum(options.checksum, options.algorithm));
  TRY_VOID(check_promised_checksum(headers, options.checksum, options.algorithm));
  return options;
}

Result<CreateUploadOptions> parse_create_options(const Headers& headers) {
  TRY_VOID(check_headers_are_spoken(headers));
  CreateUploadOptions options;
  options.metadata = parse_metadata(headers);
  TRY_VOID(check_canned_acl(headers));
  TRY(options.storage, parse_storage(headers));
  TRY(options.tags, parse_tags(headers));
  TRY(const auto algorithm, parse_algorithm(headers, "x-amz-checksum-algorithm"));
  options.checksum = algorithm.value_or(ChecksumAlgorithm::kNone);
  const auto type = headers.find("x-amz-checksum-type");
  if (type && *type != "COMPOSITE" && *type != "FULL_OBJECT") {
    return invalid_request("Value for x-amz-checksum-type header is invalid.");
  }
  if (type && !algorithm) {
    return invalid_request(
        "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm "
        "header.");
  }
  const bool only_full = options.checksum == ChecksumAlgorithm::kCrc64Nvme;
  const bool only_composite = algorithm && !checksum_combines(options.checksum);
  if ((type == "COMPOSITE" && only_full) || (type == "FULL_OBJECT" && only_composite)) {
    return invalid_request("The " + std::string(*type) + " checksum type cannot be used with the " +
                           std::string(to_string(options.checksum)) + " checksum algorithm.");
  }
  options.composite = algorithm && !only_full && type != "FULL_OBJECT";
  return options;
}

Result<CopyOptions> parse_copy_options(const Headers& headers) {
  TRY_VOID(check_headers_are_spoken(headers));
  TRY_VOID(check_directive(headers, "x-amz-metadata-directive"));
  TRY_VOID(check_directive(headers, "x-amz-tagging-directive"));
  CopyOptions options;
  if (is_replace(headers, "x-amz-metadata-directive")) options.metadata = parse_metadata(headers);
  if (is_replace(headers, "x-amz-tagging-directive")) {
    TRY(options.tags, parse_tags(headers));
  }
  TRY_VOID(check_canned_acl(headers));
  TRY(options.storage, parse_storage(headers));
  TRY(options.condition, parse_write_condition(headers));
  TRY(const auto algorithm, parse_algorithm(headers, "x-amz-checksum-algorithm"));
  options.algorithm = algorithm.value_or(ChecksumAlgorithm::kNone);
  return options;
}

Result<CompleteOptions> parse_complete_options(const Headers& headers) {
  TRY_VOID(check_headers_are_spoken(headers));
  CompleteOptions options;
  TRY(options.condition, parse_write_condition(headers));
  TRY(const auto checksum, parse_checksum_header(headers));
  if (checksum) {
    options.checksum = checksum->digest;
    options.checksum_parts = checksum->parts;
  }
  if (const auto text = headers.find("x-amz-mp-object-size")) {
    options.size = parse_decimal<ByteCount>(*text);
    if (!options.size) return invalid_request("Value for x-amz-mp-object-size header is invalid.");
  }
  return options;
}

ReadConditions parse_read_conditions(const Headers& headers, std::chrono::sys_seconds now,
                                     std::string_view prefix) {
  const std::string start(prefix);
  const auto date = [&](std::string_view name) -> std::optional<std::chrono::sys_seconds> {
    const auto text = headers.find(start + std::string(name));
    if (!text) return std::nullopt;
    return parse_http_date(*text);  // what is no date is no condition (RFC 9110 §13.1.3)
  };
  auto modified_since = date("if-modified-since");
  if (modified_since && *modified_since > now) modified_since.reset();
  return {headers.find(start + "if-match"), headers.find(start + "if-none-match"), modified_since,
          date("if-unmodified-since")};
}

bool range_is_wanted(const Headers& headers, const ObjectInfo& info) {
  const auto validator = headers.find("if-range");
  if (!validator) return true;
  if (const auto date = parse_http_date(*validator)) {
    return *date == std::chrono::floor<std::chrono::seconds>(info.last_modified);
  }
  const auto wanted = parse_entity_tag(*validator);
  const auto current = parse_entity_tag(info.etag);
  return wanted && current && strong_match(*wanted, *current);
}

ConditionOutcome evaluate(const ReadConditions& conditions, const ObjectInfo& info) {
  const auto etag = parse_entity_tag(info.etag);
  const auto modified = std::chrono::floor<std::chrono::seconds>(info.last_modified);
  if (conditions.match) {
    if (!if_match_holds(*conditions.match, etag)) return ConditionOutcome::kFails;
  } else if (conditions.unmodified_since && modified > *conditions.unmodified_since) {
    return ConditionOutcome::kFails;
  }
  if (conditions.none_match) {
    if (!if_none_match_holds(*conditions.none_match, etag)) return ConditionOutcome::kNotModified;
  } else if (conditions.modified_since && modified <= *conditions.modified_since) {
    return ConditionOutcome::kNotModified;
  }
  return ConditionOutcome::kHolds;
}

}  // namespace telpher
