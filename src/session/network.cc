#include "session/network.h"

#include "codec/text.h"
#include "source/curl_http_client.h"

#include <array>

namespace telpher {
namespace {

std::string first_of(const Environment& environment,
                     std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) {
    if (auto value = environment(name); value && !value->empty()) return *std::move(value);
  }
  return "";
}

/// Proxies that only libcurl can use.
bool is_for_curl(std::string_view url) {
  constexpr std::array<std::string_view, 6> kSchemes = {"socks://",  "socks4://",  "socks4a://",
                                                        "socks5://", "socks5h://", "https://"};
  for (const std::string_view scheme : kSchemes) {
    if (istarts_with(url, scheme)) return true;
  }
  return false;
}

/// One of the two, whose address stands in `name`.
Result<std::optional<HttpProxy>> parse_named(const std::string& url, std::string_view name) {
  if (url.empty()) return std::optional<HttpProxy>();
  auto proxy = parse_http_proxy(url);
  if (!proxy) {
    return make_error(ErrorKind::kInvalid, std::string(name) + ": " + proxy.error().message +
                                               ", or socks5h://HOST:PORT and the like");
  }
  return std::optional(*std::move(proxy));
}

}  // namespace

Result<Network> Network::choose(std::string_view typed, const Environment& environment) {
  Network network;
  if (typed == "none") {
    network.direct_ = true;
    return network;
  }
  network.typed_ = typed;
  network.rules_.direct = DirectHosts(first_of(environment, {"no_proxy", "NO_PROXY"}));
  std::string plain(typed);
  std::string tls(typed);
  if (typed.empty()) {
    plain = first_of(environment, {"http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"});
    tls = first_of(environment, {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"});
  }
  for (const std::string& url : {tls, plain}) {
    if (!is_for_curl(url)) continue;
    network.curl_proxy_ = url;
    return network;
  }
  TRY(network.rules_.plain, parse_named(plain, typed.empty() ? "HTTP_PROXY" : "--proxy"));
  TRY(network.rules_.tls, parse_named(tls, typed.empty() ? "HTTPS_PROXY" : "--proxy"));
  return network;
}

std::unique_ptr<HttpClient> Network::make_client(Loop& loop, HttpClientOptions options) const {
  if (!curl_proxy_.empty()) {
    return make_curl_http_client(loop, std::move(options), curl_proxy_);
  }
  options.proxies = rules_;
  return make_http_client(loop, std::move(options));
}

}  // namespace telpher
