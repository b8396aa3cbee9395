#include "upload/tus_table.h"

#include "runtime/offload.h"

#include <cstring>

namespace telpher {
namespace {

constexpr std::int64_t kVersion = 1;
constexpr const char* kSchema = R"(
  CREATE TABLE uploads(
    id TEXT PRIMARY KEY, owner TEXT NOT NULL, bucket TEXT NOT NULL, key TEXT NOT NULL,
    only_new INTEGER NOT NULL, name TEXT NOT NULL, declared TEXT NOT NULL, metadata TEXT NOT NULL,
    concat TEXT NOT NULL, type TEXT NOT NULL, length INTEGER, part_size INTEGER NOT NULL,
    "offset" INTEGER NOT NULL, upload_id TEXT NOT NULL, beginning INTEGER NOT NULL,
    done INTEGER NOT NULL, created INTEGER NOT NULL, expires INTEGER NOT NULL) WITHOUT ROWID;
  CREATE INDEX uploads_by_expiry ON uploads(expires);
  CREATE TABLE parts(
    id TEXT NOT NULL, number INTEGER NOT NULL, size INTEGER NOT NULL, etag TEXT NOT NULL,
    digest TEXT NOT NULL, PRIMARY KEY(id, number)) WITHOUT ROWID;
  CREATE TABLE tails(
    id TEXT NOT NULL, end INTEGER NOT NULL, bytes BLOB NOT NULL, PRIMARY KEY(id, end));)";

std::int64_t to_us(WallTime time) {
  return std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch()).count();
}
WallTime from_us(std::int64_t us) {
  return WallTime(std::chrono::duration_cast<WallTime::duration>(std::chrono::microseconds(us)));
}
std::int64_t signed_of(ByteCount bytes) { return static_cast<std::int64_t>(bytes); }
ByteCount bytes_of(std::int64_t number) { return static_cast<ByteCount>(number); }

/// All or nothing.
template <class F>
Result<void> in_transaction(Database& database, F change) {
  TRY_VOID(database.run("BEGIN IMMEDIATE"));
  Result<void> changed = change();
  if (changed) changed = database.run("COMMIT");
  if (!changed) (void)!database.run("ROLLBACK").has_value();
  return changed;
}

Result<void> write_record(Database& database, const TusRecord& record) {
  std::optional<std::int64_t> length;
  if (record.length) length = signed_of(*record.length);
  return database.run(
      "INSERT OR REPLACE INTO uploads VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,"
      "?16,?17,?18)",
      record.id, record.owner, record.object.bucket, record.object.key,
      std::int64_t{record.only_new}, record.name, record.declared, record.metadata, record.concat,
      record.type, length, signed_of(record.part_size), signed_of(record.offset), record.upload_id,
      std::int64_t{record.beginning}, std::int64_t{record.done}, to_us(record.created),
      to_us(record.expires));
}

Result<std::optional<TusRecord>> read_record(Database& database, const std::string& id) {
  TRY(Query row, database.query("SELECT * FROM uploads WHERE id=?1", id));
  TRY(const bool found, row.next());
  if (!found) return std::optional<TusRecord>();
  TusRecord record{.id = row.text(0),
                   .owner = row.text(1),
                   .object = {row.text(2), row.text(3)},
                   .only_new = row.integer(4) != 0,
                   .name = row.text(5),
                   .declared = row.text(6),
                   .metadata = row.text(7),
                   .concat = row.text(8),
                   .type = row.text(9),
                   .length = std::nullopt,
                   .part_size = bytes_of(row.integer(11)),
                   .offset = bytes_of(row.integer(12)),
                   .upload_id = row.text(13),
                   .beginning = row.integer(14) != 0,
                   .done = row.integer(15) != 0,
                   .created = from_us(row.integer(16)),
                   .expires = from_us(row.integer(17))};
  if (!row.is_null(10)) record.length = bytes_of(row.integer(10));
  return record;
}

Result<std::vector<PartInfo>> read_parts(Database& database, const std::string& id) {
  TRY(Query row, database.query("SELECT number, size, etag, digest FROM parts WHERE id=?1 "
                                "ORDER BY number",
                                id));
  std::vector<PartInfo> parts;
  for (;;) {
    TRY(const bool found, row.next());
    if (!found) return parts;
    PartInfo part;
    part.number = static_cast<PartNumber>(row.integer(0));
    part.size = bytes_of(row.integer(1));
    part.etag = row.text(2);
    const Result<Digest> digest = Digest::from_hex(ChecksumAlgorithm::kCrc64Nvme, row.text(3));
    if (digest) part.checksum = *digest;
    parts.push_back(std::move(part));
  }
}

