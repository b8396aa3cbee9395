#include "s3/service/xml_answer.h"

#include "codec/percent.h"
#include "s3/sigv4.h"

#include <algorithm>

namespace telpher {

bool is_noncharacter(std::string_view text) {
  return text.starts_with("\uFFFE") || text.starts_with("\uFFFF");
}

namespace {

void append_escaped(std::string& out, std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\xef' && is_noncharacter(text.substr(i))) {
      out += text[i + 2] == '\xbe' ? "&#65534;" : "&#65535;";
      i += 2;
    } else if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else if (c == '"') {
      out += "&quot;";
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += "&#" + std::to_string(static_cast<int>(c)) + ";";
    } else {
      out += c;
    }
  }
}

std::string_view boolean(bool value) { return value ? "true" : "false"; }

void add_owner(Xml& xml, const S3User& owner, std::string_view name = "Owner") {
  xml.open(name).element("ID", owner.id).element("DisplayName", owner.display_name).close(name);
}

void add_checksum(Xml& xml, const StoredChecksum& checksum) {
  xml.element("Checksum" + std::string(checksum_s3_name(checksum.digest.algorithm())),
              checksum_text(checksum));
}

/// What an upload was begun with.
void add_announced(Xml& xml, ChecksumAlgorithm algorithm, bool composite) {
  xml.element("ChecksumAlgorithm", checksum_s3_name(algorithm));
  xml.element("ChecksumType",
              composite || !checksum_combines(algorithm) ? "COMPOSITE" : "FULL_OBJECT");
}

std::string_view class_of(std::string_view storage_class) {
  return storage_class.empty() ? "STANDARD" : storage_class;
}

}  // namespace

Xml::Xml(std::string_view root) : root_(root) {
  text_ = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<" + root_;
  if (root_ != "Error") text_ += " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"";
  text_ += '>';
}

Xml& Xml::open(std::string_view name) {
  text_.append("<").append(name).append(">");
  return *this;
}

Xml& Xml::close(std::string_view name) {
  text_.append("</").append(name).append(">");
  return *this;
}

Xml& Xml::element(std::string_view name, std::string_view value) {
  open(name);
  append_escaped(text_, value);
  return close(name);
}

Xml& Xml::number(std::string_view name, std::uint64_t value) {
  return element(name, std::to_string(value));
}

std::string Xml::finish() {
  close(root_);
  return std::move(text_);
}

std::string xml_time(std::chrono::system_clock::time_point time) {
  // "20091012T175030Z" → "2009-10-12T17:50:30.000Z"
  const std::string plain = format_amz_date(std::chrono::floor<std::chrono::seconds>(time));
  return plain.substr(0, 4) + "-" + plain.substr(4, 2) + "-" + plain.substr(6, 5) + ":" +
         plain.substr(11, 2) + ":" + plain.substr(13, 2) + ".000Z";
}

// Lists.

namespace {

/// Names as the client asked for them: as they are, or percent-encoded.
struct Encoding {
  bool url = false;
  std::string operator()(std::string_view text) const {
    return url ? percent_encode(text, SlashEncoding::kKeep) : std::string(text);
  }
};

void add_entry(Xml& xml, const Encoding& name, const ListEntry& entry) {
  xml.element("Key", name(entry.key)).element("LastModified", xml_time(entry.last_modified));
  xml.element("ETag", entry.etag);
  if (entry.checksum != ChecksumAlgorithm::kNone) {
    xml.element("ChecksumAlgorithm", checksum_s3_name(entry.checksum));
    xml.element("ChecksumType", entry.composite ? "COMPOSITE" : "FULL_OBJECT");
  }
  xml.number("Size", entry.size);
}

void add_prefixes(Xml& xml, const Encoding& name, const std::vector<std::string>& prefixes) {
  for (const std::string& prefix : prefixes) {
    xml.open("CommonPrefixes").element("Prefix", name(prefix)).close("CommonPrefixes");
  }
}

/// The last name on a page: where the next begins.
std::string_view last_of(const ListPage& page) {
  std::string_view last;
  if (!page.objects.empty()) last = page.objects.back().key;
  if (!page.prefixes.empty()) last = std::max(last, std::string_view(page.prefixes.back()));
  return last;
}

}  // namespace

