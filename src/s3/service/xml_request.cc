#include "s3/service/xml_request.h"

#include "codec/percent.h"
#include "codec/text.h"
#include "codec/utf8.h"
#include "store/rules.h"

#include <pugixml.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <cstring>

namespace telpher {
namespace {

constexpr int kDepthMax = 8;
constexpr std::size_t kPartsMax = 10'000;
constexpr std::size_t kDeletesMax = 1'000;
constexpr std::size_t kTagsMax = 10;
constexpr std::size_t kTagKeyMax = 128;
constexpr std::size_t kTagValueMax = 256;

Error invalid(std::string_view code, std::string message) {
  return store_error(ErrorKind::kInvalid, code, 400, std::move(message));
}

Error malformed_xml() {
  return invalid("MalformedXML",
                 "The XML you provided was not well-formed or did not validate against our "
                 "published schema");
}

/// "&amp;", "&#10;", "&#xA;" at the start of `text`: its length; 0 for anything else. A reference
/// to NUL is none: it would end the text it stands in.
std::size_t reference_size(std::string_view text) {
  for (const std::string_view known : {"&amp;", "&lt;", "&gt;", "&quot;", "&apos;"}) {
    if (text.starts_with(known)) return known.size();
  }
  if (!text.starts_with("&#")) return 0;
  const bool hexadecimal = text.substr(2).starts_with('x');
  const char* const begin = text.data() + (hexadecimal ? 3 : 2);
  const char* const end = text.data() + text.size();
  std::uint32_t number = 0;
  const auto [stop, error] = std::from_chars(begin, end, number, hexadecimal ? 16 : 10);
  const bool is_scalar = number > 0 && number <= 0x10ffff && (number < 0xd800 || number > 0xdfff);
  if (error != std::errc{} || !is_scalar || stop == end || *stop != ';') return 0;
  return static_cast<std::size_t>(stop + 1 - text.data());
}

/// UTF-8 without NUL in which all references outside of comments and CDATA are known: the parser
/// would take others as they stand.
bool is_sound_text(std::string_view xml) {
  if (xml.find('\0') != std::string_view::npos || !is_utf8(xml)) return false;
  for (std::size_t at = 0;;) {
    at = xml.find_first_of("<&", at);
    if (at == std::string_view::npos) return true;
    const std::string_view rest = xml.substr(at);
    if (rest.starts_with("<!--") || rest.starts_with("<![CDATA[")) {
      const std::string_view end = rest[2] == '-' ? "-->" : "]]>";
      const std::size_t size = rest.find(end, 4);
      if (size == std::string_view::npos) return false;
      at += size + end.size();
    } else if (rest.starts_with('<')) {
      ++at;
    } else {
      const std::size_t size = reference_size(rest);
      if (size == 0) return false;
      at += size;
    }
  }
}

struct DepthCheck final : pugi::xml_tree_walker {
  bool for_each(pugi::xml_node& node) override {
    // Names count without the prefix of their namespace: "d:Key" is "Key".
    const char* const colon = std::strchr(node.name(), ':');
    if (colon && node.type() == pugi::node_element) {
      const std::string local(colon + 1);
      if (local.empty() || !node.set_name(local.c_str())) return false;
    }
    return depth() < kDepthMax && node.type() != pugi::node_doctype;
  }
};

bool is_blank_text(const pugi::xml_node& node) {
  return node.type() == pugi::node_pcdata && trim(node.value()).empty();
}

/// The root of a document of that name and nothing beside it.
Result<pugi::xml_node> load(pugi::xml_document& document, std::string_view xml, const char* root,
                            std::size_t bytes_max) {
  if (xml.size() > bytes_max) {
    return invalid("MaxMessageLengthExceeded", "Your request was too large.");
  }
  if (!is_sound_text(xml)) return malformed_xml();
  constexpr unsigned kFlags =
      pugi::parse_default | pugi::parse_doctype | pugi::parse_fragment | pugi::parse_ws_pcdata;
  DepthCheck check;
  if (!document.load_buffer(xml.data(), xml.size(), kFlags, pugi::encoding_utf8) ||
      !document.traverse(check)) {
    return malformed_xml();
  }
  pugi::xml_node found;
  for (const pugi::xml_node& node : document.children()) {
    if (is_blank_text(node)) continue;
    if (found || node.type() != pugi::node_element || std::strcmp(node.name(), root) != 0) {
      return malformed_xml();
    }
    found = node;
  }
  if (!found) return malformed_xml();
  return found;
}

/// All text of an element, as it stands. Errors: elements inside.
Result<std::string> text_of(const pugi::xml_node& element) {
  std::string text;
  for (const pugi::xml_node& node : element.children()) {
    if (node.type() != pugi::node_pcdata && node.type() != pugi::node_cdata) return malformed_xml();
    text += node.value();
  }
  return text;
}

/// The one child of that name; a null node if there is none. Errors: more than one.
Result<pugi::xml_node> only_child(const pugi::xml_node& parent, const char* name) {
  const pugi::xml_node child = parent.child(name);
  if (child && child.next_sibling(name)) return malformed_xml();
  return child;
}

/// The text of the one child of that name. Errors: none, or more than one.
Result<std::string> required_text(const pugi::xml_node& parent, const char* name) {
  TRY(const pugi::xml_node child, only_child(parent, name));
  if (!child) return malformed_xml();
  return text_of(child);
}

Result<PartInfo> parse_part(const pugi::xml_node& node) {
  PartInfo part;
  TRY(const std::string number_text, required_text(node, "PartNumber"));
  const std::string_view digits = trim(number_text);
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), part.number);
  if (error != std::errc{} || end != digits.data() + digits.size()) return malformed_xml();
  if (part.number < 1) return invalid("InvalidArgument", "PartNumber must be >= 1");
  TRY(part.etag, required_text(node, "ETag"));
  part.etag = trim(part.etag);
  for (const ChecksumAlgorithm algorithm : kS3Checksums) {
    const std::string name = "Checksum" + std::string(checksum_s3_name(algorithm));
    TRY(const pugi::xml_node child, only_child(node, name.c_str()));
    if (!child) continue;
    TRY(const std::string value, text_of(child));
    const auto digest = Digest::from_base64(algorithm, trim(value));
    if (!digest || part.checksum) {
      return invalid("InvalidArgument", "Invalid Base64 or multiple checksums present in request");
    }
    part.checksum = *digest;
  }
  return part;
}

