// Documents that clients send. The first byte says which. What is accepted keeps S3's limits, and
// means the same when it is written again.

#include "codec/percent.h"
#include "codec/utf8.h"
#include "s3/service/xml_request.h"
#include "tests/fuzz/fuzz.h"

#include <string>

namespace {

using namespace telpher;

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || c == '&' || c == '<' || c == '>') {
      out += "&#" + std::to_string(byte) + ";";
    } else {
      out += c;
    }
  }
  return out;
}

template <class T>
bool accepted(const Result<T>& result) {
  if (!result) {
    CHECK(result.error().kind == ErrorKind::kInvalid && !result.error().context.code.empty());
    CHECK(result.error().context.http_status == 400);
  }
  return result.has_value();
}

void try_delete(std::string_view xml) {
  const auto body = parse_delete_body(xml);
  if (!accepted(body)) return;
  CHECK(!body->objects.empty() && body->objects.size() <= 1000);
  std::string again = "<Delete>";
  for (const DeleteTarget& target : body->objects) {
    CHECK(!target.key.empty() && is_utf8(target.key));
    CHECK(target.key.find('\0') == std::string::npos);
    again += "<Object><Key>" + escaped(target.key) + "</Key><VersionId>" +
             escaped(target.version_id) + "</VersionId></Object>";
  }
  const auto second = parse_delete_body(again + "</Delete>");
  CHECK(second.has_value() && second->objects.size() == body->objects.size());
  for (std::size_t i = 0; i < second->objects.size(); ++i) {
    CHECK(second->objects[i].key == body->objects[i].key);
    CHECK(second->objects[i].version_id == body->objects[i].version_id);
  }
}

void check_tags(const Tags& tags) {
  CHECK(tags.size() <= 10);
  std::string header;
  for (const auto& [key, value] : tags) {
    CHECK(!key.empty() && utf8_length(key) <= 128 && utf8_length(value) <= 256);
    header += percent_encode(key) + "=" + percent_encode(value) + "&";
  }
  const auto again = parse_tagging_header(header);
  CHECK(again.has_value() && *again == tags);
}

}  // namespace

FUZZ(std::string_view input) {
  if (input.empty()) return;
  const auto which = static_cast<unsigned char>(input[0]) % 5;
  input.remove_prefix(1);
  if (which == 0) try_delete(input);
  if (which == 1) {
    const auto parts = parse_complete_body(input);
    if (!accepted(parts)) return;
    CHECK(!parts->empty() && parts->size() <= 10'000);
    for (const PartInfo& part : *parts) CHECK(part.number >= 1);
  }
  if (which == 2) {
    const auto tags = parse_tagging_body(input);
    if (accepted(tags)) check_tags(*tags);
  }
  if (which == 3) {
    const auto tags = parse_tagging_header(input);
    if (accepted(tags)) check_tags(*tags);
  }
  if (which == 4) (void)accepted(parse_create_bucket_body(input));
}
