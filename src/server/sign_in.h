#pragma once
// SignIn: from a request to its caller. Keys come in headers or, for the page (EventSource cannot
// send headers), in a cookie that stands for a key for a day and lasts over a restart.

#include "codec/http_headers.h"
#include "server/key_file.h"
#include "server/token.h"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace telpher {

inline constexpr std::string_view kSessionCookie = "telpher_session";
inline constexpr std::chrono::hours kSessionLife{24};

class SignIn {
 public:
  using Time = std::chrono::system_clock::time_point;

  /// @param keys  nullptr: everybody is an admin. Must outlive this
  explicit SignIn(KeyFile* keys) : keys_(keys) {}

  bool is_open() const { return keys_ == nullptr; }

  /// From now on tokens of theirs are taken, too; the keys are replaced when that is said again.
  void take_tokens(TokenKeys keys, TokenRules rules);

  /// Errors: UNAUTHORIZED (no key, or one that is not, or no longer, valid; a token that is not).
  Result<Caller> caller_of(const Headers& headers, Time now);
  /// Of the key itself. Errors: UNAUTHORIZED.
  Result<Caller> caller_of_key(std::string_view secret, Time now);

  /// The value of a Set-Cookie header that stands for this caller, who came by a key.
  /// @param secure  only to be sent over https
  std::string cookie_for(const Caller& caller, Time now, bool secure) const;
  /// One that ends the session in the browser.
  static std::string no_cookie(bool secure);

 private:
  Result<Caller> caller_of_cookie(std::string_view value, Time now);
  Result<Caller> caller_of_bearer(std::string_view text, Time now);
  /// Looks whether the file has been changed.
  void refresh();

  KeyFile* const keys_;
  std::optional<TokenKeys> token_keys_;
  TokenRules token_rules_;
};

/// The value of a cookie in Cookie headers.
std::optional<std::string_view> find_cookie(std::string_view header, std::string_view name);

}  // namespace telpher
