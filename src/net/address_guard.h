#pragma once
// AddressGuard: where a service that fetches URLs for strangers may connect to. It is asked for the
// very address a socket is about to be connected to, at every hop, so that neither redirects nor
// names that resolve to something else the second time get past it. Values; any thread.

#include "net/address.h"

#include <cstdint>
#include <vector>

namespace telpher {

enum class AddressScope {
  kPublic,
  kPrivate,  // loopback, RFC 1918, carrier-grade NAT (RFC 6598), unique local (RFC 4193)
  kNever,    // unspecified, link-local, metadata of clouds, multicast, reserved; and whatever holds
             // another address in itself: v4-mapped, NAT64, 6to4, Teredo
};

/// From the registries of special-purpose addresses (IANA; RFC 6890).
AddressScope scope_of(const SocketAddress& address);

struct AddressGuard {
  bool allow_private = false;
  std::vector<std::uint16_t> ports = {80, 443};  // empty = any
  /// Ports at which this process listens: there, no address of this machine is allowed.
  std::vector<std::uint16_t> own_ports = {};

  /// Errors: kDenied, code "FORBIDDEN_ADDRESS".
  Result<void> check(const SocketAddress& address) const;
};

}  // namespace telpher
