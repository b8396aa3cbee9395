#include "monitor/monitor.h"

namespace telpher {
namespace {

using namespace std::chrono_literals;

Error out_of_bounds(std::string_view name, std::string_view bounds) {
  return make_error(ErrorKind::kInvalid, std::string(name) + " must be " + std::string(bounds));
}

}  // namespace

Result<void> check_settings(const MonitorSettings& settings) {
  if (settings.window < 1s || settings.window > 1h) return out_of_bounds("window", "1 s to 1 h");
  if (settings.aggregation < 0s || settings.aggregation > 24h) {
    return out_of_bounds("aggregationInterval", "0 (off) to 24 h");
  }
  if (settings.history > OperationMetrics::kHistoryMax) {
    return out_of_bounds("history", "0 to " + std::to_string(OperationMetrics::kHistoryMax));
  }
  return {};
}

Monitor::Watched& Monitor::watched(const OperationMetrics& metrics) {
  for (Watched& watched : watched_) {
    if (watched.metrics == &metrics) return watched;
  }
  return watched_.emplace_back(Watched{.metrics = &metrics, .since = started_});
}

const Monitor::Watched* Monitor::find(std::string_view name) const {
  for (const Watched& watched : watched_) {
    if (watched.metrics->name() == name) return &watched;
  }
  return nullptr;
}

void Monitor::tick(TimePoint now) {
  const Duration span = now - ticked_;
  operations_.for_each([&](const OperationMetrics& metrics) {
    Watched& at = watched(metrics);
    OperationMetrics::Totals totals = metrics.totals();
    HistogramCounts durations = metrics.durations();
    Statistics since = difference(totals, durations, at.read, at.durations_read);
    at.read = totals;
    at.durations_read = std::move(durations);
    since.span = span;
    if (since.count > 0) at.last_updated = now;
    at.total += since;
    at.steps.push_back({now, std::move(since)});
    while (at.steps.front().end <= now - settings_.window) at.steps.pop_front();
  });
  ticked_ = now;
}

OperationReport Monitor::report(const Watched& watched) const {
  OperationReport report{.name = watched.metrics->name(),
                         .total = watched.total,
                         .in_flight = watched.metrics->in_flight.value(),
                         .last_updated = watched.last_updated};
  for (const Step& step : watched.steps) report.recent += step.statistics;
  return report;
}

std::vector<OperationReport> Monitor::operations() const {
  std::vector<OperationReport> reports;
  for (const Watched& watched : watched_) reports.push_back(report(watched));
  return reports;
}

std::optional<OperationReport> Monitor::operation(std::string_view name) const {
  const Watched* found = find(name);
  if (!found) return std::nullopt;
  return report(*found);
}

OperationReport Monitor::summary() const {
  OperationReport all{.name = "all"};
  for (const Watched& watched : watched_) {
    const OperationReport one = report(watched);
    // Side by side, not one after the other.
    const auto recent = std::max(all.recent.span, one.recent.span);
    const auto total = std::max(all.total.span, one.total.span);
    all.recent += one.recent;
    all.total += one.total;
    all.recent.span = recent;
    all.total.span = total;
    all.in_flight += one.in_flight;
    all.last_updated = std::max(all.last_updated, one.last_updated);
  }
  return all;
}

std::vector<OperationEvent> Monitor::history(std::string_view name) const {
  const Watched* found = find(name);
  if (!found) return {};
  std::vector<OperationEvent> events = found->metrics->history();
  std::erase_if(events, [&](const OperationEvent& event) { return event.ended < found->since; });
  if (events.size() > settings_.history) {
    events.erase(events.begin(), events.end() - static_cast<std::ptrdiff_t>(settings_.history));
  }
  return events;
}

Result<void> Monitor::change(const MonitorSettings& settings) {
  TRY_VOID(check_settings(settings));
  settings_ = settings;
  return {};
}

Result<void> Monitor::clear(std::string_view name, TimePoint now) {
  tick(now);
  if (!name.empty() && !find(name)) {
    return make_error(ErrorKind::kNotFound, "no operation '" + std::string(name) + "' is known");
  }
  for (Watched& watched : watched_) {
    if (!name.empty() && watched.metrics->name() != name) continue;
    watched.steps.clear();
    watched.total = {};
    watched.since = now;
    watched.last_updated.reset();
  }
  return {};
}

}  // namespace telpher
