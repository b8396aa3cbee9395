#include "monitor/alerts.h"

#include <algorithm>
#include <array>

namespace telpher {
namespace {

double seconds_of(std::chrono::nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

Result<void> check_thresholds(const AlertThresholds& thresholds, const std::string& of) {
  const auto is_share = [](double value) { return value >= 0 && value <= 1; };
  const auto refuse = [&](std::string_view field, std::string_view bounds) {
    return make_error(ErrorKind::kInvalid,
                      std::string(field) + of + " must be " + std::string(bounds));
  };
  if (thresholds.duration <= std::chrono::nanoseconds(0)) return refuse("duration", "above 0");
  if (!(thresholds.memory > 0)) return refuse("memory", "above 0");
  if (!is_share(thresholds.success_rate)) return refuse("successRate", "0 to 1");
  if (!is_share(thresholds.error_rate)) return refuse("errorRate", "0 to 1");
  return {};
}

}  // namespace

std::string_view to_string(AlertMetric metric) {
  constexpr std::array<std::string_view, 5> kNames = {"duration", "memory", "successRate",
                                                      "errorRate", "pausing"};
  return kNames[static_cast<std::size_t>(metric)];
}

Result<void> check_settings(const AlertSettings& settings) {
  TRY_VOID(check_thresholds(settings.thresholds, ""));
  for (const auto& [operation, thresholds] : settings.by_operation) {
    TRY_VOID(check_thresholds(thresholds, " of '" + operation + "'"));
  }
  if (!(settings.pausing >= 0 && settings.pausing <= 1)) {
    return make_error(ErrorKind::kInvalid, "pausing must be 0 to 1");
  }
  return {};
}

void Alerts::look(Key key, std::optional<Reading> reading, TimePoint now,
                  std::vector<Alert>* events) {
  const bool quiet = suppressed(key.first, now);
  const auto found = firing_.find(key);
  if (found == firing_.end()) {
    if (!reading || !reading->bad) return;
    State state{.alert = {.id = next_id_++,
                          .operation = key.first,
                          .metric = key.second,
                          .value = reading->value,
                          .threshold = reading->threshold,
                          .since = now,
                          .suppressed = quiet},
                .told = !quiet};
    if (state.told) events->push_back(state.alert);
    firing_.emplace(std::move(key), std::move(state));
    return;
  }
  State& state = found->second;
  if (reading) {
    state.alert.value = reading->value;
    state.alert.threshold = reading->threshold;
  }
  state.alert.suppressed = quiet;
  if (!reading || reading->bad) {
    if (!quiet && !std::exchange(state.told, true)) events->push_back(state.alert);
    return;
  }
  state.alert.resolved = now;
  if (state.told && !quiet) events->push_back(state.alert);
  resolved_.push_front(std::move(state.alert));
  if (resolved_.size() > kResolvedMax) resolved_.pop_back();
  firing_.erase(found);
}

std::vector<Alert> Alerts::evaluate(const std::vector<OperationReport>& reports, double pausing,
                                    TimePoint now) {
  std::vector<Alert> events;
  for (const OperationReport& report : reports) {
    const Statistics& recent = report.recent;
    const auto own = settings_.by_operation.find(report.name);
    const AlertThresholds& may =
        own == settings_.by_operation.end() ? settings_.thresholds : own->second;
    // Few samples say neither that something is wrong nor that it is right again; none at all do.
    const bool unknown = recent.count > 0 && recent.count < settings_.samples_min;
    const auto check = [&](AlertMetric metric, double value, double threshold, bool bad) {
      std::optional<Reading> reading(Reading{value, threshold, bad && recent.count > 0});
      if (unknown) reading.reset();
      look({report.name, metric}, reading, now, &events);
    };
    const std::chrono::nanoseconds p95 = recent.quantile(0.95);
    check(AlertMetric::kDuration, seconds_of(p95), seconds_of(may.duration), p95 > may.duration);
    check(AlertMetric::kMemory, recent.average_memory(), may.memory,
          recent.average_memory() > may.memory);
    check(AlertMetric::kSuccessRate, recent.success_rate(), may.success_rate,
          recent.success_rate() < may.success_rate);
    check(AlertMetric::kErrorRate, recent.error_rate(), may.error_rate,
          recent.error_rate() > may.error_rate);
  }
  look({"", AlertMetric::kPausing},
       Reading{pausing, settings_.pausing, pausing > settings_.pausing}, now, &events);
  return events;
}

std::vector<Alert> Alerts::firing() const {
  std::vector<Alert> alerts;
  for (const auto& [key, state] : firing_) alerts.push_back(state.alert);
  std::ranges::sort(alerts, {}, &Alert::id);
  return alerts;
}

void Alerts::suppress(std::string operation, TimePoint until) {
  suppressed_until_[std::move(operation)] = until;
}

bool Alerts::suppressed(const std::string& operation, TimePoint now) const {
  const auto until = [&](std::string_view name) {
    const auto found = suppressed_until_.find(name);
    return found == suppressed_until_.end() ? TimePoint::min() : found->second;
  };
  return now < std::max(until(operation), until(""));
}

Result<void> Alerts::change(AlertSettings settings) {
  TRY_VOID(check_settings(settings));
  settings_ = std::move(settings);
  return {};
}

}  // namespace telpher
