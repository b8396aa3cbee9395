#include "server/page_routes.h"

#include "codec/entity_tag.h"
#include "codec/media_type.h"
#include "server/key_file.h"

#include <algorithm>
#include <string>

namespace telpher {
namespace {

/// Nothing but the page's own files runs in it, and no other page may frame it.
constexpr std::string_view kPolicy =
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'";

Task<Result<void>> send_file(ApiCall& call, const EmbeddedFile& file, std::string etag) {
  Headers& headers = call.response.headers;
  const bool hashed = file.path.starts_with("assets/");  // another content has another name
  headers.set("Cache-Control", hashed ? "public, max-age=31536000, immutable" : "no-cache");
  headers.set("ETag", etag);
  headers.set("Content-Security-Policy", kPolicy);
  headers.set("Referrer-Policy", "no-referrer");
  const auto known = call.request.headers().joined("if-none-match");
  if (known && !if_none_match_holds(*known, parse_entity_tag(etag))) {
    co_return co_await call.send_nothing(304);
  }
  std::string type(media_type_of_name(file.path));
  if (type.starts_with("text/")) type += "; charset=utf-8";
  headers.set("Content-Type", type);
  co_return co_await call.response.send(Body::of(as_bytes(file.bytes)));
}

}  // namespace

std::vector<Route> page_routes(std::span<const EmbeddedFile> files) {
  std::vector<Route> routes;
  for (const EmbeddedFile& file : files) {
    const std::string etag = '"' + sha256_hex(file.bytes).substr(0, 16) + '"';
    const ApiHandler handler = [&file, etag](ApiCall& call) { return send_file(call, file, etag); };
    static constexpr std::string_view kIndex = "index.html";
    if (file.path == kIndex) {
      routes.push_back({"GET", "/", Role::kReader, handler, Access::kEverybody});
    } else {
      routes.push_back(
          {"GET", "/" + std::string(file.path), Role::kReader, handler, Access::kEverybody});
    }
  }
  return routes;
}

}  // namespace telpher
