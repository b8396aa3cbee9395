#include "s3/sigv4_verify.h"

#include "codec/hex.h"
#include "codec/http_date.h"
#include "codec/percent.h"
#include "codec/text.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <array>

namespace telpher {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";
constexpr auto kSkewMax = 15min;
constexpr auto kExpiresMax = 7 * 24h;
constexpr std::size_t kSignersMax = 64;  // regions are the client's choice: bounded
constexpr std::ptrdiff_t kSignedHeadersMax = 128;

Error denied(std::string_view code, std::string message, int status = 403) {
  Error error = make_error(ErrorKind::kDenied, std::move(message));
  error.context.code = code;
  error.context.http_status = status;
  return error;
}

Error bad_header(std::string_view why) {
  return denied("AuthorizationHeaderMalformed",
                "The authorization header is malformed; " + std::string(why), 400);
}

Error bad_query(std::string_view why) {
  return denied("AuthorizationQueryParametersError", std::string(why), 400);
}

Error bad_signature() {
  return denied("SignatureDoesNotMatch",
                "The request signature we calculated does not match the signature you provided. "
                "Check your key and signing method.");
}

Error version_2() {
  return denied("InvalidRequest",
                "The authorization mechanism you have provided is not supported. Please use "
                "AWS4-HMAC-SHA256.",
                400);
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

/// Calls visit(name, value) for each parameter, undecoded.
template <class Visit>
void for_each_parameter(std::string_view target, Visit visit) {
  std::string_view query = query_of(target);
  while (const auto parameter = take_query_parameter(query))
    visit(parameter->name, parameter->value);
}

/// Appends `text` decoded and encoded anew; false when it cannot be decoded. A slash that came
/// encoded in a path stays so: it parts nothing.
bool append_canonical(std::string& out, std::string_view text, bool in_query) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    const bool encoded = c == '%';
    if (encoded) {
      const int high = i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? hex_value(text[i + 2]) : -1;
      if (high < 0 || low < 0) return false;
      c = static_cast<char>(high << 4 | low);
      i += 2;
    } else if (c == '+' && in_query) {
      c = ' ';
    }
    if (is_ascii_alpha(c) || is_ascii_digit(c) || (c == '/' && !in_query && !encoded)) {
      out += c;
    } else {
      percent_encode_to(out, {&c, 1});
    }
  }
  return true;
}

bool is_sigv2_link(std::string_view target) {
  bool found = false;
  for_each_parameter(target, [&](std::string_view name, std::string_view) {
    found = found || name == "AWSAccessKeyId";
  });
  return found;
}

}  // namespace

bool is_signed_link(std::string_view target) {
  bool found = false;
  for_each_parameter(target, [&](std::string_view name, std::string_view) {
    found = found || name == "X-Amz-Signature" || name == "X-Amz-Credential" ||
            name == "X-Amz-Algorithm";
  });
  return found;
}

Result<std::string> canonical_target(std::string_view target) {
  std::string out;
  out.reserve(target.size() + 16);
  bool good = append_canonical(out, target.substr(0, target.find('?')), false);
  char separator = '?';
  for_each_parameter(target, [&](std::string_view name, std::string_view value) {
    if (name == "X-Amz-Signature") return;
    out += separator;
    separator = '&';
    good = append_canonical(out, name, true) && good;
    out += '=';
    good = append_canonical(out, value, true) && good;
  });
  if (!good) return denied("InvalidURI", "Couldn't parse the specified URI.", 400);
  return out;
}

/// What a request says about its signature. Views of the request, or of `texts`.
struct SigV4Verifier::Claim {
  std::string_view access_key;
  std::string_view date;
  std::string_view region;
  std::string_view signed_headers;
  std::string_view signature;
  std::string_view payload_hash;
  std::string_view session_token;
  std::chrono::sys_seconds time;
  std::optional<std::chrono::seconds> expires;  // links

  /// "key/20130524/us-east-1/s3/aws4_request"; keys may hold slashes.
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
    return !access_key.empty() && items[3] == "s3" && items[4] == "aws4_request";
  }

  static Result<Claim> of_header(const SignedRequest& request);
  static Result<Claim> of_link(const SignedRequest& request);

  std::unique_ptr<std::array<std::string, 8>> texts;  // what was encoded in a link
};

