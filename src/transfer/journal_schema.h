#pragma once
// The journal's file: its tables, and what is said when it cannot be used.

#include "store/sqlite/database.h"

#include <memory>
#include <string>

namespace telpher {

/// Opens the database at `path` and brings its schema to this version.
/// Errors: kIo (also when damaged; says what to do), kDenied, kUnsupported (written by a newer
/// version). Temporary when another process is creating it just now.
Result<std::unique_ptr<Database>> open_journal_database(const std::string& path,
                                                        const std::string& vfs);

/// Adds to an error of the database which file it is and, when that is damaged, what to do.
Error journal_error(const std::string& path, Error error);

}  // namespace telpher
