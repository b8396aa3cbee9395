#include "server/monitor_service.h"

#include "runtime/offload.h"

#include <algorithm>
#include <cstdio>
#include <fcntl.h>
#include <fstream>
#include <sstream>
#include <unistd.h>

namespace telpher {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;

constexpr Duration kStep = 1s;
constexpr Duration kSaveEvery = 60s;

Result<void> replace_file(const std::string& path, const std::string& text) {
  const std::string fresh = path + ".new";
  std::ofstream file(fresh, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  if (!file || std::rename(fresh.c_str(), path.c_str()) != 0) {
    return make_error(ErrorKind::kIo, "cannot write '" + path + "'");
  }
  return {};
}

/// Of operations side by side: the time is that of one of them.
void add_beside(Statistics& sum, const Statistics& more) {
  const auto span = std::max(sum.span, more.span);
  sum += more;
  sum.span = span;
}

bool is_payload(std::string_view operation) {
  return operation == "upload" || operation == "download" || operation == "transfer";
}

}  // namespace

ByteCount resident_memory() {
  std::ifstream file("/proc/self/statm");
  ByteCount total = 0, resident = 0;
  file >> total >> resident;
  return resident * static_cast<ByteCount>(::sysconf(_SC_PAGESIZE));
}

MonitorService::MonitorService(Loop& loop, const OperationRegistry& operations, EventStream& events,
                               MonitorSurroundings surroundings, std::string state_file)
    : loop_(loop),
      events_(events),
      surroundings_(std::move(surroundings)),
      state_file_(std::move(state_file)),
      monitor_(operations, {}, loop.now()),
      alerts_({}),
      started_(loop.now()),
      ticked_(started_),
      aggregated_(started_),
      saved_(started_) {}

Task<Result<void>> MonitorService::load() {
  if (state_file_.empty()) co_return Result<void>();
  const std::string text = co_await offload([this] {
    std::ostringstream read;
    read << std::ifstream(state_file_, std::ios::binary).rdbuf();
    return read.str();
  });
  if (text.empty()) co_return Result<void>();
  boost::system::error_code failed;
  const json::value document = json::parse(text, failed);
  const json::object* state = document.if_object();
  if (failed || !state) {
    co_return make_error(ErrorKind::kInvalid,
                         "'" + state_file_ + "' is damaged: totals begin anew");
  }
  if (const auto* settings = state->if_contains("settings"); settings && settings->is_object()) {
    (void)change(settings->get_object());
  }
  const auto* totals = state->if_contains("operations");
  if (!totals || !totals->is_object()) co_return Result<void>();
  for (const auto& member : totals->get_object()) {
    CO_TRY(Statistics statistics, load_statistics(member.value()));
    earlier_.insert_or_assign(std::string(member.key()), std::move(statistics));
  }
  co_return Result<void>();
}

Task<Result<void>> MonitorService::run() {
  for (;;) {
    const Result<void> slept = co_await sleep_for(kStep);
    if (!slept) break;
    if (const Result<void> stepped = co_await step(); !stepped) {
      std::fprintf(stderr, "telpher: monitor: %s\n", stepped.error().message.c_str());
    }
  }
  co_return co_await shielded(save(), 10s);
}

Task<Result<void>> MonitorService::step() {
  const TimePoint now = loop_.now();
  if (now - ticked_ >= monitor_.step()) {
    monitor_.tick(now);
    double pausing = 0;
    if (surroundings_.paused_seconds) {
      const double paused = surroundings_.paused_seconds();
      const double passed = std::chrono::duration<double>(now - ticked_).count();
      pausing = passed > 0 ? std::clamp((paused - paused_before_) / passed, 0.0, 1.0) : 0;
      paused_before_ = paused;
    }
    ticked_ = now;
    for (const Alert& alert : alerts_.evaluate(monitor_.operations(), pausing, now)) {
      const std::string told = json::serialize(to_json(alert, clock()));
      events_.tell({.type = "alert", .data = told});
      if (on_alert) on_alert(alert);
      if (!deliver_alert) continue;
      std::string event = alert.resolved ? "alert.resolved" : "alert.firing";
      std::string body = R"({"event":")" + event + R"(","alert":)" + told + "}";
      CO_TRY_VOID(co_await deliver_alert(std::move(event), std::move(body)));
    }
  }
  const Duration interval = monitor_.settings().aggregation;
  if (interval > Duration{} && now - aggregated_ >= interval) aggregate(now);
  if (events_.listeners() > 0) {
    events_.tell({.type = "monitor", .data = json::serialize(overview(false))});
  }
  if (now - saved_ < kSaveEvery) co_return Result<void>();
  saved_ = now;
  co_return co_await save();
}

void MonitorService::aggregate(TimePoint now) {
  Aggregate made{.time = loop_.wall_now(),
                 .seconds = std::chrono::duration<double>(now - aggregated_).count(),
                 .summary = summary().recent,
                 .operations = {}};
  for (const OperationReport& report : monitor_.operations()) {
    if (report.recent.count > 0) made.operations.emplace(report.name, report.recent);
  }
  aggregated_ = now;
  aggregates_.push_front(std::move(made));
  if (aggregates_.size() > kAggregatesMax) aggregates_.pop_back();
}

Task<Result<void>> MonitorService::save() {
  if (state_file_.empty()) co_return Result<void>();
  monitor_.tick(loop_.now());
  json::object totals;
  for (const auto& [name, statistics] : earlier_) totals[name] = telpher::save(statistics);
  for (const OperationReport& report : operations()) {
    totals[report.name] = telpher::save(report.total);
  }
  const std::string text =
      json::serialize(json::object{{"operations", std::move(totals)}, {"settings", settings()}});
  co_return co_await offload([&] { return replace_file(state_file_, text); });
}

OperationReport MonitorService::with_earlier(OperationReport report) const {
  if (const auto found = earlier_.find(report.name); found != earlier_.end()) {
    report.total += found->second;
  }
  return report;
}

std::vector<OperationReport> MonitorService::operations() const {
  std::vector<OperationReport> reports = monitor_.operations();
  for (OperationReport& report : reports) report = with_earlier(std::move(report));
  return reports;
}

OperationReport MonitorService::summary() const {
  OperationReport sum{.name = "summary"};
  for (const OperationReport& report : operations()) {
    if (!is_payload(report.name)) continue;
    add_beside(sum.recent, report.recent);
    add_beside(sum.total, report.total);
    sum.in_flight += report.in_flight;
    if (!sum.last_updated || (report.last_updated && *report.last_updated > *sum.last_updated)) {
      sum.last_updated = report.last_updated;
    }
  }
  return sum;
}

std::optional<OperationReport> MonitorService::operation(std::string_view name) const {
  std::optional<OperationReport> report = monitor_.operation(name);
  if (report) report = with_earlier(*std::move(report));
  return report;
}

json::object MonitorService::overview(bool with_operations) const {
  const WallClock clock = this->clock();
  const auto [active, waiting] =
      surroundings_.transfers ? surroundings_.transfers() : std::pair<std::size_t, std::size_t>();
  json::object memory{
      {"budget", surroundings_.buffers ? surroundings_.buffers->budget() : 0},
      {"used", surroundings_.buffers ? surroundings_.buffers->stats().bytes_in_use : 0},
      {"rss", resident_memory()}};
  json::object shown{
      {"time", api_time(clock.wall)},
      {"uptimeSeconds", std::chrono::floor<std::chrono::seconds>(clock.loop - started_).count()},
      {"summary", to_json(summary(), clock)},
      {"memory", std::move(memory)},
      {"transfers", {{"active", active}, {"waiting", waiting}}},
      {"alerts", {{"firing", alerts_firing()}}}};
  if (!with_operations) return shown;
  json::array list;
  for (const OperationReport& report : operations()) list.push_back(to_json(report, clock));
  shown["operations"] = std::move(list);
  return shown;
}

json::array MonitorService::alerts_firing() const {
  json::array list;
  for (const Alert& alert : alerts_.firing()) list.push_back(to_json(alert, clock()));
  return list;
}

json::array MonitorService::alerts_resolved() const {
  json::array list;
  for (const Alert& alert : alerts_.resolved()) list.push_back(to_json(alert, clock()));
  return list;
}

json::object MonitorService::settings() const {
  return settings_to_json(monitor_.settings(), alerts_.settings());
}

Result<void> MonitorService::change(const json::object& settings) {
  MonitorSettings monitor = monitor_.settings();
  AlertSettings alerts = alerts_.settings();
  TRY_VOID(change_settings(settings, monitor, alerts));
  TRY_VOID(monitor_.change(monitor));
  return alerts_.change(std::move(alerts));
}

Result<void> MonitorService::clear(std::string_view operation) {
  TRY_VOID(monitor_.clear(operation, loop_.now()));
  if (operation.empty()) {
    earlier_.clear();
    aggregates_.clear();
  } else if (const auto found = earlier_.find(operation); found != earlier_.end()) {
    earlier_.erase(found);
  }
  return {};
}

void MonitorService::suppress(std::string operation, Duration time) {
  alerts_.suppress(std::move(operation), loop_.now() + time);
}

json::array MonitorService::history(std::string_view operation) const {
  json::array samples;
  const WallClock clock = this->clock();
  for (const OperationEvent& event : monitor_.history(operation)) {
    samples.push_back(
        {{"time", api_time(clock.of(event.ended))},
         {"durationMs", std::chrono::duration<double, std::milli>(event.duration).count()},
         {"bytes", event.bytes},
         {"success", event.succeeded}});
  }
  return samples;
}

json::array MonitorService::aggregates(std::size_t limit) const {
  json::array list;
  for (const Aggregate& aggregate : aggregates_) {
    if (list.size() == limit) break;
    json::object operations;
    for (const auto& [name, statistics] : aggregate.operations) {
      operations[name] = to_json(statistics);
    }
    list.push_back({{"time", api_time(aggregate.time)},
                    {"seconds", aggregate.seconds},
                    {"summary", to_json(aggregate.summary)},
                    {"operations", std::move(operations)}});
  }
  return list;
}

json::object MonitorService::whole() const {
  json::object all = overview(true);
  json::object histories;
  for (const OperationReport& report : monitor_.operations()) {
    histories[report.name] = history(report.name);
  }
  all["history"] = std::move(histories);
  all["aggregates"] = aggregates(kAggregatesMax);
  all["settings"] = settings();
  all["alerts"] = json::object{{"firing", alerts_firing()}, {"resolved", alerts_resolved()}};
  return all;
}

void MonitorService::add_gauges(PrometheusText& to) const {
  using Type = PrometheusText::Type;
  const auto gauge = [&](std::string_view name, std::string_view help, double value) {
    to.family(name, Type::kGauge, help);
    to.add({}, value);
  };
  if (surroundings_.buffers) {
    gauge("memory_budget_bytes", "Bytes that buffers may take.",
          static_cast<double>(surroundings_.buffers->budget()));
    gauge("memory_used_bytes", "Bytes that buffers have taken.",
          static_cast<double>(surroundings_.buffers->stats().bytes_in_use));
  }
  gauge("resident_memory_bytes", "Memory that the process has.",
        static_cast<double>(resident_memory()));
  gauge("uptime_seconds", "Since the start of the process.",
        std::chrono::duration<double>(loop_.now() - started_).count());
  gauge("event_listeners", "Clients that listen to events.",
        static_cast<double>(events_.listeners()));
  gauge("alerts_firing", "Alerts that fire.", static_cast<double>(alerts_.firing().size()));
  if (surroundings_.transfers) {
    const auto [active, waiting] = surroundings_.transfers();
    gauge("transfers_active", "Transfers that run.", static_cast<double>(active));
    gauge("transfers_waiting", "Transfers that wait.", static_cast<double>(waiting));
  }
  if (surroundings_.paused_seconds) {
    to.family("paused_seconds_total", Type::kCounter, "Time that readers waited for memory.");
    to.add({}, surroundings_.paused_seconds());
  }
}

}  // namespace telpher
