#include "server/monitor_routes.h"

#include "monitor/prometheus.h"

namespace telpher {
namespace {

namespace json = boost::json;

Task<Result<void>> show_operation(ApiCall& call, const MonitorService& monitor) {
  const std::optional<OperationReport> report = monitor.operation(call.captured[0]);
  if (!report) co_return not_found_error("no operation '" + call.captured[0] + "' was met yet");
  co_return co_await call.send_success(to_json(*report, monitor.clock()));
}

Task<Result<void>> show_history(ApiCall& call, const MonitorService& monitor) {
  if (!monitor.operation(call.captured[0])) {
    co_return not_found_error("no operation '" + call.captured[0] + "' was met yet");
  }
  co_return co_await call.send_success({{"samples", monitor.history(call.captured[0])}});
}

Task<Result<void>> show_aggregates(ApiCall& call, const MonitorService& monitor) {
  CO_TRY(const std::uint64_t limit, call.number("limit", 60, 1, MonitorService::kAggregatesMax));
  co_return co_await call.send_success({{"aggregates", monitor.aggregates(limit)}});
}

Task<Result<void>> clear(ApiCall& call, MonitorService& monitor, bool one) {
  CO_TRY_VOID(monitor.clear(one ? std::string_view(call.captured[0]) : std::string_view()));
  co_return co_await call.send_nothing(204);
}

Task<Result<void>> change_settings(ApiCall& call, MonitorService& monitor) {
  CO_TRY(const json::object body, co_await call.read_json());
  CO_TRY_VOID(monitor.change(body));
  co_return co_await call.send_success(monitor.settings());
}

Task<Result<void>> suppress(ApiCall& call, MonitorService& monitor) {
  CO_TRY(const json::object body, co_await call.read_json());
  CO_TRY_VOID(check_fields(body, {"operation", "seconds"}));
  CO_TRY(std::string operation, text_field(body, "operation", ""));
  const json::value* seconds = body.if_contains("seconds");
  if (!seconds || !seconds->is_number()) co_return field_error("seconds", "is to be a number");
  const double time = seconds->to_number<double>();
  if (!(time >= 0 && time <= 30 * 86'400)) {
    co_return field_error("seconds", "is to be from 0 to 2592000 (30 days)");
  }
  monitor.suppress(std::move(operation),
                   std::chrono::duration_cast<Duration>(std::chrono::duration<double>(time)));
  co_return co_await call.send_nothing(204);
}

Task<Result<void>> show_metrics(ApiCall& call, const MonitorService& monitor) {
  PrometheusText text;
  add_operations(text, monitor.operations_now());
  monitor.add_gauges(text);
  call.response.headers.set("Content-Type", "text/plain; version=0.0.4; charset=utf-8");
  co_return co_await call.response.send_text(text.text());
}

}  // namespace

std::vector<Route> monitor_routes(MonitorService& monitor) {
  MonitorService* const all = &monitor;
  return {
      {"GET", "/monitor", Role::kReader,
       [all](ApiCall& call) { return call.send_success(all->overview(true)); }},
      {"GET", "/monitor/operations/{name}", Role::kReader,
       [all](ApiCall& call) { return show_operation(call, *all); }},
      {"GET", "/monitor/operations/{name}/history", Role::kReader,
       [all](ApiCall& call) { return show_history(call, *all); }},
      {"DELETE", "/monitor/operations", Role::kOperator,
       [all](ApiCall& call) { return clear(call, *all, false); }},
      {"DELETE", "/monitor/operations/{name}", Role::kOperator,
       [all](ApiCall& call) { return clear(call, *all, true); }},
      {"GET", "/monitor/aggregates", Role::kReader,
       [all](ApiCall& call) { return show_aggregates(call, *all); }},
      {"GET", "/monitor/export", Role::kReader,
       [all](ApiCall& call) { return call.send_success(all->whole()); }},
      {"GET", "/monitor/settings", Role::kReader,
       [all](ApiCall& call) { return call.send_success(all->settings()); }},
      {"PUT", "/monitor/settings", Role::kOperator,
       [all](ApiCall& call) { return change_settings(call, *all); }},
      {"GET", "/monitor/alerts", Role::kReader,
       [all](ApiCall& call) {
         return call.send_success(
             {{"firing", all->alerts_firing()}, {"resolved", all->alerts_resolved()}});
       }},
      {"POST", "/monitor/alerts/suppress", Role::kOperator,
       [all](ApiCall& call) { return suppress(call, *all); }},
      {"GET", "/metrics", Role::kReader, [all](ApiCall& call) { return show_metrics(call, *all); }},
  };
}

}  // namespace telpher
