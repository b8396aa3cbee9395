#include "net/proxy.h"

#include "codec/base64.h"
#include "codec/http_head.h"
#include "codec/text.h"
#include "codec/uri.h"

#include <algorithm>
#include <arpa/inet.h>
#include <array>

namespace telpher {
namespace {

std::string bracketed(const std::string& host) {
  return host.find(':') != std::string::npos ? "[" + host + "]" : host;
}

/// An address as its bits, IPv4 or IPv6.
struct AddressBits {
  std::array<unsigned char, 16> bytes{};
  unsigned size = 0;  // in bits
};

std::optional<AddressBits> parse_address(std::string_view text) {
  AddressBits bits;
  const std::string copy(text);
  if (::inet_pton(AF_INET, copy.c_str(), bits.bytes.data()) == 1) {
    bits.size = 32;
  } else if (::inet_pton(AF_INET6, copy.c_str(), bits.bytes.data()) == 1) {
    bits.size = 128;
  } else {
    return std::nullopt;
  }
  return bits;
}

/// "10.0.0.0/8".
bool range_contains(std::string_view range, std::string_view host) {
  const std::size_t slash = range.find('/');
  if (slash == range.npos) return false;
  const auto network = parse_address(range.substr(0, slash));
  const auto address = parse_address(host);
  const auto length = parse_decimal<unsigned>(range.substr(slash + 1));
  if (!network || !address || !length || network->size != address->size ||
      *length > network->size) {
    return false;
  }
  for (unsigned bit = 0; bit < *length; ++bit) {
    const unsigned shift = 7 - bit % 8;
    if (((network->bytes[bit / 8] ^ address->bytes[bit / 8]) >> shift) & 1) return false;
  }
  return true;
}

bool pattern_matches(std::string_view pattern, std::string_view host, std::uint16_t port) {
  if (pattern == "*" || iequals(pattern, host) || range_contains(pattern, host)) return true;
  // IPv6 addresses have colons of their own, and no port without brackets.
  const std::size_t colon = pattern.rfind(':');
  const bool bare_v6 =
      pattern.find(':') != colon && !pattern.ends_with(']') && pattern.find(']') == pattern.npos;
  if (colon != pattern.npos && !bare_v6 && pattern.find(']', colon) == pattern.npos) {
    if (parse_decimal<std::uint16_t>(pattern.substr(colon + 1)) != port) return false;
    pattern = pattern.substr(0, colon);
  }
  if (pattern.starts_with('[') && pattern.ends_with(']')) {
    pattern = pattern.substr(1, pattern.size() - 2);
  }
  if (pattern.starts_with("*.")) pattern.remove_prefix(1);
  if (pattern.starts_with('.')) pattern.remove_prefix(1);
  if (pattern.empty() || pattern.size() > host.size()) return false;
  if (!iequals(host.substr(host.size() - pattern.size()), pattern)) return false;
  return pattern.size() == host.size() || host[host.size() - pattern.size() - 1] == '.';
}

/// What of `text` is left goes out.
Task<Result<void>> send_all(Socket* socket, std::string_view text, TimePoint deadline) {
  while (!text.empty()) {
    const Bytes piece = as_bytes(text);
    CO_TRY(const IoStep step, socket->send(std::span(&piece, 1)));
    text.remove_prefix(step.bytes);
    if (step.blocked) CO_TRY_VOID(co_await socket->wait(FdWatch::kWrite, deadline));
  }
  co_return Result<void>();
}

/// One answer's head. Nothing follows a good one before we speak.
Task<Result<ResponseHead>> receive_head(Socket* socket, TimePoint deadline) {
  constexpr std::size_t kBytesMax = 16 * 1024;
  std::string text;
  std::array<char, 2048> chunk;
  for (;;) {
    CO_TRY(const IoStep step, socket->receive(std::as_writable_bytes(std::span(chunk))));
    text.append(chunk.data(), step.bytes);
    CO_TRY(auto parsed, parse_response_head(text, {.bytes_max = kBytesMax}));
    if (parsed && parsed->head.status >= 200) {
      const bool good = parsed->head.status < 300;
      if (good && parsed->consumed != text.size()) {
        co_return make_temporary_error(ErrorKind::kProtocol, "it says more than it should");
      }
      co_return std::move(parsed->head);
    }
    if (parsed) text.erase(0, parsed->consumed);
    if (step.blocked) {
      CO_TRY_VOID(co_await socket->wait(FdWatch::kRead, deadline));
    } else if (step.bytes == 0) {
      co_return make_temporary_error(ErrorKind::kNetwork, "it closed the connection");
    }
  }
}

}  // namespace

std::string HttpProxy::name() const { return bracketed(host) + ":" + std::to_string(port); }

Result<HttpProxy> parse_http_proxy(std::string_view url) {
  const std::string text =
      url.find("://") == url.npos ? "http://" + std::string(url) : std::string(url);
  if (!istarts_with(text, "http://")) {
    return make_error(ErrorKind::kUnsupported, "the proxy must be http://HOST:PORT");
  }
  auto uri = parse_uri(text);
  if (!uri) {
    return make_error(ErrorKind::kInvalid, "the proxy's address is malformed: http://HOST:PORT");
  }
  HttpProxy proxy{uri->host, uri->port, ""};
  if (!uri->user.empty() || !uri->password.empty()) {
    const std::string log_in = uri->user + ":" + uri->password;
    proxy.authorization = "Basic " + base64_encode(as_bytes(log_in));
  }
  return proxy;
}

DirectHosts::DirectHosts(std::string_view text) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find_first_of(", \t"), text.size());
    if (end > 0) patterns_.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

