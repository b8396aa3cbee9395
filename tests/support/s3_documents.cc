// What S3 answers: documents and headers.

#include "codec/http_date.h"
#include "codec/percent.h"
#include "s3/sigv4.h"
#include "tests/support/s3_call.h"

namespace telpher {
namespace {

std::string xml_time(std::chrono::system_clock::time_point time) {
  // "20091012T175030Z" → "2009-10-12T17:50:30.000Z"
  const std::string plain = format_amz_date(std::chrono::floor<std::chrono::seconds>(time));
  return plain.substr(0, 4) + "-" + plain.substr(4, 2) + "-" + plain.substr(6, 5) + ":" +
         plain.substr(11, 2) + ":" + plain.substr(13, 2) + ".000Z";
}

std::string encoded(std::string_view key) { return percent_encode(key, SlashEncoding::kKeep); }

void append_escaped(std::string& out, std::string_view text) {
  for (const char c : text) {
    if (c == '&') {
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

void add_checksum_element(Xml& xml, const Digest& digest) {
  xml.element("Checksum" + std::string(checksum_s3_name(digest.algorithm())), digest.to_base64());
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

std::string Xml::finish() {
  close(root_);
  return std::move(text_);
}

std::string error_document(const Error& error, std::string_view request_id,
                           std::string_view region) {
  Xml xml("Error");
  xml.element("Code", s3_code_of(error)).element("Message", error.message);
  if (!region.empty()) xml.element("Region", region);
  return xml.element("RequestId", request_id).finish();
}

std::string list_document(const std::string& bucket, const ListOptions& options,
                          const ListPage& page) {
  Xml xml("ListBucketResult");
  xml.element("Name", bucket).element("EncodingType", "url");
  xml.element("Prefix", encoded(options.prefix)).element("Delimiter", encoded(options.delimiter));
  xml.element("MaxKeys", std::to_string(options.max_keys));
  xml.element("KeyCount", std::to_string(page.objects.size() + page.prefixes.size()));
  xml.element("IsTruncated", page.continuation.empty() ? "false" : "true");
  if (!page.continuation.empty()) xml.element("NextContinuationToken", page.continuation);
  for (const ListEntry& entry : page.objects) {
    xml.open("Contents").element("Key", encoded(entry.key));
    xml.element("LastModified", xml_time(entry.last_modified)).element("ETag", entry.etag);
    xml.element("Size", std::to_string(entry.size));
    xml.element("StorageClass", entry.storage_class.empty() ? "STANDARD" : entry.storage_class);
    xml.close("Contents");
  }
  for (const std::string& prefix : page.prefixes) {
    xml.open("CommonPrefixes").element("Prefix", encoded(prefix)).close("CommonPrefixes");
  }
  return xml.finish();
}

std::string parts_document(const ObjectAddress& object, std::string_view upload_id,
                           const PartsPage& page) {
  Xml xml("ListPartsResult");
  xml.element("Bucket", object.bucket).element("Key", object.key).element("UploadId", upload_id);
  xml.element("IsTruncated", page.continuation == 0 ? "false" : "true");
  if (page.continuation != 0) {
    xml.element("NextPartNumberMarker", std::to_string(page.continuation));
  }
  for (const PartInfo& part : page.parts) {
    xml.open("Part").element("PartNumber", std::to_string(part.number));
    xml.element("ETag", part.etag).element("Size", std::to_string(part.size));
    if (part.checksum && !part.checksum->empty()) add_checksum_element(xml, *part.checksum);
    xml.close("Part");
  }
  return xml.finish();
}

std::string uploads_document(const std::string& bucket, const UploadsPage& page) {
  Xml xml("ListMultipartUploadsResult");
  xml.element("Bucket", bucket).element("EncodingType", "url");
  xml.element("IsTruncated", page.key_marker.empty() ? "false" : "true");
  if (!page.key_marker.empty()) {
    xml.element("NextKeyMarker", encoded(page.key_marker));
    xml.element("NextUploadIdMarker", page.upload_id_marker);
  }
  for (const UploadInfo& upload : page.uploads) {
    xml.open("Upload").element("Key", encoded(upload.key)).element("UploadId", upload.upload_id);
    xml.element("Initiated", xml_time(upload.initiated));
    if (!upload.storage_class.empty()) xml.element("StorageClass", upload.storage_class);
    if (upload.checksum != ChecksumAlgorithm::kNone) {
      xml.element("ChecksumAlgorithm", checksum_s3_name(upload.checksum));
      xml.element("ChecksumType", upload.composite ? "COMPOSITE" : "FULL_OBJECT");
    }
    xml.close("Upload");
  }
  return xml.finish();
}

std::string delete_document(const std::vector<RemoveFailure>& failures) {
  Xml xml("DeleteResult");
  for (const RemoveFailure& failure : failures) {
    xml.open("Error").element("Key", failure.key).element("Code", s3_code_of(failure.error));
    xml.element("Message", failure.error.message).close("Error");
  }
  return xml.finish();
}

std::string buckets_document(const std::vector<BucketInfo>& buckets) {
  Xml xml("ListAllMyBucketsResult");
  xml.open("Buckets");
  for (const BucketInfo& bucket : buckets) {
    xml.open("Bucket").element("Name", bucket.name);
    xml.element("CreationDate", xml_time(bucket.created)).close("Bucket");
  }
  return xml.close("Buckets").finish();
}

std::string tagging_document(const std::map<std::string, std::string>& tags) {
  Xml xml("Tagging");
  xml.open("TagSet");
  for (const auto& [name, value] : tags) {
    xml.open("Tag").element("Key", name).element("Value", value).close("Tag");
  }
  return xml.close("TagSet").finish();
}

std::string write_document(std::string_view root, const ObjectAddress& object,
                           std::string_view etag, const std::optional<StoredChecksum>& checksum) {
  Xml xml(root);
  if (root == "CompleteMultipartUploadResult") {
    xml.element("Bucket", object.bucket).element("Key", object.key);
  } else {
    xml.element("LastModified", xml_time({}));
  }
  xml.element("ETag", etag);
  if (checksum && !checksum->digest.empty()) {
    const Digest& digest = checksum->digest;
    std::string value = digest.to_base64();
    if (checksum->parts > 0) value += "-" + std::to_string(checksum->parts);
    xml.element("Checksum" + std::string(checksum_s3_name(digest.algorithm())), value);
    xml.element("ChecksumType", checksum->parts > 0 ? "COMPOSITE" : "FULL_OBJECT");
  }
  return xml.finish();
}

void add_checksum_headers(Headers& headers, const std::optional<StoredChecksum>& checksum) {
  if (!checksum || checksum->digest.empty()) return;
  std::string value = checksum->digest.to_base64();
  if (checksum->parts > 0) value += "-" + std::to_string(checksum->parts);
  headers.add(checksum_header(checksum->digest.algorithm()), value);
  headers.add("x-amz-checksum-type", checksum->parts > 0 ? "COMPOSITE" : "FULL_OBJECT");
}

void add_object_headers(Headers& headers, const ObjectInfo& info) {
  const auto add_if = [&headers](std::string_view name, std::string_view value) {
    if (!value.empty()) headers.add(name, value);
  };
  headers.add("etag", info.etag);
  headers.add("accept-ranges", "bytes");
  headers.add("last-modified",
              format_http_date(std::chrono::floor<std::chrono::seconds>(info.last_modified)));
  const ObjectMetadata& metadata = info.metadata;
  add_if("content-type",
         metadata.content_type.empty() ? "binary/octet-stream" : metadata.content_type);
  add_if("content-encoding", metadata.content_encoding);
  add_if("content-language", metadata.content_language);
  add_if("content-disposition", metadata.content_disposition);
  add_if("cache-control", metadata.cache_control);
  add_if("expires", metadata.expires);
  add_if("x-amz-storage-class", info.storage_class == "STANDARD" ? "" : info.storage_class);
  add_if("x-amz-version-id", info.version_id);
  if (info.tag_count > 0) headers.add("x-amz-tagging-count", std::to_string(info.tag_count));
  for (const auto& [name, value] : metadata.user) headers.add("x-amz-meta-" + name, value);
}

}  // namespace telpher
