#pragma once
// MonitorService: keeps the monitor going. It ticks, looks for alerts, makes summaries, keeps
// totals over a restart, and tells listeners, the log, webhooks and OpenTelemetry. What fails here
// is logged and harms nobody. One loop.

#include "monitor/alerts.h"
#include "monitor/monitor.h"
#include "monitor/prometheus.h"
#include "runtime/buffer_pool.h"
#include "server/event_stream.h"
#include "server/monitor_json.h"

#include <deque>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace telpher {

/// What lies outside of the operations, asked for when it is to be shown.
struct MonitorSurroundings {
  const BufferPool* buffers = nullptr;
  std::function<std::pair<std::size_t, std::size_t>()> transfers;  // active, waiting
  std::function<double()> paused_seconds;  // that readers have waited for memory, since the start
};

class MonitorService {
 public:
  static constexpr std::size_t kAggregatesMax = 1'440;  // a day of minutes

  struct Aggregate {
    std::chrono::system_clock::time_point time;
    double seconds = 0;
    Statistics summary;
    std::map<std::string, Statistics> operations;
  };

  /// @param state_file  where totals and alert settings are kept; empty = nowhere
  MonitorService(Loop& loop, const OperationRegistry& operations, EventStream& events,
                 MonitorSurroundings surroundings, std::string state_file);

  /// Reads what an earlier process has kept. Errors: kIo, kInvalid; it goes on without.
  Task<Result<void>> load();
  /// Until it is cancelled; then keeps what there is. Never fails otherwise.
  Task<Result<void>> run();

  /// Told of alerts that begin or end: to log them, to send them on.
  std::function<void(const Alert&)> on_alert;
  /// The same, for whoever has to wait for it (a webhook's queue). Its errors are logged.
  std::function<Task<Result<void>>(std::string event, std::string body)> deliver_alert;

  /// Since the start of this process: counters that never go back, for those who take differences.
  std::vector<OperationReport> operations_now() const { return monitor_.operations(); }

  // For routes; totals are those since the first start.
  std::vector<OperationReport> operations() const;
  std::optional<OperationReport> operation(std::string_view name) const;
  boost::json::object overview(bool with_operations) const;
  boost::json::array alerts_firing() const;
  boost::json::array alerts_resolved() const;
  boost::json::object settings() const;
  /// Errors: VALIDATION_ERROR.
  Result<void> change(const boost::json::object& settings);
  /// Errors: kNotFound. Empty = all.
  Result<void> clear(std::string_view operation);
  void suppress(std::string operation, Duration time);
  boost::json::array history(std::string_view operation) const;
  boost::json::array aggregates(std::size_t limit) const;
  boost::json::object whole() const;
  /// What is no operation: memory, transfers, alerts, uptime.
  void add_gauges(PrometheusText& to) const;
  TimePoint started() const { return started_; }
  WallClock clock() const { return {loop_.now(), loop_.wall_now()}; }

 private:
  Task<Result<void>> step();
  void aggregate(TimePoint now);
  Task<Result<void>> save();
  OperationReport with_earlier(OperationReport report) const;
  /// What came in and went out: each byte once, though many operations move it.
  OperationReport summary() const;

  Loop& loop_;
  EventStream& events_;
  const MonitorSurroundings surroundings_;
  const std::string state_file_;
  Monitor monitor_;
  Alerts alerts_;
  std::map<std::string, Statistics, std::less<>> earlier_;  // of earlier processes
  std::deque<Aggregate> aggregates_;                        // the latest first
  TimePoint started_, ticked_, aggregated_, saved_;
  double paused_before_ = 0;
};

/// Bytes of memory that this process has now.
ByteCount resident_memory();

}  // namespace telpher
