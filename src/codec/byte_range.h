#pragma once
// Byte ranges of HTTP, as clients ask and servers answer. Pure functions.
// Source: RFC 9110 §14.

#include "base/bytes.h"
#include "base/result.h"

#include <optional>
#include <string>
#include <string_view>

namespace telpher {

/// What a Content-Range says. `range` is missing in "bytes */100" (416), `total` in "bytes 0-9/*".
struct ContentRange {
  std::optional<ByteRange> range;
  std::optional<ByteCount> total;

  bool operator==(const ContentRange&) const = default;
};

/// "bytes 0-9/100", "bytes 0-9/*", "bytes */100". Errors: kProtocol (malformed, empty range, range
/// beyond the total, numbers over 2^63).
Result<ContentRange> parse_content_range(std::string_view value);
/// `range`, `total` or both must be there.
std::string make_content_range(const ContentRange& content_range);

/// What a Range header asks for, before the size of the object is known.
struct RangeRequest {
  std::optional<ByteCount> first;  // missing: the last `last` bytes are asked for
  std::optional<ByteCount> last;   // inclusive; missing: to the end

  bool operator==(const RangeRequest&) const = default;
};

/// "bytes=0-9", "bytes=5-", "bytes=-5". nullopt: malformed, another unit, or several ranges; a
/// server then sends the whole, as RFC 9110 §14.2 allows and S3 does.
std::optional<RangeRequest> parse_range_request(std::string_view value);
/// The value of a Range header. The range must not be empty.
std::string make_range_request(ByteRange range);
/// "bytes=5-".
std::string make_range_request_from(ByteCount offset);

/// The bytes of an object of `total` bytes that are asked for. nullopt: none of them exist (416).
std::optional<ByteRange> resolve_range(const RangeRequest& request, ByteCount total);

}  // namespace telpher
