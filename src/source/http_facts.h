#pragma once
// What the head of an HTTP answer tells about a source, and what may be asked in return. Pure.

#include "codec/checksum.h"
#include "codec/http_headers.h"
#include "codec/uri.h"
#include "source/source.h"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace telpher {

/// Something that is different as soon as the bytes are: a strong ETag as it is written
/// (`"abc"`), else "Last-Modified: <date>" when that is a minute older than the answer's Date (or
/// `now` without one), so that a second change within the same second cannot hide; else "".
/// Source: RFC 9110 §8.8.2.2, §13.1.5.
std::string strong_validator(const Headers& headers, std::chrono::sys_seconds now);

/// Adds the condition that makes a server refuse (412) what is no longer `validator`.
void add_condition(Headers& request, std::string_view validator);

enum class Likeness { kSame, kUnknown, kOther };
/// Whether an answer is about the same bytes as `validator`. kUnknown: it does not say.
Likeness compare_validator(const Headers& answer, std::string_view validator);

/// The digest of the whole, if the answer tells one: Repr-Digest (RFC 9530), Digest (RFC 3230),
/// x-amz-checksum-* (not of composite type), x-goog-hash, Content-MD5 (not of a 206). Of several,
/// one that can be checked part by part, else the strongest. What is malformed is passed over.
std::optional<Digest> digest_in(const Headers& headers, int status);

/// The content coding, in lower case; empty for none and "identity".
std::string content_encoding_in(const Headers& headers);

/// "Name: value" as given with --header. Errors: kInvalid (malformed; or a field that the source
/// sets itself: Host, Range, If-…, Accept-Encoding, Connection, Content-Length …).
Result<Headers> parse_user_headers(const std::vector<std::string>& lines);

/// The address without user, password and what presigned links add anew each time they are made
/// (signature, expiry, credential), so that work done with one link is found again with the next.
std::string stable_address(const Uri& uri);

/// The error that a status other than success means, "Source file not found: HTTP 404 (address)";
/// temporary for 408, 425, 429 and most of 5xx, with Retry-After as seen at `now`.
Error make_status_error(int status, const Headers& headers, std::string_view redacted_address,
                        std::chrono::sys_seconds now);

}  // namespace telpher
