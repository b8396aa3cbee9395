#include "peers/sink_answers.h"

#include "base/units.h"
#include "codec/percent.h"
#include "codec/text.h"

#include <vector>

namespace telpher::bench {
namespace {

constexpr std::size_t kTextMax = 8 * kMiB;  // 10,000 parts in a CompleteMultipartUpload fit
constexpr std::string_view kXmlHead = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

std::string escape(std::string_view text) {
  std::string escaped;
  for (char c : text) {
    switch (c) {
      case '&': escaped += "&amp;"; break;
      case '<': escaped += "&lt;"; break;
      case '>': escaped += "&gt;"; break;
      case '"': escaped += "&quot;"; break;
      default: escaped += c;
    }
  }
  return escaped;
}

std::string tag(const char* name, std::string_view text) {
  return "<" + std::string(name) + ">" + escape(text) + "</" + name + ">";
}

Response xml(std::string body) {
  return {.headers = "Content-Type: application/xml\r\n", .body = std::string(kXmlHead) + body};
}

std::string quoted(const std::string& etag) { return "\"" + etag + "\""; }

/// Headers of a PUT or CreateMultipartUpload that a later GET gives back.
std::string metadata_of(const Head& head) {
  std::string lines;
  for (const auto& [name, value] : head.headers()) {
    if (istarts_with(name, "x-amz-meta-") || iequals(name, "content-type")) {
      lines += std::string(name) + ": " + std::string(value) + "\r\n";
    }
  }
  return lines;
}

std::string crc64_line(const StoredObject& object) {
  return "x-amz-checksum-crc64nvme: " + object.crc64.to_base64() +
         "\r\nx-amz-checksum-type: FULL_OBJECT\r\n";
}

}  // namespace

void S3Service::start(const Head& head) {
  head_ = &head;
  ++state_.counts().requests;
  std::string path = percent_decode(head.path()).value_or("");
  if (path.starts_with('/')) path.erase(0, 1);
  std::size_t slash = path.find('/');
  bucket_ = path.substr(0, slash);
  key_ = slash == std::string::npos ? "" : path.substr(slash + 1);
  name_ = bucket_ + "/" + key_;
  checks_body_ = head.method() == "PUT" && !key_.empty();
  text_.clear();
  if (checks_body_) check_.start(head, md5_);
}

void S3Service::body(Bytes bytes) {
  if (checks_body_) return check_.body(bytes);
  if (text_.size() + bytes.size() <= kTextMax) text_.append(as_text(bytes));
}

Response S3Service::finish() {
  Response response = answer();
  response.headers += "x-amz-request-id: " + std::to_string(state_.counts().requests) +
                      "\r\nDate: " + http_date() + "\r\nServer: telpher-bench-sink\r\n";
  return response;
}

Response S3Service::count(const char* operation, Response response) {
  ++state_.counts().operations[operation];
  return response;
}

Response S3Service::error(int status, std::string code) {
  if (head_->method() != "GET" && head_->method() != "HEAD") ++state_.counts().errors;
  Response response = xml("<Error>" + tag("Code", code) + tag("Message", code) +
                          tag("Resource", "/" + name_) + "</Error>");
  response.status = status;
  response.head_only = head_->method() == "HEAD";
  return response;
}

Response S3Service::answer() {
  if (bucket_ == "_sink") return answer_sink();
  if (bucket_.empty()) {
    return count("ListBuckets", xml("<ListAllMyBucketsResult><Owner><ID>bench</ID></Owner><Buckets>"
                                    "<Bucket><Name>bench</Name><CreationDate>2024-01-01T00:00:00"
                                    ".000Z</CreationDate></Bucket></Buckets>"
                                    "</ListAllMyBucketsResult>"));
  }
  return key_.empty() ? answer_bucket() : answer_object();
}

Response S3Service::answer_sink() {
  if (key_ == "stats") {
    return {.headers = "Content-Type: application/json\r\n", .body = state_.stats_json()};
  }
  if (key_ == "reset" && head_->method() == "POST") {
    state_.reset();
    return {.status = 204};
  }
  return error(404, "NoSuchKey");
}

Response S3Service::answer_bucket() {
  if (head_->method() == "PUT") return count("CreateBucket", {});
  if (head_->method() == "HEAD") {
    return count("HeadBucket", {.headers = "x-amz-bucket-region: us-east-1\r\n"});
  }
  if (head_->method() == "GET" && head_->has_query("location")) {
    return count("GetBucketLocation", xml("<LocationConstraint></LocationConstraint>"));
  }
  if (head_->method() == "GET" && head_->has_query("uploads")) {
    return count("ListMultipartUploads",
                 xml("<ListMultipartUploadsResult>" + tag("Bucket", bucket_) +
                     tag("IsTruncated", "false") + "</ListMultipartUploadsResult>"));
  }
  if (head_->method() == "GET") return count("ListObjects", list_objects());
  return error(501, "NotImplemented");
}

Response S3Service::answer_object() {
  std::string_view method = head_->method();
  bool of_upload = head_->has_query("uploadId");
  if (method == "PUT") return take_body();
  if (method == "POST" && head_->has_query("uploads")) {
    return count("CreateMultipartUpload", create_upload());
  }
  if (method == "POST" && of_upload) return count("CompleteMultipartUpload", complete_upload());
  if (method == "GET" && of_upload) return count("ListParts", list_parts());
  if (method == "GET") return count("GetObject", get(false));
  if (method == "HEAD") return count("HeadObject", get(true));
  if (method == "DELETE" && of_upload) {
    if (state_.find_upload(head_->query("uploadId"), name_) == nullptr) {
      return error(404, "NoSuchUpload");
    }
    state_.close_upload(head_->query("uploadId"));
    return count("AbortMultipartUpload", {.status = 204});
  }
  if (method == "DELETE") {
    state_.erase(name_);
    return count("DeleteObject", {.status = 204});
  }
  return error(501, "NotImplemented");
}

Response S3Service::take_body() {
  Verdict verdict = check_.finish();
  Counts& counts = state_.counts();
  if (!head_->header("x-amz-copy-source").empty()) return error(501, "NotImplemented");
  if (verdict == Verdict::kMismatch) return ++counts.mismatches, error(400, "BadDigest");
  if (verdict == Verdict::kIncomplete) return ++counts.incomplete, error(400, "IncompleteBody");
  std::string etag = make_etag(check_.crc64(), check_.size(), check_.md5());
  Response response{.headers = "ETag: " + quoted(etag) + "\r\n" + check_.echo()};
  if (head_->has_query("uploadId")) {
    Upload* upload = state_.find_upload(head_->query("uploadId"), name_);
    auto number = parse_decimal<unsigned>(head_->query("partNumber"));
    if (upload == nullptr) return error(404, "NoSuchUpload");
    if (!number || *number < 1 || *number > 10'000) return error(400, "InvalidArgument");
    upload->parts[static_cast<int>(*number)] = {check_.size(), check_.crc64(), check_.md5(), etag};
    ++counts.operations["UploadPart"];
  } else {
    if (head_->header("if-none-match") == "*" && state_.find(name_) != nullptr) {
      return error(412, "PreconditionFailed");
    }
    state_.put(name_, {.size = check_.size(),
                       .crc64 = check_.crc64(),
                       .etag = etag,
                       .metadata = metadata_of(*head_)});
    ++counts.operations["PutObject"];
  }
  ++counts.bodies;
  counts.bytes += check_.size();
  ++(verdict == Verdict::kVerified ? counts.verified : counts.unverified);
  return response;
}

Response S3Service::get(bool head_only) {
  StoredObject* object = state_.find(name_);
  if (object == nullptr) return error(404, "NoSuchKey");
  if (!head_only && !object->is_pattern) return error(403, "InvalidObjectState");  // dropped
  std::string_view match = head_->header("if-match");
  if (!match.empty() && match != "*" && match != quoted(object->etag) && match != object->etag) {
    return error(412, "PreconditionFailed");
  }
  Response response{.headers = "Accept-Ranges: bytes\r\nETag: " + quoted(object->etag) +
                               "\r\nLast-Modified: Mon, 01 Jan 2024 00:00:00 GMT\r\n" +
                               object->metadata,
                    .head_only = head_only};
  RangeAnswer range = parse_range(head_->header("range"), object->size);
  if (range.unsatisfiable) return error(416, "InvalidRange");
  response.pattern = range.range.value_or(ByteRange{0, object->size});
  if (range.range) {
    response.status = 206;
    response.headers += "Content-Range: bytes " + std::to_string(range.range->offset) + "-" +
                        std::to_string(range.range->end() - 1) + "/" +
                        std::to_string(object->size) + "\r\n";
  }
  bool is_whole = response.pattern->length == object->size;
  if (is_whole && iequals(head_->header("x-amz-checksum-mode"), "enabled")) {
    response.headers += crc64_line(*object);
  }
  return response;
}

Response S3Service::create_upload() {
  Upload upload{.name = name_, .metadata = metadata_of(*head_), .parts = {}};
  upload.wants_crc64 = iequals(head_->header("x-amz-checksum-algorithm"), "CRC64NVME");
  Response response;
  std::string checksum;
  if (upload.wants_crc64) {
    checksum = "x-amz-checksum-algorithm: CRC64NVME\r\nx-amz-checksum-type: FULL_OBJECT\r\n";
  }
  std::string id = state_.open_upload(std::move(upload));
  response = xml("<InitiateMultipartUploadResult>" + tag("Bucket", bucket_) + tag("Key", key_) +
                 tag("UploadId", id) + "</InitiateMultipartUploadResult>");
  response.headers += checksum;
  return response;
}

Response S3Service::complete_upload() {
  std::string id = head_->query("uploadId");
  Upload* upload = state_.find_upload(id, name_);
  if (upload == nullptr) return error(404, "NoSuchUpload");
  std::string problem;
  std::optional<StoredObject> whole = join_parts(*upload, text_, problem);
  if (!whole) return error(400, problem);
  std::string_view sent = head_->header("x-amz-checksum-crc64nvme");
  if (!sent.empty() && sent != whole->crc64.to_base64()) {
    ++state_.counts().mismatches;
    return error(400, "BadDigest");
  }
  if (head_->header("if-none-match") == "*" && state_.find(name_) != nullptr) {
    return error(412, "PreconditionFailed");
  }
  std::string checksum;
  if (upload->wants_crc64) {
    checksum =
        tag("ChecksumCRC64NVME", whole->crc64.to_base64()) + tag("ChecksumType", "FULL_OBJECT");
  }
  Response response =
      xml("<CompleteMultipartUploadResult>" + tag("Location", "/" + name_) +
          tag("Bucket", bucket_) + tag("Key", key_) + tag("ETag", quoted(whole->etag)) + checksum +
          "</CompleteMultipartUploadResult>");
  state_.put(name_, *std::move(whole));
  state_.close_upload(id);
  return response;
}

Response S3Service::list_parts() {
  std::string id = head_->query("uploadId");
  Upload* upload = state_.find_upload(id, name_);
  if (upload == nullptr) return error(404, "NoSuchUpload");
  constexpr std::size_t kPage = 1000;
  unsigned marker = parse_decimal<unsigned>(head_->query("part-number-marker")).value_or(0);
  std::string parts;
  std::size_t count = 0;
  auto part = upload->parts.upper_bound(static_cast<int>(marker));
  for (; part != upload->parts.end() && count < kPage; ++part, ++count) {
    marker = static_cast<unsigned>(part->first);
    parts += "<Part>" + tag("PartNumber", std::to_string(part->first)) +
             tag("LastModified", "2024-01-01T00:00:00.000Z") +
             tag("ETag", quoted(part->second.etag)) +
             tag("Size", std::to_string(part->second.size));
    if (upload->wants_crc64) parts += tag("ChecksumCRC64NVME", part->second.crc64.to_base64());
    parts += "</Part>";
  }
  bool more = part != upload->parts.end();
  return xml("<ListPartsResult>" + tag("Bucket", bucket_) + tag("Key", key_) + tag("UploadId", id) +
             tag("MaxParts", std::to_string(kPage)) +
             tag("NextPartNumberMarker", std::to_string(marker)) +
             tag("IsTruncated", more ? "true" : "false") + parts + "</ListPartsResult>");
}

Response S3Service::list_objects() {
  std::string prefix = bucket_ + "/" + head_->query("prefix");
  std::string delimiter = head_->query("delimiter");
  std::string after = head_->query("continuation-token");
  if (after.empty()) after = head_->query("start-after");
  if (after.empty()) after = head_->query("marker");
  unsigned page = parse_decimal<unsigned>(head_->query("max-keys")).value_or(1000);
  bool encode = head_->query("encoding-type") == "url";
  auto shown = [&](const std::string& key) {
    return encode ? percent_encode(key, SlashEncoding::kKeep) : key;
  };
  std::string entries;
  std::string common;
  std::string last_key;
  std::string last_common;
  unsigned count = 0;
  bool more = false;
  const auto& objects = state_.objects();
  for (auto it = objects.lower_bound(prefix); it != objects.end(); ++it) {
    if (!it->first.starts_with(prefix)) break;
    std::string key = it->first.substr(bucket_.size() + 1);
    std::size_t cut =
        delimiter.empty() ? std::string::npos : it->first.find(delimiter, prefix.size());
    std::string group;
    if (cut != std::string::npos) {
      group = it->first.substr(bucket_.size() + 1, cut + delimiter.size() - bucket_.size() - 1);
    }
    const std::string& mark = group.empty() ? key : group;
    if ((!after.empty() && mark <= after) || (!group.empty() && group == last_common)) continue;
    if (count >= page) {
      more = true;
      break;
    }
    ++count;
    last_key = mark;
    if (!group.empty()) {
      last_common = group;
      common += "<CommonPrefixes>" + tag("Prefix", shown(group)) + "</CommonPrefixes>";
      continue;
    }
    entries += "<Contents>" + tag("Key", shown(key)) +
               tag("LastModified", "2024-01-01T00:00:00.000Z") +
               tag("ETag", quoted(it->second.etag)) + tag("Size", std::to_string(it->second.size)) +
               tag("StorageClass", "STANDARD") + "</Contents>";
  }
  std::string next;
  if (more) next = tag("NextContinuationToken", last_key) + tag("NextMarker", shown(last_key));
  return xml("<ListBucketResult>" + tag("Name", bucket_) +
             tag("Prefix", shown(head_->query("prefix"))) + tag("KeyCount", std::to_string(count)) +
             tag("MaxKeys", std::to_string(page)) + (encode ? tag("EncodingType", "url") : "") +
             tag("IsTruncated", more ? "true" : "false") + next + entries + common +
             "</ListBucketResult>");
}

}  // namespace telpher::bench
