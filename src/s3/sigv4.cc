#include "s3/sigv4.h"

#include "base/check.h"
#include "codec/hex.h"
#include "codec/percent.h"
#include "codec/text.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <algorithm>
#include <array>
#include <cstdio>

namespace telpher {
namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";

/// Fields that proxies and clients change on the way.
bool is_signable(std::string_view name) {
  constexpr std::array<std::string_view, 7> kLeftOut = {
      "authorization", "user-agent",        "accept-encoding", "expect",
      "connection",    "transfer-encoding", "content-length"};
  return std::none_of(kLeftOut.begin(), kLeftOut.end(),
                      [name](std::string_view left_out) { return iequals(name, left_out); });
}

bool less_without_case(std::string_view a, std::string_view b) {
  return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return static_cast<unsigned char>(ascii_lower(x)) < static_cast<unsigned char>(ascii_lower(y));
  });
}

/// Without blanks around it, each run of blanks as one space.
void append_header_value(std::string& out, std::string_view value) {
  value = trim_blanks(value);
  if (value.find('\t') == value.npos && value.find("  ") == value.npos) {
    out += value;
    return;
  }
  bool after_blank = false;
  for (const char c : value) {
    if (!is_blank(c)) out += c;
    if (is_blank(c) && !after_blank) out += ' ';
    after_blank = is_blank(c);
  }
}

}  // namespace

std::string format_amz_date(std::chrono::sys_seconds time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  char text[32];
  const int size =
      std::snprintf(text, sizeof text, "%04d%02u%02uT%02d%02d%02dZ", int(date.year()),
                    unsigned(date.month()), unsigned(date.day()), int(clock.hours().count()),
                    int(clock.minutes().count()), int(clock.seconds().count()));
  return std::string(text, static_cast<std::size_t>(size));
}

std::optional<std::chrono::sys_seconds> parse_amz_date(std::string_view text) {
  if (text.size() != 16 || text[8] != 'T' || text[15] != 'Z') return std::nullopt;
  const auto number = [text](std::size_t at, std::size_t size) {
    return parse_decimal<unsigned>(text.substr(at, size));
  };
  const auto year = number(0, 4), month = number(4, 2), day = number(6, 2);
  const auto hour = number(9, 2), minute = number(11, 2), second = number(13, 2);
  if (!year || !month || !day || !hour || !minute || !second) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(*year)),
                                         std::chrono::month(*month), std::chrono::day(*day)};
  if (!date.ok() || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  return std::chrono::sys_days(date) + std::chrono::hours(*hour) + std::chrono::minutes(*minute) +
         std::chrono::seconds(*second);
}

SigV4Signer::SigV4Signer(std::string region, std::string service)
    : region_(std::move(region)),
      service_(std::move(service)),
      mac_(EVP_MAC_fetch(nullptr, "HMAC", nullptr)),
      mac_context_(EVP_MAC_CTX_new(mac_)),
      digest_(EVP_MD_fetch(nullptr, "SHA256", nullptr)),
      digest_context_(EVP_MD_CTX_new()) {
  char name[] = "SHA256";
  const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
                               OSSL_PARAM_construct_end()};
  CHECK(mac_ && mac_context_ && digest_ && digest_context_);
  CHECK(EVP_MAC_CTX_set_params(mac_context_, params) == 1);
}

SigV4Signer::~SigV4Signer() {
  EVP_MAC_CTX_free(mac_context_);
  EVP_MAC_free(mac_);
  EVP_MD_CTX_free(digest_context_);
  EVP_MD_free(digest_);
  OPENSSL_cleanse(key_secret_.data(), key_secret_.size());
}

void SigV4Signer::set_time(std::chrono::sys_seconds time) {
  if (time == time_) return;
  time_ = time;
  amz_date_ = format_amz_date(time);
  scope_.assign(amz_date_, 0, 8);
  scope_ += '/';
  scope_ += region_;
  scope_ += '/';
  scope_ += service_;
  scope_ += "/aws4_request";
}

