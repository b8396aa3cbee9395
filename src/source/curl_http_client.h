#pragma once
// HttpClient through libcurl: slower than our own, and used where a proxy stands in between.

#include "net/http_client.h"

#include <memory>
#include <string>

namespace telpher {

/// Behaves as make_http_client() but for `expect_continue` and `connections_per_origin_max`, which
/// are ignored, and file bodies, which pass through memory. Speaks HTTP/1.1.
/// @param proxy  "http://user:password@host:3128", "socks5h://host:1080" …; hosts named in the
///               environment's no_proxy are reached directly
/// Errors of send() also: kDenied when the proxy refuses.
std::unique_ptr<HttpClient> make_curl_http_client(Loop& loop, HttpClientOptions options,
                                                  std::string proxy);

}  // namespace telpher
