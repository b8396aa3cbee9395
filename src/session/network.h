#pragma once
// How a command reaches the network: directly, or by a proxy that was typed or stands in the
// environment.

#include "net/http_client.h"
#include "s3/profile.h"

#include <memory>
#include <string>
#include <string_view>

namespace telpher {

class Network {
 public:
  /// @param typed  of --proxy: a URL, "none", or empty: HTTPS_PROXY, HTTP_PROXY, ALL_PROXY (in
  ///               either case) count then, and NO_PROXY in any case
  /// Errors: kInvalid; no message repeats an address, which may hold a password.
  static Result<Network> choose(std::string_view typed, const Environment& environment);

  /// By our own client where the proxy speaks HTTP, by libcurl's for SOCKS and https ones.
  std::unique_ptr<HttpClient> make_client(Loop& loop, HttpClientOptions options) const;
  /// For what only libcurl speaks; empty = as the environment says.
  const std::string& typed() const { return typed_; }
  bool is_direct() const { return direct_; }
  /// The HTTP proxy before an origin; nullptr: it is reached directly, or by libcurl's.
  const HttpProxy* proxy_of(const Origin& origin) const {
    return rules_.find(origin.tls, origin.host, origin.port);
  }
  /// Whether all goes through a proxy that only libcurl can use.
  bool is_by_curl() const { return !curl_proxy_.empty(); }

 private:
  std::string typed_;
  bool direct_ = false;  // --proxy none
  ProxyRules rules_;
  std::string curl_proxy_;  // set = libcurl's client is used
};

}  // namespace telpher
