#pragma once
// /health, /ready, /version, /settings, /openapi.json.

#include "server/router.h"
#include "store/object_store.h"

#include <functional>
#include <string>
#include <vector>

namespace telpher {

struct HealthOptions {
  std::string version;
  std::string default_bucket;
  /// What clients have to know beforehand, as JSON of GET /settings.
  boost::json::object settings;
  /// Further checks of readiness, by name. Errors say what is wrong.
  std::vector<std::pair<std::string, std::function<Task<Result<void>>()>>> checks = {};
};

/// `store` must outlive the routes.
std::vector<Route> health_routes(ObjectStore& store, HealthOptions options);

}  // namespace telpher