/// What S3 allows in tags of ASCII; other letters are taken.
bool is_tag_text(std::string_view text) {
  constexpr std::string_view kMarks = " +-=._:/@";
  for (const char c : text) {
    const bool ascii = static_cast<unsigned char>(c) < 0x80;
    if (ascii && !is_ascii_alpha(c) && !is_ascii_digit(c) && kMarks.find(c) == kMarks.npos) {
      return false;
    }
  }
  return is_utf8(text);
}

Result<void> check_tag(std::string_view key, std::string_view value) {
  if (key.empty() || utf8_length(key) > kTagKeyMax || !is_tag_text(key)) {
    return invalid("InvalidTag", "The TagKey you have provided is invalid");
  }
  if (utf8_length(value) > kTagValueMax || !is_tag_text(value)) {
    return invalid("InvalidTag", "The TagValue you have provided is invalid");
  }
  if (key.starts_with("aws:")) {
    return invalid("InvalidTag", "Your TagKey cannot be prefixed with aws:");
  }
  return {};
}

}  // namespace

Result<std::vector<PartInfo>> parse_complete_body(std::string_view xml) {
  pugi::xml_document document;
  TRY(const pugi::xml_node root, load(document, xml, "CompleteMultipartUpload", kCompleteBytesMax));
  std::vector<PartInfo> parts;
  for (const pugi::xml_node& node : root.children("Part")) {
    if (parts.size() == kPartsMax) return malformed_xml();
    TRY(PartInfo part, parse_part(node));
    parts.push_back(std::move(part));
  }
  if (parts.empty()) return malformed_xml();
  return parts;
}