Result<void> write_change(Database& database, const TusChange& change) {
  const TusRecord& record = *change.record;
  TRY_VOID(write_record(database, record));
  for (const PartInfo& part : change.new_parts) {
    TRY_VOID(database.run("INSERT OR REPLACE INTO parts VALUES(?1,?2,?3,?4,?5)", record.id,
                          std::int64_t{part.number}, signed_of(part.size), part.etag,
                          part.checksum ? part.checksum->to_hex() : std::string()));
  }
  if (change.drop_tail) TRY_VOID(database.run("DELETE FROM tails WHERE id=?1", record.id));
  if (change.new_tail.empty()) return {};
  return database.run("INSERT INTO tails VALUES(?1,?2,?3)", record.id, signed_of(record.offset),
                      change.new_tail);
}

Result<void> migrate(Database& database, const std::string& path) {
  TRY_VOID(database.use_write_ahead_log());
  TRY_VOID(database.execute("PRAGMA synchronous=FULL"));
  return in_transaction(database, [&]() -> Result<void> {
    std::int64_t version = 0;
    {
      TRY(Query row, database.query("PRAGMA user_version"));
      TRY(const bool found, row.next());
      if (found) version = row.integer(0);
    }
    if (version == kVersion) return {};
    if (version != 0) {
      return make_error(ErrorKind::kUnsupported,
                        "'" + path + "' was written by a newer version of telpher. Update telpher");
    }
    TRY_VOID(database.execute(kSchema));
    return database.execute(("PRAGMA user_version=" + std::to_string(kVersion)).c_str());
  });
}

}  // namespace

ByteCount TusState::parts_end() const {
  ByteCount end = 0;
  for (const PartInfo& part : parts) end += part.size;
  return end;
}

Result<std::unique_ptr<TusTable>> TusTable::open(const std::string& path) {
  TRY(std::unique_ptr<Database> database, Database::open({.path = path, .vfs = {}}));
  TRY_VOID(migrate(*database, path));
  return std::unique_ptr<TusTable>(new TusTable(std::move(database)));
}

template <class F>
auto TusTable::run(F function) -> Task<std::invoke_result_t<F, Database&>> {
  CO_TRY(const Semaphore::Permit permit, co_await turn_.acquire());
  co_return co_await offload([&] { return function(*database_); });
}

Task<Result<std::optional<TusState>>> TusTable::find(std::string id) {
  const auto look = [&id](Database& database) -> Result<std::optional<TusState>> {
    TRY(std::optional<TusRecord> record, read_record(database, id));
    if (!record) return std::optional<TusState>();
    TRY(std::vector<PartInfo> parts, read_parts(database, id));
    return TusState{*std::move(record), std::move(parts)};
  };
  co_return co_await run(look);
}

Task<Result<void>> TusTable::create(const TusRecord* record) { co_return co_await save({record}); }

Task<Result<void>> TusTable::save(TusChange change) {
  const auto write = [&change](Database& database) {
    return in_transaction(database, [&] { return write_change(database, change); });
  };
  co_return co_await run(write);
}

Task<Result<void>> TusTable::remove(std::string id) {
  const auto forget = [&id](Database& database) {
    return in_transaction(database, [&]() -> Result<void> {
      TRY_VOID(database.run("DELETE FROM uploads WHERE id=?1", id));
      TRY_VOID(database.run("DELETE FROM parts WHERE id=?1", id));
      return database.run("DELETE FROM tails WHERE id=?1", id);
    });
  };
  co_return co_await run(forget);
}

Task<Result<void>> TusTable::read_tail(std::string id, MutableBytes place) {
  const auto read = [&id, place](Database& database) -> Result<void> {
    TRY(Query row, database.query("SELECT bytes FROM tails WHERE id=?1 ORDER BY end", id));
    MutableBytes rest = place;
    for (;;) {
      TRY(const bool found, row.next());
      if (!found) break;
      const std::string bytes = row.text(0);
      if (bytes.size() > rest.size()) break;
      std::memcpy(rest.data(), bytes.data(), bytes.size());
      rest = rest.subspan(bytes.size());
    }
    if (rest.empty()) return {};
    return make_error(ErrorKind::kIo, "the kept bytes of an upload are not what was written");
  };
  co_return co_await run(read);
}

Task<Result<std::vector<std::string>>> TusTable::due(WallTime now) {
  const std::int64_t time = to_us(now);
  const auto look = [time](Database& database) -> Result<std::vector<std::string>> {
    TRY(Query row,
        database.query("SELECT id FROM uploads WHERE expires<=?1 OR (done=0 AND \"offset\"=length)",
                       time));
    std::vector<std::string> ids;
    for (;;) {
      TRY(const bool found, row.next());
      if (!found) return ids;
      ids.push_back(row.text(0));
    }
  };
  co_return co_await run(look);
}

}  // namespace telpher
