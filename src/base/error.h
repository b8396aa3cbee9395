#pragma once
// What every failure looks like. Callers branch on `kind`, retry on `persistence`, and show
// `message` to people; the message is never parsed.

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace telpher {

enum class ErrorKind {
  kInvalid,        // the caller asked for something malformed (usage, address, option)
  kNotFound,       // source, bucket, key or upload id does not exist
  kDenied,         // credentials missing, wrong or without permission; forbidden by policy
  kPrecondition,   // a condition (If-Match, If-None-Match, overwrite policy) does not hold
  kConflict,       // another writer is in the way; a repeat may succeed (409)
  kThrottled,      // the other side asks us to slow down
  kTimeout,        // no progress, or no connection, for too long
  kNetwork,        // connection refused, reset, closed early, DNS
  kProtocol,       // the other side broke its protocol, or TLS failed
  kCorrupt,        // bytes arrived that fail their checksum, or a digest differs
  kSourceChanged,  // the source is no longer what the probe saw
  kLimit,          // a size, count or budget limit would be passed
  kUnsupported,    // the store or source cannot do this
  kServer,         // the other side failed (5xx that is neither throttling nor a timeout)
  kIo,             // local file system: full, read-only, denied
  kCancelled,      // the caller cancelled
};

enum class Persistence {
  kPermanent,   // the same call will fail the same way
  kTemporary,   // a repeat may succeed
  kRetriedOut,  // was temporary and has been repeated enough: do not retry again
};

/// Where and when it happened. Empty fields are unknown.
struct ErrorContext {
  std::string operation;   // "UploadPart", "GET", "open"
  std::string code;        // the other side's own word: "NoSuchBucket", "ECONNRESET", "404"
  std::string request_id;  // x-amz-request-id
  int http_status = 0;
  int attempts = 0;  // how many times it was tried; 0 = not counted
  std::optional<std::chrono::milliseconds> retry_after;
};

struct [[nodiscard]] Error {
  ErrorKind kind = ErrorKind::kInvalid;
  Persistence persistence = Persistence::kPermanent;
  std::string message;
  ErrorContext context;

  bool is_temporary() const { return persistence == Persistence::kTemporary; }
};

/// A permanent error.
Error make_error(ErrorKind kind, std::string message);
/// An error that a repeat may mend.
Error make_temporary_error(ErrorKind kind, std::string message);
/// kIo (kNotFound for ENOENT, kDenied for EACCES/EPERM) from an errno value; `what` names the call
/// and its object: "open '/tmp/x'". Permanent. Says how to get more descriptors when there are
/// none.
Error make_errno_error(int errno_value, std::string_view what);

/// This process, or this machine, has no more descriptors or memory to give: neither end's fault.
bool is_shortage_here(const Error& error);

/// The disk, or what this user may have of it, is full; also as SQLite and as stores say it.
bool is_disk_full(const Error& error);

/// "not-found", "throttled" … for logs and --json.
std::string_view to_string(ErrorKind kind);

}  // namespace telpher
