#include "cli/service_log.h"

#include "cli/json_line.h"
#include "cli/progress_view.h"
#include "codec/hex.h"

#include <cstdio>
#include <ctime>

namespace telpher {
namespace {

double milliseconds(Duration took) {
  return std::chrono::duration<double, std::milli>(took).count();
}

std::string level_of(int status) {
  return status >= 500 ? "error" : status >= 400 ? "warn" : "info";
}

}  // namespace

std::string text_log_line(const ApiService::Answered& request, WallTime time) {
  const std::time_t now = std::chrono::system_clock::to_time_t(time);
  std::tm local{};
  ::localtime_r(&now, &local);
  char stamp[16];
  std::strftime(stamp, sizeof stamp, "%H:%M:%S", &local);
  char head[64];
  std::snprintf(head, sizeof head, "%s %3d %8.1f ms  ", stamp, request.status,
                milliseconds(request.took));
  std::string line = head + request.call.request.method() + " " + request.call.path;
  if (!request.call.caller.name.empty()) line += "  (" + request.call.caller.name + ")";
  if (request.error && request.status >= 500) line += ": " + request.error->message;
  return printable(line);
}

std::string json_log_line(const ApiService::Answered& request, WallTime time) {
  char took[32];
  std::snprintf(took, sizeof took, "%.3f", milliseconds(request.took));
  JsonLine line;
  line.text("level", level_of(request.status)).text("time", api_time(time));
  line.text("method", request.call.request.method()).text("path", request.call.path);
  line.number("status", static_cast<std::uint64_t>(request.status)).raw("ms", took);
  if (!request.call.caller.id.empty()) line.text("key", request.call.caller.id);
  if (request.call.trace.is_set()) line.text("trace_id", hex_encode(request.call.trace.trace));
  if (request.error) line.text("error", request.error->message);
  return line.str();
}

std::string alert_text(const Alert& alert) {
  const bool over = alert.resolved.has_value();
  char text[256];
  std::snprintf(text, sizeof text, "alert %s: %s %s is %g, %s %g", over ? "resolved" : "firing",
                alert.operation.empty() ? "reading" : alert.operation.c_str(),
                std::string(to_string(alert.metric)).c_str(), alert.value,
                over ? "within" : "beyond", alert.threshold);
  return text;
}

std::string json_log_message(std::string_view level, std::string_view message, WallTime time) {
  JsonLine line;
  line.text("level", level).text("time", api_time(time)).text("message", message);
  return line.str();
}

}  // namespace telpher
