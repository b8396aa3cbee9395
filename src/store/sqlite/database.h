#pragma once
// One SQLite connection with its statements kept prepared. Used by one thread at a time; every call
// may wait for the disk, so never on a loop's thread.

#include "base/bytes.h"
#include "base/result.h"

#include <sqlite3.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace telpher {

/// One run of a statement. The database outlives it.
class Query {
 public:
  Query(sqlite3* database, sqlite3_stmt* statement) : database_(database), statement_(statement) {}
  Query(Query&& other) noexcept
      : database_(other.database_), statement_(std::exchange(other.statement_, nullptr)) {}
  ~Query() {
    if (statement_) sqlite3_reset(statement_);
  }

  /// True = a row is there, false = the end.
  Result<bool> next();
  std::int64_t integer(int column) const { return sqlite3_column_int64(statement_, column); }
  std::string text(int column) const;
  bool is_null(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }

 private:
  sqlite3* database_;
  sqlite3_stmt* statement_;
};

class Database {
 public:
  struct Options {
    std::string path;
    std::string vfs;  // empty = the system's
    std::chrono::milliseconds busy_timeout{10'000};
  };
  /// Creates the file when there is none. Errors: kIo, kDenied.
  static Result<std::unique_ptr<Database>> open(const Options& options);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  /// Statements without parameters and rows.
  Result<void> execute(const char* sql);
  /// Write-ahead logging, which stays with the file. Two processes that switch at once make SQLite
  /// answer BUSY without waiting, so this waits, for at most the busy timeout.
  Result<void> use_write_ahead_log();
  /// Writes the write-ahead log once more, as it is, and syncs it: if a sync of an earlier process
  /// failed, the log is read as it was written but the disk may not have it. Within a write
  /// transaction. Errors: kIo.
  Result<void> rewrite_log();
  /// `sql` is a literal: its address names the prepared statement. Values bind to ?1, ?2 …
  template <class... Values>
  Result<Query> query(const char* sql, const Values&... values) {
    TRY(sqlite3_stmt * statement, prepare(sql));
    int index = 0;
    (bind(statement, ++index, values), ...);
    return Query(handle_, statement);
  }
  /// Rows changed since it was opened.
  std::int64_t changes() const { return sqlite3_total_changes64(handle_); }
  /// A query without rows.
  template <class... Values>
  Result<void> run(const char* sql, const Values&... values) {
    TRY(Query query, this->query(sql, values...));
    TRY([[maybe_unused]] const bool row, query.next());
    return {};
  }

 private:
  Database(sqlite3* handle, std::chrono::milliseconds busy_timeout)
      : handle_(handle), busy_timeout_(busy_timeout) {}
  Result<sqlite3_stmt*> prepare(const char* sql);
  static void bind(sqlite3_stmt* statement, int index, std::int64_t value);
  static void bind(sqlite3_stmt* statement, int index, std::string_view value);
  static void bind(sqlite3_stmt* statement, int index, Bytes value);
  static void bind(sqlite3_stmt* statement, int index, const std::optional<std::int64_t>& value);

  sqlite3* handle_;
  const std::chrono::milliseconds busy_timeout_;
  std::unordered_map<const char*, sqlite3_stmt*> statements_;
};

/// The last failure of a connection. kIo, kDenied; context.code is SQLite's name for it.
Error sqlite_error(sqlite3* database, int code);

}  // namespace telpher
