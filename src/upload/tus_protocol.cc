#include "upload/tus_protocol.h"

#include "codec/base64.h"
#include "codec/text.h"

#include <algorithm>

namespace telpher {
namespace {

constexpr std::size_t kMetadataBytesMax = 8 * 1024;
constexpr std::size_t kPartialsMax = 1'000;

Error invalid(std::string_view header, std::string_view why) {
  return make_error(ErrorKind::kInvalid, std::string(header) + " " + std::string(why));
}

/// The part of a URL that the mount and an id make; empty when it is none.
std::string_view id_of_url(std::string_view url, std::string_view mount) {
  const std::size_t scheme = url.find("://");
  if (scheme != std::string_view::npos) {
    url.remove_prefix(scheme + 3);
    url.remove_prefix(std::min(url.size(), url.find('/')));
  }
  // A proxy may show us under another path: the last component tells.
  if (url.starts_with(mount)) {
    url.remove_prefix(mount.size());
  } else {
    url.remove_prefix(url.rfind('/') + 1);
  }
  return is_tus_id(url) ? url : std::string_view();
}

}  // namespace

Result<std::map<std::string, std::string>> parse_tus_metadata(std::string_view text) {
  constexpr std::string_view kHeader = "Upload-Metadata";
  if (text.size() > kMetadataBytesMax) return invalid(kHeader, "is longer than 8 KiB");
  std::map<std::string, std::string> metadata;
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    const std::string_view pair = trim_blanks(text.substr(0, comma));
    text.remove_prefix(std::min(comma + 1, text.size()));
    const std::size_t space = std::min(pair.find(' '), pair.size());
    const std::string name(pair.substr(0, space));
    if (name.empty()) return invalid(kHeader, "has a pair without a name");
    const std::string_view encoded = trim_blanks(pair.substr(space));
    Result<std::string> value = base64_decode(encoded);
    if (!value) return invalid(kHeader, "has a value that is no base64: " + name);
    if (!metadata.emplace(name, *std::move(value)).second) {
      return invalid(kHeader, "has " + name + " twice");
    }
  }
  return metadata;
}

Result<Digest> parse_tus_checksum(std::string_view text) {
  constexpr std::string_view kHeader = "Upload-Checksum";
  text = trim_blanks(text);
  const std::size_t space = text.find(' ');
  if (space == std::string_view::npos) return invalid(kHeader, "has no algorithm and value");
  const std::string_view name = text.substr(0, space);
  for (const ChecksumAlgorithm algorithm :
       {ChecksumAlgorithm::kSha1, ChecksumAlgorithm::kMd5, ChecksumAlgorithm::kSha256,
        ChecksumAlgorithm::kCrc32}) {
    if (name != to_string(algorithm)) continue;
    Result<Digest> digest = Digest::from_base64(algorithm, trim_blanks(text.substr(space)));
    if (!digest) return invalid(kHeader, "is no base64 of a " + std::string(name));
    return digest;
  }
  return make_error(ErrorKind::kUnsupported,
                    std::string(kHeader) + " takes " + std::string(kTusChecksums));
}

Result<TusConcat> parse_tus_concat(std::string_view text, std::string_view mount) {
  constexpr std::string_view kHeader = "Upload-Concat";
  constexpr std::string_view kFinal = "final;";
  text = trim_blanks(text);
  if (text == "partial") return TusConcat{.kind = TusConcat::Kind::kPartial, .ids = {}};
  if (!text.starts_with(kFinal)) return invalid(kHeader, "is neither partial nor final");
  text.remove_prefix(kFinal.size());
  TusConcat concat{.kind = TusConcat::Kind::kFinal, .ids = {}};
  while (!text.empty()) {
    const std::size_t space = std::min(text.find(' '), text.size());
    const std::string_view url = text.substr(0, space);
    text.remove_prefix(std::min(space + 1, text.size()));
    if (url.empty()) continue;
    const std::string_view id = id_of_url(url, mount);
    if (id.empty()) return invalid(kHeader, "names what is no upload of this service");
    if (std::ranges::find(concat.ids, id) != concat.ids.end())
      return invalid(kHeader, "names an upload twice");
    concat.ids.emplace_back(id);
    if (concat.ids.size() > kPartialsMax) return invalid(kHeader, "names too many uploads");
  }
  if (concat.ids.empty()) return invalid(kHeader, "names no uploads");
  return concat;
}

bool is_tus_id(std::string_view text) {
  return text.size() == 32 && std::ranges::all_of(text, [](char c) {
           return is_ascii_digit(c) || (c >= 'a' && c <= 'f');
         });
}

}  // namespace telpher
