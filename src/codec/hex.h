#pragma once
// Hexadecimal (RFC 4648 §8), lower case out, either case in. Pure functions.

#include "base/bytes.h"
#include "base/result.h"

#include <string>
#include <string_view>

namespace telpher {

std::string hex_encode(Bytes bytes);
/// The same, to `out`, which has room for two characters a byte.
void hex_encode_to(char* out, Bytes bytes);

/// Errors: kInvalid (odd length, a letter that is no digit).
Result<std::string> hex_decode(std::string_view text);

/// 0 to 15, or -1 if `c` is no hexadecimal digit.
constexpr int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace telpher
