#pragma once
// /buckets, /objects: what is in the store.

#include "server/router.h"
#include "store/object_store.h"

#include <string>
#include <vector>

namespace telpher {

/// `store` must outlive the routes.
std::vector<Route> object_routes(ObjectStore& store, std::string default_bucket);

}  // namespace telpher
