#pragma once
// HTTP proxies: which one stands before an origin, and tunnels through it. The rules are values;
// whoever makes a client hands them in.

#include "base/result.h"
#include "net/socket.h"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace telpher {

struct HttpProxy {
  std::string host;
  std::uint16_t port = 0;
  std::string authorization;  // "Basic …": a secret; empty = none

  /// "host:port", for messages.
  std::string name() const;
};

/// "http://user:password@proxy:3128", "proxy:3128". Errors: kInvalid (never repeats the URL),
/// kUnsupported (another scheme).
Result<HttpProxy> parse_http_proxy(std::string_view url);

/// What NO_PROXY names: hosts with all below them ("example.com", ".example.com"), with a port
/// ("host:8080"), addresses, ranges of them ("10.0.0.0/8"), "*" for all; parted by commas or
/// blanks.
class DirectHosts {
 public:
  DirectHosts() = default;
  explicit DirectHosts(std::string_view text);
  bool contain(std::string_view host, std::uint16_t port) const;

 private:
  std::vector<std::string> patterns_;
};

struct ProxyRules {
  std::optional<HttpProxy> plain;  // for http origins
  std::optional<HttpProxy> tls;    // for https origins
  DirectHosts direct;

  /// nullptr: the origin is reached directly.
  const HttpProxy* find(bool tls_origin, std::string_view host, std::uint16_t port) const;
};

/// Makes `socket`, connected to the proxy, a way to host:port. Errors: kDenied (the proxy refuses,
/// or wants another log-in), kNetwork (temporary: it cannot reach the host), kProtocol, kTimeout,
/// kCancelled. Source: RFC 9110 §9.3.6.
Task<Result<void>> open_tunnel(Socket* socket, const HttpProxy* proxy, std::string host_and_port,
                               TimePoint deadline);

/// What a 407 of this proxy means.
Error proxy_log_in_error(const HttpProxy& proxy);

}  // namespace telpher
