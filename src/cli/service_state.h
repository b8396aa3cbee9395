#pragma once
// What the service keeps below its home besides its keys: the secret of its webhooks.

#include "base/result.h"

#include <string>

namespace telpher {

/// 256 bits in base64url that webhooks are signed with: made at the first start, in a file that
/// nobody else may read. Errors: kIo, kDenied.
Result<std::string> webhook_secret(const std::string& path);

}  // namespace telpher
