#include "source/glob.h"

#include <optional>

namespace telpher {
namespace {

constexpr std::string_view kAnySegments = "**";

/// The segment before the next "/", which is removed from `rest` with it.
std::string_view next_segment(std::string_view& rest) {
  const std::size_t slash = rest.find('/');
  const std::string_view segment = rest.substr(0, slash);
  rest.remove_prefix(slash == std::string_view::npos ? rest.size() : slash + 1);
  return segment;
}

/// Bytes of the UTF-8 character `text` begins with; 1 for what is no UTF-8.
std::size_t character_size(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  const std::size_t size = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
  if (size > text.size()) return 1;
  for (std::size_t i = 1; i < size; ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xC0) != 0x80) return 1;
  }
  return size;
}

/// The length of the class "[…]" that `pattern` begins with; 0 when it is not closed.
std::size_t class_size(std::string_view pattern) {
  std::size_t i = 1;
  if (i < pattern.size() && (pattern[i] == '!' || pattern[i] == '^')) ++i;
  if (i < pattern.size() && pattern[i] == ']') ++i;  // a "]" that comes first is a member
  while (i < pattern.size() && pattern[i] != ']') i += pattern[i] == '\\' ? 2 : 1;
  return i < pattern.size() ? i + 1 : 0;
}

/// One character of a class, unescaped, removed from `members`.
std::string_view next_member(std::string_view& members) {
  if (members[0] == '\\' && members.size() > 1) members.remove_prefix(1);
  const std::string_view member = members.substr(0, character_size(members));
  members.remove_prefix(member.size());
  return member;
}

/// UTF-8 sorts like its code points, so ranges compare as bytes.
bool class_holds(std::string_view members, std::string_view character) {
  const bool negated = members[0] == '!' || members[0] == '^';
  if (negated) members.remove_prefix(1);
  bool found = false;
  while (!members.empty()) {
    const std::string_view first = next_member(members);
    std::string_view last = first;
    if (members.size() > 1 && members[0] == '-') {
      members.remove_prefix(1);
      last = next_member(members);
    }
    found |= first <= character && character <= last;
  }
  return found != negated;
}

/// Bytes of `pattern` and of `text` that its first element takes; text 0 = no match. Not for "*".
struct Step {
  std::size_t pattern;
  std::size_t text;
};
Step match_one(std::string_view pattern, std::string_view text) {
  const std::size_t size = character_size(text);
  if (pattern[0] == '?') return {1, size};
  if (pattern[0] == '[') {
    const std::size_t length = class_size(pattern);
    const bool holds = class_holds(pattern.substr(1, length - 2), text.substr(0, size));
    return {length, holds ? size : 0};
  }
  const std::size_t escape = pattern[0] == '\\' ? 1 : 0;
  return {escape + 1, pattern[escape] == text[0] ? 1u : 0u};
}

/// Greedy with one way back, to the last "*": enough, because a later "*" can do all that an
/// earlier one could.
bool match_segment(std::string_view pattern, std::string_view text) {
  std::string_view star_pattern;
  std::string_view star_text;
  bool star = false;
  for (;;) {
    if (!pattern.empty() && pattern[0] == '*') {
      pattern.remove_prefix(1);
      star_pattern = pattern;
      star_text = text;
      star = true;
      continue;
    }
    if (text.empty()) return pattern.empty();
    const Step step = pattern.empty() ? Step{0, 0} : match_one(pattern, text);
    if (step.text > 0) {
      pattern.remove_prefix(step.pattern);
      text.remove_prefix(step.text);
      continue;
    }
    if (!star || star_text.empty()) return false;
    star_text.remove_prefix(character_size(star_text));
    pattern = star_pattern;
    text = star_text;
  }
}

Result<void> check_segment(std::string_view segment) {
  while (!segment.empty()) {
    std::size_t size = segment[0] == '\\' ? 2 : 1;
    if (segment[0] == '[') size = class_size(segment);
    if (size == 0) return make_error(ErrorKind::kInvalid, "a [ without its ]");
    if (size > segment.size()) return make_error(ErrorKind::kInvalid, "a \\ at the end");
    segment.remove_prefix(size);
  }
  return {};
}

std::string unescape(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size()) ++i;
    plain += text[i];
  }
  return plain;
}

/// What comes before the first wildcard of a segment, unescaped.
std::string literal_lead(std::string_view segment) {
  std::size_t end = 0;
  while (end < segment.size() && !is_glob(segment.substr(end, 1))) {
    end += segment[end] == '\\' ? 2 : 1;
  }
  return unescape(segment.substr(0, end));
}

}  // namespace

bool is_glob(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == '*' || text[i] == '?' || text[i] == '[') {
      return true;
    }
  }
  return false;
}

Result<Glob> Glob::parse(std::string_view pattern) {
  Glob glob;
  std::string_view rest = pattern;
  while (!rest.empty()) {
    const bool last = rest.find('/') == std::string_view::npos;
    const std::string_view segment = next_segment(rest);
    if (glob.segments_.empty() && !last && !is_glob(segment)) {
      glob.base_ += unescape(segment) + "/";
      continue;
    }
    Result<void> checked = check_segment(segment);
    if (!checked) {
      return make_error(ErrorKind::kInvalid, "the pattern '" + std::string(pattern) + "' has " +
                                                 checked.error().message);
    }
    if (glob.segments_.empty()) glob.prefix_ = glob.base_ + literal_lead(segment);
    glob.segments_.emplace_back(segment);
  }
  if (glob.segments_.empty()) glob.prefix_ = glob.base_;
  return glob;
}

bool Glob::is_one_level() const {
  return segments_.empty() || (segments_.size() == 1 && segments_[0] != kAnySegments);
}

bool Glob::matches(std::string_view path) const {
  std::vector<std::string_view> parts;
  while (!path.empty()) parts.push_back(next_segment(path));
  std::size_t segment = 0;
  std::size_t part = 0;
  std::optional<std::size_t> after_any;  // behind the last "**"
  std::size_t any_end = 0;               // the parts before it are taken by that "**" and before
  while (part < parts.size()) {
    if (segment < segments_.size() && segments_[segment] == kAnySegments) {
      after_any = ++segment;
      any_end = part;
      if (segment == segments_.size()) return true;
    } else if (segment < segments_.size() && match_segment(segments_[segment], parts[part])) {
      ++segment;
      ++part;
    } else if (after_any) {
      segment = *after_any;
      part = ++any_end;
    } else {
      return false;
    }
  }
  return segment == segments_.size();
}

bool Glob::may_match_below(std::string_view directory) const {
  for (const std::string& segment : segments_) {
    if (segment == kAnySegments || directory.empty()) return true;
    if (!match_segment(segment, next_segment(directory))) return false;
  }
  return false;
}

}  // namespace telpher
