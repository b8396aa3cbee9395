#include "server/monitor_json.h"

#include "server/api_call.h"

#include <cmath>

namespace telpher {
namespace {

namespace json = boost::json;

/// Microseconds are enough for people, and shorter.
double milliseconds(std::chrono::nanoseconds time) {
  return std::round(static_cast<double>(time.count()) / 1e3) / 1e3;
}

double rounded(double value) { return std::round(value * 1e4) / 1e4; }

json::object to_json(const AlertThresholds& thresholds) {
  return {{"durationMs", milliseconds(thresholds.duration)},
          {"memory", thresholds.memory},
          {"successRate", thresholds.success_rate},
          {"errorRate", thresholds.error_rate}};
}

Result<void> set_number(const json::object& body, std::string_view name, double& value) {
  const json::value* given = body.if_contains({name.data(), name.size()});
  if (!given) return {};
  if (!given->is_number()) return field_error(name, "is to be a number");
  value = given->to_number<double>();
  return {};
}

Result<void> set_duration(const json::object& body, std::string_view name, double per_second,
                          Duration& value) {
  double number = std::chrono::duration<double>(value).count() * per_second;
  TRY_VOID(set_number(body, name, number));
  if (!(number >= 0 && number <= 1e12)) return field_error(name, "is out of bounds");
  value = std::chrono::duration_cast<Duration>(std::chrono::duration<double>(number / per_second));
  return {};
}

Result<void> change(const json::object& body, AlertThresholds& thresholds) {
  Duration duration = thresholds.duration;
  TRY_VOID(set_duration(body, "durationMs", 1e3, duration));
  thresholds.duration = duration;
  TRY_VOID(set_number(body, "memory", thresholds.memory));
  TRY_VOID(set_number(body, "successRate", thresholds.success_rate));
  return set_number(body, "errorRate", thresholds.error_rate);
}

Result<void> change(const json::object& body, AlertSettings& alerts) {
  TRY_VOID(check_fields(body, {"durationMs", "memory", "successRate", "errorRate", "samplesMin",
                               "pausing", "byOperation"}));
  TRY_VOID(change(body, alerts.thresholds));
  double samples = static_cast<double>(alerts.samples_min);
  TRY_VOID(set_number(body, "samplesMin", samples));
  if (!(samples >= 0 && samples <= 1e9)) return field_error("samplesMin", "is out of bounds");
  alerts.samples_min = static_cast<std::uint64_t>(samples);
  TRY_VOID(set_number(body, "pausing", alerts.pausing));
  const json::value* by_operation = body.if_contains("byOperation");
  if (!by_operation) return {};
  if (!by_operation->is_object()) return field_error("byOperation", "is to be an object");
  alerts.by_operation.clear();
  for (const auto& member : by_operation->get_object()) {
    const std::string name(member.key());
    if (!member.value().is_object()) return field_error(name, "is to be an object");
    const json::object& fields = member.value().get_object();
    TRY_VOID(check_fields(fields, {"durationMs", "memory", "successRate", "errorRate"}));
    AlertThresholds thresholds = alerts.thresholds;
    TRY_VOID(change(fields, thresholds));
    alerts.by_operation.emplace(name, thresholds);
  }
  return {};
}

/// Errors of the settings' own checks, as errors of a field.
Result<void> as_field_error(const Result<void>& checked) {
  if (checked) return {};
  return api_error(400, "VALIDATION_ERROR", checked.error().message);
}

}  // namespace

json::object to_json(const Statistics& statistics) {
  json::object errors;
  for (std::size_t kind = 0; kind < kErrorKinds; ++kind) {
    if (statistics.errors[kind] == 0) continue;
    errors[to_string(static_cast<ErrorKind>(kind))] = statistics.errors[kind];
  }
  return {{"count", statistics.count},
          {"failed", statistics.failed},
          {"successRate", rounded(statistics.success_rate())},
          {"errorRate", rounded(statistics.error_rate())},
          {"averageMs", milliseconds(statistics.average_duration())},
          {"p50Ms", milliseconds(statistics.quantile(0.5))},
          {"p95Ms", milliseconds(statistics.quantile(0.95))},
          {"p99Ms", milliseconds(statistics.quantile(0.99))},
          {"maxMs", milliseconds(statistics.max_duration())},
          {"opsPerSecond", rounded(statistics.per_second())},
          {"bytesPerSecond", rounded(statistics.bytes_per_second())},
          {"bytes", statistics.bytes},
          {"averageMemory", rounded(statistics.average_memory())},
          {"errors", std::move(errors)},
          {"seconds", rounded(std::chrono::duration<double>(statistics.span).count())}};
}

json::object to_json(const OperationReport& report, const WallClock& clock) {
  return {
      {"name", report.name},
      {"inFlight", report.in_flight},
      {"lastUpdated",
       report.last_updated ? json::value(api_time(clock.of(*report.last_updated))) : json::value()},
      {"recent", to_json(report.recent)},
      {"total", to_json(report.total)}};
}

json::object to_json(const Alert& alert, const WallClock& clock) {
  return {{"id", alert.id},
          {"operation", alert.operation},
          {"metric", to_string(alert.metric)},
          {"value", alert.value},
          {"threshold", alert.threshold},
          {"since", api_time(clock.of(alert.since))},
          {"resolved",
           alert.resolved ? json::value(api_time(clock.of(*alert.resolved))) : json::value()},
          {"suppressed", alert.suppressed}};
}

json::object settings_to_json(const MonitorSettings& monitor, const AlertSettings& alerts) {
  json::object by_operation;
  for (const auto& [name, thresholds] : alerts.by_operation) {
    by_operation[name] = to_json(thresholds);
  }
  json::object shown = to_json(alerts.thresholds);
  shown["samplesMin"] = alerts.samples_min;
  shown["pausing"] = alerts.pausing;
  shown["byOperation"] = std::move(by_operation);
  return {{"windowSeconds", std::chrono::duration<double>(monitor.window).count()},
          {"aggregationInterval", milliseconds(monitor.aggregation)},
          {"history", monitor.history},
          {"alerts", std::move(shown)}};
}

Result<void> change_settings(const json::object& body, MonitorSettings& monitor,
                             AlertSettings& alerts) {
  TRY_VOID(check_fields(body, {"windowSeconds", "aggregationInterval", "history", "alerts"}));
  MonitorSettings wanted = monitor;
  AlertSettings wanted_alerts = alerts;
  TRY_VOID(set_duration(body, "windowSeconds", 1, wanted.window));
  TRY_VOID(set_duration(body, "aggregationInterval", 1e3, wanted.aggregation));
  double history = static_cast<double>(wanted.history);
  TRY_VOID(set_number(body, "history", history));
  if (!(history >= 0 && history <= 1e9)) return field_error("history", "is out of bounds");
  wanted.history = static_cast<std::size_t>(history);
  if (const json::value* given = body.if_contains("alerts")) {
    if (!given->is_object()) return field_error("alerts", "is to be an object");
    TRY_VOID(change(given->get_object(), wanted_alerts));
  }
  TRY_VOID(as_field_error(check_settings(wanted)));
  TRY_VOID(as_field_error(check_settings(wanted_alerts)));
  monitor = wanted;
  alerts = std::move(wanted_alerts);
  return {};
}

json::object save(const Statistics& statistics) {
  json::array durations;
  for (const auto& [value, count] : statistics.durations) {
    durations.push_back({value, count});
  }
  json::array errors(statistics.errors.begin(), statistics.errors.end());
  return {{"count", statistics.count},         {"failed", statistics.failed},
          {"errors", std::move(errors)},       {"duration_ns", statistics.duration_ns},
          {"bytes", statistics.bytes},         {"memory", statistics.memory},
          {"durations", std::move(durations)}, {"span_ns", statistics.span.count()}};
}

Result<Statistics> load_statistics(const json::value& saved) {
  // What its own earlier self has written; anything else throws, and is refused as a whole.
  try {
    const json::object& fields = saved.as_object();
    const auto number = [&](const char* name) {
      return fields.at(name).to_number<std::uint64_t>();
    };
    Statistics loaded;
    loaded.count = number("count");
    loaded.failed = number("failed");
    loaded.duration_ns = number("duration_ns");
    loaded.bytes = number("bytes");
    loaded.memory = number("memory");
    loaded.span = std::chrono::nanoseconds(number("span_ns"));
    std::size_t kind = 0;
    for (const json::value& count : fields.at("errors").as_array()) {
      if (kind < kErrorKinds) loaded.errors[kind++] = count.to_number<std::uint64_t>();
    }
    for (const json::value& pair : fields.at("durations").as_array()) {
      loaded.durations[pair.at(0).to_number<std::uint64_t>()] +=
          pair.at(1).to_number<std::uint64_t>();
    }
    return loaded;
  } catch (const std::exception& problem) {
    return make_error(ErrorKind::kInvalid, std::string("no saved statistics: ") + problem.what());
  }
}

}  // namespace telpher