bool DirectHosts::contain(std::string_view host, std::uint16_t port) const {
  return std::any_of(patterns_.begin(), patterns_.end(), [&](const std::string& pattern) {
    return pattern_matches(pattern, host, port);
  });
}

const HttpProxy* ProxyRules::find(bool tls_origin, std::string_view host,
                                  std::uint16_t port) const {
  const std::optional<HttpProxy>& proxy = tls_origin ? tls : plain;
  return proxy && !direct.contain(host, port) ? &*proxy : nullptr;
}

Error proxy_log_in_error(const HttpProxy& proxy) {
  Error error =
      make_error(ErrorKind::kDenied,
                 "the proxy " + proxy.name() +
                     (proxy.authorization.empty() ? " wants a log-in" : " refuses the log-in") +
                     " (HTTP 407). Name the proxy as http://USER:PASSWORD@HOST:PORT");
  error.context.http_status = 407;
  return error;
}

Task<Result<void>> open_tunnel(Socket* socket, const HttpProxy* proxy, std::string host_and_port,
                               TimePoint deadline) {
  std::string head = "CONNECT " + host_and_port + " HTTP/1.1\r\nHost: " + host_and_port + "\r\n";
  if (!proxy->authorization.empty()) {
    head += "Proxy-Authorization: " + proxy->authorization + "\r\n";
  }
  head += "\r\n";
  CO_TRY_VOID(co_await send_all(socket, head, deadline));
  auto answer = co_await receive_head(socket, deadline);
  const std::string name = "the proxy " + proxy->name();
  if (!answer) {
    Error error = std::move(answer).error();
    error.message = name + ": " + error.message;
    co_return error;
  }
  const int status = answer->status;
  if (status >= 200 && status < 300) co_return Result<void>();
  if (status == 407) co_return proxy_log_in_error(*proxy);
  const std::string message =
      name + " does not lead to " + host_and_port + " (HTTP " + std::to_string(status) + ")";
  if (status >= 500) co_return make_temporary_error(ErrorKind::kNetwork, message);
  co_return make_error(ErrorKind::kDenied, message);
}

}  // namespace telpher
