#pragma once
// The journal in a SQLite file. Made by open_journal(); one owner, one loop. Statements run on a
// worker thread, one batch at a time.

#include "store/sqlite/worker.h"
#include "transfer/journal.h"

#include <memory>

namespace telpher {

class SqliteJournal : public Journal {
 public:
  SqliteJournal(Loop& loop, std::unique_ptr<Database> database, const JournalOptions& options);
  /// Writes what waits; leases may outlive it.
  ~SqliteJournal() override;

  Task<Result<std::unique_ptr<Lease>>> acquire(std::string destination,
                                               TimePoint deadline) override;
  Task<Result<std::string>> begin(JournalEntry entry) override;
  Task<Result<void>> set_upload_id(std::string id, std::string upload_id) override;
  void part_done(std::string id, JournalPart part) override;
  Task<Result<void>> completing(std::string id, std::string expected) override;
  Task<Result<void>> finish(std::string id, std::optional<FinishedTransfer> finished) override;
  Task<Result<std::vector<JournalEntry>>> unfinished() override;
  Task<Result<std::vector<JournalEntry>>> unfinished_at(std::string destination) override;
  Task<Result<std::vector<JournalPart>>> parts(std::string id) override;
  Task<Result<std::optional<FinishedTransfer>>> last_finished(std::string destination) override;
  Task<Result<void>> close() override;

 private:
  class State;
  class HeldLease;
  /// Of destinations in [first, last], in byte order.
  Task<Result<std::vector<JournalEntry>>> entries_between(std::string first, std::string last);
  std::shared_ptr<State> state_;
};

}  // namespace telpher
