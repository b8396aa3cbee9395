#pragma once
// What requests are signed with, and where it comes from: sources are asked in order, the first
// that has credentials is kept to. Secrets live here and in the signer only: they never reach a
// message, a log or the journal. One loop.

#include "base/result.h"
#include "runtime/loop.h"
#include "runtime/semaphore.h"

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace telpher {

struct Credentials {
  std::string access_key;
  std::string secret_key;
  std::string session_token;  // empty = none
  /// When they stop being valid; nullopt = never, as far as is known.
  std::optional<WallTime> expires;
  /// Where they came from, for people: "environment", "profile 'default' in ~/.aws/credentials".
  std::string source;

  /// Requests go out unsigned (--no-sign-request).
  bool anonymous() const { return access_key.empty(); }
  bool operator==(const Credentials&) const = default;
};

class CredentialsSource {
 public:
  virtual ~CredentialsSource() = default;
  /// Errors: kNotFound when this source has none (the next one is asked; the message, if any, says
  /// what was looked at); anything else ends the search.
  virtual Task<Result<Credentials>> fetch() = 0;
};

/// Always the same ones: from flags or the environment, and anonymous access.
std::unique_ptr<CredentialsSource> make_fixed_credentials(Credentials credentials);

/// Keeps what the first source with credentials gave, and asks that one again five minutes before
/// they expire (of short-lived ones: at half of their time) or when the store has refused them.
class CredentialsCache {
 public:
  explicit CredentialsCache(std::vector<std::unique_ptr<CredentialsSource>> sources);

  using Pointer = std::shared_ptr<const Credentials>;

  /// The credentials when no source needs to be asked (the way of nearly all requests), else null.
  Pointer ready(WallTime now) const {
    return credentials_ && (!refresh_at_ || now < *refresh_at_) ? credentials_ : nullptr;
  }
  /// Asks the sources if need be. Credentials that have not expired yet are better than none: a
  /// source that fails is then asked again a minute later. Errors: kDenied when none has any.
  Task<Result<Pointer>> refresh();
  /// The store says that `refused` has expired. True when there are others now. Errors: those of
  /// the source.
  Task<Result<bool>> replace(Pointer refused);

 private:
  Task<Result<void>> fetch();

  void keep(Credentials fetched, WallTime now);

  std::vector<std::unique_ptr<CredentialsSource>> sources_;
  CredentialsSource* chosen_ = nullptr;  // of sources_: the one that had some
  Pointer credentials_;
  std::optional<WallTime> refresh_at_;
  Semaphore fetching_{1};  // one fetch serves all who wait
};

}  // namespace telpher
