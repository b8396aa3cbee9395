#include "server/token.h"

#include "codec/base64.h"
#include "server/api_call.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include <algorithm>
#include <array>
#include <optional>

namespace telpher {
namespace {

namespace json = boost::json;

constexpr std::size_t kTokenBytesMax = 8 * 1024;
constexpr std::size_t kEs256Half = 32;

Error refused(std::string why) {
  return make_error(ErrorKind::kDenied, "token: " + std::move(why));
}

Result<std::string> base64url_decode(std::string_view text) {
  std::string standard(text);
  for (char& c : standard) c = c == '-' ? '+' : c == '_' ? '/' : c;
  while (standard.size() % 4 != 0) standard += '=';
  return base64_decode(standard);
}

using BigNumber = std::unique_ptr<BIGNUM, decltype(&BN_free)>;

BigNumber big_number(std::string_view bytes) {
  return {BN_bin2bn(reinterpret_cast<const unsigned char*>(bytes.data()),
                    static_cast<int>(bytes.size()), nullptr),
          BN_free};
}

std::shared_ptr<EVP_PKEY> make_key(const char* type, OSSL_PARAM_BLD* builder) {
  const std::unique_ptr<OSSL_PARAM, decltype(&OSSL_PARAM_free)> parameters(
      OSSL_PARAM_BLD_to_param(builder), OSSL_PARAM_free);
  const std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> context(
      EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr), EVP_PKEY_CTX_free);
  EVP_PKEY* key = nullptr;
  if (!parameters || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters.get()) != 1) {
    return nullptr;
  }
  return {key, EVP_PKEY_free};
}

using Builder = std::unique_ptr<OSSL_PARAM_BLD, decltype(&OSSL_PARAM_BLD_free)>;

std::shared_ptr<EVP_PKEY> rsa_key(std::string_view n, std::string_view e) {
  const BigNumber modulus = big_number(n);
  const BigNumber exponent = big_number(e);
  const Builder builder(OSSL_PARAM_BLD_new(), OSSL_PARAM_BLD_free);
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, modulus.get());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, exponent.get());
  return make_key("RSA", builder.get());
}

std::shared_ptr<EVP_PKEY> p256_key(std::string_view x, std::string_view y) {
  if (x.size() != kEs256Half || y.size() != kEs256Half) return nullptr;
  const std::string point = '\x04' + std::string(x) + std::string(y);
  const Builder builder(OSSL_PARAM_BLD_new(), OSSL_PARAM_BLD_free);
  OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0);
  OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                   point.size());
  return make_key("EC", builder.get());
}

/// ES256 signatures are two numbers side by side; OpenSSL wants them as ASN.1.
std::string to_asn1(std::string_view signature) {
  const std::unique_ptr<ECDSA_SIG, decltype(&ECDSA_SIG_free)> pair(ECDSA_SIG_new(), ECDSA_SIG_free);
  BigNumber r = big_number(signature.substr(0, kEs256Half));
  BigNumber s = big_number(signature.substr(kEs256Half));
  ECDSA_SIG_set0(pair.get(), r.release(), s.release());
  std::string text(static_cast<std::size_t>(i2d_ECDSA_SIG(pair.get(), nullptr)), '\0');
  auto* out = reinterpret_cast<unsigned char*>(text.data());
  i2d_ECDSA_SIG(pair.get(), &out);
  return text;
}

bool verifies(EVP_PKEY* key, std::string_view text, std::string_view signature) {
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                        EVP_MD_CTX_free);
  const auto bytes = [](std::string_view view) {
    return reinterpret_cast<const unsigned char*>(view.data());
  };
  return EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, key) == 1 &&
         EVP_DigestVerify(context.get(), bytes(signature), signature.size(), bytes(text),
                          text.size()) == 1;
}

Result<json::object> object_in(std::string_view part) {
  const Result<std::string> text = base64url_decode(part);
  if (!text) return refused("it is no JSON Web Token");
  boost::system::error_code failed;
  json::value value = json::parse(*text, failed);
  if (failed || !value.is_object()) return refused("it is no JSON Web Token");
  return std::move(value.get_object());
}

std::string text_in(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains({name.data(), name.size()});
  return value && value->is_string() ? std::string(value->get_string()) : std::string();
}

std::optional<double> time_in(const json::object& claims, std::string_view name) {
  const json::value* value = claims.if_contains({name.data(), name.size()});
  if (!value || !value->is_number()) return std::nullopt;
  return value->to_number<double>();
}

bool names_audience(const json::object& claims, const std::string& audience) {
  const json::value* value = claims.if_contains("aud");
  if (!value) return false;
  if (value->is_string()) return value->get_string() == audience;
  return value->is_array() && std::ranges::any_of(value->get_array(), [&](const json::value& one) {
           return one.is_string() && one.get_string() == audience;
         });
}

