#include "s3/request.h"

#include "codec/checksum.h"
#include "codec/percent.h"

namespace telpher::s3_request {
namespace {

constexpr std::string_view kXmlNamespace = " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"";

S3Request make_request(const BucketRoute& route, std::string_view operation, const char* method,
                       std::string_view key, bool is_write) {
  S3Request request;
  request.target = {operation, route.bucket, key, is_write};
  request.http.method = method;
  std::string& target = request.http.target;
  target.reserve(route.path.size() + key.size() + 64);
  target = route.path;
  if (!key.empty()) {
    target += '/';
    percent_encode_to(target, key, SlashEncoding::kKeep);
  } else if (target.empty() || !route.bucket.empty()) {
    target += '/';
  }
  return request;
}

/// "?a=b&c=d"; empty values of optional parameters are left out.
class Query {
 public:
  explicit Query(S3Request& request) : target_(request.http.target) {}
  Query& set(std::string_view name, std::string_view value) {
    target_ += separator_;
    separator_ = '&';
    target_ += name;
    target_ += '=';
    percent_encode_to(target_, value);
    return *this;
  }
  Query& set_if(std::string_view name, std::string_view value) {
    return value.empty() ? *this : set(name, value);
  }
  Query& set(std::string_view name, int value) { return set(name, std::to_string(value)); }

