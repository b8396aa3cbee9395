#include "s3/service/system_error.h"

#include "store/rules.h"

#include <algorithm>
#include <initializer_list>
#include <string_view>

namespace telpher {
namespace {

/// "ENOENT", "SQLITE_FULL": S3's codes are written in another way.
bool is_system_code(std::string_view code) {
  if (!code.starts_with('E') && !code.starts_with("SQLITE_")) return false;
  return std::ranges::none_of(code, [](char c) { return c >= 'a' && c <= 'z'; });
}

bool is_one_of(std::string_view code, std::initializer_list<std::string_view> codes) {
  return std::ranges::find(codes, code) != codes.end();
}

}  // namespace

std::optional<Error> told_to_clients(const Error& error) {
  const std::string_view code = error.context.code;
  if (error.context.http_status != 0) return std::nullopt;
  if (!is_system_code(code) && !(error.kind == ErrorKind::kIo && code.empty())) {
    return std::nullopt;
  }
  if (is_one_of(code, {"ENOSPC", "EDQUOT", "EFBIG", "SQLITE_FULL"})) {
    return store_error(ErrorKind::kLimit, "InsufficientStorage", 507, "The store is full.");
  }
  if (is_one_of(code, {"EMFILE", "ENFILE", "ENOMEM", "EAGAIN", "SQLITE_7", "SQLITE_BUSY"})) {
    Error busy =
        store_error(ErrorKind::kThrottled, "SlowDown", 503, "Please reduce your request rate.");
    busy.persistence = Persistence::kTemporary;
    return busy;
  }
  return store_error(ErrorKind::kServer, "InternalError", 500,
                     "We encountered an internal error. Please try again.");
}

}  // namespace telpher
