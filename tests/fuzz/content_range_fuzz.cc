// Content-Range and Range: what is read lies within the object and survives being written.

#include "codec/byte_range.h"
#include "tests/fuzz/fuzz.h"

FUZZ(std::string_view input) {
  if (const auto parsed = parse_content_range(input)) {
    if (parsed->range) {
      CHECK(parsed->range->length > 0 && parsed->range->end() > parsed->range->offset);
      if (parsed->total) CHECK(parsed->range->end() <= *parsed->total);
    } else {
      CHECK(parsed->total.has_value());
    }
    CHECK(parse_content_range(make_content_range(*parsed)).value() == *parsed);
  }
  if (const auto request = parse_range_request(input)) {
    for (ByteCount total : {ByteCount{0}, ByteCount{1}, ByteCount{10}, ByteCount{1} << 62}) {
      const auto range = resolve_range(*request, total);
      if (!range) continue;
      CHECK(range->length > 0 && range->end() > range->offset && range->end() <= total);
      const auto again = parse_range_request(make_range_request(*range));
      CHECK(again && resolve_range(*again, total) == range);
    }
  }
}
