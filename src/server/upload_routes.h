#pragma once
// /upload, /tus/: files that come with the request.

#include "server/event_stream.h"
#include "server/router.h"
#include "upload/batch_upload.h"
#include "upload/tus_upload.h"

#include <vector>

namespace telpher {

/// Both must outlive the routes.
std::vector<Route> upload_routes(BatchUploads& batch, TusUploads& tus);

/// An upload as listeners hear of it.
Event event_of(const StoredUpload& upload);

}  // namespace telpher
