#pragma once
// GET / and what the page needs: the files of web/dist, from within the program.

#include "server/embedded_files.h"
#include "server/router.h"

#include <vector>

namespace telpher {

/// `files` must outlive the routes.
std::vector<Route> page_routes(std::span<const EmbeddedFile> files);

}  // namespace telpher
