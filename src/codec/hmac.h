#pragma once
// HMAC (RFC 2104) with SHA-256. Pure.

#include "codec/checksum.h"

#include <string_view>

namespace telpher {

Digest hmac_sha256(std::string_view key, std::string_view text);

}  // namespace telpher
