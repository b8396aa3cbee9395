#include "server/token.h"

#include "codec/base64.h"

#include <gtest/gtest.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <memory>
#include <vector>

namespace telpher {
namespace {

using namespace std::chrono_literals;

std::string base64url(std::string_view text) {
  std::string encoded = base64_encode(as_bytes(text));
  while (encoded.ends_with('=')) encoded.pop_back();
  for (char& c : encoded) c = c == '+' ? '-' : c == '/' ? '_' : c;
  return encoded;
}

std::string number_of(EVP_PKEY* key, const char* name, int size = 0) {
  BIGNUM* number = nullptr;
  EXPECT_EQ(EVP_PKEY_get_bn_param(key, name, &number), 1);
  std::string bytes(static_cast<std::size_t>(size > 0 ? size : BN_num_bytes(number)), '\0');
  BN_bn2binpad(number, reinterpret_cast<unsigned char*>(bytes.data()),
               static_cast<int>(bytes.size()));
  BN_free(number);
  return bytes;
}

/// Somebody who hands out tokens.
class Issuer {
 public:
  explicit Issuer(bool es256, unsigned bits = 2048)
      : es256_(es256), key_(es256 ? EVP_EC_gen("P-256") : EVP_RSA_gen(bits), EVP_PKEY_free) {}

  std::string jwks(std::string kid = "k1") const {
    std::string jwk = R"({"keys":[{"kty":"oct","k":"AAAA"},{"use":"sig","kid":")" + kid + '"';
    if (es256_) {
      jwk += R"(,"kty":"EC","crv":"P-256","x":")" +
             base64url(number_of(key_.get(), OSSL_PKEY_PARAM_EC_PUB_X, 32)) + R"(","y":")" +
             base64url(number_of(key_.get(), OSSL_PKEY_PARAM_EC_PUB_Y, 32));
    } else {
      jwk += R"(,"kty":"RSA","n":")" + base64url(number_of(key_.get(), OSSL_PKEY_PARAM_RSA_N)) +
             R"(","e":")" + base64url(number_of(key_.get(), OSSL_PKEY_PARAM_RSA_E));
    }
    return jwk + "\"}]}";
  }

  std::string sign(const std::string& claims, std::string head = "") const {
    if (head.empty()) {
      head = R"({"alg":")" + std::string(es256_ ? "ES256" : "RS256") + R"(","kid":"k1"})";
    }
    const std::string text = base64url(head) + "." + base64url(claims);
    return text + "." + base64url(signature(text));
  }

 private:
  std::string signature(const std::string& text) const {
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                          EVP_MD_CTX_free);
    EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key_.get());
    std::size_t size = 1024;
    std::string made(size, '\0');
    auto* out = reinterpret_cast<unsigned char*>(made.data());
    EXPECT_EQ(EVP_DigestSign(context.get(), out, &size,
                             reinterpret_cast<const unsigned char*>(text.data()), text.size()),
              1);
    made.resize(size);
    return es256_ ? pair_of(made) : made;
  }

  static std::string pair_of(const std::string& asn1) {
    const auto* in = reinterpret_cast<const unsigned char*>(asn1.data());
    const std::unique_ptr<ECDSA_SIG, decltype(&ECDSA_SIG_free)> parsed(
        d2i_ECDSA_SIG(nullptr, &in, static_cast<long>(asn1.size())), ECDSA_SIG_free);
    std::string pair(64, '\0');
    auto* out = reinterpret_cast<unsigned char*>(pair.data());
    BN_bn2binpad(ECDSA_SIG_get0_r(parsed.get()), out, 32);
    BN_bn2binpad(ECDSA_SIG_get0_s(parsed.get()), out + 32, 32);
    return pair;
  }

  bool es256_;
  std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key_;
};