std::string list_document(const std::string& bucket, const ListQuestion& question,
                          const ListPage& page, const S3User& owner) {
  const ListOptions& options = question.options;
  const Encoding name{question.encode_url};
  const bool truncated = !page.continuation.empty();
  Xml xml("ListBucketResult");
  // boto3 decodes the Prefix of version 2 alone; other clients decode both. What is the same either
  // way suits all.
  const bool as_it_is =
      !question.version_2 && options.prefix.find_first_of("%+") == std::string::npos;
  xml.element("Name", bucket).element("Prefix", as_it_is ? options.prefix : name(options.prefix));
  if (question.version_2) {
    if (!options.start_after.empty()) xml.element("StartAfter", name(options.start_after));
    if (!options.continuation.empty()) xml.element("ContinuationToken", options.continuation);
    if (truncated) xml.element("NextContinuationToken", page.continuation);
    xml.number("KeyCount", page.objects.size() + page.prefixes.size());
  } else {
    xml.element("Marker", name(question.marker));
    if (truncated && !options.delimiter.empty()) xml.element("NextMarker", name(last_of(page)));
  }
  xml.number("MaxKeys", static_cast<std::uint64_t>(options.max_keys));
  if (!options.delimiter.empty()) xml.element("Delimiter", name(options.delimiter));
  if (question.encode_url) xml.element("EncodingType", "url");
  xml.element("IsTruncated", boolean(truncated));
  for (const ListEntry& entry : page.objects) {
    xml.open("Contents");
    add_entry(xml, name, entry);
    if (!question.version_2 || question.fetch_owner) add_owner(xml, owner);
    xml.element("StorageClass", class_of(entry.storage_class)).close("Contents");
  }
  add_prefixes(xml, name, page.prefixes);
  return xml.finish();
}

std::string versions_document(const std::string& bucket, const ListQuestion& question,
                              const ListPage& page, const S3User& owner) {
  const ListOptions& options = question.options;
  const Encoding name{question.encode_url};
  const bool truncated = !page.continuation.empty();
  Xml xml("ListVersionsResult");
  xml.element("Name", bucket).element("Prefix", name(options.prefix));
  xml.element("KeyMarker", name(question.marker)).element("VersionIdMarker", "");
  if (truncated) {
    xml.element("NextKeyMarker", name(last_of(page))).element("NextVersionIdMarker", "null");
  }
  xml.number("MaxKeys", static_cast<std::uint64_t>(options.max_keys));
  if (!options.delimiter.empty()) xml.element("Delimiter", name(options.delimiter));
  if (question.encode_url) xml.element("EncodingType", "url");
  xml.element("IsTruncated", boolean(truncated));
  for (const ListEntry& entry : page.objects) {
    xml.open("Version").element("VersionId", "null").element("IsLatest", "true");
    add_entry(xml, name, entry);
    add_owner(xml, owner);
    xml.element("StorageClass", class_of(entry.storage_class)).close("Version");
  }
  add_prefixes(xml, name, page.prefixes);
  return xml.finish();
}

std::string uploads_document(const std::string& bucket, const UploadsQuestion& question,
                             const UploadsAnswer& answer, const S3User& owner) {
  const ListUploadsOptions& options = question.options;
  const Encoding name{question.encode_url};
  Xml xml("ListMultipartUploadsResult");
  xml.element("Bucket", bucket).element("KeyMarker", name(options.key_marker));
  xml.element("UploadIdMarker", options.upload_id_marker);
  // On the last page too, as S3 has it.
  xml.element("NextKeyMarker", name(answer.key_marker));
  xml.element("NextUploadIdMarker", answer.upload_id_marker);
  if (!options.prefix.empty()) xml.element("Prefix", name(options.prefix));
  if (!question.delimiter.empty()) xml.element("Delimiter", name(question.delimiter));
  xml.number("MaxUploads", static_cast<std::uint64_t>(options.max_uploads));
  if (question.encode_url) xml.element("EncodingType", "url");
  xml.element("IsTruncated", boolean(answer.truncated));
  for (const UploadInfo& upload : answer.uploads) {
    xml.open("Upload").element("Key", name(upload.key)).element("UploadId", upload.upload_id);
    add_owner(xml, owner, "Initiator");
    add_owner(xml, owner);
    xml.element("StorageClass", class_of(upload.storage_class));
    xml.element("Initiated", xml_time(upload.initiated));
    if (upload.checksum != ChecksumAlgorithm::kNone) {
      add_announced(xml, upload.checksum, upload.composite);
    }
    xml.close("Upload");
  }
  add_prefixes(xml, name, answer.prefixes);
  return xml.finish();
}

