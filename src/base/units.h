#pragma once
// Sizes, rates and durations as people write and read them.

#include "base/bytes.h"
#include "base/result.h"

#include <chrono>
#include <string>
#include <string_view>

namespace telpher {

constexpr ByteCount kKiB = 1024;
constexpr ByteCount kMiB = 1024 * kKiB;
constexpr ByteCount kGiB = 1024 * kMiB;
constexpr ByteCount kTiB = 1024 * kGiB;

/// "16MiB", "16M", "16m", "1.5GiB", "5242880": K, M, G, T are powers of 1024, with or without
/// "iB"; "MB" is 10^6. Errors: kInvalid (negative, too large, unknown unit).
Result<ByteCount> parse_size(std::string_view text);

/// "500ms", "30s", "5m", "1h", "7d"; a bare number is seconds. Errors: kInvalid.
Result<std::chrono::milliseconds> parse_duration(std::string_view text);

/// "0 B", "1.5 KiB", "16.0 MiB": three significant digits at least.
std::string format_size(ByteCount bytes);

/// "4s", "1m 05s", "2h 03m".
std::string format_duration(std::chrono::milliseconds duration);

}  // namespace telpher
