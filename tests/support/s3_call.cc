#include "tests/support/s3_call.h"

#include "codec/percent.h"
#include "codec/text.h"

#include <pugixml.hpp>

#include <algorithm>
#include <array>

namespace telpher {
namespace {

constexpr std::array kAlgorithms = {ChecksumAlgorithm::kCrc64Nvme, ChecksumAlgorithm::kCrc32c,
                                    ChecksumAlgorithm::kCrc32, ChecksumAlgorithm::kSha256,
                                    ChecksumAlgorithm::kSha1};

Error coded(ErrorKind kind, std::string_view code, int status, std::string message) {
  Error error = make_error(kind, std::move(message));
  error.context.code = code;
  error.context.http_status = status;
  return error;
}

Error not_spoken_here() {
  return coded(ErrorKind::kUnsupported, "NotImplemented", 501,
               "A header or query you provided implies functionality that is not implemented");
}

/// Parameters that change nothing about which operation is meant.
bool is_plain_parameter(std::string_view name) {
  constexpr std::array<std::string_view, 16> kPlain = {
      "x-id",        "list-type",  "prefix",
      "delimiter",   "marker",     "continuation-token",
      "start-after", "max-keys",   "encoding-type",
      "fetch-owner", "key-marker", "upload-id-marker",
      "max-uploads", "max-parts",  "part-number-marker",
      "versionId"};
  return istarts_with(name, "X-Amz-") || istarts_with(name, "response-") ||
         std::find(kPlain.begin(), kPlain.end(), name) != kPlain.end();
}

Result<std::vector<std::pair<std::string, std::string>>> parse_query(std::string_view query) {
  std::vector<std::pair<std::string, std::string>> parameters;
  while (!query.empty()) {
    const std::size_t end = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    const std::size_t equals = std::min(pair.find('='), pair.size());
    TRY(std::string name, form_decode(pair.substr(0, equals)));
    TRY(std::string value, form_decode(pair.substr(std::min(equals + 1, pair.size()))));
    parameters.emplace_back(std::move(name), std::move(value));
  }
  return parameters;
}

Result<Operation> bucket_operation(std::string_view method, const S3Call& call) {
  if (method == "PUT") return Operation::kCreateBucket;
  if (method == "HEAD") return Operation::kHeadBucket;
  if (method == "DELETE") return Operation::kDeleteBucket;
  if (method == "POST" && call.has_parameter("delete")) return Operation::kDeleteObjects;
  if (method == "GET" && call.has_parameter("uploads")) return Operation::kListUploads;
  if (method == "GET" && call.parameter("list-type") == "2") return Operation::kListObjects;
  return not_spoken_here();
}

Result<Operation> object_operation(std::string_view method, const S3Call& call,
                                   const Headers& headers) {
  const bool copies = headers.contains("x-amz-copy-source");
  if (call.has_parameter("tagging")) {
    if (method == "GET") return Operation::kGetTags;
    if (method == "PUT") return Operation::kSetTags;
    return not_spoken_here();
  }
  if (call.has_parameter("uploads")) {
    if (method == "POST") return Operation::kCreateUpload;
    return not_spoken_here();
  }
  if (call.has_parameter("uploadId")) {
    if (method == "PUT") return copies ? Operation::kCopyPart : Operation::kPutPart;
    if (method == "POST") return Operation::kComplete;
    if (method == "DELETE") return Operation::kAbort;
    if (method == "GET") return Operation::kListParts;
    return not_spoken_here();
  }
  if (method == "GET") return Operation::kGetObject;
  if (method == "HEAD") return Operation::kHeadObject;
  if (method == "DELETE") return Operation::kDeleteObject;
  if (method == "PUT") return copies ? Operation::kCopyObject : Operation::kPutObject;
  return not_spoken_here();
}

std::string field(const Headers& headers, std::string_view name) {
  return std::string(headers.find(name).value_or(""));
}

Result<pugi::xml_node> load(pugi::xml_document& document, std::string_view xml, const char* root) {
  const auto outcome = document.load_buffer(xml.data(), xml.size(),
                                            pugi::parse_default | pugi::parse_ws_pcdata_single);
  const pugi::xml_node node = document.child(root);
  if (!outcome || !node) {
    return coded(ErrorKind::kInvalid, "MalformedXML", 400, "The XML you provided was malformed");
  }
  return node;
}

}  // namespace

std::string_view S3Call::parameter(std::string_view name) const {
  const auto found = std::find_if(query.begin(), query.end(),
                                  [name](const auto& pair) { return pair.first == name; });
  return found == query.end() ? std::string_view() : std::string_view(found->second);
}

bool S3Call::has_parameter(std::string_view name) const {
  return std::any_of(query.begin(), query.end(),
                     [name](const auto& pair) { return pair.first == name; });
}

Result<S3Call> parse_s3_call(std::string_view method, std::string_view target,
                             const Headers& headers) {
  S3Call call;
  const std::size_t question = std::min(target.find('?'), target.size());
  std::string_view path = target.substr(0, question);
  TRY(call.query, parse_query(target.substr(std::min(question + 1, target.size()))));
  if (path.starts_with('/')) path.remove_prefix(1);
  const std::size_t slash = std::min(path.find('/'), path.size());
  TRY(call.object.bucket, percent_decode(path.substr(0, slash)));
  TRY(call.object.key, percent_decode(path.substr(std::min(slash + 1, path.size()))));

  constexpr std::array<std::string_view, 6> kSpoken = {"uploads", "uploadId", "partNumber",
                                                       "tagging", "location", "delete"};
  for (const auto& [name, value] : call.query) {
    const bool spoken = std::find(kSpoken.begin(), kSpoken.end(), name) != kSpoken.end();
    if (!spoken && !is_plain_parameter(name)) return not_spoken_here();
  }
  if (call.object.bucket.empty()) {
    if (method != "GET") return not_spoken_here();
  } else if (call.object.key.empty()) {
    call.is_location = method == "GET" && call.has_parameter("location");
    if (call.is_location) {
      call.operation = Operation::kHeadBucket;
    } else {
      TRY(call.operation, bucket_operation(method, call));
    }
  } else {
    TRY(call.operation, object_operation(method, call, headers));
  }
  return call;
}

ObjectMetadata parse_metadata(const Headers& headers) {
  ObjectMetadata metadata;
  metadata.content_type = field(headers, "content-type");
  metadata.content_encoding = field(headers, "content-encoding");
  metadata.content_language = field(headers, "content-language");
  metadata.content_disposition = field(headers, "content-disposition");
  metadata.cache_control = field(headers, "cache-control");
  metadata.expires = field(headers, "expires");
  constexpr std::string_view kPrefix = "x-amz-meta-";
  for (const Header header : headers) {
    if (!istarts_with(header.name, kPrefix)) continue;
    metadata.user[to_lower(header.name.substr(kPrefix.size()))] = header.value;
  }
  return metadata;
}

WriteCondition parse_condition(const Headers& headers) {
  return {headers.find("if-none-match") == "*", field(headers, "if-match")};
}

Result<std::optional<Digest>> parse_checksum_header(const Headers& headers) {
  std::optional<Digest> checksum;
  for (const ChecksumAlgorithm algorithm : kAlgorithms) {
    const auto value = headers.find(checksum_header(algorithm));
    if (!value) continue;
    auto digest = Digest::from_base64(algorithm, *value);
    if (!digest || checksum) {
      return coded(ErrorKind::kInvalid, "InvalidRequest", 400,
                   "Value for " + std::string(checksum_header(algorithm)) + " header is invalid.");
    }
    checksum = *digest;
  }
  return checksum;
}

Result<PutOptions> parse_put_options(const Headers& headers) {
  PutOptions options;
  options.metadata = parse_metadata(headers);
  options.storage.storage_class = field(headers, "x-amz-storage-class");
  options.storage.server_side_encryption = field(headers, "x-amz-server-side-encryption");
  options.storage.acl = field(headers, "x-amz-acl");
  options.condition = parse_condition(headers);
  TRY(options.checksum, parse_checksum_header(headers));
  options.content_md5 = field(headers, "content-md5");
  TRY(options.tags, parse_tagging_header(headers));
  return options;
}

Result<std::map<std::string, std::string>> parse_tagging_header(const Headers& headers) {
  std::map<std::string, std::string> tags;
  TRY(auto pairs, parse_query(headers.find("x-amz-tagging").value_or("")));
  for (auto& [name, value] : pairs) tags.emplace(std::move(name), std::move(value));
  return tags;
}

Result<CreateUploadOptions> parse_create_options(const Headers& headers) {
  CreateUploadOptions options;
  options.metadata = parse_metadata(headers);
  options.storage.storage_class = field(headers, "x-amz-storage-class");
  const auto algorithm =
      parse_checksum_algorithm(headers.find("x-amz-checksum-algorithm").value_or("none"));
  if (algorithm) options.checksum = *algorithm;
  options.composite = headers.find("x-amz-checksum-type") == "COMPOSITE";
  TRY(options.tags, parse_tagging_header(headers));
  return options;
}

Result<ObjectAddress> parse_copy_source(std::string_view value) {
  TRY(const std::string decoded, percent_decode(value));
  std::string_view path = decoded;
  if (path.starts_with('/')) path.remove_prefix(1);
  const std::size_t slash = path.find('/');
  if (slash == std::string_view::npos || slash + 1 == path.size()) {
    return coded(ErrorKind::kInvalid, "InvalidArgument", 400, "Copy Source must mention a key");
  }
  return ObjectAddress{std::string(path.substr(0, slash)), std::string(path.substr(slash + 1))};
}

Result<std::vector<PartInfo>> parse_part_list(std::string_view xml) {
  pugi::xml_document document;
  TRY(const pugi::xml_node root, load(document, xml, "CompleteMultipartUpload"));
  std::vector<PartInfo> parts;
  for (const pugi::xml_node& node : root.children("Part")) {
    PartInfo part;
    part.number = node.child("PartNumber").text().as_int();
    part.etag = node.child("ETag").text().get();
    for (const ChecksumAlgorithm algorithm : kAlgorithms) {
      const std::string name = "Checksum" + std::string(checksum_s3_name(algorithm));
      const char* value = node.child(name.c_str()).text().get();
      if (auto digest = Digest::from_base64(algorithm, value)) part.checksum = *digest;
    }
    parts.push_back(std::move(part));
  }
  return parts;
}

Result<std::vector<std::string>> parse_delete(std::string_view xml) {
  pugi::xml_document document;
  TRY(const pugi::xml_node root, load(document, xml, "Delete"));
  std::vector<std::string> keys;
  for (const pugi::xml_node& node : root.children("Object")) {
    keys.emplace_back(node.child("Key").text().get());
  }
  return keys;
}

Result<std::map<std::string, std::string>> parse_tagging(std::string_view xml) {
  pugi::xml_document document;
  TRY(const pugi::xml_node root, load(document, xml, "Tagging"));
  std::map<std::string, std::string> tags;
  for (const pugi::xml_node& node : root.child("TagSet").children("Tag")) {
    tags[node.child("Key").text().get()] = node.child("Value").text().get();
  }
  return tags;
}

std::string_view s3_code_of(const Error& error) {
  if (!error.context.code.empty()) return error.context.code;
  switch (error.kind) {
    case ErrorKind::kNotFound: return "NoSuchKey";
    case ErrorKind::kDenied: return "AccessDenied";
    case ErrorKind::kPrecondition: return "PreconditionFailed";
    case ErrorKind::kConflict: return "OperationAborted";
    case ErrorKind::kThrottled: return "SlowDown";
    case ErrorKind::kTimeout: return "RequestTimeout";
    case ErrorKind::kCorrupt: return "BadDigest";
    case ErrorKind::kLimit: return "EntityTooLarge";
    case ErrorKind::kUnsupported: return "NotImplemented";
    case ErrorKind::kInvalid: return "InvalidArgument";
    default: return "InternalError";
  }
}

int http_status_of(const Error& error) {
  if (error.context.http_status != 0) return error.context.http_status;
  switch (error.kind) {
    case ErrorKind::kNotFound: return 404;
    case ErrorKind::kDenied: return 403;
    case ErrorKind::kPrecondition: return 412;
    case ErrorKind::kConflict: return 409;
    case ErrorKind::kThrottled: return 503;
    case ErrorKind::kTimeout:
    case ErrorKind::kCorrupt:
    case ErrorKind::kLimit:
    case ErrorKind::kInvalid: return 400;
    case ErrorKind::kUnsupported: return 501;
    default: return 500;
  }
}

}  // namespace telpher
