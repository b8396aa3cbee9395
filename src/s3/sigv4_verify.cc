#include "s3/sigv4_verify.h"

#include "codec/percent.h"
#include "codec/text.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <array>
#include <deque>
#include <vector>

namespace telpher {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";
constexpr auto kSkewMax = 15min;
constexpr std::size_t kSignersMax = 64;  // regions are the client's choice: bounded
constexpr std::ptrdiff_t kSignedHeadersMax = 128;

Error denied(std::string_view code, std::string message) {
  Error error = make_error(ErrorKind::kDenied, std::move(message));
  error.context.code = code;
  error.context.http_status =
      code == "AuthorizationHeaderMalformed" || code == "AuthorizationQueryParametersError" ? 400
                                                                                            : 403;
  return error;
}

/// The value of `name` in "a=b, c=d".
std::string_view field_of(std::string_view list, std::string_view name) {
  while (!list.empty()) {
    const std::size_t end = std::min(list.find(','), list.size());
    const std::string_view item = trim_blanks(list.substr(0, end));
    list.remove_prefix(std::min(end + 1, list.size()));
    if (item.starts_with(name) && item.substr(name.size()).starts_with('=')) {
      return item.substr(name.size() + 1);
    }
  }
  return {};
}

template <class Visit>
void for_each_split(std::string_view text, char separator, Visit visit) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(separator), text.size());
    visit(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

std::string_view query_of(std::string_view target) {
  const std::size_t question = target.find('?');
  return question == std::string_view::npos ? std::string_view() : target.substr(question + 1);
}

}  // namespace

bool is_signed_link(std::string_view target) {
  bool found = false;
  for_each_split(query_of(target), '&', [&](std::string_view pair) {
    found = found || pair.starts_with("X-Amz-Signature=");
  });
  return found;
}

/// What a request says about its signature.
struct SigV4Verifier::Claim {
  std::string access_key;
  std::string date;
  std::string region;
  std::string service;
  std::string signed_headers;
  std::string signature;
  std::string payload_hash;
  std::string session_token;
  std::string target;  // without X-Amz-Signature
  std::optional<std::chrono::sys_seconds> time;
  std::optional<std::chrono::seconds> expires;  // links
  bool is_link = false;

  /// "key/20130524/us-east-1/s3/aws4_request"
  bool set_credential(std::string_view credential) {
    std::array<std::string_view, 5> items;
    for (std::size_t i = items.size(); i-- > 1;) {
      const std::size_t slash = credential.rfind('/');
      if (slash == std::string_view::npos) return false;
      items[i] = credential.substr(slash + 1);
      credential = credential.substr(0, slash);
    }
    access_key = credential;
    date = items[1];
    region = items[2];
    service = items[3];
    return !access_key.empty() && items[4] == "aws4_request" && service == "s3";
  }
};

Result<SigV4Verifier::Claim> SigV4Verifier::parse_header(const SignedRequest& request,
                                                         std::string_view value) const {
  const Error malformed =
      denied("AuthorizationHeaderMalformed", "The authorization header is malformed");
  if (!value.starts_with(kAlgorithm) || !value.substr(kAlgorithm.size()).starts_with(' ')) {
    return malformed;
  }
  value.remove_prefix(kAlgorithm.size());
  Claim claim;
  if (!claim.set_credential(field_of(value, "Credential"))) return malformed;
  claim.signed_headers = field_of(value, "SignedHeaders");
  claim.signature = field_of(value, "Signature");
  claim.payload_hash = request.headers.find("x-amz-content-sha256").value_or("");
  claim.session_token = request.headers.find("x-amz-security-token").value_or("");
  claim.time = parse_amz_date(request.headers.find("x-amz-date").value_or(""));
  claim.target = request.target;
  if (claim.payload_hash.empty()) {
    return denied("AccessDenied", "The header x-amz-content-sha256 is missing");
  }
  return claim;
}

