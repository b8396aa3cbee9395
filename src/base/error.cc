#include "base/error.h"

#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

namespace telpher {

Error make_error(ErrorKind kind, std::string message) {
  return {kind, Persistence::kPermanent, std::move(message), {}};
}

Error make_temporary_error(ErrorKind kind, std::string message) {
  return {kind, Persistence::kTemporary, std::move(message), {}};
}

Error make_errno_error(int errno_value, std::string_view what) {
  ErrorKind kind = ErrorKind::kIo;
  if (errno_value == ENOENT) kind = ErrorKind::kNotFound;
  if (errno_value == EACCES || errno_value == EPERM) kind = ErrorKind::kDenied;
  Error error =
      make_error(kind, std::string(what) + ": " + std::generic_category().message(errno_value));
  error.context.code = strerrorname_np(errno_value) ? strerrorname_np(errno_value) : "";
  return error;
}

std::string_view to_string(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kInvalid: return "invalid";
    case ErrorKind::kNotFound: return "not-found";
    case ErrorKind::kDenied: return "denied";
    case ErrorKind::kPrecondition: return "precondition";
    case ErrorKind::kConflict: return "conflict";
    case ErrorKind::kThrottled: return "throttled";
    case ErrorKind::kTimeout: return "timeout";
    case ErrorKind::kNetwork: return "network";
    case ErrorKind::kProtocol: return "protocol";
    case ErrorKind::kCorrupt: return "corrupt";
    case ErrorKind::kSourceChanged: return "source-changed";
    case ErrorKind::kLimit: return "limit";
    case ErrorKind::kUnsupported: return "unsupported";
    case ErrorKind::kServer: return "server";
    case ErrorKind::kIo: return "io";
    case ErrorKind::kCancelled: return "cancelled";
  }
  return "unknown";
}

}  // namespace telpher
