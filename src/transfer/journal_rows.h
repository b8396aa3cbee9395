#pragma once
// The journal's rows as values: each function is one or two statements within the transaction of
// whoever calls. On the worker's thread.

#include "runtime/loop.h"
#include "store/sqlite/database.h"
#include "transfer/journal.h"

#include <optional>
#include <string>
#include <vector>

namespace telpher {

/// Times are stored as microseconds since 1970.
std::int64_t to_microseconds(WallTime time);
WallTime from_microseconds(std::int64_t count);

Result<void> insert_entry(Database& database, const JournalEntry& entry);
/// Errors: kNotFound when there is no such entry.
Result<void> require_entry(Database& database, const std::string& id);
/// With its parts; what became of it is kept when told.
Result<void> remove_entry(Database& database, const std::string& id,
                          const std::optional<FinishedTransfer>& finished);

struct EntryRow {
  JournalEntry entry;  // `held` not filled in
  std::string owner;   // of the lease on its destination; empty = none
  WallTime owner_last_alive{};
};
/// Of destinations in [first, last], in byte order; the oldest first.
Result<std::vector<EntryRow>> select_entries(Database& database, const std::string& first,
                                             const std::string& last);

/// Does nothing when the entry is gone: the hint came late.
Result<void> upsert_part(Database& database, const std::string& id, const JournalPart& part);
Result<std::vector<JournalPart>> select_parts(Database& database, const std::string& id);

Result<std::optional<FinishedTransfer>> select_finished(Database& database,
                                                        const std::string& destination);

}  // namespace telpher
