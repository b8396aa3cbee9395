#include "peers/http.h"

#include "codec/percent.h"
#include "codec/text.h"

#include <algorithm>
#include <charconv>
#include <ctime>

namespace telpher::bench {
bool Head::parse(std::string_view raw) {
  text_.assign(raw);
  headers_.clear();
  std::string_view rest = text_;
  std::string_view line = rest.substr(0, rest.find("\r\n"));
  std::size_t space = line.find(' ');
  std::size_t last = line.rfind(' ');
  if (space == std::string_view::npos || last <= space) return false;
  if (!line.substr(last + 1).starts_with("HTTP/1.")) return false;
  method_ = line.substr(0, space);
  std::string_view target = line.substr(space + 1, last - space - 1);
  std::size_t question = target.find('?');
  path_ = target.substr(0, question);
  query_ = question == std::string_view::npos ? std::string_view() : target.substr(question + 1);
  for (;;) {
    rest.remove_prefix(line.size() + 2);
    line = rest.substr(0, rest.find("\r\n"));
    if (line.empty()) return true;
    std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return false;
    headers_.emplace_back(line.substr(0, colon), trim_blanks(line.substr(colon + 1)));
  }
}

std::string_view Head::header(std::string_view name) const {
  for (const auto& [key, value] : headers_) {
    if (key.size() == name.size() && iequals(key, name)) return value;
  }
  return {};
}

std::optional<std::string_view> Head::raw_query(std::string_view name) const {
  std::string_view rest = query_;
  while (!rest.empty()) {
    std::string_view pair = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(rest.size(), pair.size() + 1));
    std::size_t equals = pair.find('=');
    if (pair.substr(0, equals) != name) continue;
    return equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1);
  }
  return std::nullopt;
}

bool Head::has_query(std::string_view name) const { return raw_query(name).has_value(); }

std::string Head::query(std::string_view name) const {
  return form_decode(raw_query(name).value_or("")).value_or("");
}

RangeAnswer parse_range(std::string_view header, ByteCount size) {
  if (!header.starts_with("bytes=") || header.find(',') != std::string_view::npos) return {};
  header.remove_prefix(6);
  std::size_t dash = header.find('-');
  if (dash == std::string_view::npos) return {};
  ByteCount first = 0;
  ByteCount last = 0;
  bool has_first = dash > 0;
  bool has_last = dash + 1 < header.size();
  const char* middle = header.data() + dash;
  const char* end = header.data() + header.size();
  if (has_first && std::from_chars(header.data(), middle, first).ptr != middle) return {};
  if (has_last && std::from_chars(middle + 1, end, last).ptr != end) return {};
  if (!has_first && !has_last) return {};
  if (!has_first) {  // the last N bytes
    if (last == 0 || size == 0) return {std::nullopt, true};
    ByteCount length = std::min(last, size);
    return {ByteRange{size - length, length}, false};
  }
  if (first >= size) return {std::nullopt, true};
  if (has_last && last < first) return {};
  last = has_last ? std::min(last, size - 1) : size - 1;
  return {ByteRange{first, last - first + 1}, false};
}

std::string http_date() {
  std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[64];
  std::size_t length = std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
  return std::string(text, length);
}

}  // namespace telpher::bench
