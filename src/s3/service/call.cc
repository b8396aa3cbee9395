#include "s3/service/call.h"

#include "codec/percent.h"
#include "codec/text.h"
#include "s3/service/refusals.h"

#include <algorithm>
#include <array>

namespace telpher {
namespace {

using Method = std::string_view;

Error method_not_allowed() {
  return store_error(ErrorKind::kInvalid, "MethodNotAllowed", 405,
                     "The specified method is not allowed against this resource.");
}

Error invalid_uri() {
  return store_error(ErrorKind::kInvalid, "InvalidURI", 400, "Couldn't parse the specified URI.");
}

Result<std::string> decode_path(std::string_view path) {
  Result<std::string> decoded = percent_decode(path);
  if (!decoded) return invalid_uri();
  return decoded;
}

Error not_spoken(std::string_view what) {
  return store_error(
      ErrorKind::kUnsupported, "NotImplemented", 501,
      "A header or query you provided implies functionality that is not implemented: " +
          std::string(what));
}

/// Parameters that change nothing about which operation is meant.
bool is_plain_parameter(std::string_view name) {
  constexpr std::array<std::string_view, 22> kPlain = {
      "x-id",        "list-type",    "prefix",           "delimiter",          "marker",
      "max-keys",    "start-after",  "encoding-type",    "continuation-token", "fetch-owner",
      "key-marker",  "max-uploads",  "upload-id-marker", "max-parts",          "versionId",
      "partNumber",  "uploadId",     "AWSAccessKeyId",   "part-number-marker", "version-id-marker",
      "max-buckets", "bucket-region"};
  return istarts_with(name, "X-Amz-") || istarts_with(name, "response-") ||
         std::ranges::find(kPlain, name) != kPlain.end();
}

/// Parameters that name another operation; of all others we know nothing and they are left alone,
/// as S3 leaves them.
bool is_subresource(std::string_view name) {
  constexpr std::array<std::string_view, 39> kNames = {"accelerate",
                                                       "acl",
                                                       "analytics",
                                                       "attributes",
                                                       "cors",
                                                       "delete",
                                                       "encryption",
                                                       "intelligent-tiering",
                                                       "inventory",
                                                       "legal-hold",
                                                       "lifecycle",
                                                       "location",
                                                       "logging",
                                                       "metrics",
                                                       "notification",
                                                       "object-lock",
                                                       "ownershipControls",
                                                       "policy",
                                                       "policyStatus",
                                                       "publicAccessBlock",
                                                       "replication",
                                                       "requestPayment",
                                                       "restore",
                                                       "retention",
                                                       "select",
                                                       "tagging",
                                                       "torrent",
                                                       "uploads",
                                                       "versioning",
                                                       "versions",
                                                       "website",
                                                       "session",
                                                       "metadataTable",
                                                       "renameObject",
                                                       "append",
                                                       "cloudfront",
                                                       "metadataConfiguration",
                                                       "abac",
                                                       "metadataInventoryTable"};
  return std::ranges::find(kNames, name) != kNames.end();
}

Result<std::vector<std::pair<std::string, std::string>>> parse_query(std::string_view query) {
  std::vector<std::pair<std::string, std::string>> parameters;
  while (const auto parameter = take_query_parameter(query)) {
    Result<std::string> name = form_decode(parameter->name);
    Result<std::string> value = form_decode(parameter->value);
    if (!name || !value) return invalid_uri();
    parameters.emplace_back(*std::move(name), *std::move(value));
  }
  return parameters;
}

Result<Operation> service_operation(Method method, const S3Call& call) {
  if (!call.subresource.empty()) return not_spoken(call.subresource);
  if (method == "GET" || method == "HEAD") return Operation::kListBuckets;
  return method_not_allowed();
}

/// What a bucket never has here: deleting it changes nothing, and is done.
bool is_never_there(std::string_view subresource) {
  constexpr std::string_view kNames[] = {
      "policy",     "cors",        "lifecycle",         "tagging",          "website",
      "encryption", "replication", "publicAccessBlock", "ownershipControls"};
  return std::ranges::find(kNames, subresource) != std::end(kNames);
}

Result<Operation> bucket_operation(Method method, const S3Call& call) {
  const std::string_view what = call.subresource;
  if (what == "delete" && method == "POST") return Operation::kDeleteObjects;
  if (method == "POST") return not_spoken("POST on a bucket");
  if (what.empty()) {
    if (method == "PUT") return Operation::kCreateBucket;
    if (method == "HEAD") return Operation::kHeadBucket;
    if (method == "DELETE") return Operation::kDeleteBucket;
    if (method != "GET") return method_not_allowed();
    return call.parameter("list-type") == "2" ? Operation::kListObjects : Operation::kListObjectsV1;
  }
  if (method == "GET") {
    if (what == "uploads") return Operation::kListUploads;
    if (what == "location") return Operation::kGetBucketLocation;
    if (what == "versions") return Operation::kListObjectVersions;
    return Operation::kOther;
  }
  if (method == "PUT" && what == "acl") return Operation::kOther;
  if (method == "DELETE" && is_never_there(what)) return Operation::kOther;
  return not_spoken(what);
}

Result<Operation> upload_operation(Method method, bool copies) {
  if (method == "PUT") return copies ? Operation::kCopyPart : Operation::kPutPart;
  if (method == "POST") return Operation::kComplete;
  if (method == "DELETE") return Operation::kAbort;
  if (method == "GET") return Operation::kListParts;
  return method_not_allowed();
}

Result<Operation> object_operation(Method method, const S3Call& call, const Headers& headers) {
  const std::string_view what = call.subresource;
  const bool copies = headers.contains("x-amz-copy-source");
  if (what == "tagging") {
    if (method == "GET") return Operation::kGetTags;
    if (method == "PUT") return Operation::kSetTags;
    if (method == "DELETE") return Operation::kDeleteTags;
    return method_not_allowed();
  }
  if (what == "uploads") {
    if (method == "POST") return Operation::kCreateUpload;
    return method_not_allowed();
  }
  if (what == "attributes" && method == "GET") return Operation::kGetAttributes;
  if (!what.empty()) {
    const bool is_put = what == "acl" || what == "legal-hold" || what == "retention";
    if (method == "GET" || (method == "PUT" && is_put)) return Operation::kOther;
    return not_spoken(what);
  }
  if (method == "PUT" && call.has_parameter("uploadId") != call.has_parameter("partNumber")) {
    // Half of a part's name must not make an object of it.
    return store_error(ErrorKind::kInvalid, "InvalidArgument", 400,
                       "This operation does not accept a query-string: uploadId and partNumber "
                       "belong together.");
  }
  if (call.has_parameter("uploadId") && method != "HEAD") return upload_operation(method, copies);
  if (method == "GET") return Operation::kGetObject;
  if (method == "HEAD") return Operation::kHeadObject;
  if (method == "DELETE") return Operation::kDeleteObject;
  if (method == "PUT") return copies ? Operation::kCopyObject : Operation::kPutObject;
  return method_not_allowed();
}

}  // namespace

std::string_view bucket_of_host(std::string_view host, std::span<const std::string> domains) {
  if (const std::size_t colon = host.rfind(':'); colon != std::string_view::npos) {
    if (host.find(']', colon) == std::string_view::npos) host = host.substr(0, colon);
  }
  for (const std::string& domain : domains) {
    if (host.size() <= domain.size() + 1) continue;
    const std::size_t dot = host.size() - domain.size() - 1;
    if (host[dot] == '.' && iequals(host.substr(dot + 1), domain)) return host.substr(0, dot);
  }
  return {};
}

std::string resource_type(std::string_view target, const Headers& headers,
                          std::span<const std::string> domains) {
  std::string_view path = target.substr(0, target.find('?'));
  path.remove_prefix(std::min(path.find_first_not_of('/'), path.size()));
  if (!bucket_of_host(headers.find("host").value_or(""), domains).empty()) {
    return path.empty() ? "BUCKET" : "OBJECT";
  }
  if (path.empty()) return "SERVICE";
  const std::size_t slash = path.find('/');
  return slash == path.npos || slash + 1 == path.size() ? "BUCKET" : "OBJECT";
}

std::string_view S3Call::parameter(std::string_view name) const {
  const auto found = std::ranges::find(query, name, &std::pair<std::string, std::string>::first);
  return found == query.end() ? std::string_view() : std::string_view(found->second);
}

bool S3Call::has_parameter(std::string_view name) const {
  return std::ranges::find(query, name, &std::pair<std::string, std::string>::first) != query.end();
}

Result<S3Call> parse_s3_call(Method method, std::string_view target, const Headers& headers,
                             std::span<const std::string> domains) {
  S3Call call;
  call.is_read = method == "GET" || method == "HEAD";
  std::string_view path = target.substr(0, target.find('?'));
  TRY(call.query, parse_query(query_of(target)));
  if (path.starts_with('/')) path.remove_prefix(1);

  const std::string_view host = headers.find("host").value_or("");
  if (const std::string_view bucket = bucket_of_host(host, domains); !bucket.empty()) {
    call.object.bucket = to_lower(bucket);
  } else {
    const bool named = !path.empty();
    const std::size_t slash = std::min(path.find('/'), path.size());
    TRY(call.object.bucket, decode_path(path.substr(0, slash)));
    path.remove_prefix(std::min(slash + 1, path.size()));
    if (named && call.object.bucket.empty()) {  // "//key"
      return store_error(ErrorKind::kInvalid, "InvalidBucketName", 400,
                         "The specified bucket is not valid.");
    }
  }
  TRY(call.object.key, decode_path(path));

  for (const auto& [name, value] : call.query) {
    if (is_plain_parameter(name) || !is_subresource(name)) continue;
    if (!call.subresource.empty()) return not_spoken(call.subresource + " with " + name);
    call.subresource = name;
  }
  if (call.object.bucket.empty()) {
    TRY(call.operation, service_operation(method, call));
  } else if (call.object.key.empty()) {
    TRY(call.operation, bucket_operation(method, call));
  } else {
    TRY(call.operation, object_operation(method, call, headers));
  }
  return call;
}

namespace {

/// "max-keys" as S3 calls it in a sentence: "maxKeys".
std::string in_camel_case(std::string_view name) {
  std::string out;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const bool joint = name[i] == '-' && i + 1 < name.size();
    out += joint ? static_cast<char>(name[++i] - 'a' + 'A') : name[i];
  }
  return out;
}

}  // namespace

