// A form comes apart into the same parts however the connection cuts it, and no byte of a file is
// lost or made up. The first byte of the input says into what pieces.

#include "codec/multipart_form.h"
#include "tests/fuzz/fuzz.h"

#include <algorithm>
#include <string>

namespace {

using namespace telpher;
using Event = MultipartFormParser::Event;

struct Outcome {
  bool failed = false;
  bool done = false;
  std::string events;  // what was told, in one string
  std::size_t content = 0;
};

Outcome parse(std::string_view input, std::size_t piece) {
  MultipartFormParser parser("B", {.header_bytes_max = 200, .outside_bytes_max = 100});
  Outcome outcome;
  int idle = 0;
  for (std::size_t begin = 0; begin < input.size(); begin += piece) {
    std::string_view next = input.substr(begin, piece);
    while (!next.empty()) {
      const auto step = parser.next(as_bytes(next));
      if (!step) {
        outcome.failed = true;
        CHECK(!parser.done() && !parser.next(as_bytes(next)).has_value());
        return outcome;
      }
      CHECK(step->consumed <= next.size());
      idle = step->consumed == 0 ? idle + 1 : 0;
      CHECK(idle < 2);
      CHECK(step->data.empty() == (step->event != Event::kData));
      CHECK(parser.held_back() < 5);  // the delimiter's size
      next.remove_prefix(step->consumed);
      if (step->event == Event::kPart) {
        const FormPart& part = parser.part();
        CHECK(part.name.size() + part.content_type.size() <= 400);  // Latin-1 doubles
        outcome.events +=
            "[" + part.name + "|" + part.file_name.value_or("-") + "|" + part.content_type + "]";
      } else if (step->event == Event::kData) {
        outcome.events += as_text(step->data);
        outcome.content += step->data.size();
      } else if (step->event == Event::kPartEnd) {
        outcome.events += "[end]";
      }
    }
  }
  outcome.done = parser.done();
  return outcome;
}

}  // namespace

FUZZ(std::string_view input) {
  (void)!parse_form_boundary(input).has_value();
  if (input.empty()) return;
  const std::size_t piece = 1 + static_cast<unsigned char>(input.front()) % 32;
  input.remove_prefix(1);
  const Outcome whole = parse(input, std::max<std::size_t>(input.size(), 1));
  const Outcome cut = parse(input, piece);
  CHECK(whole.failed == cut.failed && whole.done == cut.done);
  CHECK(whole.failed || whole.events == cut.events);

  // Any bytes that do not hold the delimiter arrive as they are.
  if (("\r\n" + std::string(input) + "\r\n").find("\r\n--B") != std::string::npos) return;
  const std::string head = "--B\r\nContent-Disposition: form-data; name=f\r\n\r\n";
  const Outcome file = parse(head + std::string(input) + "\r\n--B--", piece);
  CHECK(file.done && file.content == input.size());
  CHECK(file.events == "[f|-|]" + std::string(input) + "[end]");
}
