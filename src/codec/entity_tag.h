#pragma once
// Entity tags and the conditions built from them. Pure functions. Source: RFC 9110 §8.8.3, §13.

#include <optional>
#include <string>
#include <string_view>

namespace telpher {

struct EntityTag {
  std::string opaque;  // without quotes
  bool weak = false;

  bool operator==(const EntityTag&) const = default;
  /// `"abc"` or `W/"abc"`.
  std::string to_string() const;
};

/// Takes `"abc"` and `W/"abc"`; also `abc` without quotes, as some stores and clients write it.
/// nullopt: empty, quotes or control characters within.
std::optional<EntityTag> parse_entity_tag(std::string_view text);

/// Equal and both strong: what If-Match and If-Range need.
bool strong_match(const EntityTag& a, const EntityTag& b);
/// Equal, weak or not: what If-None-Match needs.
bool weak_match(const EntityTag& a, const EntityTag& b);

/// Whether If-Match: `list` ("*", or tags separated by commas) allows a request on a resource whose
/// tag is `current` (nullopt: it does not exist). What is malformed matches nothing.
bool if_match_holds(std::string_view list, const std::optional<EntityTag>& current);
/// The same for If-None-Match: holds when nothing in the list matches.
bool if_none_match_holds(std::string_view list, const std::optional<EntityTag>& current);

}  // namespace telpher
