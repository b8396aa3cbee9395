#pragma once
// Errors that several parts of the endpoint answer with, in S3's words.

#include "store/rules.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace telpher {

/// Elements that say more about an error: "ArgumentName", "Condition" ….
using ErrorDetails = std::vector<std::pair<std::string_view, std::string>>;

inline Error invalid_argument(std::string message) {
  return store_error(ErrorKind::kInvalid, "InvalidArgument", 400, std::move(message));
}

/// Says which argument it is, too.
inline Error invalid_argument(std::string message, std::string_view name, std::string_view value,
                              ErrorDetails& details) {
  details = {{"ArgumentName", std::string(name)}, {"ArgumentValue", std::string(value)}};
  return invalid_argument(std::move(message));
}

/// The name of the header goes into an element of its own: see error_document().
inline constexpr std::string_view kHeaderNotImplemented =
    "A header you provided implies functionality that is not implemented";
inline Error header_not_implemented(std::string_view name) {
  return store_error(ErrorKind::kUnsupported, "NotImplemented", 501,
                     std::string(kHeaderNotImplemented) + ": " + std::string(name));
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
