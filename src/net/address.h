#pragma once
// Addresses of sockets, and how a host name becomes some. Values; resolve() runs on any loop.

#include "base/result.h"
#include "runtime/loop.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <vector>

namespace telpher {

/// An IPv4 or IPv6 address with a port.
class SocketAddress {
 public:
  SocketAddress() = default;
  SocketAddress(const sockaddr* address, socklen_t size);
  /// "127.0.0.1", "::1", "[::1]", "fe80::1%eth0"; nullopt for anything else, names included.
  static std::optional<SocketAddress> parse(std::string_view host, std::uint16_t port);

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage_); }
  socklen_t size() const { return size_; }
  int family() const { return storage_.ss_family; }
  std::uint16_t port() const;
  /// "127.0.0.1:80", "[::1]:80".
  std::string to_string() const;
  bool operator==(const SocketAddress& other) const;

 private:
  sockaddr_storage storage_{};
  socklen_t size_ = 0;
};

/// All addresses of `host` in the order they should be tried (RFC 6724); never empty. Literal
/// addresses are taken as they are, names are looked up on a worker thread. Errors: kNetwork (code
/// "DNS"; temporary unless the name does not exist), kTimeout, kCancelled: the look-up itself
/// cannot be stopped and is left to end by itself.
Task<Result<std::vector<SocketAddress>>> resolve(std::string host, std::uint16_t port,
                                                 TimePoint deadline = kNever);

/// The same from elsewhere: tests have names of their own.
using Resolver = std::function<Task<Result<std::vector<SocketAddress>>>(
    std::string host, std::uint16_t port, TimePoint deadline)>;

}  // namespace telpher
