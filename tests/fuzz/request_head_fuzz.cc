// A request head is read the same however it is cut, and is not changed by writing it again.

#include "codec/http_head.h"
#include "tests/fuzz/fuzz.h"

FUZZ(std::string_view input) {
  constexpr HeadLimits kLimits{.bytes_max = 1024, .fields_max = 20};
  const auto parsed = parse_request_head(input, kLimits);
  if (!parsed) return;
  if (!*parsed) {
    CHECK(input.size() < kLimits.bytes_max + 2);
    return;
  }
  const auto& [head, consumed] = **parsed;
  CHECK(consumed <= input.size() && consumed <= kLimits.bytes_max + 2);
  CHECK(head.headers.size() <= kLimits.fields_max && head.headers.count("host") <= 1);
  const auto shorter = parse_request_head(input.substr(0, consumed - 1), kLimits);
  CHECK(shorter.has_value() && !shorter->has_value());
  const auto exact = parse_request_head(input.substr(0, consumed), kLimits);
  CHECK(exact.has_value() && exact->has_value() && (*exact)->consumed == consumed);

  RequestHead copy = head;
  copy.headers.set("Host", "h");
  const auto written = make_request_head(copy);
  CHECK(written.has_value());
  const auto again = parse_request_head(*written);
  CHECK(again.has_value() && again->has_value() && (*again)->consumed == written->size());
  CHECK((*again)->head.method == head.method && (*again)->head.target == head.target);
  CHECK((*again)->head.headers.size() == copy.headers.size());
  for (std::size_t i = 0; i < copy.headers.size(); ++i) {
    CHECK((*again)->head.headers[i].name == copy.headers[i].name);
    CHECK((*again)->head.headers[i].value == copy.headers[i].value);
  }

  RequestHead origin = head;
  if (to_origin_form(origin)) {
    CHECK(origin.target.starts_with('/') || (head.method == "OPTIONS" && origin.target == "*"));
    CHECK(head.target.ends_with(origin.target) || origin.target.starts_with("/?") ||
          origin.target == "/");
    CHECK(to_origin_form(origin).has_value());
  }

  const auto framing = request_framing(head);
  if (framing) CHECK(framing->kind != BodyFraming::Kind::kUntilClose);
  if (framing && head.headers.contains("transfer-encoding")) {
    CHECK(!head.headers.contains("content-length"));
  }
}
