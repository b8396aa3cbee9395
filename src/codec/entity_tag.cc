#include "codec/entity_tag.h"

#include "codec/http_headers.h"
#include "codec/text.h"

namespace telpher {
namespace {

template <class Match>
bool list_matches(std::string_view list, const std::optional<EntityTag>& current, Match match) {
  if (!current) return false;
  if (trim_blanks(list) == "*") return true;
  bool found = false;
  for_each_list_item(list, [&](std::string_view item) {
    const auto tag = parse_entity_tag(item);
    found |= tag && match(*tag, *current);
  });
  return found;
}

}  // namespace

std::string EntityTag::to_string() const { return (weak ? "W/\"" : "\"") + opaque + "\""; }

std::optional<EntityTag> parse_entity_tag(std::string_view text) {
  text = trim_blanks(text);
  EntityTag tag;
  if (text.starts_with("W/\"")) {
    tag.weak = true;
    text.remove_prefix(2);
  }
  if (text.starts_with('"')) {
    if (text.size() < 2 || !text.ends_with('"')) return std::nullopt;
    text = text.substr(1, text.size() - 2);
  } else if (text.empty() || text == "*") {
    return std::nullopt;
  }
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= 0x20 || byte == 0x7f || byte == '"') return std::nullopt;
  }
  tag.opaque = text;
  return tag;
}

bool strong_match(const EntityTag& a, const EntityTag& b) {
  return !a.weak && !b.weak && a.opaque == b.opaque;
}

bool weak_match(const EntityTag& a, const EntityTag& b) { return a.opaque == b.opaque; }

bool if_match_holds(std::string_view list, const std::optional<EntityTag>& current) {
  return list_matches(list, current, strong_match);
}

bool if_none_match_holds(std::string_view list, const std::optional<EntityTag>& current) {
  return !list_matches(list, current, weak_match);
}

}  // namespace telpher
