#include "codec/uri.h"

#include "base/check.h"
#include "codec/percent.h"
#include "codec/text.h"

#include <curl/curl.h>

#include <algorithm>
#include <locale.h>
#include <memory>
#include <utility>

namespace telpher {
namespace {

struct FreeUrl {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};
using Handle = std::unique_ptr<CURLU, FreeUrl>;

constexpr unsigned kSetFlags = CURLU_NON_SUPPORT_SCHEME | CURLU_URLENCODE | CURLU_ALLOW_SPACE;

constexpr std::pair<std::string_view, std::uint16_t> kDefaultPorts[] = {
    {"http", 80}, {"https", 443}, {"ftp", 21}, {"ftps", 990}, {"sftp", 22}};

// The URL itself may hold secrets, so no message repeats it.
Error invalid(std::string_view why) {
  return make_error(ErrorKind::kInvalid, "Invalid URL format: " + std::string(why));
}

// libcurl reads international host names in the thread's locale; here they are UTF-8, whatever the
// process was started with.
class Utf8Scope {
 public:
  Utf8Scope() {
    utf8_ = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
    if (utf8_ != nullptr) before_ = uselocale(utf8_);
  }
  ~Utf8Scope() {
    if (utf8_ == nullptr) return;
    uselocale(before_);
    freelocale(utf8_);
  }
  Utf8Scope(const Utf8Scope&) = delete;
  Utf8Scope& operator=(const Utf8Scope&) = delete;

 private:
  locale_t utf8_ = nullptr;
  locale_t before_ = nullptr;
};

bool is_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<signed char>(c) >= 0; });
}

Handle make_handle() {
  Handle handle(curl_url());
  CHECK(handle != nullptr);
  return handle;
}

Result<void> set_url(CURLU* handle, std::string_view text) {
  if (text.size() > kUriBytesMax) {
    return make_error(ErrorKind::kLimit,
                      "the URL is longer than " + std::to_string(kUriBytesMax) + " bytes");
  }
  if (text.find('\0') != std::string_view::npos) return invalid("it contains a NUL byte");
  const CURLUcode code = curl_url_set(handle, CURLUPART_URL, std::string(text).c_str(), kSetFlags);
  if (code != CURLUE_OK) return invalid(curl_url_strerror(code));
  return {};
}

// Empty where the URL has no such part.
Result<std::string> get_part(CURLU* handle, CURLUPart part, unsigned flags = 0) {
  char* raw = nullptr;
  const CURLUcode code = curl_url_get(handle, part, &raw, flags);
  const std::unique_ptr<char, void (*)(void*)> text(raw, curl_free);
  switch (code) {
    case CURLUE_OK: return std::string(text.get());
    case CURLUE_NO_USER:
    case CURLUE_NO_PASSWORD:
    case CURLUE_NO_QUERY:
    case CURLUE_NO_PORT:
    case CURLUE_NO_ZONEID: return std::string();
    default: return invalid(curl_url_strerror(code));
  }
}

Result<Uri> read_parts(CURLU* handle) {
  Uri uri;
  TRY(uri.scheme, get_part(handle, CURLUPART_SCHEME));
  uri.scheme = to_lower(uri.scheme);
  if (default_port(uri.scheme) == 0) {
    return invalid("the scheme is not http, https, ftp, ftps or sftp");
  }
  TRY(uri.user, get_part(handle, CURLUPART_USER, CURLU_URLDECODE));
  TRY(uri.password, get_part(handle, CURLUPART_PASSWORD, CURLU_URLDECODE));
  TRY(uri.host, get_part(handle, CURLUPART_HOST));
  if (!is_ascii(uri.host)) {
    const Utf8Scope scope;
    Result<std::string> ascii = get_part(handle, CURLUPART_HOST, CURLU_PUNYCODE);
    if (!ascii) return invalid("the international host name is malformed");
    uri.host = *std::move(ascii);
  }
  uri.host = to_lower(uri.host);
  if (uri.host.starts_with('[') && uri.host.ends_with(']')) {
    uri.host = uri.host.substr(1, uri.host.size() - 2);
  }
  if (uri.host.empty()) return invalid("it has no host");
  for (char c : uri.host) {
    if (c <= 0x20 || c >= 0x7f || c == '%') return invalid("the host is malformed");
  }
  TRY(const std::string zone, get_part(handle, CURLUPART_ZONEID));
  if (!zone.empty()) return invalid("IPv6 zones are not supported");
  TRY(const std::string port, get_part(handle, CURLUPART_PORT));
  uri.port =
      port.empty() ? default_port(uri.scheme) : parse_decimal<std::uint16_t>(port).value_or(0);
  if (uri.port == 0) return invalid("the port is not between 1 and 65535");
  TRY(uri.path, get_part(handle, CURLUPART_PATH));
  TRY(uri.query, get_part(handle, CURLUPART_QUERY));
  if (!uri.path.starts_with('/')) uri.path.insert(0, "/");
  return uri;
}

// Refuses what means something else when it is read a second time: libcurl decodes "%31%32%37.1"
// to the host "127.1" only after it has looked for IPv4 addresses.
Result<Uri> read_stable(CURLU* handle) {
  TRY(Uri uri, read_parts(handle));
  const Handle second = make_handle();
  TRY_VOID(set_url(second.get(), uri.to_string_with_credentials()));
  TRY(const Uri again, read_parts(second.get()));
  if (again != uri) return invalid("it can be read in two ways");
  return uri;
}

}  // namespace

std::string Uri::target() const { return query.empty() ? path : path + "?" + query; }

std::string Uri::authority() const {
  std::string text = host.find(':') == std::string::npos ? host : "[" + host + "]";
  if (port != default_port(scheme)) text += ":" + std::to_string(port);
  return text;
}

std::string Uri::to_string() const { return scheme + "://" + authority() + target(); }

std::string Uri::to_string_with_credentials() const {
  if (user.empty() && password.empty()) return to_string();
  std::string userinfo = percent_encode(user);
  if (!password.empty()) userinfo += ":" + percent_encode(password);
  return scheme + "://" + userinfo + "@" + authority() + target();
}

std::string Uri::redacted() const {
  return scheme + "://" + authority() + path + (query.empty() ? "" : "?...");
}

std::string Uri::last_segment() const {
  const std::string_view segment = std::string_view(path).substr(path.rfind('/') + 1);
  return percent_decode(segment).value_or("");
}

Result<Uri> parse_uri(std::string_view text) {
  const Handle handle = make_handle();
  TRY_VOID(set_url(handle.get(), text));
  return read_stable(handle.get());
}

Result<Uri> resolve_uri(const Uri& base, std::string_view reference) {
  const Handle handle = make_handle();
  TRY_VOID(set_url(handle.get(), base.to_string()));
  TRY_VOID(set_url(handle.get(), reference));
  TRY(Uri uri, read_stable(handle.get()));
  if (uri.user.empty() && uri.password.empty() && same_origin(uri, base)) {
    uri.user = base.user;
    uri.password = base.password;
  }
  return uri;
}

bool same_origin(const Uri& a, const Uri& b) {
  return a.scheme == b.scheme && a.host == b.host && a.port == b.port;
}

std::uint16_t default_port(std::string_view scheme) {
  for (const auto& [name, port] : kDefaultPorts) {
    if (name == scheme) return port;
  }
  return 0;
}

}  // namespace telpher
