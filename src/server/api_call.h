#pragma once
// One request to the API, taken apart, and how it is answered. One loop.

#include "metrics/trace.h"
#include "net/http_server.h"
#include "server/access.h"

#include <boost/json.hpp>

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace telpher {

/// Parameters of a query, decoded; of several with one name the last counts.
using QueryParameters = std::map<std::string, std::string, std::less<>>;

struct ApiCall {
  ServerRequest& request;
  ServerResponse& response;
  std::string path;                   // as it came, without the query
  std::vector<std::string> captured;  // what stood for {names} of the route, decoded
  QueryParameters query;
  Caller caller;
  TraceContext trace;  // the request's own, below the caller's or a new one
  SpanId parent{};     // of the caller; zero = it sent none

  /// Empty when there is none.
  std::string_view parameter(std::string_view name) const;
  /// Errors: VALIDATION_ERROR, naming the parameter and its bounds.
  Result<std::uint64_t> number(std::string_view name, std::uint64_t otherwise, std::uint64_t min,
                               std::uint64_t max) const;

  Task<Result<void>> send_json(int status, boost::json::object body);
  /// {"success": true, …}
  Task<Result<void>> send_success(boost::json::object body, int status = 200);
  Task<Result<void>> send_nothing(int status);
  /// The body, which has to be a JSON object. Errors: PAYLOAD_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE,
  /// VALIDATION_ERROR, and those of reading it.
  Task<Result<boost::json::object>> read_json(std::size_t size_max = 64 * 1024);
};

/// What an API call is refused with: an Error whose context has the status and the code.
Error api_error(int status, std::string code, std::string message);
/// 400 of one field.
Error field_error(std::string_view field, std::string message);
/// 404 NOT_FOUND.
Error not_found_error(std::string message);

/// The answer to any error; what is wrong inside is not told.
struct ApiFailure {
  int status = 500;
  std::string code;
  std::string message;
  bool retryable = false;
};
ApiFailure failure_of(const Error& error);
boost::json::object error_body(const ApiFailure& failure);

/// Of API answers: ISO 8601, UTC, milliseconds.
std::string api_time(std::chrono::system_clock::time_point time);
/// Errors: kInvalid.
Result<std::chrono::system_clock::time_point> parse_api_time(std::string_view text);

/// What readers of a JSON object need to be sure of. All errors are VALIDATION_ERROR.
Result<void> check_fields(const boost::json::object& object,
                          std::initializer_list<std::string_view> known);
Result<std::string> text_field(const boost::json::object& object, std::string_view name,
                               std::optional<std::string> otherwise = {});

}  // namespace telpher
