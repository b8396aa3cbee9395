// The small values: dates, Retry-After, entity tags, base64, percent-encoding. Reading undoes
// writing.

#include "codec/base64.h"
#include "codec/checksum.h"
#include "codec/entity_tag.h"
#include "codec/hex.h"
#include "codec/http_date.h"
#include "codec/http_headers.h"
#include "codec/percent.h"
#include "tests/fuzz/fuzz.h"

FUZZ(std::string_view input) {
  if (const auto date = parse_http_date(input)) {
    CHECK(parse_http_date(format_http_date(*date)) == date);
  }
  const std::chrono::sys_seconds now{std::chrono::seconds(1'700'000'000)};
  if (const auto wait = parse_retry_after(input, now)) CHECK(wait->count() >= 0);

  if (const auto tag = parse_entity_tag(input)) {
    CHECK(parse_entity_tag(tag->to_string()) == tag);
    CHECK(is_valid_field("etag", tag->to_string()));
    CHECK(if_match_holds(tag->to_string(), tag) == !tag->weak);
    CHECK(!if_none_match_holds(tag->to_string(), tag));
  }
  CHECK(!if_match_holds(input, std::nullopt) && if_none_match_holds(input, std::nullopt));

  // Strict decoding: one spelling for each value.
  if (const auto bytes = base64_decode(input)) CHECK(base64_encode(as_bytes(*bytes)) == input);
  CHECK(base64_decode(base64_encode(as_bytes(input))).value() == input);
  if (const auto bytes = hex_decode(input)) CHECK(bytes->size() == input.size() / 2);
  CHECK(hex_decode(hex_encode(as_bytes(input))).value() == input);
  CHECK(percent_decode(percent_encode(input)).value() == input);
  CHECK(form_decode(percent_encode(input, SlashEncoding::kKeep)).value() == input);
  if (const auto text = percent_decode(input)) CHECK(text->size() <= input.size());
  (void)parse_checksum_algorithm(input);
}
