#pragma once
// The queue's file: its tables, and what is said when it cannot be used.

#include "store/sqlite/database.h"

#include <memory>
#include <string>

namespace telpher {

/// Errors: kIo, kDenied, kUnsupported (written by a newer version).
Result<std::unique_ptr<Database>> open_job_database(const std::string& path,
                                                    const std::string& vfs);

/// Adds to an error of the database which file it is and, when that is damaged, what to do.
Error job_error(const std::string& path, Error error);

}  // namespace telpher
