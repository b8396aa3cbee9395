#pragma once
// /monitor, /metrics: what the monitor knows.

#include "server/monitor_service.h"
#include "server/router.h"

#include <vector>

namespace telpher {

/// `monitor` must outlive the routes.
std::vector<Route> monitor_routes(MonitorService& monitor);

}  // namespace telpher
