// The journal's tables, and how files of earlier versions become files of this one.

#include "transfer/journal_schema.h"

#include "store/sqlite/versioned_file.h"

#include <array>

namespace telpher {
namespace {

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
  Result<std::unique_ptr<Database>> database =
      open_versioned_file({path, vfs, "journal", kMigrations});
  if (!database) return journal_error(path, std::move(database).error());
  return database;
}

}  // namespace telpher
