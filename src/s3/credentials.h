#pragma once
// What requests are signed with. Secrets live here and in the signer only: they never reach a
// message, a log or the journal.

#include <chrono>
#include <optional>
#include <string>

namespace telpher {

struct Credentials {
  std::string access_key;
  std::string secret_key;
  std::string session_token;  // empty = none
  /// When they stop being valid; nullopt = never, as far as is known.
  std::optional<std::chrono::system_clock::time_point> expires;
  /// Where they came from, for people: "environment", "profile 'default' in ~/.aws/credentials".
  std::string source;

  /// Requests go out unsigned (--no-sign-request).
  bool anonymous() const { return access_key.empty(); }
};

}  // namespace telpher
