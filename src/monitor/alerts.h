#pragma once
// Alerts: which operations are worse than they may be. Each fires once, and is resolved once. Pure:
// reads no clock.

#include "base/units.h"
#include "monitor/monitor.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace telpher {

enum class AlertMetric { kDuration, kMemory, kSuccessRate, kErrorRate, kPausing };
/// "duration", "memory", "successRate", "errorRate", "pausing"
std::string_view to_string(AlertMetric metric);

/// What an operation may do within the window.
struct AlertThresholds {
  std::chrono::nanoseconds duration = std::chrono::seconds(5);  // 95th percentile, at most
  double memory = 100.0 * kMiB;                                 // bytes on average, at most
  double success_rate = 0.95;                                   // at least
  double error_rate = 0.05;                                     // at most
};

struct AlertSettings {
  AlertThresholds thresholds;
  std::map<std::string, AlertThresholds, std::less<>> by_operation;  // instead of `thresholds`
  std::uint64_t samples_min = 10;  // in the window: fewer say nothing
  double pausing = 0.5;            // share of the time that readers wait for memory, at most
};
/// Errors: kInvalid, naming the field and its bounds.
Result<void> check_settings(const AlertSettings& settings);

struct Alert {
  std::uint64_t id = 0;   // of this firing
  std::string operation;  // empty for kPausing
  AlertMetric metric = AlertMetric::kDuration;
  double value = 0;  // when it was looked at last; seconds, bytes or a share
  double threshold = 0;
  TimePoint since;
  std::optional<TimePoint> resolved = {};
  bool suppressed = false;  // nobody is told
};

class Alerts {
 public:
  static constexpr std::size_t kResolvedMax = 100;  // kept

  explicit Alerts(AlertSettings settings) : settings_(std::move(settings)) {}

  /// What began or ended since the last look, for whoever is to be told. An alert that is
  /// suppressed is told when its suppression ends, if it still fires.
  /// @param pausing  share of the time that readers waited for memory, lately
  std::vector<Alert> evaluate(const std::vector<OperationReport>& reports, double pausing,
                              TimePoint now);

  /// Those that fire, the oldest first.
  std::vector<Alert> firing() const;
  /// The last that are over, the latest first.
  const std::deque<Alert>& resolved() const { return resolved_; }

  /// Tells nobody of this operation (empty: of all) until then.
  void suppress(std::string operation, TimePoint until);

  const AlertSettings& settings() const { return settings_; }
  /// From the next look on. Errors: kInvalid.
  Result<void> change(AlertSettings settings);

 private:
  using Key = std::pair<std::string, AlertMetric>;
  struct Reading {
    double value;
    double threshold;
    bool bad;
  };
  struct State {
    Alert alert;
    bool told = false;
  };
  void look(Key key, std::optional<Reading> reading, TimePoint now, std::vector<Alert>* events);
  bool suppressed(const std::string& operation, TimePoint now) const;

  AlertSettings settings_;
  std::uint64_t next_id_ = 1;
  std::map<Key, State> firing_;
  std::deque<Alert> resolved_;
  std::map<std::string, TimePoint, std::less<>> suppressed_until_;
};

}  // namespace telpher
