#include "codec/http_head.h"

#include "codec/http_syntax.h"
#include "codec/text.h"

#include <algorithm>
#include <utility>

namespace telpher {
namespace {

Error protocol_error(std::string message) {
  return make_error(ErrorKind::kProtocol, std::move(message));
}

// "HTTP/1.0" or "HTTP/1.x", which is read as 1.1; -1 for anything else.
int parse_version(std::string_view text) {
  if (text.size() != 8 || !text.starts_with("HTTP/1.") || !is_ascii_digit(text[7])) return -1;
  return text[7] == '0' ? 0 : 1;
}

bool is_request_target(std::string_view target) {
  bool good = !target.empty();
  for (char c : target) good &= c > 0x20 && c < 0x7f;
  return good;
}

// Where the head ends, the closing empty line included; nullopt while it has not.
Result<std::optional<std::size_t>> find_head_end(std::string_view bytes, HeadLimits limits) {
  const std::string_view window = bytes.substr(0, limits.bytes_max);
  const std::size_t at = window.find("\r\n\r\n");
  if (at != std::string_view::npos) return at + 4;
  if (bytes.size() >= limits.bytes_max) {
    return make_error(ErrorKind::kLimit, "the HTTP head is longer than " +
                                             std::to_string(limits.bytes_max) + " bytes");
  }
  for (std::size_t lf = window.find('\n'); lf != window.npos; lf = window.find('\n', lf + 1)) {
    if (lf == 0 || window[lf - 1] != '\r')
      return protocol_error("a bare line break in the HTTP head");
  }
  return std::nullopt;
}

Result<void> append_fields(std::string& out, const Headers& headers) {
  for (Header header : headers) {
    if (!is_valid_field(header.name, header.value)) {
      return make_error(ErrorKind::kInvalid,
                        "header '" + std::string(header.name) + "' cannot be sent as it is");
    }
    out.append(header.name).append(": ").append(header.value).append("\r\n");
  }
  out += "\r\n";
  return {};
}

Result<BodyFraming> framing_of(int version_minor, const Headers& headers, BodyFraming otherwise) {
  TRY(const std::optional<ByteCount> length, content_length(headers));
  const std::optional<std::string_view> coding = headers.find("transfer-encoding");
  if (coding) {
    if (length) return protocol_error("both Content-Length and Transfer-Encoding");
    if (version_minor == 0) return protocol_error("Transfer-Encoding in HTTP/1.0");
    if (!iequals(*coding, "chunked") || headers.count("transfer-encoding") != 1) {
      return make_error(ErrorKind::kUnsupported,
                        "Transfer-Encoding '" + std::string(*coding) + "' is not supported");
    }
    return BodyFraming{BodyFraming::Kind::kChunked};
  }
  if (length) return BodyFraming{BodyFraming::Kind::kLength, *length};
  return otherwise;
}

}  // namespace

// Reaches into Headers so that the head is copied once and its fields are found in place.
struct HeadParser {
  // `head` ends in an empty line; `first_line` gets the start line without its CRLF.
  static Result<Headers> parse(std::string_view head, HeadLimits limits,
                               std::string_view& first_line) {
    if (!has_clean_lines(head)) {
      return protocol_error("control characters or a bare line break in the HTTP head");
    }
    Headers headers;
    headers.text_ = head.substr(0, head.size() - 2);
    const std::size_t line_size = head.find('\r');
    first_line = head.substr(0, line_size);
    TRY_VOID(headers.index_fields(line_size + 2, limits.fields_max));
    return headers;
  }
};

Result<std::optional<Parsed<RequestHead>>> parse_request_head(std::string_view bytes,
                                                              HeadLimits limits) {
  // RFC 9112 §2.2: an empty line before the request line is ignored.
  const std::size_t skipped = bytes.starts_with("\r\n") ? 2 : 0;
  bytes.remove_prefix(skipped);
  if (!bytes.empty() && !is_token_char(bytes.front()) && bytes != "\r") {
    return protocol_error("this is no HTTP request");
  }
  TRY(const std::optional<std::size_t> size, find_head_end(bytes, limits));
  if (!size) return std::nullopt;
  std::string_view line;
  Parsed<RequestHead> parsed;
  TRY(parsed.head.headers, HeadParser::parse(bytes.substr(0, *size), limits, line));
  const std::size_t method_size = line.find(' ');
  const std::size_t version_at = line.rfind(' ');
  if (method_size == std::string_view::npos || method_size == version_at) {
    return protocol_error("the request line is not 'method target version'");
  }
  const std::string_view target = line.substr(method_size + 1, version_at - method_size - 1);
  parsed.head.method = line.substr(0, method_size);
  parsed.head.target = target;
  parsed.head.version_minor = parse_version(line.substr(version_at + 1));
  parsed.consumed = skipped + *size;
  if (!is_token(parsed.head.method)) return protocol_error("the request method is no token");
  if (!is_request_target(target)) return protocol_error("the request target is malformed");
  if (parsed.head.version_minor < 0) return protocol_error("the version is not HTTP/1.x");
  const std::size_t hosts = parsed.head.headers.count("host");
  if (hosts > 1 || (hosts == 0 && parsed.head.version_minor > 0)) {
    return protocol_error("the request needs exactly one Host header");
  }
  return parsed;
}

Result<void> to_origin_form(RequestHead& head) {
  const std::string_view target = head.target;
  if (target.starts_with('/') || (target == "*" && head.method == "OPTIONS")) return {};
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!istarts_with(target, scheme)) continue;
    const std::string_view rest = target.substr(scheme.size());
    const std::size_t end = std::min(rest.find_first_of("/?"), rest.size());
    // One host for whoever looks at the target and whoever looks at the field.
    if (end == 0 || !iequals(rest.substr(0, end), head.headers.find("host").value_or(""))) break;
    std::string path(rest.substr(end));
    if (!path.starts_with('/')) path.insert(0, "/");
    head.target = std::move(path);
    return {};
  }
  return protocol_error("the request target is no path of this host");
}

