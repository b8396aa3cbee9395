#include "net/address_guard.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <ifaddrs.h>
#include <memory>
#include <netinet/in.h>

namespace telpher {
namespace {

struct Block4 {
  std::uint32_t network;
  int bits;
  AddressScope scope;
};

constexpr std::uint32_t ip(int a, int b, int c, int d) {
  return static_cast<std::uint32_t>(a) << 24 | static_cast<std::uint32_t>(b) << 16 |
         static_cast<std::uint32_t>(c) << 8 | static_cast<std::uint32_t>(d);
}

constexpr auto kNever = AddressScope::kNever;
constexpr auto kPrivate = AddressScope::kPrivate;

/// What lies in none of these is public. The first that fits decides.
constexpr std::array kBlocks4 = {
    Block4{ip(0, 0, 0, 0), 8, kNever},           // this network
    Block4{ip(10, 0, 0, 0), 8, kPrivate},        // RFC 1918
    Block4{ip(100, 100, 100, 200), 32, kNever},  // metadata (Alibaba)
    Block4{ip(100, 64, 0, 0), 10, kPrivate},     // carrier-grade NAT
    Block4{ip(127, 0, 0, 0), 8, kPrivate},       // loopback
    Block4{ip(168, 63, 129, 16), 32, kNever},    // metadata (Azure)
    Block4{ip(169, 254, 0, 0), 16, kNever},      // link-local, metadata
    Block4{ip(172, 16, 0, 0), 12, kPrivate},     // RFC 1918
    Block4{ip(192, 0, 0, 0), 24, kNever},        // protocol assignments, metadata (Oracle)
    Block4{ip(192, 0, 2, 0), 24, kNever},        // documentation
    Block4{ip(192, 88, 99, 0), 24, kNever},      // 6to4 relays
    Block4{ip(192, 168, 0, 0), 16, kPrivate},    // RFC 1918
    Block4{ip(198, 18, 0, 0), 15, kNever},       // benchmarks
    Block4{ip(198, 51, 100, 0), 24, kNever},     // documentation
    Block4{ip(203, 0, 113, 0), 24, kNever},      // documentation
    Block4{ip(224, 0, 0, 0), 4, kNever},         // multicast
    Block4{ip(240, 0, 0, 0), 4, kNever},         // reserved, broadcast
};

using Bytes16 = std::array<std::uint8_t, 16>;

struct Block6 {
  Bytes16 network;
  int bits;
  AddressScope scope;
};

/// Only 2000::/3 is public, but for these.
constexpr std::array kBlocks6 = {
    Block6{{0x20, 0x01, 0x00, 0x00}, 32, kNever},  // Teredo
    Block6{{0x20, 0x01, 0x00, 0x10}, 28, kNever},  // ORCHID
    Block6{{0x20, 0x01, 0x00, 0x20}, 28, kNever},  // ORCHIDv2
    Block6{{0x20, 0x01, 0x0d, 0xb8}, 32, kNever},  // documentation
    Block6{{0x20, 0x02}, 16, kNever},              // 6to4
    Block6{{0x3f, 0xff}, 20, kNever},              // documentation
    Block6{{0x20}, 3, AddressScope::kPublic},
    Block6{{0xfd, 0x00, 0x0e, 0xc2}, 32, kNever},                             // metadata (Amazon)
    Block6{{0xfd, 0x20, 0x00, 0xce}, 32, kNever},                             // metadata (Google)
    Block6{{0xfc}, 7, kPrivate},                                              // unique local
    Block6{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 128, kPrivate},  // loopback
};

bool is_in(const Bytes16& address, const Block6& block) {
  for (int bit = 0; bit < block.bits; bit += 8) {
    const auto byte = static_cast<std::size_t>(bit / 8);
    const int left = std::min(8, block.bits - bit);
    const auto mask = static_cast<std::uint8_t>(0xFF << (8 - left));
    if ((address[byte] & mask) != (block.network[byte] & mask)) return false;
  }
  return true;
}

/// An address of this machine.
bool is_own(const SocketAddress& address) {
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return true;  // who cannot tell must not let it pass
  const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> owner(list, &freeifaddrs);
  for (const ifaddrs* at = list; at; at = at->ifa_next) {
    if (!at->ifa_addr || at->ifa_addr->sa_family != address.family()) continue;
    if (address.family() == AF_INET) {
      const auto* a = reinterpret_cast<const sockaddr_in*>(at->ifa_addr);
      const auto* b = reinterpret_cast<const sockaddr_in*>(address.get());
      if (a->sin_addr.s_addr == b->sin_addr.s_addr) return true;
    } else if (address.family() == AF_INET6) {
      const auto* a = reinterpret_cast<const sockaddr_in6*>(at->ifa_addr);
      const auto* b = reinterpret_cast<const sockaddr_in6*>(address.get());
      if (std::memcmp(&a->sin6_addr, &b->sin6_addr, sizeof a->sin6_addr) == 0) return true;
    }
  }
  return false;
}

bool is_loopback(const SocketAddress& address) {
  if (address.family() == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(address.get());
    return ntohl(v4->sin_addr.s_addr) >> 24 == 127;
  }
  const auto* v6 = reinterpret_cast<const sockaddr_in6*>(address.get());
  return IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
}

Error forbidden(const SocketAddress& address, std::string_view why) {
  Error error = make_error(ErrorKind::kDenied, "connecting to " + address.to_string() +
                                                   " is forbidden: " + std::string(why));
  error.context.code = "FORBIDDEN_ADDRESS";
  return error;
}

}  // namespace

AddressScope scope_of(const SocketAddress& address) {
  if (address.family() == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(address.get());
    const std::uint32_t host = ntohl(v4->sin_addr.s_addr);
    for (const Block4& block : kBlocks4) {
      if ((host ^ block.network) >> (32 - block.bits) == 0) return block.scope;
    }
    return AddressScope::kPublic;
  }
  if (address.family() != AF_INET6) return AddressScope::kNever;
  const auto* v6 = reinterpret_cast<const sockaddr_in6*>(address.get());
  Bytes16 host;
  std::memcpy(host.data(), &v6->sin6_addr, host.size());
  for (const Block6& block : kBlocks6) {
    if (is_in(host, block)) return block.scope;
  }
  return AddressScope::kNever;
}

Result<void> AddressGuard::check(const SocketAddress& address) const {
  const AddressScope scope = scope_of(address);
  if (scope == AddressScope::kNever) return forbidden(address, "nothing that is meant lives there");
  if (scope == AddressScope::kPrivate && !allow_private) {
    return forbidden(address, "it is private; --allow-private-sources opens it");
  }
  if (std::ranges::count(own_ports, address.port()) > 0 &&
      (is_loopback(address) || is_own(address))) {
    return forbidden(address, "it is this service itself");
  }
  if (!ports.empty() && std::ranges::count(ports, address.port()) == 0) {
    return forbidden(address, "its port is not among those that are allowed");
  }
  return {};
}

}  // namespace telpher
