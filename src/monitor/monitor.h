#pragma once
// Monitor: reads what metrics/ has recorded, step by step, and answers what happened lately and
// since the start. It never writes to what is measured: a monitor that fails harms no operation.
// One loop.

#include "base/result.h"
#include "monitor/statistics.h"
#include "runtime/loop.h"

#include <deque>
#include <optional>

namespace telpher {

struct MonitorSettings {
  Duration window = std::chrono::seconds(60);           // what "lately" means: 1 s to 1 h
  Duration aggregation = std::chrono::seconds(60);      // between two summaries; 0 = none
  std::size_t history = OperationMetrics::kHistoryMax;  // samples shown of an operation
};
/// Errors: kInvalid, naming the field and its bounds.
Result<void> check_settings(const MonitorSettings& settings);

/// One operation as it stands.
struct OperationReport {
  std::string name;
  Statistics recent;  // of the window
  Statistics total;
  std::int64_t in_flight = 0;
  std::optional<TimePoint> last_updated;  // when something was recorded last, to a step
};

class Monitor {
 public:
  /// @param operations  must outlive this
  Monitor(const OperationRegistry& operations, MonitorSettings settings, TimePoint now)
      : operations_(operations), settings_(settings), started_(now), ticked_(now) {}

  /// Between two ticks: a twelfth of the window. Windows are exact to a step.
  Duration step() const { return settings_.window / kSteps; }
  /// Takes in what has been recorded since the last tick.
  void tick(TimePoint now);

  /// In the order they were met first.
  std::vector<OperationReport> operations() const;
  std::optional<OperationReport> operation(std::string_view name) const;
  /// Of all operations together; the window's share of it.
  OperationReport summary() const;
  /// The last samples since clear(), the oldest first, at most settings().history.
  std::vector<OperationEvent> history(std::string_view name) const;

  const MonitorSettings& settings() const { return settings_; }
  /// From the next tick on. Errors: kInvalid.
  Result<void> change(const MonitorSettings& settings);
  /// Forgets one operation, or all when `name` is empty. Errors: kNotFound.
  Result<void> clear(std::string_view name, TimePoint now);

 private:
  static constexpr int kSteps = 12;
  struct Step {
    TimePoint end;
    Statistics statistics;
  };
  struct Watched {
    const OperationMetrics* metrics;
    OperationMetrics::Totals read;  // at the last tick
    HistogramCounts durations_read;
    std::deque<Step> steps;  // of the window, the oldest first
    Statistics total;
    TimePoint since;  // what came before is not shown
    std::optional<TimePoint> last_updated;
  };
  Watched& watched(const OperationMetrics& metrics);
  const Watched* find(std::string_view name) const;
  OperationReport report(const Watched& watched) const;

  const OperationRegistry& operations_;
  MonitorSettings settings_;
  TimePoint started_;
  TimePoint ticked_;
  std::deque<Watched> watched_;
};

}  // namespace telpher