Result<int> number_of(const S3Call& call, std::string_view name, int otherwise,
                      ErrorDetails& details) {
  const std::string_view text = call.parameter(name);
  if (text.empty()) return otherwise;
  const auto number = parse_decimal<unsigned>(text);
  if (number && *number <= 0x7fffffff) return static_cast<int>(*number);
  const bool negative = text.starts_with('-') && parse_decimal<unsigned>(text.substr(1));
  return invalid_argument(
      negative ? "Argument " + in_camel_case(name) + " must be an integer between 0 and 2147483647"
               : "Provided " + std::string(name) + " not an integer or within integer range",
      name, text, details);
}

Result<bool> wants_url_encoding(const S3Call& call, ErrorDetails& details) {
  if (!call.has_parameter("encoding-type")) return false;
  const std::string_view type = call.parameter("encoding-type");
  if (type == "url") return true;
  return invalid_argument("Invalid Encoding Method specified in Request", "encoding-type", type,
                          details);
}

Result<PartNumber> part_number_of(const S3Call& call, ErrorDetails& details) {
  const std::string_view text = call.parameter("partNumber");
  const auto number = parse_decimal<unsigned>(text);
  if (number && *number >= 1 && *number <= 10'000) return static_cast<PartNumber>(*number);
  return invalid_argument("Part number must be an integer between 1 and 10000, inclusive",
                          "partNumber", text, details);
}

Result<ObjectAddress> parse_copy_source(std::string_view value) {
  const Error refused = store_error(ErrorKind::kInvalid, "InvalidArgument", 400,
                                    "Copy Source must mention the source bucket and key: "
                                    "sourcebucket/sourcekey");
  if (const std::size_t question = value.rfind("?versionId="); question != std::string_view::npos) {
    if (value.substr(question) != "?versionId=null") {
      return store_error(ErrorKind::kInvalid, "InvalidArgument", 400,
                         "Invalid version id specified");
    }
    value = value.substr(0, question);
  }
  const Result<std::string> decoded = percent_decode(value);
  if (!decoded) return refused;
  std::string_view path = *decoded;
  if (path.starts_with('/')) path.remove_prefix(1);
  const std::size_t slash = path.find('/');
  if (slash == std::string_view::npos || slash == 0 || slash + 1 == path.size()) return refused;
  return ObjectAddress{std::string(path.substr(0, slash)), std::string(path.substr(slash + 1))};
}

}  // namespace telpher
