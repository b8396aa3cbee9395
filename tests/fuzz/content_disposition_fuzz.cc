// Whatever a server sends, the file name is one harmless path segment.

#include "codec/content_disposition.h"
#include "codec/utf8.h"
#include "tests/fuzz/fuzz.h"

namespace {

void check_harmless(std::string_view name) {
  using namespace telpher;
  CHECK(!name.empty() && name.size() <= kFileNameBytesMax && is_utf8(name));
  CHECK(name != "." && name != "..");
  for (char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    CHECK(c != '/' && c != '\\' && byte >= 0x20 && byte != 0x7f);
  }
  CHECK(safe_file_name(name) == name);
  CHECK(parse_content_disposition_name(make_content_disposition(name)) == name);
}

}  // namespace

FUZZ(std::string_view input) {
  if (const auto name = parse_content_disposition_name(input)) check_harmless(*name);
  const std::string safe = safe_file_name(input);
  if (!safe.empty()) check_harmless(safe);
  (void)make_content_disposition(input);
}
