#pragma once
// /faults: the script of a store that fails on purpose (`telpher s3`), passed on to it.

#include "net/http_client.h"
#include "server/router.h"

#include <optional>
#include <string>
#include <vector>

namespace telpher {

/// The endpoint below the service, and its admin key.
struct FaultyStore {
  HttpClient& http;  // outlives the routes
  Origin origin;
  std::string admin_key;
};

/// Without one, the routes answer 404.
std::vector<Route> fault_routes(std::optional<FaultyStore> store);

}  // namespace telpher
