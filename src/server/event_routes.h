#pragma once
// GET /events: what happens, live.

#include "server/event_stream.h"
#include "server/router.h"

#include <vector>

namespace telpher {

/// `events` must outlive the routes.
std::vector<Route> event_routes(EventStream& events);

/// What a caller may hear of: operators everything, others what is theirs and what lies in their
/// reach.
bool may_hear(const Caller& caller, const Event& event);

}  // namespace telpher
