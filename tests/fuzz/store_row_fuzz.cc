// The columns of the local store's index: what can be read is read the same once written again.

#include "store/local/row_codec.h"
#include "tests/fuzz/fuzz.h"

FUZZ(std::string_view input) {
  if (const auto extents = decode_extents(input)) {
    CHECK(encode_extents(*extents) == input);
  }
  if (const auto checksum = decode_checksum(input)) {
    CHECK(decode_checksum(encode_checksum(*checksum)).value() == *checksum);
  }
  if (const auto metadata = decode_metadata(input)) {
    const auto again = decode_metadata(encode_metadata(*metadata));
    CHECK(again && again->user == metadata->user && again->expires == metadata->expires);
    CHECK(again->content_type == metadata->content_type);
  }
  if (const auto tags = decode_tags(input)) {
    CHECK(decode_tags(encode_tags(*tags)).value() == *tags);
  }
}
