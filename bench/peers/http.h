#pragma once
// Request heads as the sink and the origin read them.

#include "base/bytes.h"

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace telpher::bench {

/// One request head. It owns its text; the views point into it.
class Head {
 public:
  Head() = default;
  Head(const Head&) = delete;
  Head& operator=(const Head&) = delete;

  /// `raw` ends with the empty line. False when it is no HTTP/1 request.
  bool parse(std::string_view raw);

  std::string_view method() const { return method_; }
  /// Still percent-encoded.
  std::string_view path() const { return path_; }
  /// Empty when there is no such header. `name` in any case.
  std::string_view header(std::string_view name) const;
  const std::vector<std::pair<std::string_view, std::string_view>>& headers() const {
    return headers_;
  }
  bool has_query(std::string_view name) const;
  /// Decoded.
  std::string query(std::string_view name) const;

 private:
  std::optional<std::string_view> raw_query(std::string_view name) const;

  std::string text_;
  std::string_view method_, path_, query_;
  std::vector<std::pair<std::string_view, std::string_view>> headers_;
};

/// "bytes=0-99", "bytes=100-", "bytes=-5" of an object of `size` bytes; nothing when it is absent,
/// malformed or cannot be satisfied (see `unsatisfiable`).
struct RangeAnswer {
  std::optional<ByteRange> range;
  bool unsatisfiable = false;
};
RangeAnswer parse_range(std::string_view header, ByteCount size);

/// Now, as "Tue, 15 Nov 1994 08:12:31 GMT".
std::string http_date();

}  // namespace telpher::bench