Result<SigV4Verifier::Claim> SigV4Verifier::Claim::of_header(const SignedRequest& request) {
  const Headers& headers = request.headers;
  std::string_view value = *headers.find("authorization");
  if (headers.count("authorization") != 1) return bad_header("there are several of them");
  if (value.starts_with("AWS ")) return version_2();
  if (!value.starts_with(kAlgorithm) || !value.substr(kAlgorithm.size()).starts_with(' ')) {
    return denied("InvalidArgument", "Unsupported Authorization Type", 400);
  }
  value.remove_prefix(kAlgorithm.size());
  Claim claim;
  if (!claim.set_credential(field_of(value, "Credential"))) {
    return bad_header(
        "the Credential is mal-formed; expecting "
        "\"<YOUR-AKID>/YYYYMMDD/REGION/s3/aws4_request\".");
  }
  claim.signed_headers = field_of(value, "SignedHeaders");
  claim.signature = field_of(value, "Signature");
  if (claim.signed_headers.empty() || claim.signature.empty()) {
    return bad_header("SignedHeaders or Signature is missing.");
  }
  const auto amz_date = headers.find("x-amz-date");
  const auto time =
      amz_date ? parse_amz_date(*amz_date) : parse_http_date(headers.find("date").value_or(""));
  if (!time) {
    return denied("AccessDenied", "AWS authentication requires a valid Date or x-amz-date header");
  }
  claim.time = *time;
  const bool same_day =
      amz_date ? amz_date->starts_with(claim.date) : format_amz_date(*time).starts_with(claim.date);
  if (!same_day || claim.date.size() != 8) return bad_header("Invalid credential date.");
  claim.session_token = headers.find("x-amz-security-token").value_or("");
  claim.payload_hash = headers.find("x-amz-content-sha256").value_or("");
  if (claim.payload_hash.empty()) {
    return denied("InvalidRequest",
                  "Missing required header for this request: x-amz-content-sha256", 400);
  }
  return claim;
}

