#include "source/http_facts.h"

#include "codec/entity_tag.h"
#include "codec/http_date.h"
#include "codec/text.h"

#include <algorithm>
#include <array>
#include <utility>

namespace telpher {
namespace {

using std::chrono::sys_seconds;

constexpr std::string_view kLastModified = "Last-Modified: ";
constexpr std::chrono::seconds kModifiedAgeMin{60};

/// Earlier is better: what combines can be checked part by part and costs next to nothing.
int preference(ChecksumAlgorithm algorithm) {
  constexpr std::array kOrder{ChecksumAlgorithm::kCrc64Nvme, ChecksumAlgorithm::kCrc32c,
                              ChecksumAlgorithm::kSha256,    ChecksumAlgorithm::kSha1,
                              ChecksumAlgorithm::kMd5,       ChecksumAlgorithm::kCrc32};
  return static_cast<int>(std::find(kOrder.begin(), kOrder.end(), algorithm) - kOrder.begin());
}

class DigestChoice {
 public:
  void offer(ChecksumAlgorithm algorithm, std::string_view base64) {
    Result<Digest> digest = Digest::from_base64(algorithm, base64);
    if (!digest) return;
    if (!best_ || preference(algorithm) < preference(best_->algorithm())) best_ = *digest;
  }
  /// "name=value", where the name is one of RFC 3230's or RFC 9530's.
  void offer_item(std::string_view item, bool between_colons) {
    const std::size_t equals = item.find('=');
    if (equals == std::string_view::npos) return;
    const Result<ChecksumAlgorithm> algorithm =
        parse_checksum_algorithm(trim_blanks(item.substr(0, equals)));
    std::string_view value = trim_blanks(item.substr(equals + 1));
    if (!algorithm || *algorithm == ChecksumAlgorithm::kNone) return;
    if (between_colons) {
      if (value.size() < 2 || value.front() != ':' || value.back() != ':') return;
      value = value.substr(1, value.size() - 2);
    }
    offer(*algorithm, value);
  }
  const std::optional<Digest>& best() const { return best_; }

