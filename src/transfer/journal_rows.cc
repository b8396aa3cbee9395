#include "transfer/journal_rows.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace telpher {
namespace {

constexpr const char* kEntries =
    "SELECT e.id, e.kind, e.source, e.source_hash, e.destination, e.bucket, e.key, e.size, "
    "e.validator, e.part_size, e.checksum, e.upload_id, e.command, e.state, e.expected, e.created, "
    "e.last_alive, l.owner, l.last_alive "
    "FROM entries e LEFT JOIN leases l ON l.destination = e.destination "
    "WHERE e.destination BETWEEN ?1 AND ?2 ORDER BY e.created, e.id";

std::int64_t to_column(ByteCount value) { return static_cast<std::int64_t>(value); }
ByteCount to_bytes(std::int64_t value) {
  return static_cast<ByteCount>(std::max<std::int64_t>(value, 0));
}

JournalEntry read_entry(const Query& row) {
  JournalEntry entry;
  entry.id = row.text(0);
  entry.kind = row.text(1);
  entry.source = row.text(2);
  entry.source_hash = row.text(3);
  entry.destination = row.text(4);
  entry.object = {row.text(5), row.text(6)};
  if (!row.is_null(7)) entry.size = to_bytes(row.integer(7));
  entry.validator = row.text(8);
  entry.part_size = to_bytes(row.integer(9));
  entry.checksum = row.text(10);
  entry.upload_id = row.text(11);
  entry.command = row.text(12);
  entry.state = row.text(13);
  entry.expected = row.text(14);
  entry.created = from_microseconds(row.integer(15));
  entry.last_alive = from_microseconds(row.integer(16));
  return entry;
}

}  // namespace

std::int64_t to_microseconds(WallTime time) {
  return std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch()).count();
}

WallTime from_microseconds(std::int64_t count) {
  return WallTime(std::chrono::duration_cast<WallTime::duration>(std::chrono::microseconds(count)));
}

Result<void> insert_entry(Database& database, const JournalEntry& entry) {
  const std::optional<std::int64_t> size =
      entry.size ? std::optional(to_column(*entry.size)) : std::nullopt;
  return database.run(
      "INSERT INTO entries VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17)",
      entry.id, entry.kind, entry.source, entry.source_hash, entry.destination, entry.object.bucket,
      entry.object.key, size, entry.validator, to_column(entry.part_size), entry.checksum,
      entry.upload_id, entry.command, entry.state, entry.expected, to_microseconds(entry.created),
      to_microseconds(entry.last_alive));
}

Result<void> require_entry(Database& database, const std::string& id) {
  TRY(Query query, database.query("SELECT 1 FROM entries WHERE id=?1", id));
  TRY(const bool found, query.next());
  if (!found) return make_error(ErrorKind::kNotFound, "no unfinished transfer '" + id + "'");
  return {};
}

Result<void> remove_entry(Database& database, const std::string& id,
                          const std::optional<FinishedTransfer>& finished) {
  if (finished) {
    TRY_VOID(
        database.run("INSERT OR REPLACE INTO finished "
                     "SELECT destination, ?2, ?3, ?4, ?5, ?6 FROM entries WHERE id=?1",
                     id, finished->source_hash, finished->validator, finished->etag,
                     to_column(finished->size), to_microseconds(finished->finished)));
  }
  TRY_VOID(database.run("DELETE FROM parts WHERE id=?1", id));
  return database.run("DELETE FROM entries WHERE id=?1", id);
}

Result<std::vector<EntryRow>> select_entries(Database& database, const std::string& first,
                                             const std::string& last) {
  std::vector<EntryRow> rows;
  TRY(Query query, database.query(kEntries, first, last));
  for (;;) {
    TRY(const bool row, query.next());
    if (!row) return rows;
    rows.push_back({read_entry(query), query.text(17), from_microseconds(query.integer(18))});
  }
}

Result<void> upsert_part(Database& database, const std::string& id, const JournalPart& part) {
  return database.run(
      "INSERT OR REPLACE INTO parts SELECT ?1, ?2, ?3, ?4, ?5 "
      "WHERE EXISTS (SELECT 1 FROM entries WHERE id=?1)",
      id, std::int64_t{part.number}, to_column(part.size), part.etag, part.digest);
}

Result<std::vector<JournalPart>> select_parts(Database& database, const std::string& id) {
  std::vector<JournalPart> parts;
  TRY(Query query,
      database.query("SELECT number, size, etag, digest FROM parts WHERE id=?1 ORDER BY number",
                     id));
  for (;;) {
    TRY(const bool row, query.next());
    if (!row) return parts;
    const std::int64_t number = query.integer(0);
    if (number < 1 || number > std::numeric_limits<PartNumber>::max()) continue;
    parts.push_back({static_cast<PartNumber>(number), to_bytes(query.integer(1)), query.text(2),
                     query.text(3)});
  }
}

Result<std::optional<FinishedTransfer>> select_finished(Database& database,
                                                        const std::string& destination) {
  TRY(Query query, database.query("SELECT source_hash, validator, etag, size, finished "
                                  "FROM finished WHERE destination=?1",
                                  destination));
  TRY(const bool row, query.next());
  if (!row) return std::optional<FinishedTransfer>();
  return std::optional(FinishedTransfer{query.text(0), query.text(1), query.text(2),
                                        to_bytes(query.integer(3)),
                                        from_microseconds(query.integer(4))});
}

}  // namespace telpher
