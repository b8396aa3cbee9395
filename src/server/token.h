#pragma once
// Bearer tokens that somebody else has signed: JSON Web Tokens with RS256 or ES256, by the keys of
// a JWKS. Source: RFC 7515, 7517, 7518, 7519; the checks are those of RFC 8725. Pure.

#include "server/access.h"

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <string_view>

struct evp_pkey_st;

namespace telpher {

struct TokenRules {
  std::string audience;             // `aud` has to name it
  std::string issuer;               // `iss`, when it is not empty
  std::chrono::seconds leeway{30};  // that clocks may differ
};

/// The keys that signatures are checked with, by `kid`.
class TokenKeys {
 public:
  /// Keys of other kinds and uses are passed over. Errors: kInvalid (no JWKS; none that is usable;
  /// RSA below 2048 bits).
  static Result<TokenKeys> parse(std::string_view jwks);

  /// Whose token it is. Its claims: `sub`; `role`, a name; `buckets`, a list of scopes, else
  /// everywhere; `exp` and `aud`, without which it is refused. Errors: kDenied, without a word of
  /// the token in them.
  Result<Caller> verify(std::string_view token, const TokenRules& rules,
                        std::chrono::system_clock::time_point now) const;

 private:
  enum class Algorithm { kRs256, kEs256 };
  struct Key {
    Algorithm algorithm;
    std::shared_ptr<evp_pkey_st> key;
  };
  const Key* find(std::string_view kid) const;

  std::map<std::string, Key, std::less<>> keys_;
};

/// Three parts of base64url with dots between: a token, not a key of ours.
bool looks_like_token(std::string_view text);

}  // namespace telpher
