#pragma once
// HTTP/1.1 message heads: parsed strictly, because two readers that disagree about where a message
// ends let an attacker smuggle a second one in. Pure functions.
//
// Stricter than RFC 9112 where it leaves a choice: a bare LF does not end a line, obsolete line
// folding is refused in responses too, and one Host is required in HTTP/1.1 requests.

#include "base/bytes.h"
#include "base/result.h"
#include "codec/http_headers.h"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace telpher {

struct HeadLimits {
  std::size_t bytes_max = 64 * 1024;  // from the first line to the empty one
  std::size_t fields_max = 256;
};

struct RequestHead {
  std::string method;
  std::string target;  // visible ASCII, as received: "/bucket/key?x=y", "http://host/", "*"
  int version_minor = 1;
  Headers headers;
};

struct ResponseHead {
  int status = 0;  // 100..999
  std::string reason;
  int version_minor = 1;
  Headers headers;
};

template <class Head>
struct Parsed {
  Head head;
  std::size_t consumed = 0;  // bytes of the head; the body starts here
};

/// Parses the head at the start of `bytes`. nullopt: the head has not ended yet, call again with
/// the same bytes and more. What can never become a head is refused as soon as it is seen.
/// Errors: kProtocol (malformed), kLimit (too long, too many fields). Source: RFC 9112 §2 to §5.
Result<std::optional<Parsed<RequestHead>>> parse_request_head(std::string_view bytes,
                                                              HeadLimits limits = {});
Result<std::optional<Parsed<ResponseHead>>> parse_response_head(std::string_view bytes,
                                                                HeadLimits limits = {});

/// Makes "http://host/path" the "/path" it asks for. Errors: kProtocol (another host than the Host
/// field says, user names, "*" with a method other than OPTIONS, forms for proxies).
/// Source: RFC 9112 §3.2.
Result<void> to_origin_form(RequestHead& head);

/// The bytes to send, with the empty line at the end. The version is always 1.1.
/// Errors: kInvalid (a method, target or field that would not be read back as it is: line breaks
/// cannot be smuggled in).
Result<std::string> make_request_head(const RequestHead& head);
Result<std::string> make_response_head(const ResponseHead& head);

/// How the end of a message body is found.
struct BodyFraming {
  enum class Kind { kNone, kLength, kChunked, kUntilClose };
  Kind kind = Kind::kNone;
  ByteCount length = 0;  // for kLength

  bool operator==(const BodyFraming&) const = default;
};

/// Errors: kProtocol (Content-Length together with Transfer-Encoding, differing or bad lengths,
/// Transfer-Encoding in HTTP/1.0), kUnsupported (a transfer coding other than chunked).
/// Source: RFC 9112 §6.3.
Result<BodyFraming> request_framing(const RequestHead& head);
/// `request_method` decides as well: what answers a HEAD has no body.
Result<BodyFraming> response_framing(const ResponseHead& head, std::string_view request_method);

/// Whether the connection can carry another message after this one. Source: RFC 9112 §9.3.
bool keeps_connection(int version_minor, const Headers& headers);

}  // namespace telpher
