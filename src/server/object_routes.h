#pragma once
// /buckets, /objects: what is in the store.

#include "metrics/operation_metrics.h"
#include "server/router.h"
#include "store/object_store.h"

#include <string>
#include <vector>

namespace telpher {

/// Both must outlive the routes.
/// @param downloads  a record for each object that is read
std::vector<Route> object_routes(ObjectStore& store, std::string default_bucket,
                                 OperationMetrics& downloads);

}  // namespace telpher
