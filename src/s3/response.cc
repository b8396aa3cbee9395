#include "s3/response.h"

#include "codec/http_date.h"
#include "codec/percent.h"
#include "codec/text.h"

#include <pugixml.hpp>

#include <algorithm>
#include <array>

namespace telpher::s3_response {
namespace {

using pugi::xml_node;
using WallTime = std::chrono::system_clock::time_point;

Error malformed(std::string_view what) {
  return make_temporary_error(ErrorKind::kProtocol,
                              "The store's answer is malformed: " + std::string(what));
}

std::string text_of(const xml_node& parent, const char* name) {
  return parent.child(name).text().get();
}

/// ETags are quoted; some stores leave the quotes out in lists.
std::string quoted_etag(std::string_view etag) {
  etag = trim(etag);
  if (etag.empty() || etag.starts_with('"') || etag.starts_with("W/")) return std::string(etag);
  return "\"" + std::string(etag) + "\"";
}

/// "base64" or "base64-N" for the digest of N digests.
std::optional<StoredChecksum> parse_checksum(ChecksumAlgorithm algorithm, std::string_view value,
                                             std::string_view type) {
  StoredChecksum checksum;
  const std::size_t dash = value.rfind('-');
  if (dash != std::string_view::npos) {
    const auto parts = parse_decimal<unsigned>(value.substr(dash + 1));
    if (!parts || *parts > 10'000) return std::nullopt;
    checksum.parts = static_cast<int>(*parts);
    value = value.substr(0, dash);
  }
  if (type == "FULL_OBJECT") checksum.parts = 0;
  auto digest = Digest::from_base64(algorithm, value);
  if (!digest) return std::nullopt;
  checksum.digest = *digest;
  return checksum;
}

std::optional<StoredChecksum> parse_checksum_elements(const xml_node& node) {
  for (const ChecksumAlgorithm algorithm : kS3Checksums) {
    const std::string name = "Checksum" + std::string(checksum_s3_name(algorithm));
    const std::string value = text_of(node, name.c_str());
    if (!value.empty()) return parse_checksum(algorithm, value, text_of(node, "ChecksumType"));
  }
  return std::nullopt;
}

/// A document with the root it must have.
class Document {
 public:
  Result<xml_node> load(std::string_view xml, const char* root) {
    if (xml.size() > kDocumentBytesMax) return malformed("document too large");
    const auto outcome = document_.load_buffer(xml.data(), xml.size(),
                                               pugi::parse_default | pugi::parse_ws_pcdata_single,
                                               pugi::encoding_utf8);
    if (!outcome) return malformed(outcome.description());
    const xml_node node = document_.child(root);
    if (!node) return malformed("no <" + std::string(root) + ">");
    return node;
  }

 private:
  pugi::xml_document document_;
};

/// Keys come percent-encoded when asked for; "+" is a blank then.
class KeyDecoder {
 public:
  explicit KeyDecoder(const xml_node& root) : encoded_(text_of(root, "EncodingType") == "url") {}
  Result<std::string> operator()(std::string_view text) const {
    if (!encoded_) return std::string(text);
    auto decoded = form_decode(text);
    if (!decoded) return malformed("a key's encoding");
    return decoded;
  }

 private:
  bool encoded_;
};

Result<ByteCount> parse_size_element(const xml_node& node, const char* name) {
  const auto size = parse_decimal<ByteCount>(trim(text_of(node, name)));
  if (!size) return malformed("<" + std::string(name) + ">");
  return *size;
}

Result<PartNumber> parse_part_number(const std::string& text) {
  const auto number = parse_decimal<unsigned>(trim(text));
  if (!number || *number < 1 || *number > 10'000) return malformed("part number");
  return static_cast<PartNumber>(*number);
}

bool is_true(const xml_node& root, const char* name) {
  return iequals(trim(text_of(root, name)), "true");
}

std::optional<WallTime> parse_last_modified(const Headers& headers) {
  const auto value = headers.find("last-modified");
  if (!value) return std::nullopt;
  return parse_http_date(*value);
}

std::string field(const Headers& headers, std::string_view name) {
  return std::string(headers.find(name).value_or(""));
}

/// Codes, ids and regions as they should be; anything else is dropped. A region ends up in a host
/// name, the others in messages and logs.
std::string word_of(std::string_view text, std::string_view also) {
  constexpr std::size_t kSizeMax = 128;
  text = trim(text);
  const bool good =
      text.size() <= kSizeMax && std::all_of(text.begin(), text.end(), [also](char c) {
        return is_ascii_alpha(c) || is_ascii_digit(c) || also.find(c) != also.npos;
      });
  return good ? std::string(text) : std::string();
}

}  // namespace

std::optional<WallTime> parse_xml_time(std::string_view text) {
  text = trim(text);
  // The fraction of a second, if any, is dropped; the zone is always Z.
  if (text.size() < 20 || text[4] != '-' || text[7] != '-' || text[10] != 'T' || text[13] != ':' ||
      text[16] != ':' || !text.ends_with('Z')) {
    return std::nullopt;
  }
  const auto number = [text](std::size_t at, std::size_t size) {
    return parse_decimal<unsigned>(text.substr(at, size));
  };
  const auto year = number(0, 4), month = number(5, 2), day = number(8, 2);
  const auto hour = number(11, 2), minute = number(14, 2), second = number(17, 2);
  if (!year || !month || !day || !hour || !minute || !second) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(*year)),
                                         std::chrono::month(*month), std::chrono::day(*day)};
  // Later than this, nanoseconds since 1970 no longer fit.
  if (!date.ok() || *year < 1970 || *year > 2261) return std::nullopt;
  if (*hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  return std::chrono::sys_days(date) + std::chrono::hours(*hour) + std::chrono::minutes(*minute) +
         std::chrono::seconds(*second);
}

std::optional<StoredChecksum> parse_checksum_headers(const Headers& headers) {
  for (const ChecksumAlgorithm algorithm : kS3Checksums) {
    if (const auto value = headers.find(checksum_header(algorithm))) {
      return parse_checksum(algorithm, *value, headers.find("x-amz-checksum-type").value_or(""));
    }
  }
  return std::nullopt;
}

ObjectInfo parse_object_info(const Headers& headers) {
  constexpr std::string_view kUserPrefix = "x-amz-meta-";
  ObjectInfo info;
  info.etag = quoted_etag(field(headers, "etag"));
  info.last_modified = parse_last_modified(headers).value_or(WallTime{});
  info.storage_class = field(headers, "x-amz-storage-class");
  info.version_id = field(headers, "x-amz-version-id");
  info.checksum = parse_checksum_headers(headers);
  const auto tag_count = parse_decimal<unsigned>(field(headers, "x-amz-tagging-count"));
  info.tag_count = static_cast<int>(std::min(tag_count.value_or(0), 50U));
  ObjectMetadata& metadata = info.metadata;
  metadata.content_type = field(headers, "content-type");
  metadata.content_encoding = field(headers, "content-encoding");
  metadata.content_language = field(headers, "content-language");
  metadata.content_disposition = field(headers, "content-disposition");
  metadata.cache_control = field(headers, "cache-control");
  metadata.expires = field(headers, "expires");
  for (const Header header : headers) {
    if (!istarts_with(header.name, kUserPrefix)) continue;
    metadata.user[to_lower(header.name.substr(kUserPrefix.size()))] = header.value;
  }
  return info;
}

PutResult parse_put_headers(const Headers& headers) {
  return {quoted_etag(headers.find("etag").value_or("")), field(headers, "x-amz-version-id"),
          parse_checksum_headers(headers)};
}

bool is_error_document(std::string_view body) {
  // Blanks keep the connection alive while the store works, before or after the declaration.
  std::string_view rest = trim(body);
  if (rest.starts_with("<?xml")) {
    const std::size_t end = rest.find("?>");
    if (end == std::string_view::npos) return false;
    rest = trim(rest.substr(end + 2));
  }
  return rest.starts_with("<Error>") || rest.starts_with("<Error ");
}

bool is_no_document(std::string_view body) {
  if (body.starts_with("\xef\xbb\xbf")) body.remove_prefix(3);
  const std::string_view text = trim(body);
  if (text.empty()) return false;
  return text.front() != '<' || istarts_with(text, "<!doctype html") ||
         istarts_with(text, "<html") || istarts_with(text, "<head") || istarts_with(text, "<body");
}

S3ErrorAnswer parse_error(int status, const Headers& headers, std::string_view body,
                          std::chrono::sys_seconds now) {
  S3ErrorAnswer answer;
  answer.status = status;
  body = trim(body);
  Document document;
  if (const auto root = document.load(body, "Error"); !body.empty() && root) {
    answer.code = word_of(text_of(*root, "Code"), ".-_");
    answer.message = text_of(*root, "Message");
    answer.region = word_of(text_of(*root, "Region"), "-");
    answer.request_id = word_of(text_of(*root, "RequestId"), ".-_:/+=");
  }
  if (const auto region = headers.find("x-amz-bucket-region"))
    answer.region = word_of(*region, "-");
  if (const auto id = headers.find("x-amz-request-id")) answer.request_id = word_of(*id, ".-_:/+=");
  if (const auto wait = headers.find("retry-after")) {
    answer.retry_after = parse_retry_after(*wait, now);
  }
  return answer;
}

namespace {

/// <Contents>, <Version> and <DeleteMarker> alike.
Result<ListEntry> parse_list_entry(const xml_node& node, const KeyDecoder& decode) {
  ListEntry entry;
  TRY(entry.key, decode(text_of(node, "Key")));
  entry.etag = quoted_etag(text_of(node, "ETag"));
  entry.last_modified = parse_xml_time(text_of(node, "LastModified")).value_or(WallTime{});
  entry.storage_class = text_of(node, "StorageClass");
  return entry;
}

Result<void> parse_prefixes(const xml_node& root, const KeyDecoder& decode, ListPage& page) {
  for (const xml_node& node : root.children("CommonPrefixes")) {
    TRY(std::string prefix, decode(text_of(node, "Prefix")));
    page.prefixes.push_back(std::move(prefix));
  }
  return {};
}

}  // namespace

Result<ListPage> parse_versions(std::string_view xml) {
  Document document;
  TRY(const xml_node root, document.load(xml, "ListVersionsResult"));
  const KeyDecoder decode(root);
  ListPage page;
  for (const xml_node& node : root.children()) {
    const std::string_view name = node.name();
    if (name != "Version" && name != "DeleteMarker") continue;
    TRY(ListEntry entry, parse_list_entry(node, decode));
    if (name == "Version") {
      TRY(entry.size, parse_size_element(node, "Size"));
    }
    entry.version_id = text_of(node, "VersionId");
    entry.is_latest = is_true(node, "IsLatest");
    entry.delete_marker = name == "DeleteMarker";
    page.objects.push_back(std::move(entry));
  }
  TRY_VOID(parse_prefixes(root, decode, page));
  if (!is_true(root, "IsTruncated")) return page;
  TRY(page.continuation, decode(text_of(root, "NextKeyMarker")));
  if (page.continuation.empty()) return malformed("truncated list without a way on");
  page.continuation += '\0';
  page.continuation += text_of(root, "NextVersionIdMarker");
  return page;
}

Result<ListAnswer> parse_list(std::string_view xml) {
  Document document;
  TRY(const xml_node root, document.load(xml, "ListBucketResult"));
  const KeyDecoder decode(root);
  ListAnswer answer;
  ListPage& page = answer.page;
  for (const xml_node& node : root.children("Contents")) {
    TRY(ListEntry entry, parse_list_entry(node, decode));
    TRY(entry.size, parse_size_element(node, "Size"));
    page.objects.push_back(std::move(entry));
  }
  TRY_VOID(parse_prefixes(root, decode, page));
  answer.version1 = !root.child("KeyCount") && root.child("Marker");
  if (!is_true(root, "IsTruncated")) return answer;
  page.continuation = text_of(root, "NextContinuationToken");
  if (page.continuation.empty()) {
    // Version 1: the next page starts after NextMarker, or after the last name on this one.
    answer.version1 = true;
    TRY(page.continuation, decode(text_of(root, "NextMarker")));
    if (page.continuation.empty()) {
      if (!page.objects.empty()) page.continuation = page.objects.back().key;
      if (!page.prefixes.empty()) {
        page.continuation = std::max(page.continuation, page.prefixes.back());
      }
    }
  }
  if (page.continuation.empty()) return malformed("truncated list without a way on");
  return answer;
}

Result<std::string> parse_create_upload(std::string_view xml) {
  Document document;
  TRY(const xml_node root, document.load(xml, "InitiateMultipartUploadResult"));
  std::string upload_id(trim(text_of(root, "UploadId")));
  if (upload_id.empty()) return malformed("no <UploadId>");
  return upload_id;
}

Result<PutResult> parse_write_document(std::string_view operation, std::string_view xml,
                                       const Headers& headers) {
  const char* expected = "CopyObjectResult";
  const char* other = "CompleteMultipartUploadResult";
  if (operation != "CopyObject") std::swap(expected, other);
  Document document;
  Document lenient;
  auto root = document.load(trim(xml), expected);
  if (!root) {
    auto found = lenient.load(trim(xml), other);
    if (!found) return std::move(root).error();
    root = std::move(found);
  }
  PutResult result;
  result.etag = quoted_etag(text_of(*root, "ETag"));
  result.version_id = field(headers, "x-amz-version-id");
  result.checksum = parse_checksum_elements(*root);
  if (!result.checksum) result.checksum = parse_checksum_headers(headers);
  if (!root->child("ETag")) return malformed("no <ETag>");
  return result;
}

Result<PartInfo> parse_copy_part(std::string_view xml) {
  Document document;
  TRY(const xml_node root, document.load(trim(xml), "CopyPartResult"));
  PartInfo part;
  part.etag = quoted_etag(text_of(root, "ETag"));
  if (part.etag.empty()) return malformed("no <ETag>");
  if (const auto checksum = parse_checksum_elements(root)) part.checksum = checksum->digest;
  return part;
}

Result<PartsPage> parse_parts(std::string_view xml) {
  Document document;
  TRY(const xml_node root, document.load(xml, "ListPartsResult"));
  PartsPage page;
  for (const xml_node& node : root.children("Part")) {
    PartInfo part;
    TRY(part.number, parse_part_number(text_of(node, "PartNumber")));
    TRY(part.size, parse_size_element(node, "Size"));
    part.etag = quoted_etag(text_of(node, "ETag"));
    if (const auto checksum = parse_checksum_elements(node)) part.checksum = checksum->digest;
    page.parts.push_back(std::move(part));
  }
  if (is_true(root, "IsTruncated")) {
    TRY(page.continuation, parse_part_number(text_of(root, "NextPartNumberMarker")));
  }
  return page;
}

Result<UploadsPage> parse_uploads(std::string_view xml) {
  Document document;
  TRY(const xml_node root, document.load(xml, "ListMultipartUploadsResult"));
  const KeyDecoder decode(root);
  UploadsPage page;
  for (const xml_node& node : root.children("Upload")) {
    UploadInfo upload;
    TRY(upload.key, decode(text_of(node, "Key")));
    upload.upload_id = trim(text_of(node, "UploadId"));
    upload.initiated = parse_xml_time(text_of(node, "Initiated")).value_or(WallTime{});
    upload.storage_class = text_of(node, "StorageClass");
    const auto checksum = parse_checksum_algorithm(text_of(node, "ChecksumAlgorithm"));
    if (checksum) upload.checksum = *checksum;
    upload.composite = text_of(node, "ChecksumType") == "COMPOSITE";
    page.uploads.push_back(std::move(upload));
  }
  if (is_true(root, "IsTruncated")) {
    TRY(page.key_marker, decode(text_of(root, "NextKeyMarker")));
    page.upload_id_marker = trim(text_of(root, "NextUploadIdMarker"));
    if (page.key_marker.empty()) return malformed("truncated list without a way on");
  }
  return page;
}

Result<std::vector<RemoveFailure>> parse_delete_result(std::string_view xml,
                                                       std::string_view bucket) {
  Document document;
  TRY(const xml_node root, document.load(trim(xml), "DeleteResult"));
  std::vector<RemoveFailure> failures;
  for (const xml_node& node : root.children("Error")) {
    S3ErrorAnswer answer;
    answer.status = 200;
    answer.code = word_of(text_of(node, "Code"), ".-_");
    answer.message = text_of(node, "Message");
    std::string key = text_of(node, "Key");
    Error error = make_s3_error({"DeleteObjects", bucket, key, true}, answer);
    failures.push_back({std::move(key), std::move(error)});
  }
  return failures;
}

Result<std::vector<BucketInfo>> parse_buckets(std::string_view xml) {
  Document document;
  TRY(const xml_node root, document.load(xml, "ListAllMyBucketsResult"));
  std::vector<BucketInfo> buckets;
  for (const xml_node& node : root.child("Buckets").children("Bucket")) {
    buckets.push_back(
        {.name = text_of(node, "Name"),
         .created = parse_xml_time(text_of(node, "CreationDate")).value_or(WallTime{})});
  }
  return buckets;
}

Result<Tags> parse_tags(std::string_view xml) {
  if (xml.empty()) return Tags();  // the RADOS gateway 16, of an object without any
  Document document;
  TRY(const xml_node root, document.load(xml, "Tagging"));
  Tags tags;
  for (const xml_node& node : root.child("TagSet").children("Tag")) {
    tags[text_of(node, "Key")] = text_of(node, "Value");
  }
  return tags;
}

}  // namespace telpher::s3_response
