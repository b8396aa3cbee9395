#pragma once
// A database file of ours: private to its user, with a version, brought up to this program's.

#include "store/sqlite/database.h"

#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace telpher {

struct VersionedFile {
  std::string path;
  std::string vfs;        // SQLite's; empty = the system's
  std::string_view what;  // "journal": its name in messages
  /// migrations[v] brings a file of version v to version v + 1. Append; never change one that was
  /// released.
  std::span<const char* const> migrations;
};

/// Opens it, makes it when there is none (0600, in a folder of 0700), and brings it to this
/// version. A write-ahead log, `synchronous=NORMAL`.
/// Errors: kIo (also when damaged), kDenied, kUnsupported (written by a newer version). Temporary
/// when another process is creating it just now.
Result<std::unique_ptr<Database>> open_versioned_file(const VersionedFile& file);

}  // namespace telpher