Result<void> check_claims(const json::object& claims, const TokenRules& rules,
                          std::chrono::system_clock::time_point now) {
  const double seconds = std::chrono::duration<double>(now.time_since_epoch()).count();
  const double leeway = std::chrono::duration<double>(rules.leeway).count();
  const auto expires = time_in(claims, "exp");
  if (!expires || seconds > *expires + leeway) return refused("it has expired, or never says when");
  const auto not_before = time_in(claims, "nbf");
  if (claims.contains("nbf") && (!not_before || seconds < *not_before - leeway)) {
    return refused("it is not valid yet");
  }
  if (!names_audience(claims, rules.audience)) return refused("it is for another audience");
  if (!rules.issuer.empty() && text_in(claims, "iss") != rules.issuer) {
    return refused("it is of another issuer");
  }
  return {};
}

Result<Caller> caller_in(const json::object& claims) {
  Caller caller{.id = "jwt:" + text_in(claims, "sub"),
                .name = text_in(claims, "sub"),
                .role = Role::kReader,
                .scopes = {},
                .way = Caller::Way::kToken};
  if (caller.name.empty()) return refused("it has no subject");
  const Result<Role> role = parse_role(text_in(claims, "role"));
  if (!role) return refused("its role is none: admin, operator, uploader or reader");
  caller.role = *role;
  const json::value* buckets = claims.if_contains("buckets");
  if (!buckets) return caller;
  if (!buckets->is_array()) return refused("its buckets are no list");
  for (const json::value& bucket : buckets->get_array()) {
    Result<Scope> scope = bucket.is_string()
                              ? parse_scope(std::string_view(bucket.get_string()))
                              : Result<Scope>(refused("its buckets are no list of names"));
    if (!scope) return refused("its buckets are no list of names");
    caller.scopes.push_back(*std::move(scope));
  }
  // An empty list is no bucket at all, not all of them.
  if (caller.scopes.empty()) return refused("it reaches no bucket");
  return caller;
}

}  // namespace

bool looks_like_token(std::string_view text) {
  return text.starts_with("ey") && std::ranges::count(text, '.') == 2;
}

Result<TokenKeys> TokenKeys::parse(std::string_view jwks) {
  boost::system::error_code failed;
  const json::value document = json::parse(json::string_view(jwks.data(), jwks.size()), failed);
  const json::object* object = document.if_object();
  const json::value* list = object ? object->if_contains("keys") : nullptr;
  if (failed || !list || !list->is_array()) {
    return make_error(ErrorKind::kInvalid, "this is no JWKS: {\"keys\": [...]} is expected");
  }
  TokenKeys keys;
  for (const json::value& entry : list->get_array()) {
    const json::object* jwk = entry.if_object();
    if (!jwk || (jwk->contains("use") && text_in(*jwk, "use") != "sig")) continue;
    const auto field = [&](std::string_view name) {
      return base64url_decode(text_in(*jwk, name)).value_or("");
    };
    std::shared_ptr<EVP_PKEY> key;
    const bool rsa = text_in(*jwk, "kty") == "RSA";
    if (rsa) key = rsa_key(field("n"), field("e"));
    if (text_in(*jwk, "kty") == "EC" && text_in(*jwk, "crv") == "P-256") {
      key = p256_key(field("x"), field("y"));
    }
    if (!key) continue;
    if (rsa && EVP_PKEY_get_bits(key.get()) < 2048) {
      return make_error(ErrorKind::kInvalid, "an RSA key of the JWKS has less than 2048 bits");
    }
    keys.keys_.insert_or_assign(text_in(*jwk, "kid"),
                                Key{rsa ? Algorithm::kRs256 : Algorithm::kEs256, std::move(key)});
  }
  if (keys.keys_.empty()) {
    return make_error(ErrorKind::kInvalid, "the JWKS has no RSA or P-256 key for signatures");
  }
  return keys;
}

const TokenKeys::Key* TokenKeys::find(std::string_view kid) const {
  const auto found = keys_.find(kid);
  return found == keys_.end() ? nullptr : &found->second;
}

Result<Caller> TokenKeys::verify(std::string_view token, const TokenRules& rules,
                                 std::chrono::system_clock::time_point now) const {
  if (token.size() > kTokenBytesMax || !looks_like_token(token)) {
    return refused("it is no JSON Web Token");
  }
  const std::size_t first = token.find('.');
  const std::size_t last = token.rfind('.');
  TRY(const json::object head, object_in(token.substr(0, first)));
  const Key* key = find(text_in(head, "kid"));
  if (!key) return refused("it is signed with a key that is not known here");
  const bool es256 = key->algorithm == Algorithm::kEs256;
  // The key says how it signs, never the token.
  if (text_in(head, "alg") != (es256 ? "ES256" : "RS256") || head.contains("crit")) {
    return refused("it is signed in a way that is not taken here");
  }
  Result<std::string> signature = base64url_decode(token.substr(last + 1));
  if (!signature || (es256 && signature->size() != 2 * kEs256Half)) {
    return refused("its signature is wrong");
  }
  if (!verifies(key->key.get(), token.substr(0, last), es256 ? to_asn1(*signature) : *signature)) {
    return refused("its signature is wrong");
  }
  TRY(const json::object claims, object_in(token.substr(first + 1, last - first - 1)));
  TRY_VOID(check_claims(claims, rules, now));
  return caller_in(claims);
}

}  // namespace telpher
