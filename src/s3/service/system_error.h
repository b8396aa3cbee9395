#pragma once
// What clients hear of the troubles of the machine below.

#include "base/error.h"

#include <optional>

namespace telpher {

/// In S3's words and without paths, when `error` is the operating system's or the index's; nullopt
/// when it is for clients already. Full disks are InsufficientStorage (507), what runs out for a
/// while is SlowDown (503), the rest InternalError (500). Pure.
std::optional<Error> told_to_clients(const Error& error);

}  // namespace telpher