 private:
  std::string& target_;
  char separator_ = '?';
};

void add_if(Headers& headers, std::string_view name, std::string_view value) {
  if (!value.empty()) headers.add(name, value);
}

Result<void> add_checked(Headers& headers, std::string_view name, std::string_view value) {
  if (value.empty()) return {};
  if (!is_valid_field(name, value)) {
    return make_error(ErrorKind::kInvalid,
                      "Metadata '" + std::string(name) +
                          "' cannot be sent as a header: use letters, digits and '-' in names, and "
                          "values without line breaks or blanks around them");
  }
  headers.add(name, value);
  return {};
}

Result<void> add_metadata(Headers& headers, const ObjectMetadata& metadata) {
  TRY_VOID(add_checked(headers, "content-type", metadata.content_type));
  TRY_VOID(add_checked(headers, "content-encoding", metadata.content_encoding));
  TRY_VOID(add_checked(headers, "content-language", metadata.content_language));
  TRY_VOID(add_checked(headers, "content-disposition", metadata.content_disposition));
  TRY_VOID(add_checked(headers, "cache-control", metadata.cache_control));
  TRY_VOID(add_checked(headers, "expires", metadata.expires));
  for (const auto& [name, value] : metadata.user) {
    TRY_VOID(add_checked(headers, "x-amz-meta-" + name, value));
  }
  return {};
}

Result<void> add_storage(Headers& headers, const StorageOptions& storage) {
  TRY_VOID(add_checked(headers, "x-amz-storage-class", storage.storage_class));
  TRY_VOID(add_checked(headers, "x-amz-server-side-encryption", storage.server_side_encryption));
  TRY_VOID(
      add_checked(headers, "x-amz-server-side-encryption-aws-kms-key-id", storage.sse_kms_key_id));
  TRY_VOID(add_checked(headers, "x-amz-acl", storage.acl));
  return {};
}

/// "a=1&b=2", encoded.
std::string tagging_value(const Tags& tags) {
  std::string value;
  for (const auto& [name, text] : tags) {
    if (!value.empty()) value += '&';
    percent_encode_to(value, name);
    value += '=';
    percent_encode_to(value, text);
  }
  return value;
}

void add_condition(Headers& headers, const WriteCondition& condition, const S3Dialect& dialect) {
  if (condition.if_none_match) headers.add("if-none-match", "*");
  std::string_view etag = condition.if_match;
  if (!dialect.quoted_if_match && etag.size() >= 2 && etag.front() == '"') {
    etag = etag.substr(1, etag.size() - 2);
  }
  add_if(headers, "if-match", etag);
}

/// An MD5 always has its header; the others only where the store takes them.
void add_checksum(Headers& headers, const std::optional<Digest>& checksum,
                  std::string_view content_md5, const S3Dialect& dialect) {
  const bool is_md5 = checksum && checksum->algorithm() == ChecksumAlgorithm::kMd5;
  if (checksum && !checksum->empty() && !is_md5 && dialect.checksums) {
    headers.add(checksum_header(checksum->algorithm()), checksum->to_base64());
  }
  if (!content_md5.empty()) {
    headers.add("content-md5", content_md5);
  } else if (is_md5) {
    headers.add("content-md5", checksum->to_base64());
  }
}

std::string copy_source(const ObjectAddress& from) {
  std::string source = "/" + from.bucket + "/";
  percent_encode_to(source, from.key, SlashEncoding::kKeep);
  if (!from.version_id.empty()) source += "?versionId=" + percent_encode(from.version_id);
  return source;
}

/// A range that reaches past the largest number is open at its end.
std::string range_value(ByteRange range) {
  std::string value = "bytes=" + std::to_string(range.offset) + "-";
  const ByteCount last = range.offset + range.length - 1;
  if (last >= range.offset) value += std::to_string(last);
  return value;
}

void append_escaped(std::string& xml, std::string_view text) {
  for (const char c : text) {
    switch (c) {
      case '&': xml += "&amp;"; break;
      case '<': xml += "&lt;"; break;
      case '>': xml += "&gt;"; break;
      case '\r': xml += "&#13;"; break;
      default: xml += c;
    }
  }
}

void append_element(std::string& xml, std::string_view name, std::string_view text) {
  xml += '<';
  xml += name;
  xml += '>';
  append_escaped(xml, text);
  xml += "</";
  xml += name;
  xml += '>';
}

/// "ChecksumCRC64NVME": the element of a part in CompleteMultipartUpload.
std::string checksum_element(ChecksumAlgorithm algorithm) {
  return "Checksum" + std::string(checksum_s3_name(algorithm));
}

void set_payload(S3Request& request, std::string payload) {
  request.payload = std::move(payload);
  request.http.headers.add("content-type", "application/xml");
}

/// Of documents that S3 takes with a checksum only.
void add_payload_md5(S3Request& request) {
  request.http.headers.add(
      "content-md5", checksum_of(ChecksumAlgorithm::kMd5, as_bytes(request.payload)).to_base64());
}

}  // namespace

S3Request head_object(const BucketRoute& route, const ObjectAddress& object,
                      const S3Dialect& dialect) {
  S3Request request = make_request(route, "HeadObject", "HEAD", object.key, false);
  Query(request).set_if("versionId", object.version_id);
  if (dialect.checksums) request.http.headers.add("x-amz-checksum-mode", "ENABLED");
  request.sends_checksum = dialect.checksums;
  return request;
}

S3Request get_object(const BucketRoute& route, const ObjectAddress& object,
                     const GetOptions& options, const S3Dialect& dialect) {
  S3Request request = make_request(route, "GetObject", "GET", object.key, false);
  Query(request).set_if("versionId", object.version_id);
  Headers& headers = request.http.headers;
  if (options.range) headers.add("range", range_value(*options.range));
  add_if(headers, "if-match", options.if_match);
  headers.add("accept-encoding", "identity");
  if (dialect.checksums) headers.add("x-amz-checksum-mode", "ENABLED");
  request.sends_checksum = dialect.checksums;
  return request;
}

Result<S3Request> put_object(const BucketRoute& route, std::string_view key,
                             const PutOptions& options, const S3Dialect& dialect) {
  S3Request request = make_request(route, "PutObject", "PUT", key, true);
  Headers& headers = request.http.headers;
  headers.reserve(12, 768);
  TRY_VOID(add_metadata(headers, options.metadata));
  TRY_VOID(add_storage(headers, options.storage));
  add_condition(headers, options.condition, dialect);
  add_checksum(headers, options.checksum, options.content_md5, dialect);
  add_if(headers, "x-amz-tagging", tagging_value(options.tags));
  return request;
}

S3Request delete_object(const BucketRoute& route, const ObjectAddress& object,
                        std::string_view if_match) {
  S3Request request = make_request(route, "DeleteObject", "DELETE", object.key, true);
  Query(request).set_if("versionId", object.version_id);
  add_if(request.http.headers, "if-match", if_match);
  return request;
}

S3Request delete_objects(const BucketRoute& route, const std::vector<std::string>& keys) {
  S3Request request = make_request(route, "DeleteObjects", "POST", "", true);
  Query(request).set("delete", "");
  std::string xml = "<Delete" + std::string(kXmlNamespace) + "><Quiet>true</Quiet>";
  for (const std::string& key : keys) {
    xml += "<Object>";
    append_element(xml, "Key", key);
    xml += "</Object>";
  }
  set_payload(request, xml + "</Delete>");
  add_payload_md5(request);
  return request;
}

Result<S3Request> copy_object(const ObjectAddress& from, const BucketRoute& route,
                              std::string_view key, const CopyOptions& options,
                              const S3Dialect& dialect) {
  S3Request request = make_request(route, "CopyObject", "PUT", key, true);
  Headers& headers = request.http.headers;
  headers.add("x-amz-copy-source", copy_source(from));
  add_if(headers, dialect.copy_if_match, options.source_if_match);
  if (options.metadata) {
    headers.add("x-amz-metadata-directive", "REPLACE");
    TRY_VOID(add_metadata(headers, *options.metadata));
  }
  if (options.tags) {
    headers.add("x-amz-tagging-directive", "REPLACE");
    add_if(headers, "x-amz-tagging", tagging_value(*options.tags));
  }
  if (dialect.checksums) {
    add_if(headers, "x-amz-checksum-algorithm", checksum_s3_name(options.algorithm));
  }
  TRY_VOID(add_storage(headers, options.storage));
  add_condition(headers, options.condition, dialect);
  return request;
}

S3Request list_objects(const BucketRoute& route, const ListOptions& options,
                       const S3Dialect& dialect) {
  S3Request request = make_request(
      route, dialect.list_version == 2 ? "ListObjectsV2" : "ListObjects", "GET", "", false);
  Query query(request);
  if (dialect.list_version == 2) {
    query.set_if("continuation-token", options.continuation)
        .set_if("delimiter", options.delimiter)
        .set("encoding-type", "url")
        .set("list-type", "2")
        .set("max-keys", options.max_keys)
        .set_if("prefix", options.prefix)
        .set_if("start-after", options.start_after);
  } else {
    const std::string& marker =
        options.continuation.empty() ? options.start_after : options.continuation;
    query.set_if("delimiter", options.delimiter)
        .set("encoding-type", "url")
        .set_if("marker", marker)
        .set("max-keys", options.max_keys)
        .set_if("prefix", options.prefix);
  }
  return request;
}

S3Request list_versions(const BucketRoute& route, const ListOptions& options) {
  S3Request request = make_request(route, "ListObjectVersions", "GET", "", false);
  // The continuation is ours: "key NUL version id", neither of which contains NUL.
  const std::string_view at = options.continuation;
  const std::size_t split = std::min(at.find('\0'), at.size());
  Query(request)
      .set_if("delimiter", options.delimiter)
      .set("encoding-type", "url")
      .set_if("key-marker",
              at.empty() ? std::string_view(options.start_after) : at.substr(0, split))
      .set("max-keys", options.max_keys)
      .set_if("prefix", options.prefix)
      .set_if("version-id-marker", at.substr(std::min(split + 1, at.size())))
      .set("versions", "");
  return request;
}

Result<S3Request> create_upload(const BucketRoute& route, std::string_view key,
                                const CreateUploadOptions& options, const S3Dialect& dialect) {
  S3Request request = make_request(route, "CreateMultipartUpload", "POST", key, true);
  Query(request).set("uploads", "");
  Headers& headers = request.http.headers;
  TRY_VOID(add_metadata(headers, options.metadata));
  TRY_VOID(add_storage(headers, options.storage));
  const std::string_view algorithm = checksum_s3_name(options.checksum);
  if (dialect.checksums && !algorithm.empty()) {
    headers.add("x-amz-checksum-algorithm", algorithm);
    if (options.composite) {
      headers.add("x-amz-checksum-type", "COMPOSITE");
    } else if (checksum_combines(options.checksum)) {
      headers.add("x-amz-checksum-type", "FULL_OBJECT");
    }
  }
  add_if(headers, "x-amz-tagging", tagging_value(options.tags));
  return request;
}

S3Request put_part(const BucketRoute& route, std::string_view key, std::string_view upload_id,
                   PartNumber number, const PutPartOptions& options, const S3Dialect& dialect) {
  S3Request request = make_request(route, "UploadPart", "PUT", key, true);
  Query(request).set("partNumber", number).set("uploadId", upload_id);
  add_checksum(request.http.headers, options.checksum, options.content_md5, dialect);
  return request;
}

S3Request copy_part(const ObjectAddress& from, ByteRange range, const BucketRoute& route,
                    std::string_view key, std::string_view upload_id, PartNumber number,
                    std::string_view source_if_match, const S3Dialect& dialect) {
  S3Request request = make_request(route, "UploadPartCopy", "PUT", key, true);
  Query(request).set("partNumber", number).set("uploadId", upload_id);
  Headers& headers = request.http.headers;
  headers.add("x-amz-copy-source", copy_source(from));
  headers.add("x-amz-copy-source-range", range_value(range));
  add_if(headers, dialect.copy_if_match, source_if_match);
  return request;
}

S3Request complete_upload(const BucketRoute& route, std::string_view key,
                          std::string_view upload_id, const std::vector<PartInfo>& parts,
                          const CompleteOptions& options, const S3Dialect& dialect) {
  S3Request request = make_request(route, "CompleteMultipartUpload", "POST", key, true);
  Query(request).set("uploadId", upload_id);
  Headers& headers = request.http.headers;
  add_condition(headers, options.condition, dialect);
  if (dialect.checksums && options.checksum && !options.checksum->empty()) {
    std::string value = options.checksum->to_base64();
    const bool composite = options.checksum_parts > 0;
    if (composite) value += "-" + std::to_string(options.checksum_parts);
    headers.add(checksum_header(options.checksum->algorithm()), value);
    headers.add("x-amz-checksum-type", composite ? "COMPOSITE" : "FULL_OBJECT");
    if (options.size) headers.add("x-amz-mp-object-size", std::to_string(*options.size));
  }
  std::string xml = "<CompleteMultipartUpload" + std::string(kXmlNamespace) + ">";
  xml.reserve(parts.size() * 150 + 128);
  for (const PartInfo& part : parts) {
    xml += "<Part>";
    append_element(xml, "PartNumber", std::to_string(part.number));
    append_element(xml, "ETag", part.etag);
    if (dialect.checksums && part.checksum &&
        !checksum_s3_name(part.checksum->algorithm()).empty()) {
      append_element(xml, checksum_element(part.checksum->algorithm()), part.checksum->to_base64());
    }
    xml += "</Part>";
  }
  xml += "</CompleteMultipartUpload>";
  set_payload(request, std::move(xml));
  return request;
}

S3Request abort_upload(const BucketRoute& route, std::string_view key, std::string_view upload_id) {
  S3Request request = make_request(route, "AbortMultipartUpload", "DELETE", key, true);
  Query(request).set("uploadId", upload_id);
  return request;
}

S3Request list_parts(const BucketRoute& route, std::string_view key, std::string_view upload_id,
                     PartNumber part_number_marker) {
  S3Request request = make_request(route, "ListParts", "GET", key, false);
  Query query(request);
  if (part_number_marker > 0) query.set("part-number-marker", part_number_marker);
  query.set("uploadId", upload_id);
  return request;
}

S3Request list_uploads(const BucketRoute& route, const ListUploadsOptions& options) {
  S3Request request = make_request(route, "ListMultipartUploads", "GET", "", false);
  constexpr int kDefault = 1000;
  const bool fewer = options.max_uploads != kDefault;
  Query(request)
      .set("encoding-type", "url")
      .set_if("key-marker", options.key_marker)
      .set_if("max-uploads", fewer ? std::to_string(options.max_uploads) : "")
      .set_if("prefix", options.prefix)
      .set_if("upload-id-marker", options.upload_id_marker)
      .set("uploads", "");
  return request;
}

S3Request list_buckets(const BucketRoute& service) {
  return make_request(service, "ListBuckets", "GET", "", false);
}

S3Request create_bucket(const BucketRoute& route, std::string_view location) {
  S3Request request = make_request(route, "CreateBucket", "PUT", "", true);
  if (!location.empty()) {
    std::string xml = "<CreateBucketConfiguration" + std::string(kXmlNamespace) + ">";
    append_element(xml, "LocationConstraint", location);
    set_payload(request, xml + "</CreateBucketConfiguration>");
  }
  return request;
}

S3Request head_bucket(const BucketRoute& route) {
  return make_request(route, "HeadBucket", "HEAD", "", false);
}

S3Request delete_bucket(const BucketRoute& route) {
  return make_request(route, "DeleteBucket", "DELETE", "", true);
}

S3Request get_tags(const BucketRoute& route, const ObjectAddress& object) {
  S3Request request = make_request(route, "GetObjectTagging", "GET", object.key, false);
  Query(request).set("tagging", "").set_if("versionId", object.version_id);
  return request;
}

S3Request put_tags(const BucketRoute& route, const ObjectAddress& object, const Tags& tags) {
  S3Request request = make_request(route, "PutObjectTagging", "PUT", object.key, true);
  Query(request).set("tagging", "").set_if("versionId", object.version_id);
  std::string xml = "<Tagging" + std::string(kXmlNamespace) + "><TagSet>";
  for (const auto& [name, value] : tags) {
    xml += "<Tag>";
    append_element(xml, "Key", name);
    append_element(xml, "Value", value);
    xml += "</Tag>";
  }
  set_payload(request, xml + "</TagSet></Tagging>");
  add_payload_md5(request);
  return request;
}

}  // namespace telpher::s3_request
