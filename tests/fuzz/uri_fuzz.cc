// A URL that is accepted means the same after being written and read again, can stand in a request
// line, and never grows unsafe characters in its host.

#include "codec/http_head.h"
#include "codec/uri.h"
#include "tests/fuzz/fuzz.h"

namespace {

using namespace telpher;

void check_uri(const Uri& uri) {
  CHECK(default_port(uri.scheme) != 0 && uri.port != 0 && uri.path.starts_with('/'));
  CHECK(!uri.host.empty());
  for (char c : uri.host)
    CHECK(c > 0x20 && c < 0x7f && c != '/' && c != '@' && c != '?' && c != '#');
  const auto again = parse_uri(uri.to_string_with_credentials());
  CHECK(again.has_value() && *again == uri);
  const auto bare = parse_uri(uri.to_string());
  CHECK(bare.has_value() && bare->user.empty() && bare->password.empty());
  CHECK(same_origin(*bare, uri) && bare->target() == uri.target());
  CHECK(uri.redacted().find('?') == std::string::npos || uri.redacted().ends_with("?..."));

  RequestHead head{.method = "GET", .target = uri.target()};
  head.headers.add("Host", uri.authority());
  CHECK(make_request_head(head).has_value());
}

}  // namespace

FUZZ(std::string_view input) {
  if (const auto uri = parse_uri(input)) check_uri(*uri);
  static const Uri base = parse_uri("https://user:pass@host.example:8443/a/b?c").value();
  if (const auto uri = resolve_uri(base, input)) {
    check_uri(*uri);
    if (!same_origin(*uri, base))
      CHECK(uri->password != "pass" || input.find("pass") != input.npos);
  }
}
