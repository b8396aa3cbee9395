#pragma once
// What the monitor knows, as the API shows it. Pure.

#include "monitor/alerts.h"
#include "monitor/monitor.h"

#include <boost/json.hpp>

namespace telpher {

/// Times of loops, as times of day.
struct WallClock {
  TimePoint loop;
  std::chrono::system_clock::time_point wall;
  std::chrono::system_clock::time_point of(TimePoint time) const {
    return wall + std::chrono::duration_cast<std::chrono::system_clock::duration>(time - loop);
  }
};

boost::json::object to_json(const Statistics& statistics);
boost::json::object to_json(const OperationReport& report, const WallClock& clock);
boost::json::object to_json(const Alert& alert, const WallClock& clock);
boost::json::object settings_to_json(const MonitorSettings& monitor, const AlertSettings& alerts);
/// Changes what `body` has a field for. Errors: VALIDATION_ERROR; nothing has been changed then.
Result<void> change_settings(const boost::json::object& body, MonitorSettings& monitor,
                             AlertSettings& alerts);

/// Statistics as they are kept over a restart. Errors: kInvalid.
boost::json::object save(const Statistics& statistics);
Result<Statistics> load_statistics(const boost::json::value& saved);

}  // namespace telpher
