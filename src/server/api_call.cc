#include "server/api_call.h"

#include "codec/text.h"

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <utility>

namespace telpher {

std::string_view ApiCall::parameter(std::string_view name) const {
  const auto found = query.find(name);
  return found == query.end() ? std::string_view() : std::string_view(found->second);
}

Result<std::uint64_t> ApiCall::number(std::string_view name, std::uint64_t otherwise,
                                      std::uint64_t min, std::uint64_t max) const {
  const std::string_view text = parameter(name);
  if (text.empty()) return otherwise;
  const auto value = parse_decimal<std::uint64_t>(text);
  if (value && *value >= min && *value <= max) return *value;
  return field_error(name, "is a number from " + std::to_string(min) + " to " +
                               std::to_string(max) + ", not '" + std::string(text) + "'");
}

Task<Result<void>> ApiCall::send_json(int status, boost::json::object body) {
  response.status = status;
  response.headers.set("Content-Type", "application/json; charset=utf-8");
  response.headers.set("Cache-Control", "no-store");
  co_return co_await response.send_text(boost::json::serialize(body) + "\n");
}

Task<Result<void>> ApiCall::send_success(boost::json::object body, int status) {
  boost::json::object answer{{"success", true}};
  for (auto& member : body) answer.insert(member);
  co_return co_await send_json(status, std::move(answer));
}

Task<Result<void>> ApiCall::send_nothing(int status) {
  response.status = status;
  co_return co_await response.send();
}

Task<Result<boost::json::object>> ApiCall::read_json(std::size_t size_max) {
  const std::string type(request.headers().find("content-type").value_or(""));
  if (!type.empty() && !iequals(trim_blanks(type.substr(0, type.find(';'))), "application/json")) {
    co_return api_error(415, "UNSUPPORTED_MEDIA_TYPE", "the body is to be application/json");
  }
  Result<std::string> text = co_await request.read_all(size_max);
  if (!text && text.error().kind == ErrorKind::kLimit) {
    co_return api_error(413, "PAYLOAD_TOO_LARGE",
                        "the body has more than " + std::to_string(size_max) + " bytes");
  }
  if (!text) co_return std::move(text).error();
  boost::system::error_code error;
  boost::json::value value = boost::json::parse(*text, error);
  if (error) {
    co_return api_error(400, "VALIDATION_ERROR", "the body is no JSON: " + error.message());
  }
  if (!value.is_object()) {
    co_return api_error(400, "VALIDATION_ERROR", "the body is no JSON object");
  }
  co_return std::move(value.get_object());
}

Error api_error(int status, std::string code, std::string message) {
  const ErrorKind kind = status == 404   ? ErrorKind::kNotFound
                         : status == 401 ? ErrorKind::kDenied
                         : status == 403 ? ErrorKind::kDenied
                         : status == 409 ? ErrorKind::kConflict
                         : status == 413 ? ErrorKind::kLimit
                         : status == 429 ? ErrorKind::kThrottled
                         : status >= 500 ? ErrorKind::kServer
                                         : ErrorKind::kInvalid;
  Error error = make_error(kind, std::move(message));
  error.context.operation = "api";
  error.context.code = std::move(code);
  error.context.http_status = status;
  return error;
}

Error field_error(std::string_view field, std::string message) {
  return api_error(400, "VALIDATION_ERROR", "'" + std::string(field) + "' " + std::move(message));
}

Error not_found_error(std::string message) {
  return api_error(404, "NOT_FOUND", std::move(message));
}

ApiFailure failure_of(const Error& error) {
  const bool temporary = error.persistence != Persistence::kPermanent;
  if (error.context.operation == "api") {
    const int status = error.context.http_status;
    return {status, error.context.code, error.message, status == 429 || status == 503};
  }
  switch (error.kind) {
    case ErrorKind::kInvalid: return {400, "VALIDATION_ERROR", error.message, false};
    case ErrorKind::kNotFound: return {404, "NOT_FOUND", error.message, false};
    case ErrorKind::kPrecondition: return {412, "PRECONDITION_FAILED", error.message, false};
    case ErrorKind::kConflict: return {409, "CONFLICT", error.message, temporary};
    case ErrorKind::kLimit: return {413, "PAYLOAD_TOO_LARGE", error.message, false};
    case ErrorKind::kThrottled: return {503, "UNAVAILABLE", error.message, true};
    case ErrorKind::kUnsupported: return {501, "NOT_IMPLEMENTED", error.message, false};
    case ErrorKind::kDenied:
    case ErrorKind::kTimeout:
    case ErrorKind::kNetwork:
    case ErrorKind::kProtocol:
    case ErrorKind::kCorrupt:
    case ErrorKind::kSourceChanged:
    case ErrorKind::kServer: return {502, "STORE_ERROR", error.message, temporary};
    case ErrorKind::kIo:
    case ErrorKind::kCancelled: break;
  }
  return {500, "INTERNAL_ERROR", "something failed here; the log says what", temporary};
}

boost::json::object error_body(const ApiFailure& failure) {
  return {
      {"success", false},
      {"error",
       {{"code", failure.code}, {"message", failure.message}, {"retryable", failure.retryable}}}};
}

std::string api_time(std::chrono::system_clock::time_point time) {
  const auto ms = std::chrono::floor<std::chrono::milliseconds>(time);
  const std::time_t seconds = std::chrono::system_clock::to_time_t(
      std::chrono::time_point_cast<std::chrono::system_clock::duration>(
          std::chrono::floor<std::chrono::seconds>(ms)));
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  char date[32];
  std::strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &utc);
  char text[40];
  std::snprintf(text, sizeof text, "%s.%03dZ", date,
                static_cast<int>(ms.time_since_epoch().count() % 1000));
  return text;
}

Result<std::chrono::system_clock::time_point> parse_api_time(std::string_view text) {
  std::tm utc{};
  const std::string owned(text);
  const char* end = ::strptime(owned.c_str(), "%Y-%m-%dT%H:%M:%S", &utc);
  if (!end) end = ::strptime(owned.c_str(), "%Y-%m-%d", &utc);
  if (end && *end == '.') {
    ++end;
    while (*end >= '0' && *end <= '9') ++end;
  }
  constexpr int kYearMax = 2200;  // of nanoseconds in 64 bits there are a few more
  const bool whole = end && (*end == '\0' || std::string_view(end) == "Z") &&
                     utc.tm_year + 1900 >= 1970 && utc.tm_year + 1900 <= kYearMax;
  if (!whole) {
    return make_error(ErrorKind::kInvalid,
                      "'" + owned + "' is no time: 2026-12-31T23:59:59Z or 2026-12-31");
  }
  return std::chrono::system_clock::from_time_t(::timegm(&utc));
}

Result<void> check_fields(const boost::json::object& object,
                          std::initializer_list<std::string_view> known) {
  for (const auto& member : object) {
    const std::string_view name(member.key().data(), member.key().size());
    if (std::ranges::find(known, name) == known.end()) {
      return field_error(name, "is no field that is known here");
    }
  }
  return {};
}

Result<std::string> text_field(const boost::json::object& object, std::string_view name,
                               std::optional<std::string> otherwise) {
  const boost::json::value* value = object.if_contains({name.data(), name.size()});
  if (!value || value->is_null()) {
    if (otherwise) return *std::move(otherwise);
    return field_error(name, "is missing");
  }
  if (!value->is_string()) return field_error(name, "is to be text");
  return std::string(value->get_string());
}

}  // namespace telpher
