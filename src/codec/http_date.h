#pragma once
// Dates in HTTP headers. Pure functions: what "now" is, the caller says.

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace telpher {

/// "Sun, 06 Nov 1994 08:49:37 GMT" (IMF-fixdate). `time` must lie in the years 0 to 9999.
std::string format_http_date(std::chrono::sys_seconds time);

/// Reads IMF-fixdate and the two obsolete forms recipients must accept (RFC 850 with its two-digit
/// years read as 1970 to 2069, and asctime). The day name is not checked. nullopt: malformed.
/// Source: RFC 9110 §5.6.7.
std::optional<std::chrono::sys_seconds> parse_http_date(std::string_view text);

/// How long Retry-After asks to wait: seconds, or a date as seen at `now`; never negative. nullopt:
/// malformed. Source: RFC 9110 §10.2.3.
std::optional<std::chrono::seconds> parse_retry_after(std::string_view value,
                                                      std::chrono::sys_seconds now);

}  // namespace telpher
