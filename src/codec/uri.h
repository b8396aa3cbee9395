#pragma once
// URLs of sources and endpoints, always read by libcurl's URL API: the guard that judges an address
// and the code that connects to it then see the same host. Pure functions; value objects.

#include "base/result.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace telpher {

struct Uri {
  std::string scheme;    // "http", "https", "ftp", "ftps" or "sftp"
  std::string user;      // decoded; may be empty
  std::string password;  // decoded; may be empty
  std::string host;      // lower case, ASCII (IDNA); IPv6 addresses without brackets
  std::uint16_t port = 0;
  std::string path = "/";  // percent-encoded as sent, "." and ".." resolved, starts with "/"
  std::string query;       // percent-encoded, without "?"; empty when there is none

  bool operator==(const Uri&) const = default;

  /// "/path?query": the request target.
  std::string target() const;
  /// "host" or "host:port" where the port is not the scheme's own; for the Host header.
  std::string authority() const;
  /// The whole URL without user and password.
  std::string to_string() const;
  /// The whole URL with user and password: a secret, never for logs.
  std::string to_string_with_credentials() const;
  /// What may be shown and logged: no user, no password, and "?..." in place of any query.
  std::string redacted() const;
  /// The last segment of the path, decoded; empty for "/" and for what cannot be decoded.
  std::string last_segment() const;
};

constexpr std::size_t kUriBytesMax = 64 * 1024;

/// Parses an absolute URL. A fragment is dropped; spaces and bytes above 0x7f are percent-encoded.
/// Errors: kInvalid (malformed, port 0, IPv6 zone, unknown scheme), kLimit (over kUriBytesMax).
Result<Uri> parse_uri(std::string_view text);

/// What `reference` (a Location header, say) means where it was found at `base`. User and password
/// are kept only as long as the origin stays the same. Errors: as parse_uri(). Source: RFC 3986 §5.
Result<Uri> resolve_uri(const Uri& base, std::string_view reference);

/// Same scheme, host and port.
bool same_origin(const Uri& a, const Uri& b);

/// 80, 443, 21, 990, 22; 0 for an unknown scheme.
std::uint16_t default_port(std::string_view scheme);

}  // namespace telpher
