// A response head is read the same however it is cut, and is not changed by writing it again.

#include "codec/http_head.h"
#include "tests/fuzz/fuzz.h"

namespace {

void check_same(const telpher::Headers& a, const telpher::Headers& b) {
  CHECK(a.size() == b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    CHECK(a[i].name == b[i].name && a[i].value == b[i].value);
    CHECK(a.contains(a[i].name));
  }
}

}  // namespace

FUZZ(std::string_view input) {
  constexpr HeadLimits kLimits{.bytes_max = 1024, .fields_max = 20};
  const auto parsed = parse_response_head(input, kLimits);
  if (!parsed) return;
  if (!*parsed) {
    CHECK(input.size() < kLimits.bytes_max);
    return;
  }
  const auto& [head, consumed] = **parsed;
  CHECK(consumed <= input.size() && consumed <= kLimits.bytes_max);
  CHECK(head.headers.size() <= kLimits.fields_max);
  CHECK(head.status >= 100 && head.status <= 999);
  // A byte less is not enough, and what follows does not matter.
  const auto shorter = parse_response_head(input.substr(0, consumed - 1), kLimits);
  CHECK(shorter.has_value() && !shorter->has_value());
  const auto exact = parse_response_head(input.substr(0, consumed), kLimits);
  CHECK(exact.has_value() && exact->has_value() && (*exact)->consumed == consumed);

  const auto written = make_response_head(head);
  CHECK(written.has_value());
  const auto again = parse_response_head(*written);
  CHECK(again.has_value() && again->has_value() && (*again)->consumed == written->size());
  CHECK((*again)->head.status == head.status && (*again)->head.reason == head.reason);
  check_same((*again)->head.headers, head.headers);

  const auto framing = response_framing(head, "GET");
  if (framing && framing->kind == BodyFraming::Kind::kLength) {
    CHECK(!head.headers.contains("transfer-encoding"));
    CHECK(content_length(head.headers).value() == framing->length);
  }
  (void)keeps_connection(head.version_minor, head.headers);
}
