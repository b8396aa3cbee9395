#pragma once
// UTF-8. Pure functions. Source: RFC 3629.

#include <cstdint>
#include <string>
#include <string_view>

namespace telpher {

/// No overlong forms, no surrogates, nothing above U+10FFFF.
bool is_utf8(std::string_view text);

/// How many characters `text` (UTF-8) has.
std::size_t utf8_length(std::string_view text);

/// Each byte is the code point of that number.
std::string latin1_to_utf8(std::string_view text);

/// The longest start of `text` (UTF-8) of at most `bytes_max` bytes that splits no character.
std::string_view utf8_prefix(std::string_view text, std::size_t bytes_max);

}  // namespace telpher
