#include "session/address.h"

#include "codec/percent.h"
#include "codec/text.h"
#include "codec/uri.h"

namespace telpher {
namespace {

Result<Address> parse_store_address(Address address, std::string_view rest) {
  const std::size_t slash = rest.find('/');
  address.object.bucket = rest.substr(0, slash);
  if (slash != std::string_view::npos) address.object.key = rest.substr(slash + 1);
  if (address.object.bucket.empty()) {
    if (!address.object.key.empty()) {
      return make_error(ErrorKind::kInvalid, "'" + address.text + "' names no bucket");
    }
    return address;
  }
  Result<void> checked = check_bucket_name(address.object.bucket);
  if (checked && !address.object.key.empty()) checked = check_key(address.object.key);
  // No store has said so: it was typed wrong.
  if (!checked) return make_error(ErrorKind::kInvalid, checked.error().message);
  return address;
}

/// The scheme of "scheme://…", in lower case; empty when there is none.
std::string scheme_of(std::string_view text) {
  const std::size_t end = text.find("://");
  if (end == std::string_view::npos || end == 0) return {};
  std::string scheme(text.substr(0, end));
  for (char& c : scheme) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    const bool other = (c >= '0' && c <= '9') || c == '+' || c == '.' || c == '-';
    if (!letter && !other) return {};
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return scheme;
}

}  // namespace

bool Address::is_prefix() const {
  if (in_store()) return object.key.empty() || object.key.ends_with('/');
  return kind == Kind::kPath && path.ends_with('/');
}

Result<Address> parse_address(std::string_view text) {
  Address address;
  address.text = text;
  if (text.empty()) return make_error(ErrorKind::kInvalid, "URL is required");
  if (text.find('\0') != std::string_view::npos) {
    return make_error(ErrorKind::kInvalid, "Invalid URL format: it contains a NUL");
  }
  if (text == "-") {
    address.kind = Address::Kind::kStdio;
    return address;
  }
  const std::string scheme = scheme_of(text);
  if (scheme.empty()) {
    address.path = text;
    return address;
  }
  const std::string_view rest = text.substr(scheme.size() + 3);
  if (scheme == "s3" || scheme == "local") {
    address.kind = scheme == "s3" ? Address::Kind::kS3 : Address::Kind::kLocal;
    return parse_store_address(std::move(address), rest);
  }
  if (scheme == "file") {
    const std::string_view path = rest.starts_with("localhost/") ? rest.substr(9) : rest;
    if (!path.starts_with('/')) {
      return make_error(ErrorKind::kInvalid,
                        "Invalid URL format: file:// needs an absolute path: file:///tmp/x");
    }
    TRY(address.path, percent_decode(path));
    return address;
  }
  address.kind = Address::Kind::kUrl;
  Result<Uri> uri = parse_uri(text);
  if (!uri) {
    const std::string& why = uri.error().message;
    constexpr std::string_view kPrefix = "Invalid URL format: ";
    return make_error(ErrorKind::kInvalid,
                      why.starts_with(kPrefix) ? why : std::string(kPrefix) + why);
  }
  return address;
}

std::string redacted(const Address& address) {
  if (address.kind != Address::Kind::kUrl) return address.text;
  Result<Uri> uri = parse_uri(address.text);
  return uri ? uri->redacted() : "(a URL)";
}

std::string destination_text(Address::Kind kind, const ObjectAddress& object) {
  return (kind == Address::Kind::kLocal ? "local://" : "s3://") + object.bucket + '/' + object.key;
}

ObjectAddress object_for(const Address& destination, std::string_view name) {
  ObjectAddress object = destination.object;
  if (destination.is_prefix()) object.key += name;
  return object;
}

Result<std::string> file_for(std::string_view directory, std::string_view name) {
  for (std::size_t start = 0; start <= name.size();) {
    const std::size_t end = std::min(name.find('/', start), name.size());
    const std::string_view segment = name.substr(start, end - start);
    if (segment.empty() || segment == "." || segment == ".." ||
        segment.find('\0') != std::string_view::npos) {
      return make_error(ErrorKind::kInvalid,
                        "'" + std::string(name) + "' cannot be a file name below a directory");
    }
    start = end + 1;
  }
  std::string path(directory);
  if (!path.empty() && !path.ends_with('/')) path += '/';
  path += name;
  return path;
}

}  // namespace telpher
