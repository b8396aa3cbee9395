#pragma once
// Percent-encoding with the alphabet of AWS Signature Version 4 (which is RFC 3986's "unreserved").
// Pure functions.

#include "base/result.h"

#include <optional>
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

/// A parameter of a query as it stands there, not decoded.
struct RawParameter {
  std::string_view name;
  std::string_view value;  // empty, too, where there is no "="
};
/// Takes the first parameter off "a=b&c=d"; empty ones are passed over. nullopt at the end.
std::optional<RawParameter> take_query_parameter(std::string_view& query);
/// What follows the first "?".
std::string_view query_of(std::string_view target);

}  // namespace telpher
