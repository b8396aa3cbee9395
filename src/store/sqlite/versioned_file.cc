#include "store/sqlite/versioned_file.h"

#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <unistd.h>

namespace telpher {
namespace {

/// The folder 0700 and the file 0600 when they are not there yet.
Result<void> create_private_file(const VersionedFile& file) {
  namespace fs = std::filesystem;
  const fs::path folder = fs::path(file.path).parent_path();
  std::error_code failed;
  if (!folder.empty() && fs::create_directories(folder, failed)) {
    fs::permissions(folder, fs::perms::owner_all, failed);
  }
  if (failed) return make_errno_error(failed.value(), "create folder '" + folder.string() + "'");
  // Never opened when it exists: closing it would drop the locks that SQLite holds on it for
  // another connection of this process. Source: sqlite.org/howtocorrupt.html, 2.2.
  if (access(file.path.c_str(), F_OK) == 0) return {};
  const int fd = ::open(file.path.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
  if (fd >= 0) {
    close(fd);
  } else if (errno != EEXIST) {
    return make_errno_error(errno, "create the " + std::string(file.what) + " '" + file.path + "'");
  }
  return {};
}

Result<std::int64_t> version_of(Database& database) {
  TRY(Query query, database.query("PRAGMA user_version"));
  TRY(const bool row, query.next());
  return row ? query.integer(0) : 0;
}

Result<void> migrate(Database& database, std::span<const char* const> migrations) {
  const auto target = static_cast<std::int64_t>(migrations.size());
  TRY_VOID(database.run("BEGIN IMMEDIATE"));
  TRY(std::int64_t version, version_of(database));  // another process may have been faster
  for (; version < target; ++version) {
    TRY_VOID(database.execute(migrations[static_cast<std::size_t>(version)]));
  }
  TRY_VOID(database.execute(("PRAGMA user_version=" + std::to_string(target)).c_str()));
  return database.run("COMMIT");
}

}  // namespace

Result<std::unique_ptr<Database>> open_versioned_file(const VersionedFile& file) {
  if (file.vfs.empty()) TRY_VOID(create_private_file(file));
  TRY(std::unique_ptr<Database> database, Database::open({.path = file.path, .vfs = file.vfs}));
  TRY(const std::int64_t version, version_of(*database));
  const auto target = static_cast<std::int64_t>(file.migrations.size());
  if (version < 0 || version > target) {
    return make_error(ErrorKind::kUnsupported, "The " + std::string(file.what) + " '" + file.path +
                                                   "' was written by a newer version of telpher (" +
                                                   std::to_string(version) + ", this one knows " +
                                                   std::to_string(target) + "). Update telpher");
  }
  if (version < target) {
    TRY_VOID(database->use_write_ahead_log());
    TRY_VOID(migrate(*database, file.migrations));
  }
  TRY_VOID(database->execute("PRAGMA synchronous=NORMAL"));
  return database;
}

}  // namespace telpher
