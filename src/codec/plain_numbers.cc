#include "codec/plain_numbers.h"

#include <algorithm>
#include <charconv>

namespace telpher {
namespace {

/// The string at the front, with its quotes.
std::string_view string_at(std::string_view json) {
  std::size_t end = 1;
  while (end < json.size() && json[end] != '"') end += json[end] == '\\' ? 2 : 1;
  return json.substr(0, std::min(end + 1, json.size()));
}

void append_number(std::string& text, std::string_view number) {
  double value = 0;
  const bool has_exponent = number.find_first_of("eE") != std::string_view::npos;
  const auto parsed = std::from_chars(number.data(), number.data() + number.size(), value);
  if (!has_exponent || parsed.ec != std::errc()) {
    text += number;
    return;
  }
  char digits[400];  // the largest double has 309
  const auto end = std::to_chars(digits, std::end(digits), value, std::chars_format::fixed);
  text.append(digits, end.ec == std::errc() ? end.ptr : digits);
}

}  // namespace

std::string plain_numbers(std::string_view json) {
  std::string text;
  text.reserve(json.size());
  while (!json.empty()) {
    std::string_view piece = json.substr(0, 1);
    if (piece == "\"") {
      piece = string_at(json);
      text += piece;
    } else if (piece == "-" || (piece >= "0" && piece <= "9")) {
      piece = json.substr(0, json.find_first_not_of("+-.0123456789eE"));
      append_number(text, piece);
    } else {
      text += piece;
    }
    json.remove_prefix(piece.size());
  }
  return text;
}

}  // namespace telpher
