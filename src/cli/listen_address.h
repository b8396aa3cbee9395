#pragma once
// "127.0.0.1:9000", ":443", "[::1]:0": where a server listens. Pure.

#include "base/result.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace telpher {

struct ListenAddress {
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;  // 0 = one that is free

  /// "http://[::1]:9000", with the port that is really listened at.
  std::string url(bool tls, std::uint16_t at_port) const;
  bool is_loopback() const;
};

/// Without an address, all interfaces. Errors: kInvalid; `example` is shown.
Result<ListenAddress> parse_listen_address(std::string_view text, std::string_view example);

}  // namespace telpher
