#pragma once
// Character classes of HTTP messages, shared by the parsers of heads and trailers. The loops are
// written so that the compiler turns them into vector code.

#include <array>
#include <cstddef>
#include <string_view>

namespace telpher {

inline constexpr auto kTokenChars = [] {
  std::array<bool, 256> table{};
  for (char c : std::string_view("!#$%&'*+-.^_`|~0123456789"
                                 "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")) {
    table[static_cast<unsigned char>(c)] = true;
  }
  return table;
}();

constexpr bool is_token_char(char c) { return kTokenChars[static_cast<unsigned char>(c)]; }

/// No control characters but tab: what a field value or reason phrase may hold.
constexpr bool is_field_text(std::string_view text) {
  unsigned char bad = 0;
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    bad |= static_cast<unsigned char>((byte < 0x20 && byte != '\t') || byte == 0x7f);
  }
  return bad == 0;
}

/// Whole lines ending in CRLF, with no control characters but tab within them: no NUL, no CR
/// without LF, no LF without CR.
constexpr bool has_clean_lines(std::string_view lines) {
  if (lines.empty()) return true;
  if (lines.front() == '\n' || lines.back() != '\n') return false;
  unsigned char bad = 0;
  const char* const text = lines.data();
  for (std::size_t i = 0; i + 1 < lines.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const auto next = static_cast<unsigned char>(text[i + 1]);
    const bool control = (byte < 0x20) & (byte != '\t') & (byte != '\r') & (byte != '\n');
    const bool half_break = (byte == '\r') != (next == '\n');
    bad |= static_cast<unsigned char>(control | (byte == 0x7f) | half_break);
  }
  return bad == 0;
}

}  // namespace telpher
