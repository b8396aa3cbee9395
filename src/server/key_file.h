#pragma once
// KeyFile: who may use the service. A key's secret is shown once and kept as its SHA-256 only. It
// is a JSON file of a few kilobytes that is replaced whole, so that `telpher keys` changes it while
// the service runs; the service looks whether somebody has. Calls that change it wait for the disk:
// on a loop's thread they belong into offload(), one at a time.

#include "server/access.h"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <vector>

namespace telpher {

struct AccessKey {
  std::string id;  // "k_" and 12 characters; no secret
  std::string name;
  Role role = Role::kReader;
  std::vector<Scope> scopes;  // empty = everywhere
  std::chrono::sys_seconds created{};
  std::optional<std::chrono::sys_seconds> expires = {};
  bool revoked = false;
  std::string secret_sha256;  // of the secret, in hex

  bool valid_at(std::chrono::system_clock::time_point now) const {
    return !revoked && (!expires || now < *expires);
  }
};

class KeyFile {
 public:
  static constexpr std::size_t kKeysMax = 10'000;

  /// A file that does not exist has no keys. Errors: kIo, kDenied, kInvalid (no such file).
  static Result<KeyFile> open(std::string path);

  struct Made {
    AccessKey key;
    std::string secret;  // "tk_" and 43 characters: 256 bits from the system
  };
  /// `key.id`, `.created` and `.secret_sha256` are filled in. Safe beside other processes. Errors:
  /// kInvalid (a name that is empty or has more than 100 bytes; it is over already), kLimit
  /// (kKeysMax), kIo.
  Result<Made> add(AccessKey key, std::chrono::system_clock::time_point now);
  /// Errors: kNotFound, kIo. Revoking again succeeds.
  Result<void> revoke(std::string_view id);

  /// Reads it again when it was replaced. Costs a stat().
  Result<void> refresh();
  /// In the order they were made; those that are over included. Until the next change.
  const std::vector<AccessKey>& keys() const { return keys_; }
  /// By the whole secret, which is compared by its hash; nullptr: there is none.
  const AccessKey* find(std::string_view secret) const;
  const AccessKey* find_id(std::string_view id) const;
  /// 256 bits that never leave this machine, made with the file: what cookies are signed with.
  /// Empty as long as there is no file.
  const std::string& cookie_secret() const { return cookie_secret_; }

 private:
  explicit KeyFile(std::string path) : path_(std::move(path)) {}
  Result<void> read();
  Result<void> write();
  template <class Change>
  Result<void> change(Change change);

  std::string path_;
  std::vector<AccessKey> keys_;
  std::string cookie_secret_;
  struct stat seen_{};
};

/// So many bytes from the system's random source, without padding.
std::string random_base64url(std::size_t bytes);
/// Hexadecimal.
std::string sha256_hex(std::string_view text);
/// HMAC-SHA256, hexadecimal.
std::string hmac_hex(std::string_view key, std::string_view text);
/// As long as the longer one takes, whatever they are.
bool equal_secrets(std::string_view a, std::string_view b);

}  // namespace telpher
