// The journal's tables, and how files of earlier versions become files of this one.

#include "transfer/journal_worker.h"

#include <array>
#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <unistd.h>

namespace telpher {
namespace {

/// kMigrations[v] brings a file of version v to version v + 1. Never change one that was released.
constexpr std::array kMigrations = {
    // Times are microseconds since 1970. `leases` and `entries` are joined by destination.
    R"(CREATE TABLE entries(
         id TEXT PRIMARY KEY, kind TEXT NOT NULL, source TEXT NOT NULL, source_hash TEXT NOT NULL,
         destination TEXT NOT NULL, bucket TEXT NOT NULL, key TEXT NOT NULL, size INTEGER,
         validator TEXT NOT NULL, part_size INTEGER NOT NULL, checksum TEXT NOT NULL,
         upload_id TEXT NOT NULL, command TEXT NOT NULL, state TEXT NOT NULL,
         expected TEXT NOT NULL, created INTEGER NOT NULL, last_alive INTEGER NOT NULL
       ) WITHOUT ROWID;
       CREATE INDEX entries_by_destination ON entries(destination);
       CREATE TABLE parts(
         id TEXT NOT NULL, number INTEGER NOT NULL, size INTEGER NOT NULL, etag TEXT NOT NULL,
         digest TEXT NOT NULL, PRIMARY KEY(id, number)
       ) WITHOUT ROWID;
       CREATE TABLE leases(
         destination TEXT PRIMARY KEY, owner TEXT NOT NULL, last_alive INTEGER NOT NULL
       ) WITHOUT ROWID;
       CREATE TABLE finished(
         destination TEXT PRIMARY KEY, source_hash TEXT NOT NULL, validator TEXT NOT NULL,
         etag TEXT NOT NULL, size INTEGER NOT NULL, finished INTEGER NOT NULL
       ) WITHOUT ROWID;)",
};
constexpr std::int64_t kVersion = kMigrations.size();

/// The folder 0700 and the file 0600 when they are not there yet.
Result<void> create_private_file(const std::string& path) {
  namespace fs = std::filesystem;
  const fs::path folder = fs::path(path).parent_path();
  std::error_code failed;
  if (!folder.empty() && fs::create_directories(folder, failed)) {
    fs::permissions(folder, fs::perms::owner_all, failed);
  }
  if (failed) return make_errno_error(failed.value(), "create folder '" + folder.string() + "'");
  // Never opened when it exists: closing it would drop the locks that SQLite holds on it for
  // another connection of this process. Source: sqlite.org/howtocorrupt.html, 2.2.
  if (access(path.c_str(), F_OK) == 0) return {};
  const int fd = ::open(path.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
  if (fd >= 0) {
    close(fd);
  } else if (errno != EEXIST) {
    return make_errno_error(errno, "create the journal '" + path + "'");
  }
  return {};
}

Result<std::int64_t> schema_version(Database& database) {
  TRY(Query query, database.query("PRAGMA user_version"));
  TRY(const bool row, query.next());
  return row ? query.integer(0) : 0;
}

Result<void> migrate(Database& database) {
  TRY_VOID(database.run("BEGIN IMMEDIATE"));
  TRY(std::int64_t version, schema_version(database));  // another process may have been faster
  for (; version < kVersion; ++version) {
    TRY_VOID(database.execute(kMigrations[static_cast<std::size_t>(version)]));
  }
  TRY_VOID(database.execute(("PRAGMA user_version=" + std::to_string(kVersion)).c_str()));
  return database.run("COMMIT");
}

Result<std::unique_ptr<Database>> try_open(const std::string& path, const std::string& vfs) {
  TRY(std::unique_ptr<Database> database, Database::open({.path = path, .vfs = vfs}));
  TRY(std::int64_t version, schema_version(*database));
  if (version < 0 || version > kVersion) {
    return make_error(ErrorKind::kUnsupported, "The journal '" + path +
                                                   "' was written by a newer version of telpher (" +
                                                   std::to_string(version) + ", this one knows " +
                                                   std::to_string(kVersion) + "). Update telpher");
  }
  if (version < kVersion) {
    TRY_VOID(database->use_write_ahead_log());
    TRY_VOID(migrate(*database));
  }
  TRY_VOID(database->execute("PRAGMA synchronous=NORMAL"));
  return database;
}

}  // namespace

Error journal_error(const std::string& path, Error error) {
  const std::string& code = error.context.code;
  if (code == "SQLITE_CORRUPT" || code == "SQLITE_NOTADB" || code == "SQLITE_ERROR") {
    error.message = "The journal '" + path + "' is damaged (" + error.message +
                    "). Move it away and run again; uploads that it knew are found by "
                    "'telpher sweep s3://BUCKET --all'";
  } else if (!code.empty()) {
    error.message = "The journal '" + path + "' cannot be used: " + error.message;
  }
  return error;
}

Result<std::unique_ptr<Database>> open_journal_database(const std::string& path,
                                                        const std::string& vfs) {
  if (vfs.empty()) TRY_VOID(create_private_file(path));
  Result<std::unique_ptr<Database>> database = try_open(path, vfs);
  if (!database) return journal_error(path, std::move(database).error());
  return database;
}

}  // namespace telpher