const std::chrono::sys_seconds kNow(1'700'000'000s);
const TokenRules kRules{.audience = "telpher", .issuer = "us"};
const std::string kGood =
    R"({"sub":"app","role":"uploader","buckets":["bucket/p/"],"aud":["x","telpher"],"iss":"us",)"
    R"("exp":1700000100})";

TEST(Tokens, BothWaysOfSigningAreTaken) {
  for (const bool es256 : {false, true}) {
    const Issuer issuer(es256);
    const auto keys = TokenKeys::parse(issuer.jwks());
    ASSERT_TRUE(keys) << keys.error().message;
    const auto caller = keys->verify(issuer.sign(kGood), kRules, kNow);
    ASSERT_TRUE(caller) << caller.error().message;
    EXPECT_EQ(caller->name, "app");
    EXPECT_EQ(caller->role, Role::kUploader);
    EXPECT_TRUE(caller->reaches("bucket", "p/x"));
    EXPECT_FALSE(caller->reaches("bucket", "x"));
  }
}

TEST(Tokens, WhatIsWrongIsRefused) {
  const Issuer issuer(false);
  const auto keys = TokenKeys::parse(issuer.jwks());
  ASSERT_TRUE(keys);
  const std::vector<std::string> claims = {
      R"({"role":"admin","aud":"telpher","iss":"us","exp":1700000100})",
      R"({"sub":"a","role":"admin","aud":"telpher","iss":"us"})",
      R"({"sub":"a","role":"admin","aud":"telpher","iss":"us","exp":1699990000})",
      R"({"sub":"a","role":"admin","aud":"telpher","iss":"us","exp":"never"})",
      R"({"sub":"a","role":"admin","aud":"telpher","iss":"us","exp":1700000100,"nbf":1700000090})",
      R"({"sub":"a","role":"admin","aud":"other","iss":"us","exp":1700000100})",
      R"({"sub":"a","role":"admin","iss":"us","exp":1700000100})",
      R"({"sub":"a","role":"admin","aud":"telpher","iss":"them","exp":1700000100})",
      R"({"sub":"a","role":"king","aud":"telpher","iss":"us","exp":1700000100})",
      R"({"sub":"a","role":"admin","aud":"telpher","iss":"us","exp":1700000100,"buckets":[]})",
      R"({"sub":"a","role":"admin","aud":"telpher","iss":"us","exp":1700000100,"buckets":"b"})",
      R"(["sub"])",
      "no json",
  };
  for (const std::string& text : claims) {
    EXPECT_FALSE(keys->verify(issuer.sign(text), kRules, kNow)) << text;
  }
}

TEST(Tokens, SignaturesThatProveNothingAreRefused) {
  const Issuer issuer(false);
  const Issuer another(false);
  const Issuer elliptic(true);
  const auto keys = TokenKeys::parse(issuer.jwks());
  const auto curves = TokenKeys::parse(elliptic.jwks());
  ASSERT_TRUE(keys);
  ASSERT_TRUE(curves);
  const std::string good = issuer.sign(kGood);
  EXPECT_TRUE(keys->verify(good, kRules, kNow));
  std::vector<std::string> wrong = {
      another.sign(kGood),
      issuer.sign(kGood, R"({"alg":"none","kid":"k1"})"),
      issuer.sign(kGood, R"({"alg":"HS256","kid":"k1"})"),
      issuer.sign(kGood, R"({"alg":"ES256","kid":"k1"})"),
      issuer.sign(kGood, R"({"alg":"RS256","kid":"k2"})"),
      issuer.sign(kGood, R"({"alg":"RS256"})"),
      issuer.sign(kGood, R"({"alg":"RS256","kid":"k1","crit":["x"]})"),
      good.substr(0, good.rfind('.') + 1),
      good.substr(0, good.size() - 4),
      good + ".x",
      "",
      "ey..",
      "ey" + std::string(10'000, 'a') + "..",
  };
  std::string changed = good;
  changed[good.find('.') + 3] ^= 1;
  wrong.push_back(changed);
  for (const std::string& token : wrong) {
    EXPECT_FALSE(keys->verify(token, kRules, kNow)) << token.substr(0, 100);
    EXPECT_FALSE(curves->verify(token, kRules, kNow)) << token.substr(0, 100);
  }
}

TEST(Tokens, SetsOfKeysThatAreOfNoUse) {
  EXPECT_FALSE(TokenKeys::parse("{}"));
  EXPECT_FALSE(TokenKeys::parse("no"));
  EXPECT_FALSE(TokenKeys::parse(R"({"keys":[]})"));
  EXPECT_FALSE(TokenKeys::parse(R"({"keys":[{"kty":"RSA","kid":"a","n":"","e":""}]})"));
  EXPECT_FALSE(TokenKeys::parse(R"({"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}]})"));
  EXPECT_FALSE(TokenKeys::parse(Issuer(false, 1024).jwks()));
}

}  // namespace
}  // namespace telpher
