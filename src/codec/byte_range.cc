#include "codec/byte_range.h"

#include "base/check.h"
#include "codec/text.h"

#include <algorithm>

namespace telpher {
namespace {

// Positions stay far enough below 2^64 that ends and lengths never wrap around.
constexpr ByteCount kPositionMax = ByteCount{1} << 63;

std::optional<ByteCount> parse_position(std::string_view text) {
  const auto position = parse_decimal<ByteCount>(text);
  return position && *position <= kPositionMax ? position : std::nullopt;
}

// The same for requests, which may ask for more than there can be.
std::optional<ByteCount> parse_wanted_position(std::string_view text) {
  if (text.empty() || !std::ranges::all_of(text, is_ascii_digit)) return std::nullopt;
  return parse_position(text).value_or(kPositionMax);
}

// "bytes" and what separates it from the rest.
std::optional<std::string_view> after_unit(std::string_view value, char separator) {
  constexpr std::string_view kUnit = "bytes";
  if (value.size() <= kUnit.size() || !istarts_with(value, kUnit) ||
      value[kUnit.size()] != separator) {
    return std::nullopt;
  }
  return trim_blanks(value.substr(kUnit.size() + 1));
}

}  // namespace

Result<ContentRange> parse_content_range(std::string_view value) {
  const auto malformed = [] {
    return make_error(ErrorKind::kProtocol, "the Content-Range is malformed");
  };
  const auto rest = after_unit(trim_blanks(value), ' ');
  if (!rest) return malformed();
  const std::size_t slash = rest->find('/');
  if (slash == std::string_view::npos) return malformed();
  const std::string_view range_text = rest->substr(0, slash);
  const std::string_view total_text = rest->substr(slash + 1);
  ContentRange result;
  if (total_text != "*") {
    result.total = parse_position(total_text);
    if (!result.total) return malformed();
  }
  if (range_text == "*") {
    if (!result.total) return malformed();
    return result;
  }
  const std::size_t dash = range_text.find('-');
  if (dash == std::string_view::npos) return malformed();
  const auto first = parse_position(range_text.substr(0, dash));
  const auto last = parse_position(range_text.substr(dash + 1));
  if (!first || !last || *first > *last || (result.total && *last >= *result.total)) {
    return malformed();
  }
  result.range = ByteRange{*first, *last - *first + 1};
  return result;
}

std::string make_content_range(const ContentRange& content_range) {
  const auto& [range, total] = content_range;
  CHECK((range && range->length > 0) || (!range && total));
  std::string text = "bytes ";
  text += range ? std::to_string(range->offset) + "-" + std::to_string(range->end() - 1) : "*";
  text += "/";
  text += total ? std::to_string(*total) : "*";
  return text;
}

std::optional<RangeRequest> parse_range_request(std::string_view value) {
  const auto rest = after_unit(trim_blanks(value), '=');
  if (!rest) return std::nullopt;
  const std::size_t dash = rest->find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const std::string_view first_text = rest->substr(0, dash);
  const std::string_view last_text = rest->substr(dash + 1);
  RangeRequest request;
  if (!first_text.empty() && !(request.first = parse_wanted_position(first_text))) {
    return std::nullopt;
  }
  if (!last_text.empty() && !(request.last = parse_wanted_position(last_text))) return std::nullopt;
  if (!request.first && !request.last) return std::nullopt;
  if (request.first && request.last && *request.first > *request.last) return std::nullopt;
  return request;
}

std::string make_range_request(ByteRange range) {
  CHECK(range.length > 0);
  return "bytes=" + std::to_string(range.offset) + "-" + std::to_string(range.end() - 1);
}

std::string make_range_request_from(ByteCount offset) {
  return "bytes=" + std::to_string(offset) + "-";
}

std::optional<ByteRange> resolve_range(const RangeRequest& request, ByteCount total) {
  if (!request.first) {
    const ByteCount length = std::min(request.last.value_or(0), total);
    if (length == 0) return std::nullopt;
    return ByteRange{total - length, length};
  }
  if (*request.first >= total) return std::nullopt;
  const ByteCount last = std::min(request.last.value_or(total - 1), total - 1);
  if (last < *request.first) return std::nullopt;
  return ByteRange{*request.first, last - *request.first + 1};
}

}  // namespace telpher
