#include "cli/listen_address.h"

#include "codec/text.h"
#include "net/address.h"

namespace telpher {

std::string ListenAddress::url(bool tls, std::uint16_t at_port) const {
  const std::string shown = host.find(':') == std::string::npos ? host : "[" + host + "]";
  return (tls ? "https://" : "http://") + shown + ":" + std::to_string(at_port);
}

bool ListenAddress::is_loopback() const { return host.starts_with("127.") || host == "::1"; }

Result<ListenAddress> parse_listen_address(std::string_view text, std::string_view example) {
  const std::size_t colon = text.rfind(':');
  const auto port = parse_decimal<std::uint16_t>(
      colon == std::string_view::npos ? std::string_view() : text.substr(colon + 1));
  if (!port) {
    return make_error(ErrorKind::kInvalid, "'" + std::string(text) + "' is not ADDRESS:PORT (try " +
                                               std::string(example) + ")");
  }
  std::string_view host = text.substr(0, colon);
  if (host == "localhost") host = "127.0.0.1";
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return ListenAddress{.host = host.empty() ? "0.0.0.0" : std::string(host), .port = *port};
}

}  // namespace telpher
