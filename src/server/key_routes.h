#pragma once
// /session, /keys: signing in, and who may.

#include "server/router.h"
#include "server/sign_in.h"

#include <string>
#include <vector>

namespace telpher {

/// All of them must outlive the routes.
/// @param keys  nullptr: everybody is an admin, and there are no keys to hand out
std::vector<Route> key_routes(SignIn& sign_in, KeyFile* keys, std::string version);

}  // namespace telpher