void SigV4Signer::hmac(std::string_view key, std::string_view text, unsigned char* out) {
  std::size_t size = 0;
  // A null key keeps the one from before: its two blocks need not be hashed again.
  const auto* bytes = key.empty() ? nullptr : reinterpret_cast<const unsigned char*>(key.data());
  CHECK(EVP_MAC_init(mac_context_, bytes, key.size(), nullptr) == 1 &&
        EVP_MAC_update(mac_context_, reinterpret_cast<const unsigned char*>(text.data()),
                       text.size()) == 1 &&
        EVP_MAC_final(mac_context_, out, &size, 32) == 1 && size == 32);
}

void SigV4Signer::set_key(std::string_view secret_key) {
  const std::string_view date = std::string_view(scope_).substr(0, 8);
  if (key_date_ == date && key_secret_ == secret_key) return;
  key_date_ = date;
  OPENSSL_cleanse(key_secret_.data(), key_secret_.size());
  key_secret_ = secret_key;
  unsigned char key[32];
  const std::string_view key_text(reinterpret_cast<const char*>(key), sizeof key);
  std::string first = "AWS4" + key_secret_;
  hmac(first, date, key);
  OPENSSL_cleanse(first.data(), first.size());
  hmac(key_text, region_, key);
  hmac(key_text, service_, key);
  hmac(key_text, "aws4_request", key);
  CHECK(EVP_MAC_init(mac_context_, key, sizeof key, nullptr) == 1);
  OPENSSL_cleanse(key, sizeof key);
}

void SigV4Signer::append_query(std::string_view query) {
  sorted_.clear();
  while (const auto parameter = take_query_parameter(query)) {
    sorted_.push_back({parameter->name, parameter->value});
  }
  std::sort(sorted_.begin(), sorted_.end(), [](const Header& a, const Header& b) {
    return a.name != b.name ? a.name < b.name : a.value < b.value;
  });
  for (std::size_t i = 0; i < sorted_.size(); ++i) {
    if (i > 0) canonical_ += '&';
    canonical_ += sorted_[i].name;
    canonical_ += '=';
    canonical_ += sorted_[i].value;
  }
}

void SigV4Signer::append_headers(std::span<const Header> headers) {
  // Inserted in order: there are about ten, equal names keep their order, nothing is allocated.
  sorted_.clear();
  for (const Header& header : headers) {
    sorted_.push_back(header);
    for (std::size_t i = sorted_.size() - 1;
         i > 0 && less_without_case(sorted_[i].name, sorted_[i - 1].name); --i) {
      std::swap(sorted_[i], sorted_[i - 1]);
    }
  }
  signed_headers_.clear();
  for (std::size_t i = 0; i < sorted_.size(); ++i) {
    const Header& header = sorted_[i];
    if (i > 0 && iequals(sorted_[i - 1].name, header.name)) {
      canonical_.back() = ',';  // a repeated field is one with a list
    } else {
      const std::size_t name_at = canonical_.size();
      canonical_ += header.name;
      for (std::size_t at = name_at; at < canonical_.size(); ++at) {
        canonical_[at] = ascii_lower(canonical_[at]);
      }
      if (i > 0) signed_headers_ += ';';
      signed_headers_.append(canonical_, name_at);
      canonical_ += ':';
    }
    append_header_value(canonical_, header.value);
    canonical_ += '\n';
  }
  canonical_ += '\n';
  canonical_ += signed_headers_;
}

void SigV4Signer::build_canonical(const SignatureInput& input) {
  const std::size_t question = std::min(input.target.find('?'), input.target.size());
  const std::string_view path = input.target.substr(0, question);
  canonical_.clear();
  canonical_ += input.method;
  canonical_ += '\n';
  canonical_ += path.empty() ? std::string_view("/") : path;
  canonical_ += '\n';
  if (question < input.target.size()) append_query(input.target.substr(question + 1));
  canonical_ += '\n';
  append_headers(input.headers);
  canonical_ += '\n';
  canonical_ += input.payload_hash;
}