Result<SigV4Verifier::Claim> SigV4Verifier::Claim::of_link(const SignedRequest& request) {
  constexpr std::array<std::string_view, 8> kNames = {
      "X-Amz-Algorithm",     "X-Amz-Credential", "X-Amz-Date",           "X-Amz-Expires",
      "X-Amz-SignedHeaders", "X-Amz-Signature",  "X-Amz-Security-Token", "X-Amz-Content-Sha256"};
  constexpr std::size_t kRequired = 6;
  Claim claim;
  claim.texts = std::make_unique<std::array<std::string, kNames.size()>>();
  auto& [algorithm, credential, date, expires, names, signature, token, hash] = *claim.texts;
  std::array<bool, kNames.size()> seen{};
  bool good = true;
  for_each_parameter(request.target, [&](std::string_view name, std::string_view value) {
    const auto index =
        static_cast<std::size_t>(std::find(kNames.begin(), kNames.end(), name) - kNames.begin());
    if (index == kNames.size()) return;
    auto text = percent_decode(value);
    good = good && text && !seen[index];
    seen[index] = true;
    if (text) (*claim.texts)[index] = *std::move(text);
  });
  if (!good || !std::all_of(seen.begin(), seen.begin() + kRequired, [](bool b) { return b; })) {
    return bad_query(
        "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, "
        "X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.");
  }
  if (algorithm != kAlgorithm) {
    return bad_query("X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256\"");
  }
  if (!claim.set_credential(credential)) {
    return bad_query(
        "Error parsing the X-Amz-Credential parameter; the Credential is mal-formed; expecting "
        "\"<YOUR-AKID>/YYYYMMDD/REGION/s3/aws4_request\".");
  }
  const auto time = parse_amz_date(date);
  if (!time) {
    return bad_query("X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"");
  }
  claim.time = *time;
  if (claim.date != date.substr(0, 8)) return bad_query("Invalid credential date.");
  const auto seconds = parse_decimal<unsigned>(expires);
  if (!seconds || *seconds == 0 || std::chrono::seconds(*seconds) > kExpiresMax) {
    return bad_query("X-Amz-Expires must be a number of seconds from 1 to 604800 (a week)");
  }
  claim.expires = std::chrono::seconds(*seconds);
  claim.signed_headers = names;
  claim.signature = signature;
  claim.session_token = token;
  claim.payload_hash = request.headers.find("x-amz-content-sha256").value_or(kUnsignedPayload);
  if (!hash.empty()) claim.payload_hash = hash;
  return claim;
}

Result<SigV4Verifier::Claim> SigV4Verifier::claim_of(const SignedRequest& request) const {
  // An empty field is no signature, like none at all.
  const auto authorization = request.headers.find("authorization");
  const bool in_header = authorization && !authorization->empty();
  const bool in_query = is_signed_link(request.target);
  const bool old_link = is_sigv2_link(request.target);
  if (in_header && (in_query || old_link)) {
    return denied("InvalidArgument",
                  "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, "
                  "Signature query string parameter or the Authorization header should be "
                  "specified",
                  400);
  }
  if (in_header) return Claim::of_header(request);
  if (in_query) return Claim::of_link(request);
  if (old_link) return version_2();
  return denied("AccessDenied", "Access Denied");
}

/// Into signed_headers_, all lines of each.
Result<void> SigV4Verifier::collect_signed_headers(const Headers& headers, std::string_view names) {
  if (std::count(names.begin(), names.end(), ';') >= kSignedHeadersMax) {
    return denied("AccessDenied", "Too many signed headers");
  }
  signed_headers_.clear();
  bool all_there = true;
  for_each_split(names, ';', [&](std::string_view name) {
    const std::size_t before = signed_headers_.size();
    for (const Header header : headers) {
      if (iequals(header.name, name)) signed_headers_.push_back(header);
    }
    all_there = all_there && signed_headers_.size() > before;
  });
  const auto is_signed = [this](std::string_view name) {
    return std::any_of(signed_headers_.begin(), signed_headers_.end(),
                       [&](const Header& one) { return iequals(one.name, name); });
  };
  for (const Header header : headers) {
    const bool must = istarts_with(header.name, "x-amz-") || iequals(header.name, "host");
    if (must && !is_signed(header.name)) {
      return denied("AccessDenied",
                    "There were headers present in the request which were not signed: " +
                        to_lower(header.name));
    }
  }
  if (!is_signed("host")) return denied("AccessDenied", "The Host header must be signed");
  if (!all_there) return bad_signature();
  return {};
}

SigV4Signer& SigV4Verifier::signer_of(std::string_view region) {
  auto found = signers_.find(region);
  if (found == signers_.end()) {
    if (signers_.size() >= kSignersMax) signers_.clear();
    const std::string name(region);
    found = signers_.emplace(name, std::make_unique<SigV4Signer>(name)).first;
  }
  return *found->second;
}

namespace {

/// "2013-05-24T00:00:00Z".
std::string iso_time(std::chrono::sys_seconds time) {
  std::string text = format_amz_date(time);
  for (const std::size_t colon : {13UL, 11UL}) text.insert(colon, ":");
  for (const std::size_t dash : {6UL, 4UL}) text.insert(dash, "-");
  return text;
}

/// "41 57 53".
std::string spaced_hex(std::string_view text) {
  std::string out;
  for (const char& c : text) {
    if (!out.empty()) out += ' ';
    out += hex_encode(as_bytes(std::string_view(&c, 1)));
  }
  return out;
}

}  // namespace

Result<Signatory> SigV4Verifier::verify(const SignedRequest& request, std::chrono::sys_seconds now,
                                        Details* details) {
  Details unwanted;
  if (!details) details = &unwanted;
  TRY(const Claim claim, claim_of(request));
  if (claim.expires && claim.time > now + kSkewMax) {
    return denied("AccessDenied", "Request is not valid yet");
  }
  if (claim.time > now + kSkewMax || (!claim.expires && claim.time < now - kSkewMax)) {
    const std::chrono::milliseconds skew_max = kSkewMax;
    *details = {{"RequestTime", format_amz_date(claim.time)},
                {"ServerTime", iso_time(now)},
                {"MaxAllowedSkewMilliseconds", std::to_string(skew_max.count())}};
    return denied("RequestTimeTooSkewed",
                  "The difference between the request time and the current time is too large.");
  }
  if (claim.expires && now > claim.time + *claim.expires) {
    *details = {{"X-Amz-Expires", std::to_string(claim.expires->count())},
                {"Expires", iso_time(claim.time + *claim.expires)},
                {"ServerTime", iso_time(now)}};
    return denied("AccessDenied", "Request has expired");
  }
  TRY_VOID(collect_signed_headers(request.headers, claim.signed_headers));
  auto secret = secret_of_(claim.access_key);
  if (!secret) {
    *details = {{"AWSAccessKeyId", std::string(claim.access_key)}};
    return denied("InvalidAccessKeyId",
                  "The AWS Access Key Id you provided does not exist in our records.");
  }
  TRY(const std::string target, canonical_target(request.target));
  SigV4Signer& signer = signer_of(claim.region);
  const std::string_view expected = signer.signature(
      *secret, claim.time, {request.method, target, signed_headers_, claim.payload_hash});
  OPENSSL_cleanse(secret->data(), secret->size());
  if (claim.signature.size() != expected.size() ||
      CRYPTO_memcmp(claim.signature.data(), expected.data(), expected.size()) != 0) {
    *details = {{"AWSAccessKeyId", std::string(claim.access_key)},
                {"StringToSign", std::string(signer.string_to_sign())},
                {"SignatureProvided", std::string(claim.signature)},
                {"StringToSignBytes", spaced_hex(signer.string_to_sign())},
                {"CanonicalRequest", std::string(signer.canonical_request())},
                {"CanonicalRequestBytes", spaced_hex(signer.canonical_request())}};
    return bad_signature();
  }
  Signatory signatory{std::string(claim.access_key), std::string(claim.session_token),
                      std::string(claim.region), std::string(claim.payload_hash), nullptr};
  if (claim.payload_hash.starts_with("STREAMING-AWS4-HMAC-SHA256-")) {
    signatory.chunk_signer = signer.make_chunk_signer();
  }
  return signatory;
}

}  // namespace telpher
