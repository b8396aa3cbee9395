#pragma once
// The parameters of a header's value: `; name=value; name="value"`. Pure functions.

#include <optional>
#include <string>
#include <string_view>

namespace telpher {

struct HeaderParameter {
  std::string name;  // lower case
  std::string value;
};

/// Takes the first parameter off "; a=b; c=\"d\"". nullopt at the end, or at what is no parameter.
/// Lenient: in quotes only \" and \\ are escapes, since names of files are sent as "C:\dir\file",
/// and a quote that is never closed ends with the value. Source: RFC 9110 §5.6.6.
std::optional<HeaderParameter> take_parameter(std::string_view& rest);

/// What a parameter like filename* holds, UTF-8''na%C3%AFve.txt, as UTF-8. Empty when it cannot be
/// decoded. Source: RFC 8187 §3.2.
std::string decode_extended(std::string_view value);

}  // namespace telpher
