#pragma once
// Errors that several parts of the endpoint answer with, in S3's words.

#include "store/rules.h"

#include <string>

namespace telpher {

inline Error invalid_argument(std::string message) {
  return store_error(ErrorKind::kInvalid, "InvalidArgument", 400, std::move(message));
}

inline Error invalid_request(std::string message) {
  return store_error(ErrorKind::kInvalid, "InvalidRequest", 400, std::move(message));
}

inline Error unknown_trailer() {
  return invalid_request("The value specified in the x-amz-trailer header is not supported");
}

inline Error precondition_failed() {
  return store_error(ErrorKind::kPrecondition, "PreconditionFailed", 412,
                     "At least one of the pre-conditions you specified did not hold");
}

inline Error access_denied() {
  return store_error(ErrorKind::kDenied, "AccessDenied", 403, "Access Denied");
}

}  // namespace telpher
