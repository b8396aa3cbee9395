#pragma once
// /transfers: URLs that are fetched into the store.

#include "server/event_stream.h"
#include "server/router.h"
#include "transfers/transfers.h"

#include <vector>

namespace telpher {

/// Both must outlive the routes.
std::vector<Route> transfer_routes(Transfers& transfers, EventStream& events);

/// An event as listeners hear of it.
Event event_of(const TransferEvent& event);

}  // namespace telpher
