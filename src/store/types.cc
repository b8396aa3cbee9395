#include "store/types.h"

#include "codec/text.h"

#include <string_view>

namespace telpher {
namespace {

Error bad_bucket(std::string_view bucket, std::string_view rule) {
  Error error = make_error(ErrorKind::kInvalid, "Invalid bucket name '" + std::string(bucket) +
                                                    "': " + std::string(rule));
  error.context.code = "InvalidBucketName";
  error.context.http_status = 400;
  return error;
}

Error bad_key(std::string_view rule, std::string_view code) {
  Error error = make_error(ErrorKind::kInvalid, "Invalid key: " + std::string(rule));
  error.context.code = code;
  error.context.http_status = 400;
  return error;
}

bool is_lower_alnum(char c) { return (c >= 'a' && c <= 'z') || is_ascii_digit(c); }

/// Four groups of digits with dots between them.
bool looks_like_ipv4(std::string_view name) {
  int dots = 0;
  for (const char c : name) {
    if (c == '.') {
      ++dots;
    } else if (!is_ascii_digit(c)) {
      return false;
    }
  }
  return dots == 3;
}

/// The length of the UTF-8 sequence at the start of `text` (RFC 3629), 0 if there is none.
std::size_t utf8_sequence(std::string_view text) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = at(0);
  if (first < 0x80) return 1;
  std::size_t length = 0;
  unsigned char second_min = 0x80;
  unsigned char second_max = 0xBF;
  if (first >= 0xC2 && first <= 0xDF) {
    length = 2;
  } else if (first >= 0xE0 && first <= 0xEF) {
    length = 3;
    if (first == 0xE0) second_min = 0xA0;  // overlong
    if (first == 0xED) second_max = 0x9F;  // surrogates
  } else if (first >= 0xF0 && first <= 0xF4) {
    length = 4;
    if (first == 0xF0) second_min = 0x90;  // overlong
    if (first == 0xF4) second_max = 0x8F;  // above U+10FFFF
  }
  if (length == 0 || text.size() < length) return 0;
  if (at(1) < second_min || at(1) > second_max) return 0;
  for (std::size_t i = 2; i < length; ++i) {
    if (at(i) < 0x80 || at(i) > 0xBF) return 0;
  }
  return length;
}

}  // namespace

Result<void> check_bucket_name(std::string_view bucket) {
  if (bucket.size() < 3 || bucket.size() > 63) {
    return bad_bucket(bucket, "it must be 3 to 63 characters long");
  }
  for (const char c : bucket) {
    if (!is_lower_alnum(c) && c != '.' && c != '-') {
      return bad_bucket(bucket, "only a-z, 0-9, '.' and '-' are allowed");
    }
  }
  if (!is_lower_alnum(bucket.front()) || !is_lower_alnum(bucket.back())) {
    return bad_bucket(bucket, "it must begin and end with a letter or digit");
  }
  if (bucket.find("..") != std::string_view::npos) {
    return bad_bucket(bucket, "two dots may not stand side by side");
  }
  if (looks_like_ipv4(bucket)) return bad_bucket(bucket, "it may not look like an IP address");
  if (bucket.find("-.") != std::string_view::npos || bucket.find(".-") != std::string_view::npos) {
    return bad_bucket(bucket, "what stands between dots must begin and end with a letter or digit");
  }
  for (const std::string_view prefix : {"xn--", "sthree-", "amzn-s3-demo-"}) {
    if (bucket.starts_with(prefix)) {
      return bad_bucket(bucket, "the prefix '" + std::string(prefix) + "' is reserved");
    }
  }
  for (const std::string_view suffix : {"-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"}) {
    if (bucket.ends_with(suffix)) {
      return bad_bucket(bucket, "the suffix '" + std::string(suffix) + "' is reserved");
    }
  }
  return {};
}

Result<void> check_key(std::string_view key) {
  if (key.empty()) return bad_key("it is empty", "InvalidRequest");
  if (key.size() > 1024) return bad_key("it is longer than 1024 bytes", "KeyTooLongError");
  if (key.find('\0') != std::string_view::npos)
    return bad_key("it contains a NUL", "InvalidArgument");
  for (std::string_view rest = key; !rest.empty();) {
    const std::size_t length = utf8_sequence(rest);
    if (length == 0) return bad_key("it is not valid UTF-8", "InvalidURI");
    rest.remove_prefix(length);
  }
  return {};
}

ObjectMetadata merged(ObjectMetadata metadata, const ObjectMetadata& wanted) {
  const auto set = [](std::string& value, const std::string& other) {
    if (!other.empty()) value = other;
  };
  set(metadata.content_type, wanted.content_type);
  set(metadata.content_encoding, wanted.content_encoding);
  set(metadata.content_language, wanted.content_language);
  set(metadata.content_disposition, wanted.content_disposition);
  set(metadata.cache_control, wanted.cache_control);
  set(metadata.expires, wanted.expires);
  for (const auto& [name, value] : wanted.user) metadata.user[name] = value;
  return metadata;
}

}  // namespace telpher
