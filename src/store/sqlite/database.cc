#include "store/sqlite/database.h"

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

namespace telpher {

Error sqlite_error(sqlite3* database, int code) {
  const int primary = code & 0xff;
  ErrorKind kind = ErrorKind::kIo;
  if (primary == SQLITE_PERM || primary == SQLITE_AUTH || primary == SQLITE_READONLY) {
    kind = ErrorKind::kDenied;
  }
  if (primary == SQLITE_CANTOPEN && database) {
    const int reason = sqlite3_system_errno(database);
    if (reason == EACCES || reason == EPERM) kind = ErrorKind::kDenied;
  }
  std::string message = sqlite3_errstr(code);
  if (database && sqlite3_extended_errcode(database) == code) message = sqlite3_errmsg(database);
  Error error = make_error(kind, std::move(message));
  if (primary == SQLITE_BUSY || primary == SQLITE_LOCKED) {
    error.persistence = Persistence::kTemporary;
  }
  switch (primary) {
    case SQLITE_BUSY: error.context.code = "SQLITE_BUSY"; break;
    case SQLITE_CORRUPT: error.context.code = "SQLITE_CORRUPT"; break;
    case SQLITE_NOTADB: error.context.code = "SQLITE_NOTADB"; break;
    case SQLITE_FULL: error.context.code = "SQLITE_FULL"; break;
    case SQLITE_IOERR:
      // The log's index cannot grow: no room.
      error.context.code = code == SQLITE_IOERR_SHMSIZE ? "SQLITE_IOERR_SHMSIZE" : "SQLITE_IOERR";
      break;
    case SQLITE_ERROR: error.context.code = "SQLITE_ERROR"; break;
    case SQLITE_CANTOPEN:
      // Out of descriptors is another matter than a file that is not there.
      if (database &&
          (sqlite3_system_errno(database) == EMFILE || sqlite3_system_errno(database) == ENFILE)) {
        return make_errno_error(sqlite3_system_errno(database), "open a database");
      }
      [[fallthrough]];
    default: error.context.code = "SQLITE_" + std::to_string(code); break;
  }
  return error;
}

Result<bool> Query::next() {
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return sqlite_error(database_, sqlite3_extended_errcode(database_));
}

std::string Query::text(int column) const {
  const void* bytes = sqlite3_column_blob(statement_, column);
  const int size = sqlite3_column_bytes(statement_, column);
  return bytes ? std::string(static_cast<const char*>(bytes), static_cast<std::size_t>(size))
               : std::string();
}

Result<std::unique_ptr<Database>> Database::open(const Options& options) {
  sqlite3* handle = nullptr;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  const int code = sqlite3_open_v2(options.path.c_str(), &handle, flags,
                                   options.vfs.empty() ? nullptr : options.vfs.c_str());
  std::unique_ptr<Database> database(new Database(handle, options.busy_timeout));
  if (code != SQLITE_OK) {
    return sqlite_error(handle, handle ? sqlite3_extended_errcode(handle) : code);
  }
  sqlite3_extended_result_codes(handle, 1);
  sqlite3_busy_timeout(handle, static_cast<int>(options.busy_timeout.count()));
  // What stands in the file is data, whoever wrote it.
  sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  // The next one to open reads the log; a short-lived process need not wait for the disk to end.
  sqlite3_db_config(handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  return database;
}

Database::~Database() {
  for (auto& [sql, statement] : statements_) sqlite3_finalize(statement);
  sqlite3_close_v2(handle_);
}

Result<void> Database::execute(const char* sql) {
  const int code = sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return sqlite_error(handle_, sqlite3_extended_errcode(handle_));
  return {};
}

Result<void> Database::use_write_ahead_log() {
  constexpr std::chrono::milliseconds kPause(5);
  for (auto waited = std::chrono::milliseconds(0);; waited += kPause) {
    Result<void> switched = execute("PRAGMA journal_mode = WAL");
    if (switched || !switched.error().is_temporary() || waited >= busy_timeout_) return switched;
    sqlite3_sleep(static_cast<int>(kPause.count()));
  }
}

Result<void> Database::rewrite_log() {
  sqlite3_file* log = nullptr;
  sqlite3_file_control(handle_, "main", SQLITE_FCNTL_JOURNAL_POINTER, static_cast<void*>(&log));
  if (!log || !log->pMethods) return {};
  sqlite3_int64 size = 0;
  int code = log->pMethods->xFileSize(log, &size);
  std::vector<char> buffer(64 * 1024);  // its files take less than 128 KiB at once
  for (sqlite3_int64 at = 0; code == SQLITE_OK && at < size;) {
    const int count =
        static_cast<int>(std::min<sqlite3_int64>(size - at, static_cast<int>(buffer.size())));
    code = log->pMethods->xRead(log, buffer.data(), count, at);
    if (code == SQLITE_OK) code = log->pMethods->xWrite(log, buffer.data(), count, at);
    at += count;
  }
  if (code == SQLITE_OK) code = log->pMethods->xSync(log, SQLITE_SYNC_NORMAL);
  if (code != SQLITE_OK) return sqlite_error(nullptr, code);
  return {};
}

Result<sqlite3_stmt*> Database::prepare(const char* sql) {
  sqlite3_stmt*& statement = statements_[sql];
  if (!statement) {
    const int code =
        sqlite3_prepare_v3(handle_, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
    if (code != SQLITE_OK) return sqlite_error(handle_, sqlite3_extended_errcode(handle_));
  }
  return statement;
}

void Database::bind(sqlite3_stmt* statement, int index, std::int64_t value) {
  sqlite3_bind_int64(statement, index, value);
}

void Database::bind(sqlite3_stmt* statement, int index, std::string_view value) {
  // An empty view may have no address, which SQLite would take for NULL.
  sqlite3_bind_text64(statement, index, value.data() ? value.data() : "", value.size(),
                      SQLITE_TRANSIENT, SQLITE_UTF8);
}

void Database::bind(sqlite3_stmt* statement, int index, Bytes value) {
  sqlite3_bind_blob64(statement, index, value.empty() ? "" : static_cast<const void*>(value.data()),
                      value.size(), SQLITE_TRANSIENT);
}

void Database::bind(sqlite3_stmt* statement, int index, const std::optional<std::int64_t>& value) {
  if (value) {
    sqlite3_bind_int64(statement, index, *value);
  } else {
    sqlite3_bind_null(statement, index);
  }
}

}  // namespace telpher