 private:
  std::optional<Digest> best_;
};

bool is_reserved_field(std::string_view name) {
  constexpr std::array<std::string_view, 14> kReserved{
      "host",       "range",   "accept-encoding",     "connection",    "content-length",
      "keep-alive", "te",      "transfer-encoding",   "upgrade",       "proxy-connection",
      "expect",     "trailer", "proxy-authorization", "http2-settings"};
  if (istarts_with(name, "if-")) return true;
  return std::any_of(kReserved.begin(), kReserved.end(),
                     [name](std::string_view reserved) { return iequals(name, reserved); });
}

bool is_presigned_parameter(std::string_view name) {
  constexpr std::array<std::string_view, 5> kVersion2{"AWSAccessKeyId", "GoogleAccessId",
                                                      "Signature", "Expires", "Key-Pair-Id"};
  if (istarts_with(name, "x-amz-") || istarts_with(name, "x-goog-")) return true;
  return std::find(kVersion2.begin(), kVersion2.end(), name) != kVersion2.end();
}

}  // namespace

std::string strong_validator(const Headers& headers, sys_seconds now) {
  if (const auto etag = headers.find("ETag")) {
    const std::optional<EntityTag> tag = parse_entity_tag(*etag);
    if (tag && !tag->weak) return tag->to_string();
  }
  const auto text = headers.find("Last-Modified");
  if (!text) return "";
  const std::optional<sys_seconds> modified = parse_http_date(*text);
  if (!modified) return "";
  const auto date_text = headers.find("Date");
  const std::optional<sys_seconds> date = date_text ? parse_http_date(*date_text) : std::nullopt;
  if (date.value_or(now) - *modified < kModifiedAgeMin) return "";
  return std::string(kLastModified) + std::string(*text);
}

void add_condition(Headers& request, std::string_view validator) {
  if (validator.starts_with(kLastModified)) {
    request.set("If-Unmodified-Since", validator.substr(kLastModified.size()));
  } else if (!validator.empty()) {
    request.set("If-Match", validator);
  }
}

Likeness compare_validator(const Headers& answer, std::string_view validator) {
  if (validator.empty()) return Likeness::kUnknown;
  if (validator.starts_with(kLastModified)) {
    const auto text = answer.find("Last-Modified");
    if (!text) return Likeness::kUnknown;
    const auto modified = parse_http_date(*text);
    const auto seen = parse_http_date(validator.substr(kLastModified.size()));
    return modified && modified == seen ? Likeness::kSame : Likeness::kOther;
  }
  const auto text = answer.find("ETag");
  const std::optional<EntityTag> tag = text ? parse_entity_tag(*text) : std::nullopt;
  const std::optional<EntityTag> seen = parse_entity_tag(validator);
  if (!tag || !seen) return Likeness::kUnknown;
  if (tag->opaque != seen->opaque) return Likeness::kOther;
  return tag->weak ? Likeness::kUnknown : Likeness::kSame;
}

std::optional<Digest> digest_in(const Headers& headers, int status) {
  DigestChoice choice;
  for (const auto& [name, colons] : {std::pair{"Repr-Digest", true}, {"Digest", false}}) {
    if (const auto list = headers.joined(name)) {
      for_each_list_item(*list, [&](std::string_view item) { choice.offer_item(item, colons); });
    }
  }
  const std::string_view type = headers.find("x-amz-checksum-type").value_or("");
  if (!iequals(type, "COMPOSITE")) {
    for (const ChecksumAlgorithm algorithm :
         {ChecksumAlgorithm::kCrc64Nvme, ChecksumAlgorithm::kCrc32c, ChecksumAlgorithm::kSha256,
          ChecksumAlgorithm::kSha1, ChecksumAlgorithm::kCrc32}) {
      if (const auto value = headers.find(checksum_header(algorithm))) {
        choice.offer(algorithm, *value);  // "…-3", of three parts, is no base64 and passed over
      }
    }
  }
  // Google's hashes are of the object as stored, which it may unpack on its way.
  const std::string_view stored =
      headers.find("x-goog-stored-content-encoding").value_or("identity");
  if (iequals(stored, "identity") || iequals(stored, content_encoding_in(headers))) {
    if (const auto list = headers.joined("x-goog-hash")) {
      for_each_list_item(*list, [&](std::string_view item) { choice.offer_item(item, false); });
    }
  }
  if (status == 200) {
    if (const auto md5 = headers.find("Content-MD5")) choice.offer(ChecksumAlgorithm::kMd5, *md5);
  }
  return choice.best();
}

std::string content_encoding_in(const Headers& headers) {
  std::string coding = to_lower(headers.joined("Content-Encoding").value_or(""));
  // "aws-chunked" is how an upload travelled; some stores give it back.
  if (coding == "identity" || coding == "aws-chunked") coding.clear();
  return coding;
}

Result<Headers> parse_user_headers(const std::vector<std::string>& lines) {
  Headers headers;
  for (const std::string& line : lines) {
    const std::size_t colon = line.find(':');
    const std::string_view name = std::string_view(line).substr(0, colon);
    if (colon == std::string::npos) {
      return make_error(ErrorKind::kInvalid, "a header must look like 'Name: value'");
    }
    const std::string_view value = trim_blanks(std::string_view(line).substr(colon + 1));
    if (!is_valid_field(name, value)) {
      return make_error(ErrorKind::kInvalid, "not a valid header name and value: '" +
                                                 std::string(is_token(name) ? name : "?") + "'");
    }
    if (is_reserved_field(name)) {
      return make_error(ErrorKind::kInvalid, "the header '" + std::string(name) +
                                                 "' cannot be given: Telpher sets it itself");
    }
    headers.add(name, value);
  }
  return headers;
}

std::string stable_address(const Uri& uri) {
  Uri stable = uri;
  stable.user.clear();
  stable.password.clear();
  if (uri.query.find("ignature=") == std::string::npos) return stable.to_string();
  stable.query.clear();
  for (std::size_t begin = 0; begin <= uri.query.size();) {
    const std::size_t end = std::min(uri.query.find('&', begin), uri.query.size());
    const std::string_view parameter = std::string_view(uri.query).substr(begin, end - begin);
    if (!is_presigned_parameter(parameter.substr(0, parameter.find('=')))) {
      if (!stable.query.empty()) stable.query += '&';
      stable.query += parameter;
    }
    begin = end + 1;
  }
  return stable.to_string();
}

Error make_status_error(int status, const Headers& headers, std::string_view redacted_address,
                        sys_seconds now) {
  const std::string where =
      "HTTP " + std::to_string(status) + " (" + std::string(redacted_address) + ")";
  Error error = make_error(ErrorKind::kProtocol, "unexpected answer of the source: " + where);
  if (status == 404 || status == 410) {
    error = make_error(ErrorKind::kNotFound, "Source file not found: " + where);
  } else if (status == 412) {
    error = make_error(ErrorKind::kSourceChanged,
                       "the source changed while it was being copied: " + where);
  } else if (status == 408 || status == 425) {
    error = make_temporary_error(ErrorKind::kTimeout, "the source timed out: " + where);
  } else if (status == 429 || status == 503) {
    error = make_temporary_error(ErrorKind::kThrottled, "the source asks to slow down: " + where);
  } else if (status == 501 || status == 505) {
    error = make_error(ErrorKind::kUnsupported, "the source cannot do this: " + where);
  } else if (status >= 500) {
    error = make_temporary_error(ErrorKind::kServer, "the source failed: " + where);
  } else if (status == 401 || status == 407) {
    error = make_error(ErrorKind::kDenied,
                       "the source asks for credentials: " + where +
                           ". Put them into the address (https://user:password@…) or give "
                           "--header 'Authorization: …'");
  } else if (status >= 400) {
    error = make_error(ErrorKind::kDenied, "the source refuses access: " + where);
  }
  error.context.http_status = status;
  error.context.code = std::to_string(status);
  if (const auto value = headers.find("Retry-After")) {
    if (const auto delay = parse_retry_after(*value, now)) error.context.retry_after = *delay;
  }
  return error;
}

}  // namespace telpher