std::string parts_document(const S3Call& call, int marker, int max_parts, const PartsPage& page,
                           const S3User& owner) {
  Xml xml("ListPartsResult");
  xml.element("Bucket", call.object.bucket).element("Key", call.object.key);
  xml.element("UploadId", call.parameter("uploadId"));
  add_owner(xml, owner, "Initiator");
  add_owner(xml, owner);
  xml.element("StorageClass", class_of(page.storage_class));
  xml.number("PartNumberMarker", static_cast<std::uint64_t>(marker));
  const int last = page.parts.empty() ? 0 : page.parts.back().number;
  xml.number("NextPartNumberMarker", static_cast<std::uint64_t>(last));
  xml.number("MaxParts", static_cast<std::uint64_t>(max_parts));
  xml.element("IsTruncated", boolean(page.continuation != 0));
  if (page.checksum != ChecksumAlgorithm::kNone) add_announced(xml, page.checksum, page.composite);
  for (const PartInfo& part : page.parts) {
    xml.open("Part").number("PartNumber", static_cast<std::uint64_t>(part.number));
    if (part.last_modified != std::chrono::system_clock::time_point{}) {
      xml.element("LastModified", xml_time(part.last_modified));
    }
    xml.element("ETag", part.etag).number("Size", part.size);
    if (part.checksum && !part.checksum->empty()) add_checksum(xml, {*part.checksum, 0});
    xml.close("Part");
  }
  return xml.finish();
}

std::string buckets_document(std::span<const BucketInfo> buckets, const S3User& owner,
                             const BucketsQuestion& question) {
  Xml xml("ListAllMyBucketsResult");
  add_owner(xml, owner);
  xml.open("Buckets");
  for (const BucketInfo& bucket : buckets) {
    xml.open("Bucket").element("Name", bucket.name);
    xml.element("CreationDate", xml_time(bucket.created));
    if (!question.region.empty()) xml.element("BucketRegion", question.region);
    xml.close("Bucket");
  }
  xml.close("Buckets");
  if (!question.prefix.empty()) xml.element("Prefix", question.prefix);
  if (!question.continuation.empty()) xml.element("ContinuationToken", question.continuation);
  return xml.finish();
}

// Answers about one object.

std::string tagging_document(const Tags& tags) {
  Xml xml("Tagging");
  xml.open("TagSet");
  for (const auto& [key, value] : tags) {
    xml.open("Tag").element("Key", key).element("Value", value).close("Tag");
  }
  return xml.close("TagSet").finish();
}

std::string acl_document(const S3User& owner) {
  Xml xml("AccessControlPolicy");
  add_owner(xml, owner);
  xml.open("AccessControlList").open("Grant");
  xml.open(
      "Grantee xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" "
      "xsi:type=\"CanonicalUser\"");
  xml.element("ID", owner.id).element("DisplayName", owner.display_name).close("Grantee");
  return xml.element("Permission", "FULL_CONTROL")
      .close("Grant")
      .close("AccessControlList")
      .finish();
}

std::string delete_document(const std::vector<std::string>& deleted,
                            const std::vector<RemoveFailure>& failed) {
  Xml xml("DeleteResult");
  for (const std::string& key : deleted) {
    xml.open("Deleted").element("Key", key).close("Deleted");
  }
  for (const RemoveFailure& failure : failed) {
    xml.open("Error").element("Key", failure.key).element("Code", s3_code_of(failure.error));
    xml.element("Message", message_of(failure.error)).close("Error");
  }
  return xml.finish();
}

