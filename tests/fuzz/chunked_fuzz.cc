// A chunked body decodes to the same bytes however the connection cuts it. The first byte of the
// input says into what pieces.

#include "codec/chunked.h"
#include "tests/fuzz/fuzz.h"

#include <algorithm>
#include <string>

namespace {

using namespace telpher;

struct Outcome {
  bool failed = false;
  bool done = false;
  std::size_t consumed = 0;
  std::string body;
};

Outcome decode(std::string_view input, std::size_t piece) {
  ChunkedDecoder decoder({.line_bytes_max = 40, .trailer_bytes_max = 60, .trailer_fields_max = 4});
  Outcome outcome;
  while (outcome.consumed < input.size() && !decoder.done()) {
    const std::string_view next = input.substr(outcome.consumed, piece);
    const auto step = decoder.next(as_bytes(next));
    if (!step) {
      outcome.failed = true;
      CHECK(!decoder.done() && !decoder.next(as_bytes(next)).has_value());
      return outcome;
    }
    CHECK(step->consumed > 0 && step->consumed <= next.size());
    CHECK(step->data.size() <= step->consumed);
    outcome.consumed += step->consumed;
    outcome.body += as_text(step->data);
  }
  outcome.done = decoder.done();
  CHECK(decoder.trailers().size() <= 4 && decoder.extension().size() <= 40);
  return outcome;
}

}  // namespace

FUZZ(std::string_view input) {
  if (input.empty()) return;
  const std::size_t piece = 1 + static_cast<unsigned char>(input.front()) % 32;
  input.remove_prefix(1);
  const Outcome whole = decode(input, std::max<std::size_t>(input.size(), 1));
  const Outcome cut = decode(input, piece);
  CHECK(whole.failed == cut.failed && whole.done == cut.done);
  if (!whole.failed) CHECK(whole.consumed == cut.consumed && whole.body == cut.body);
  if (!whole.done) return;

  // Encoded again as one chunk, it decodes to the same.
  std::string text;
  if (!whole.body.empty()) text = make_chunk_head(whole.body.size()) + whole.body + "\r\n";
  text += make_chunk_head(0) + "\r\n";
  const Outcome again = decode(text, piece);
  CHECK(again.done && again.body == whole.body && again.consumed == text.size());
}