std::string_view SigV4Signer::signature(std::string_view secret_key, std::chrono::sys_seconds time,
                                        const SignatureInput& input) {
  set_time(time);
  set_key(secret_key);
  build_canonical(input);

  unsigned char hash[32];
  CHECK(EVP_DigestInit_ex2(digest_context_, digest_, nullptr) == 1 &&
        EVP_DigestUpdate(digest_context_, canonical_.data(), canonical_.size()) == 1 &&
        EVP_DigestFinal_ex(digest_context_, hash, nullptr) == 1);
  string_to_sign_ = kAlgorithm;
  string_to_sign_ += '\n';
  string_to_sign_ += amz_date_;
  string_to_sign_ += '\n';
  string_to_sign_ += scope_;
  string_to_sign_ += '\n';
  hex_encode_to(signature_, std::as_bytes(std::span(hash)));
  string_to_sign_.append(signature_, sizeof signature_);

  hmac({}, string_to_sign_, hash);
  hex_encode_to(signature_, std::as_bytes(std::span(hash)));
  return {signature_, sizeof signature_};
}

std::unique_ptr<ChunkSigner> SigV4Signer::make_chunk_signer() const {
  return std::make_unique<ChunkSigner>(mac_context_, amz_date_, scope_,
                                       std::string_view(signature_, sizeof signature_));
}

void SigV4Signer::sign(const Credentials& credentials, std::chrono::sys_seconds now,
                       std::string_view method, std::string_view host, std::string_view target,
                       std::string_view payload_hash, Headers& headers) {
  set_time(now);
  headers.add("x-amz-content-sha256", payload_hash);
  headers.add("x-amz-date", amz_date_);
  if (!credentials.session_token.empty()) {
    headers.add("x-amz-security-token", credentials.session_token);
  }
  to_sign_.clear();
  to_sign_.push_back({"host", host});
  for (const Header header : headers) {
    if (is_signable(header.name)) to_sign_.push_back(header);
  }
  const std::string_view hex =
      signature(credentials.secret_key, now, {method, target, to_sign_, payload_hash});

  authorization_ = kAlgorithm;
  authorization_ += " Credential=";
  authorization_ += credentials.access_key;
  authorization_ += '/';
  authorization_ += scope_;
  authorization_ += ", SignedHeaders=";
  authorization_ += signed_headers_;
  authorization_ += ", Signature=";
  authorization_ += hex;
  headers.add("authorization", authorization_);
}

std::string SigV4Signer::presign(const Credentials& credentials, std::chrono::sys_seconds now,
                                 std::chrono::seconds expires, std::string_view method,
                                 std::string_view host, std::string_view target,
                                 const Headers& headers) {
  set_time(now);
  to_sign_.clear();
  to_sign_.push_back({"host", host});
  for (const Header header : headers) to_sign_.push_back(header);
  std::vector<std::string> names;
  for (const Header& header : to_sign_) names.push_back(to_lower(header.name));
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());

  std::string url(target);
  url += target.find('?') == std::string_view::npos ? '?' : '&';
  url += "X-Amz-Algorithm=";
  url += kAlgorithm;
  url += "&X-Amz-Credential=";
  percent_encode_to(url, credentials.access_key + "/" + scope_);
  url += "&X-Amz-Date=" + amz_date_;
  url += "&X-Amz-Expires=" + std::to_string(expires.count());
  if (!credentials.session_token.empty()) {
    url += "&X-Amz-Security-Token=";
    percent_encode_to(url, credentials.session_token);
  }
  url += "&X-Amz-SignedHeaders=";
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0) url += "%3B";
    percent_encode_to(url, names[i]);
  }
  const std::string_view hex =
      signature(credentials.secret_key, now, {method, url, to_sign_, kUnsignedPayload});
  url += "&X-Amz-Signature=";
  url += hex;
  return url;
}

}  // namespace telpher