Result<SigV4Verifier::Claim> SigV4Verifier::parse_query(const SignedRequest& request) const {
  const Error malformed = denied("AuthorizationQueryParametersError",
                                 "The query parameters of the signature are malformed");
  Claim claim;
  claim.is_link = true;
  claim.payload_hash = kUnsignedPayload;
  claim.target = request.target.substr(0, request.target.find('?'));
  std::string algorithm;
  char separator = '?';
  bool good = true;
  for_each_split(query_of(request.target), '&', [&](std::string_view pair) {
    const std::size_t equals = std::min(pair.find('='), pair.size());
    const std::string_view name = pair.substr(0, equals);
    const auto value = percent_decode(pair.substr(std::min(equals + 1, pair.size())));
    if (!value) {
      good = false;
      return;
    }
    if (name == "X-Amz-Signature") {
      claim.signature = *value;
      return;
    }
    claim.target += separator;
    claim.target += pair;
    separator = '&';
    if (name == "X-Amz-Algorithm") algorithm = *value;
    if (name == "X-Amz-Credential") good = good && claim.set_credential(*value);
    if (name == "X-Amz-SignedHeaders") claim.signed_headers = *value;
    if (name == "X-Amz-Security-Token") claim.session_token = *value;
    if (name == "X-Amz-Date") claim.time = parse_amz_date(*value);
    if (name == "X-Amz-Expires") {
      const auto seconds = parse_decimal<unsigned>(*value);
      if (seconds) claim.expires = std::chrono::seconds(*seconds);
    }
  });
  if (!good || algorithm != kAlgorithm || claim.access_key.empty() || !claim.expires ||
      *claim.expires > 7 * 24h) {
    return malformed;
  }
  return claim;
}

SigV4Signer& SigV4Verifier::signer_of(const std::string& region, const std::string& service) {
  auto found = signers_.find(region);
  if (found == signers_.end()) {
    if (signers_.size() >= kSignersMax) signers_.clear();
    found = signers_.emplace(region, std::make_unique<SigV4Signer>(region, service)).first;
  }
  return *found->second;
}

Result<Signatory> SigV4Verifier::verify(const SignedRequest& request,
                                        std::chrono::sys_seconds now) {
  const auto authorization = request.headers.find("authorization");
  if (!authorization && !is_signed_link(request.target)) {
    return denied("AccessDenied", "Access Denied");
  }
  TRY(const Claim claim,
      authorization ? parse_header(request, *authorization) : parse_query(request));

  if (!claim.time || format_amz_date(*claim.time).substr(0, 8) != claim.date) {
    return denied("AccessDenied", "The request needs a valid x-amz-date that fits its credential");
  }
  if (*claim.time > now + kSkewMax || (!claim.is_link && *claim.time < now - kSkewMax)) {
    return denied("RequestTimeTooSkewed",
                  "The difference between the request time and the current time is too large.");
  }
  if (claim.is_link && now > *claim.time + *claim.expires) {
    return denied("AccessDenied", "Request has expired");
  }
  const auto secret = secret_of_(claim.access_key);
  if (!secret) {
    return denied("InvalidAccessKeyId",
                  "The AWS Access Key Id you provided does not exist in our records.");
  }

  if (std::count(claim.signed_headers.begin(), claim.signed_headers.end(), ';') >=
      kSignedHeadersMax) {
    return denied("AccessDenied", "Too many signed headers");
  }
  std::vector<Header> headers;
  std::deque<std::string> joined;  // fields that came more than once; `headers` points into it
  bool has_host = false;
  for_each_split(claim.signed_headers, ';', [&](std::string_view name) {
    has_host = has_host || iequals(name, "host");
    joined.push_back(request.headers.joined(name).value_or(""));
    headers.push_back({name, joined.back()});
  });
  for (const Header header : request.headers) {
    const bool must = istarts_with(header.name, "x-amz-");
    const bool is_signed = std::any_of(headers.begin(), headers.end(), [&](const Header& one) {
      return iequals(one.name, header.name);
    });
    if (must && !is_signed) {
      return denied("AccessDenied",
                    "There were headers present in the request which were not "
                    "signed: " +
                        std::string(header.name));
    }
  }
  if (!has_host) return denied("AccessDenied", "The Host header must be signed");

  SigV4Signer& signer = signer_of(claim.region, claim.service);
  const std::string_view expected = signer.signature(
      *secret, *claim.time, {request.method, claim.target, headers, claim.payload_hash});
  if (claim.signature.size() != expected.size() ||
      CRYPTO_memcmp(claim.signature.data(), expected.data(), expected.size()) != 0) {
    return denied("SignatureDoesNotMatch",
                  "The request signature we calculated does not match the signature you provided.");
  }
  Signatory signatory{claim.access_key, claim.session_token, claim.region, claim.payload_hash, {}};
  if (claim.payload_hash.starts_with("STREAMING-AWS4-HMAC-SHA256-")) {
    signatory.chunk_signer = signer.make_chunk_signer();
  }
  return signatory;
}

}  // namespace telpher
