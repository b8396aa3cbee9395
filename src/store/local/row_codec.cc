#include "store/local/row_codec.h"

#include "codec/text.h"

#include <boost/json.hpp>

#include <array>
#include <cstring>

namespace telpher {
namespace {

namespace json = boost::json;

Error damaged(std::string_view what) {
  return make_error(ErrorKind::kCorrupt,
                    "the index of the local store is damaged: " + std::string(what));
}

void put_word(std::string& out, std::uint64_t word) {
  for (int i = 0; i < 8; ++i) out += static_cast<char>(word >> (8 * i));
}

std::uint64_t get_word(std::string_view text) {
  std::uint64_t word = 0;
  for (std::size_t i = 8; i-- > 0;) word = (word << 8) | static_cast<unsigned char>(text[i]);
  return word;
}

json::object to_json(const std::map<std::string, std::string>& map) {
  json::object object;
  for (const auto& [name, value] : map) object[name] = value;
  return object;
}

Result<std::map<std::string, std::string>> to_map(const json::value& value) {
  if (!value.is_object()) return damaged("metadata");
  std::map<std::string, std::string> map;
  for (const auto& [name, field] : value.get_object()) {
    if (!field.is_string()) return damaged("metadata");
    map.emplace(std::string(name), std::string(field.get_string()));
  }
  return map;
}

struct Field {
  const char* name;
  std::string ObjectMetadata::* member;
};
constexpr std::array<Field, 6> kFields = {
    {{"content_type", &ObjectMetadata::content_type},
     {"content_encoding", &ObjectMetadata::content_encoding},
     {"content_language", &ObjectMetadata::content_language},
     {"content_disposition", &ObjectMetadata::content_disposition},
     {"cache_control", &ObjectMetadata::cache_control},
     {"expires", &ObjectMetadata::expires}}};

}  // namespace

std::int64_t to_us(WallTime time) {
  return std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch()).count();
}

WallTime from_us(std::int64_t us) {
  return WallTime(std::chrono::duration_cast<WallTime::duration>(std::chrono::microseconds(us)));
}

std::string encode_extents(const std::vector<Extent>& extents) {
  std::string text;
  text.reserve(extents.size() * 24);
  for (const Extent& extent : extents) {
    put_word(text, extent.file);
    put_word(text, extent.offset);
    put_word(text, extent.length);
  }
  return text;
}

Result<std::vector<Extent>> decode_extents(std::string_view text) {
  if (text.size() % 24 != 0) return damaged("extents");
  std::vector<Extent> extents;
  extents.reserve(text.size() / 24);
  for (; !text.empty(); text.remove_prefix(24)) {
    extents.push_back({get_word(text), get_word(text.substr(8)), get_word(text.substr(16))});
  }
  return extents;
}

std::string encode_checksum(const std::optional<StoredChecksum>& checksum) {
  if (!checksum) return {};
  return std::string(to_string(checksum->digest.algorithm())) + ":" + checksum->digest.to_base64() +
         ":" + std::to_string(checksum->parts);
}

Result<std::optional<StoredChecksum>> decode_checksum(std::string_view text) {
  if (text.empty()) return std::nullopt;
  const std::size_t first = text.find(':');
  const std::size_t last = text.rfind(':');
  if (first == last) return damaged("checksum");
  TRY(const ChecksumAlgorithm algorithm, parse_checksum_algorithm(text.substr(0, first)));
  if (algorithm == ChecksumAlgorithm::kNone) return damaged("checksum");
  TRY(const Digest digest,
      Digest::from_base64(algorithm, text.substr(first + 1, last - first - 1)));
  const std::optional<unsigned> parts = parse_decimal<unsigned>(text.substr(last + 1));
  if (!parts || *parts > 1'000'000) return damaged("checksum");
  return StoredChecksum{digest, static_cast<int>(*parts)};
}

Result<void> decode_checksum_kind(std::string_view text, ListEntry& entry) {
  if (text.empty()) return {};
  TRY(entry.checksum, parse_checksum_algorithm(text.substr(0, text.find(':'))));
  entry.composite = !text.ends_with(":0");
  return {};
}

// The name of the checksum's algorithm ("none" when a part lacks one), a colon, and then for each
// part: number and size, 8 bytes each, and the raw digest.
std::string encode_parts(const PartList& parts) {
  if (!parts || parts->empty()) return {};
  ChecksumAlgorithm algorithm = ChecksumAlgorithm::kNone;
  if (parts->front().checksum) algorithm = parts->front().checksum->algorithm();
  for (const PartInfo& part : *parts) {
    const bool same = part.checksum && part.checksum->algorithm() == algorithm;
    if (!same) algorithm = ChecksumAlgorithm::kNone;
  }
  std::string text = std::string(to_string(algorithm)) + ":";
  text.reserve(text.size() + parts->size() * (16 + checksum_size(algorithm)));
  for (const PartInfo& part : *parts) {
    put_word(text, static_cast<std::uint64_t>(part.number));
    put_word(text, part.size);
    if (algorithm != ChecksumAlgorithm::kNone) text += as_text(part.checksum->bytes());
  }
  return text;
}

Result<PartList> decode_parts(std::string_view text) {
  if (text.empty()) return PartList();
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return damaged("parts");
  TRY(const ChecksumAlgorithm algorithm, parse_checksum_algorithm(text.substr(0, colon)));
  text.remove_prefix(colon + 1);
  const std::size_t digest_size = checksum_size(algorithm);
  if (text.size() % (16 + digest_size) != 0) return damaged("parts");
  auto parts = std::make_shared<std::vector<PartInfo>>();
  parts->reserve(text.size() / (16 + digest_size));
  for (; !text.empty(); text.remove_prefix(16 + digest_size)) {
    PartInfo& part = parts->emplace_back();
    part.number = static_cast<PartNumber>(get_word(text));
    part.size = get_word(text.substr(8));
    if (digest_size == 0) continue;
    TRY(part.checksum, Digest::from_bytes(algorithm, as_bytes(text.substr(16, digest_size))));
  }
  return PartList(std::move(parts));
}

std::string encode_metadata(const ObjectMetadata& metadata) {
  json::object object;
  for (const Field& field : kFields) {
    if (!(metadata.*field.member).empty()) object[field.name] = metadata.*field.member;
  }
  if (!metadata.user.empty()) object["user"] = to_json(metadata.user);
  return object.empty() ? std::string() : json::serialize(object);
}

Result<ObjectMetadata> decode_metadata(std::string_view text) {
  ObjectMetadata metadata;
  if (text.empty()) return metadata;
  boost::system::error_code error;
  const json::value value = json::parse(text, error);
  if (error || !value.is_object()) return damaged("metadata");
  const json::object& object = value.get_object();
  for (const Field& field : kFields) {
    const json::value* found = object.if_contains(field.name);
    if (found && found->is_string()) metadata.*field.member = std::string(found->get_string());
  }
  if (const json::value* user = object.if_contains("user")) {
    TRY(metadata.user, to_map(*user));
  }
  return metadata;
}

std::string encode_tags(const Tags& tags) {
  return tags.empty() ? std::string() : json::serialize(to_json(tags));
}

Result<Tags> decode_tags(std::string_view text) {
  if (text.empty()) return Tags();
  boost::system::error_code error;
  const json::value value = json::parse(text, error);
  if (error) return damaged("tags");
  return to_map(value);
}

}  // namespace telpher
