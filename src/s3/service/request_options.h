#pragma once
// Options of operations as they stand in request headers. Pure.
// Source: the S3 API reference, "URI Request Parameters" and headers of each operation; S3 user
// guide, "Checking object integrity".

#include "base/result.h"
#include "codec/http_headers.h"
#include "store/object_store.h"

#include <chrono>
#include <optional>

namespace telpher {

/// Headers that would change how an object is stored in ways this service cannot: encryption,
/// locks, access lists, redirects. Errors: kUnsupported ("NotImplemented"): they are never ignored.
Result<void> check_headers_are_spoken(const Headers& headers);
/// x-amz-acl: only what changes nothing, as the owner has full control anyway. Errors:
/// kUnsupported, kInvalid ("InvalidArgument": no such thing).
Result<void> check_canned_acl(const Headers& headers);
/// Keys for an object that is not encrypted. Errors: kInvalid ("InvalidRequest").
Result<void> check_read_is_plain(const Headers& headers);
/// S3 wants the length of an object's or part's body even where HTTP has one for silence (none).
/// Errors: kInvalid ("MissingContentLength").
Result<void> check_length_is_said(const Headers& headers);

/// Errors of all: kInvalid ("InvalidDigest", "InvalidRequest", "InvalidArgument" …), kUnsupported.
/// If-Match and If-None-Match of a write or delete. Errors: kPrecondition (an empty If-Match),
/// kUnsupported (If-None-Match with anything but "*", both).
Result<WriteCondition> parse_write_condition(const Headers& headers);
Result<PutOptions> parse_put_options(const Headers& headers);
Result<PutPartOptions> parse_part_options(const Headers& headers);
Result<CreateUploadOptions> parse_create_options(const Headers& headers);
Result<CopyOptions> parse_copy_options(const Headers& headers);
Result<CompleteOptions> parse_complete_options(const Headers& headers);

/// Conditions on a read, or on the source of a copy, before the object is known.
struct ReadConditions {
  std::optional<std::string_view> match, none_match;  // lists of ETags
  std::optional<std::chrono::sys_seconds> modified_since, unmodified_since;
};
/// @param now     If-Modified-Since with a date after it is no condition (RFC 9110 §13.1.3)
/// @param prefix  "" or "x-amz-copy-source-"
ReadConditions parse_read_conditions(const Headers& headers, std::chrono::sys_seconds now,
                                     std::string_view prefix = "");

/// If-Range: whether a range may be taken of what the object is now (RFC 9110 §13.1.5).
bool range_is_wanted(const Headers& headers, const ObjectInfo& info);

enum class ConditionOutcome { kHolds, kNotModified, kFails };
/// In the order of RFC 9110 §13.2.2, as S3 has it: If-Match makes If-Unmodified-Since void,
/// If-None-Match makes If-Modified-Since void.
ConditionOutcome evaluate(const ReadConditions& conditions, const ObjectInfo& info);

}  // namespace telpher