Result<std::optional<Parsed<ResponseHead>>> parse_response_head(std::string_view bytes,
                                                                HeadLimits limits) {
  constexpr std::string_view kStart = "HTTP/1.";
  if (bytes.substr(0, kStart.size()) != kStart.substr(0, bytes.size())) {
    return protocol_error("this is no HTTP/1 response");
  }
  TRY(const std::optional<std::size_t> size, find_head_end(bytes, limits));
  if (!size) return std::nullopt;
  std::string_view line;
  Parsed<ResponseHead> parsed;
  TRY(parsed.head.headers, HeadParser::parse(bytes.substr(0, *size), limits, line));
  // "HTTP/1.1 200 OK"; some servers leave out the space before an empty reason.
  parsed.head.version_minor = parse_version(line.substr(0, 8));
  const auto status = parse_decimal<unsigned>(line.size() >= 12 ? line.substr(9, 3) : "");
  if (parsed.head.version_minor < 0 || !status || *status < 100 || line[8] != ' ' ||
      (line.size() > 12 && line[12] != ' ')) {
    return protocol_error("the status line is malformed");
  }
  parsed.head.status = static_cast<int>(*status);
  if (line.size() > 13) parsed.head.reason = line.substr(13);
  parsed.consumed = *size;
  return parsed;
}

Result<std::string> make_request_head(const RequestHead& head) {
  if (!is_token(head.method) || !is_request_target(head.target)) {
    return make_error(ErrorKind::kInvalid, "a request line cannot hold this method or target");
  }
  std::string out;
  out.reserve(512);
  out.append(head.method).append(" ").append(head.target).append(" HTTP/1.1\r\n");
  TRY_VOID(append_fields(out, head.headers));
  return out;
}

Result<std::string> make_response_head(const ResponseHead& head) {
  if (head.status < 100 || head.status > 999 || !is_field_text(head.reason)) {
    return make_error(ErrorKind::kInvalid, "a status line cannot hold this status or reason");
  }
  std::string out;
  out.reserve(512);
  out.append("HTTP/1.1 ").append(std::to_string(head.status)).append(" ").append(head.reason);
  out += "\r\n";
  TRY_VOID(append_fields(out, head.headers));
  return out;
}

Result<BodyFraming> request_framing(const RequestHead& head) {
  return framing_of(head.version_minor, head.headers, {BodyFraming::Kind::kNone});
}

Result<BodyFraming> response_framing(const ResponseHead& head, std::string_view request_method) {
  if (request_method == "HEAD" || head.status < 200 || head.status == 204 || head.status == 304 ||
      (request_method == "CONNECT" && head.status < 300)) {
    return BodyFraming{BodyFraming::Kind::kNone};
  }
  return framing_of(head.version_minor, head.headers, {BodyFraming::Kind::kUntilClose});
}

bool keeps_connection(int version_minor, const Headers& headers) {
  if (headers.has_token("connection", "close")) return false;
  return version_minor > 0 || headers.has_token("connection", "keep-alive");
}

}  // namespace telpher