std::string create_upload_document(const ObjectAddress& object, std::string_view upload_id) {
  Xml xml("InitiateMultipartUploadResult");
  xml.element("Bucket", object.bucket).element("Key", object.key);
  return xml.element("UploadId", upload_id).finish();
}

std::string_view checksum_type(const StoredChecksum& checksum) {
  return checksum.parts > 0 ? "COMPOSITE" : "FULL_OBJECT";
}

std::string checksum_text(const StoredChecksum& checksum) {
  std::string text = checksum.digest.to_base64();
  if (checksum.parts > 0) text += "-" + std::to_string(checksum.parts);
  return text;
}

std::string complete_document(const ObjectAddress& object, std::string_view location,
                              const PutResult& result) {
  Xml xml("CompleteMultipartUploadResult");
  xml.element("Location", location).element("Bucket", object.bucket);
  xml.element("Key", object.key).element("ETag", result.etag);
  if (result.checksum) {
    add_checksum(xml, *result.checksum);
    xml.element("ChecksumType", checksum_type(*result.checksum));
  }
  return xml.finish();
}

std::string copy_document(std::string_view root, std::string_view etag,
                          std::chrono::system_clock::time_point time,
                          const std::optional<StoredChecksum>& checksum) {
  Xml xml(root);
  xml.element("LastModified", xml_time(time)).element("ETag", etag);
  if (checksum) {
    if (root == "CopyObjectResult") xml.element("ChecksumType", checksum_type(*checksum));
    add_checksum(xml, *checksum);
  }
  return xml.finish();
}

namespace {

/// @param listed  S3 names the parts of objects with a composite checksum only; of others their
/// count
void add_parts(Xml& xml, const AttributesQuestion& question, const std::vector<PartInfo>& parts,
               bool listed) {
  xml.open("ObjectParts");
  std::size_t first = 0;
  while (first < parts.size() && parts[first].number <= question.marker) ++first;
  const std::size_t count =
      std::min(parts.size() - first, static_cast<std::size_t>(question.max_parts));
  const PartNumber last = count == 0 ? 0 : parts[first + count - 1].number;
  xml.number("PartsCount", parts.size());
  xml.number("PartNumberMarker", static_cast<std::uint64_t>(question.marker));
  xml.number("NextPartNumberMarker", static_cast<std::uint64_t>(last));
  xml.number("MaxParts", static_cast<std::uint64_t>(question.max_parts));
  xml.element("IsTruncated", boolean(first + count < parts.size()));
  for (std::size_t i = first; i < first + count; ++i) {
    if (!listed || !parts[i].checksum) continue;
    xml.open("Part").number("PartNumber", static_cast<std::uint64_t>(parts[i].number));
    xml.number("Size", parts[i].size);
    add_checksum(xml, {*parts[i].checksum, 0});
    xml.close("Part");
  }
  xml.close("ObjectParts");
}

}  // namespace

std::string attributes_document(const AttributesQuestion& question, const ObjectInfo& info) {
  Xml xml("GetObjectAttributesResponse");
  if (question.etag) {
    std::string_view etag = info.etag;
    if (etag.size() >= 2 && etag.front() == '"') etag = etag.substr(1, etag.size() - 2);
    xml.element("ETag", etag);
  }
  if (question.checksum && info.checksum) {
    xml.open("Checksum");
    add_checksum(xml, *info.checksum);
    xml.element("ChecksumType", checksum_type(*info.checksum)).close("Checksum");
  }
  const bool composite = info.checksum && info.checksum->parts > 0;
  if (question.parts && info.parts) add_parts(xml, question, *info.parts, composite);
  if (question.storage_class) xml.element("StorageClass", class_of(info.storage_class));
  if (question.size) xml.number("ObjectSize", info.size);
  return xml.finish();
}

}  // namespace telpher
