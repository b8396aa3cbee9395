#pragma once
// Percent-encoding with the alphabet of AWS Signature Version 4 (which is RFC 3986's "unreserved").
// Pure functions.

#include "base/result.h"

#include <string>
#include <string_view>

namespace telpher {

enum class SlashEncoding {
  kEncode,  // "/" becomes "%2F": query names and values
  kKeep,    // "/" stays: object keys in a path
};

/// Every byte but A-Z a-z 0-9 - . _ ~ becomes %XX in upper case.
/// Source: AWS General Reference, Signature Version 4, "UriEncode".
std::string percent_encode(std::string_view text, SlashEncoding slash = SlashEncoding::kEncode);
/// The same, appended to `out`.
void percent_encode_to(std::string& out, std::string_view text,
                       SlashEncoding slash = SlashEncoding::kEncode);

/// Errors: kInvalid ("%" without two hexadecimal digits). "+" stays "+".
Result<std::string> percent_decode(std::string_view text);

/// As browsers and HTML forms write query strings: "+" is a space. Errors: kInvalid.
Result<std::string> form_decode(std::string_view text);

}  // namespace telpher
