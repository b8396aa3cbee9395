#include "peers/sink_state.h"

#include "base/units.h"
#include "codec/text.h"

#include <cstdio>

namespace telpher::bench {
namespace {

constexpr ByteCount kPartMin = 5 * kMiB;

/// The text of the first <name> element at or after `from`; moves `from` behind it.
std::optional<std::string> element(std::string_view xml, const std::string& name,
                                   std::size_t& from) {
  std::size_t start = xml.find("<" + name + ">", from);
  if (start == std::string_view::npos) return std::nullopt;
  start += name.size() + 2;
  std::size_t end = xml.find("</" + name + ">", start);
  if (end == std::string_view::npos) return std::nullopt;
  from = end;
  return std::string(trim(xml.substr(start, end - start)));
}

std::string unquote(std::string text) {
  for (const char* quote : {"\"", "&quot;", "&#34;"}) {
    std::size_t length = std::string_view(quote).size();
    if (text.starts_with(quote)) text.erase(0, length);
    if (text.ends_with(quote)) text.resize(text.size() - length);
  }
  return text;
}

void add_count(std::string& json, const char* name, std::uint64_t value) {
  json += (json == "{" ? "\"" : ", \"") + std::string(name) + "\": " + std::to_string(value);
}

}  // namespace

std::string make_etag(const Digest& crc64, ByteCount size, const std::optional<Digest>& md5) {
  if (md5) return md5->to_hex();
  char size_hex[17];
  std::snprintf(size_hex, sizeof size_hex, "%016llx", static_cast<unsigned long long>(size));
  return crc64.to_hex() + size_hex + "-0";
}

std::optional<StoredObject> join_parts(const Upload& upload, std::string_view xml,
                                       std::string& problem) {
  StoredObject whole;
  whole.crc64 = checksum_of(ChecksumAlgorithm::kCrc64Nvme, {});
  whole.metadata = upload.metadata;
  Checksum etags(ChecksumAlgorithm::kMd5);
  bool all_md5 = true;
  int count = 0;
  int last = 0;
  ByteCount last_size = kPartMin;
  std::size_t at = 0;
  while (auto block = element(xml, "Part", at)) {
    std::size_t in_number = 0;
    std::size_t in_etag = 0;
    auto number_text = element(*block, "PartNumber", in_number);
    auto etag = element(*block, "ETag", in_etag);
    auto number = parse_decimal<unsigned>(number_text.value_or(""));
    if (!number || !etag) return problem = "MalformedXML", std::nullopt;
    auto part = upload.parts.find(static_cast<int>(*number));
    if (part == upload.parts.end() || unquote(*etag) != part->second.etag) {
      return problem = "InvalidPart", std::nullopt;
    }
    if (part->first <= last) return problem = "InvalidPartOrder", std::nullopt;
    if (last_size < kPartMin) return problem = "EntityTooSmall", std::nullopt;
    last = part->first;
    last_size = part->second.size;
    whole.crc64 = *combine_digests(whole.crc64, part->second.crc64, last_size);
    whole.size += last_size;
    all_md5 = all_md5 && part->second.md5.has_value();
    if (all_md5) etags.update(part->second.md5->bytes());
    ++count;
  }
  if (count == 0) return problem = "MalformedXML", std::nullopt;
  std::optional<Digest> md5;
  if (all_md5) md5 = etags.finish();
  whole.etag = make_etag(whole.crc64, whole.size, md5);
  if (md5) whole.etag += "-" + std::to_string(count);
  return whole;
}

void SinkState::reset() {
  std::erase_if(objects_, [](const auto& entry) { return !entry.second.is_pattern; });
  uploads_.clear();
  counts_ = {};
}

StoredObject* SinkState::find(const std::string& name) {
  auto found = objects_.find(name);
  return found == objects_.end() ? nullptr : &found->second;
}

std::string SinkState::open_upload(Upload upload) {
  char id[32];
  std::snprintf(id, sizeof id, "upload-%08llu", static_cast<unsigned long long>(++uploads_opened_));
  uploads_[id] = std::move(upload);
  return id;
}

Upload* SinkState::find_upload(const std::string& id, const std::string& name) {
  auto found = uploads_.find(id);
  return found == uploads_.end() || found->second.name != name ? nullptr : &found->second;
}

std::string SinkState::stats_json() const {
  std::uint64_t objects = 0;
  std::uint64_t object_bytes = 0;
  std::uint64_t fingerprint = 0;
  for (const auto& [name, object] : objects_) {
    if (object.is_pattern) continue;
    ++objects;
    object_bytes += object.size;
    fingerprint += fingerprint_of(object.crc64, object.size);
  }
  std::string json = "{";
  add_count(json, "objects", objects);
  add_count(json, "object_bytes", object_bytes);
  add_count(json, "fingerprint", fingerprint);
  add_count(json, "open_uploads", uploads_.size());
  add_count(json, "requests", counts_.requests);
  add_count(json, "bodies", counts_.bodies);
  add_count(json, "bytes", counts_.bytes);
  add_count(json, "verified", counts_.verified);
  add_count(json, "unverified", counts_.unverified);
  add_count(json, "mismatches", counts_.mismatches);
  add_count(json, "incomplete", counts_.incomplete);
  add_count(json, "cut", counts_.cut);
  add_count(json, "errors", counts_.errors);
  std::string operations = "{";
  for (const auto& [name, count] : counts_.operations) add_count(operations, name.c_str(), count);
  return json + ", \"operations\": " + operations + "}}\n";
}

}  // namespace telpher::bench
