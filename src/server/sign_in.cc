#include "server/sign_in.h"

#include "codec/text.h"
#include "server/api_call.h"

namespace telpher {
namespace {

Error unauthorized(std::string message) {
  return api_error(401, "UNAUTHORIZED", std::move(message));
}

Caller caller_with(const AccessKey& key, Caller::Way way) {
  return {.id = key.id, .name = key.name, .role = key.role, .scopes = key.scopes, .way = way};
}

/// "k_abc.1764000000": what a cookie's signature covers.
std::string session_text(std::string_view id, SignIn::Time until) {
  return std::string(id) + "." + std::to_string(std::chrono::system_clock::to_time_t(until));
}

std::string cookie(std::string_view value, std::chrono::seconds life, bool secure) {
  std::string text = std::string(kSessionCookie) + "=" + std::string(value) +
                     "; Path=/; HttpOnly; SameSite=Strict; Max-Age=" + std::to_string(life.count());
  if (secure) text += "; Secure";
  return text;
}

}  // namespace

std::optional<std::string_view> find_cookie(std::string_view header, std::string_view name) {
  while (!header.empty()) {
    const std::size_t end = header.find(';');
    const std::string_view pair = trim_blanks(header.substr(0, end));
    header.remove_prefix(end == std::string_view::npos ? header.size() : end + 1);
    const std::size_t equals = pair.find('=');
    if (equals != std::string_view::npos && pair.substr(0, equals) == name) {
      return pair.substr(equals + 1);
    }
  }
  return std::nullopt;
}

void SignIn::refresh() {
  // A file that cannot be read leaves the keys as they were: nobody new gets in by that.
  (void)keys_->refresh();
}

Result<Caller> SignIn::caller_of(const Headers& headers, Time now) {
  if (is_open()) return Caller{.id = "", .name = "everybody", .role = Role::kAdmin, .scopes = {}};
  if (const auto key = headers.find("x-api-key")) return caller_of_key(*key, now);
  if (const auto field = headers.find("authorization")) {
    constexpr std::string_view kBearer = "bearer ";
    if (!istarts_with(*field, kBearer)) {
      return unauthorized("the Authorization header is to be 'Bearer KEY'");
    }
    return caller_of_bearer(trim_blanks(field->substr(kBearer.size())), now);
  }
  if (const auto cookies = headers.joined("cookie")) {
    if (const auto value = find_cookie(*cookies, kSessionCookie)) {
      return caller_of_cookie(*value, now);
    }
  }
  return unauthorized("a key is needed: 'Authorization: Bearer KEY' or 'X-API-Key: KEY'");
}

void SignIn::take_tokens(TokenKeys keys, TokenRules rules) {
  token_keys_ = std::move(keys);
  token_rules_ = std::move(rules);
}

Result<Caller> SignIn::caller_of_bearer(std::string_view text, Time now) {
  if (!token_keys_ || !looks_like_token(text)) return caller_of_key(text, now);
  Result<Caller> caller = token_keys_->verify(text, token_rules_, now);
  if (!caller) return unauthorized(caller.error().message);
  return caller;
}

Result<Caller> SignIn::caller_of_key(std::string_view secret, Time now) {
  if (is_open()) return Caller{.id = "", .name = "everybody", .role = Role::kAdmin, .scopes = {}};
  refresh();
  const AccessKey* key = keys_->find(secret);
  if (!key) return unauthorized("this key is not known here");
  if (!key->valid_at(now)) {
    return unauthorized(key->revoked ? "this key has been revoked" : "this key has expired");
  }
  return caller_with(*key, Caller::Way::kKey);
}

std::string SignIn::cookie_for(const Caller& caller, Time now, bool secure) const {
  if (is_open()) return no_cookie(secure);
  const std::string text = session_text(caller.id, now + kSessionLife);
  return cookie(text + "." + hmac_hex(keys_->cookie_secret(), text), kSessionLife, secure);
}

std::string SignIn::no_cookie(bool secure) { return cookie("", std::chrono::seconds(0), secure); }

Result<Caller> SignIn::caller_of_cookie(std::string_view value, Time now) {
  refresh();
  const Error over = unauthorized("the session is over: sign in again");
  const std::size_t signature = value.rfind('.');
  if (signature == std::string_view::npos || keys_->cookie_secret().empty()) return over;
  const std::string_view text = value.substr(0, signature);
  if (!equal_secrets(hmac_hex(keys_->cookie_secret(), text), value.substr(signature + 1))) {
    return over;
  }
  const std::size_t dot = text.rfind('.');
  const auto until = parse_decimal<std::uint64_t>(text.substr(dot + 1));
  if (dot == std::string_view::npos || !until) return over;
  if (now >= std::chrono::system_clock::from_time_t(static_cast<std::time_t>(*until))) return over;
  const AccessKey* key = keys_->find_id(text.substr(0, dot));
  if (!key || !key->valid_at(now)) return over;
  return caller_with(*key, Caller::Way::kCookie);
}

}  // namespace telpher
