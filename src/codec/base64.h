#pragma once
// Base64 (RFC 4648 §4: standard alphabet, padded). Pure functions.

#include "base/bytes.h"
#include "base/result.h"

#include <string>
#include <string_view>

namespace telpher {

std::string base64_encode(Bytes bytes);

/// Strict: padding is required, and no white space, foreign letters or stray bits are allowed, so
/// every value has one spelling. Errors: kInvalid.
Result<std::string> base64_decode(std::string_view text);

}  // namespace telpher
