#include "upload/object_name.h"

#include "codec/text.h"
#include "codec/utf8.h"

#include <algorithm>
#include <cstdio>

namespace telpher {
namespace {

bool is_plain(char c) {
  return is_ascii_alpha(c) || is_ascii_digit(c) || c == '.' || c == '_' || c == '-';
}

/// Where the extension begins; the end when there is none worth keeping.
std::size_t extension_of(std::string_view name) {
  const std::size_t dot = name.rfind('.');
  return dot == std::string_view::npos || dot == 0 || name.size() - dot > 32 ? name.size() : dot;
}

/// Cut before the extension to make room, and with `suffix` there.
std::string with_suffix(std::string_view name, std::string_view suffix) {
  const std::size_t dot = extension_of(name);
  const std::size_t rest = name.size() - dot + suffix.size();
  std::string_view stem = name.substr(0, std::min(dot, kObjectNameBytesMax - rest));
  while (stem.ends_with('.')) stem.remove_suffix(1);
  return std::string(stem).append(suffix).append(name.substr(dot));
}

}  // namespace

std::string safe_object_name(std::string_view file_name) {
  const std::size_t slash = file_name.find_last_of("/\\");
  if (slash != std::string_view::npos) file_name.remove_prefix(slash + 1);
  std::string name;
  for (const char c : file_name) {
    const bool begins = (static_cast<unsigned char>(c) & 0xc0) != 0x80;  // a character
    if (begins) name += is_plain(c) ? c : '_';
  }
  for (std::size_t at = 0; (at = name.find("..", at)) != std::string::npos;) {
    name.replace(at, 2, "_");
  }
  name.erase(0, std::min(name.find_first_not_of('.'), name.size()));
  if (name.empty()) return "_";
  return with_suffix(name, "");
}

std::string time_stamp(WallTime now) {
  const auto day = std::chrono::floor<std::chrono::days>(now);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(std::chrono::floor<std::chrono::seconds>(now - day));
  char text[32];
  const int size = std::snprintf(
      text, sizeof text, "%04d-%02u-%02uT%02d-%02d-%02d", static_cast<int>(date.year()),
      static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
      static_cast<int>(time.hours().count()), static_cast<int>(time.minutes().count()),
      static_cast<int>(time.seconds().count()));
  return {text, static_cast<std::size_t>(size)};
}

Result<std::string> parse_key_prefix(std::string_view text) {
  const auto invalid = [](std::string_view why) {
    return make_error(ErrorKind::kInvalid, "the prefix " + std::string(why));
  };
  if (text.empty()) return std::string();
  std::string prefix(text);
  if (!prefix.ends_with('/')) prefix += '/';
  if (prefix.size() > 512) return invalid("is longer than 512 bytes");
  if (!is_utf8(prefix)) return invalid("is not UTF-8");
  if (std::ranges::any_of(prefix, [](unsigned char c) { return c < 0x20 || c == 0x7f; })) {
    return invalid("has control characters");
  }
  for (std::size_t at = 0; at < prefix.size();) {
    const std::size_t end = prefix.find('/', at);
    const std::string_view part = std::string_view(prefix).substr(at, end - at);
    if (part.empty() || part == "." || part == "..") {
      return invalid("has an empty part, \".\" or \"..\" between its slashes");
    }
    at = end + 1;
  }
  return prefix;
}

std::string UniqueKeys::next(const std::string& bucket, const std::string& prefix, WallTime now,
                             std::string_view name) {
  const std::string stamp = time_stamp(now);
  if (stamp != stamp_) {
    stamp_ = stamp;
    given_.clear();
    next_of_.clear();
  }
  const std::string base = prefix + stamp + "_";
  const std::string space = bucket + '\0';
  int& number = next_of_[space + base + std::string(name)];
  for (;;) {
    ++number;
    std::string key = base;
    key += number == 1 ? std::string(name) : with_suffix(name, "-" + std::to_string(number));
    if (given_.insert(space + key).second) return key;
  }
}

}  // namespace telpher