Result<DeleteBody> parse_delete_body(std::string_view xml) {
  pugi::xml_document document;
  TRY(const pugi::xml_node root, load(document, xml, "Delete", kDeleteBytesMax));
  DeleteBody body;
  TRY(const pugi::xml_node quiet, only_child(root, "Quiet"));
  if (quiet) {
    TRY(const std::string said, text_of(quiet));
    body.quiet = iequals(trim(said), "true");
    if (!body.quiet && !iequals(trim(said), "false")) return malformed_xml();
  }
  for (const pugi::xml_node& node : root.children("Object")) {
    if (body.objects.size() == kDeletesMax) return malformed_xml();
    DeleteTarget target;
    TRY(target.key, required_text(node, "Key"));
    if (target.key.empty()) return malformed_xml();
    TRY(const pugi::xml_node version, only_child(node, "VersionId"));
    if (version) {
      TRY(target.version_id, text_of(version));
    }
    TRY(const pugi::xml_node etag, only_child(node, "ETag"));
    if (etag) {
      TRY(target.if_match, text_of(etag));
      if (target.if_match.empty()) return malformed_xml();
    }
    for (const char* condition : {"LastModifiedTime", "Size"}) {
      if (node.child(condition)) target.unspoken = condition;
    }
    body.objects.push_back(std::move(target));
  }
  if (body.objects.empty()) return malformed_xml();
  return body;
}

Result<Tags> parse_tagging_body(std::string_view xml) {
  pugi::xml_document document;
  TRY(const pugi::xml_node root, load(document, xml, "Tagging", kSmallDocumentBytesMax));
  TRY(const pugi::xml_node set, only_child(root, "TagSet"));
  if (!set) return malformed_xml();
  Tags tags;
  std::size_t count = 0;
  for (const pugi::xml_node& node : set.children("Tag")) {
    if (++count > kTagsMax) return invalid("BadRequest", "Object tags cannot be greater than 10");
    TRY(std::string key, required_text(node, "Key"));
    TRY(std::string value, required_text(node, "Value"));
    TRY_VOID(check_tag(key, value));
    if (!tags.emplace(std::move(key), std::move(value)).second) {
      return invalid("InvalidTag", "Cannot provide multiple Tags with the same key");
    }
  }
  return tags;
}

Result<Tags> parse_tagging_header(std::string_view value) {
  const auto bad = [] {
    return invalid("InvalidArgument",
                   "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query "
                   "parameters without tag name duplicates.");
  };
  Tags tags;
  while (const auto tag = take_query_parameter(value)) {
    auto key = form_decode(tag->name);
    auto text = form_decode(tag->value);
    if (!key || !text || key->empty() || !is_utf8(*key) || !is_utf8(*text)) return bad();
    if (tags.size() == kTagsMax) {
      return invalid("BadRequest", "Object tags cannot be greater than 10");
    }
    TRY_VOID(check_tag(*key, *text));
    if (!tags.emplace(*std::move(key), *std::move(text)).second) return bad();
  }
  return tags;
}

Result<std::string> parse_create_bucket_body(std::string_view xml) {
  if (trim(xml).empty()) return std::string();
  pugi::xml_document document;
  TRY(const pugi::xml_node root,
      load(document, xml, "CreateBucketConfiguration", kSmallDocumentBytesMax));
  for (const char* unspoken : {"Location", "Bucket", "Tags"}) {  // of directory buckets; of all
    if (root.child(unspoken)) return not_implemented(std::string("a bucket with ") + unspoken);
  }
  TRY(const pugi::xml_node location, only_child(root, "LocationConstraint"));
  if (!location) return std::string();
  TRY(const std::string text, text_of(location));
  return std::string(trim(text));
}

}  // namespace telpher
