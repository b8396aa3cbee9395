#include "base/error.h"

#include <cerrno>
#include <cstring>
#include <sys/resource.h>
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
  const char* text = strerrordesc_np(errno_value);
  const char* name = strerrorname_np(errno_value);
  Error error = make_error(
      kind, std::string(what) + ": " + (text ? text : "error " + std::to_string(errno_value)));
  error.context.code = name ? name : "";
  rlimit files{};
  if (errno_value == EMFILE && ::getrlimit(RLIMIT_NOFILE, &files) == 0) {
    error.message +=
        ". This process may have " + std::to_string(files.rlim_cur) + "; allow more by ulimit -n";
  }
  return error;
}

bool is_shortage_here(const Error& error) {
  const std::string& code = error.context.code;
  return error.kind == ErrorKind::kIo && (code == "EMFILE" || code == "ENFILE" || code == "ENOMEM");
}

bool is_disk_full(const Error& error) {
  const std::string& code = error.context.code;
  return code == "ENOSPC" || code == "EDQUOT" || code == "SQLITE_FULL" ||
         code == "SQLITE_IOERR_SHMSIZE" || code == "InsufficientStorage";
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
