// The headers of tus: what is taken can be written again and means the same; names of objects made
// of any name are harmless.

#include "codec/base64.h"
#include "tests/fuzz/fuzz.h"
#include "upload/object_name.h"
#include "upload/tus_protocol.h"
#include "upload/type_rules.h"

#include <string>

using namespace telpher;

FUZZ(std::string_view input) {
  if (const auto metadata = parse_tus_metadata(input)) {
    std::string text;
    for (const auto& [name, value] : *metadata) {
      if (!text.empty()) text += ',';
      text += name + " " + base64_encode(as_bytes(value));
    }
    const auto again = parse_tus_metadata(text);
    CHECK(again.has_value() && *again == *metadata);
  }
  if (const auto concat = parse_tus_concat(input, "/tus/")) {
    for (const std::string& id : concat->ids) CHECK(is_tus_id(id));
    CHECK(concat->ids.empty() == (concat->kind == TusConcat::Kind::kPartial));
  }
  if (const auto digest = parse_tus_checksum(input)) {
    const std::string text =
        std::string(to_string(digest->algorithm())) + " " + digest->to_base64();
    CHECK(parse_tus_checksum(text).value() == *digest);
  }
  const std::string name = safe_object_name(input);
  CHECK(!name.empty() && name.size() <= kObjectNameBytesMax && name.front() != '.');
  CHECK(!name.contains('/') && !name.contains(".."));
  CHECK(safe_object_name(name) == name);
  if (const auto prefix = parse_key_prefix(input)) {
    CHECK(prefix->empty() || prefix->ends_with('/'));
    CHECK(parse_key_prefix(*prefix).value() == *prefix);
  }
  const std::string type = type_of_file(as_bytes(input), {"", name});
  CHECK(!type.empty() && type.contains('/'));
  CHECK(judge_type({.allow = {type}, .block = {}}, as_bytes(input), {"", name}).has_value());
}
