// Whatever stands in journal.db, opening and reading it ends with values or an error; and a journal
// that could be opened can be written.

#include "tests/fuzz/fuzz.h"
#include "tests/sim/crash_vfs.h"
#include "transfer/journal.h"

#include <string>

namespace telpher {
namespace {

Task<Result<void>> use(std::string vfs) {
  JournalOptions options{.path = "journal.db", .vfs = std::move(vfs), .owner = "fuzz"};
  options.is_alive = [](const std::string&) { return false; };
  CO_TRY(const auto journal, co_await open_journal(std::move(options)));
  Loop& loop = co_await current_loop();
  CO_TRY(const auto entries, co_await journal->unfinished());
  for (const JournalEntry& entry : entries) {
    CO_TRY(const auto parts, co_await journal->parts(entry.id));
    for (const JournalPart& part : parts) CHECK(part.number >= 1);
    CO_TRY_VOID(co_await journal->set_upload_id(entry.id, "u"));
    CO_TRY_VOID(co_await journal->finish(entry.id, FinishedTransfer{}));
  }
  CO_TRY(const auto lease, co_await journal->acquire("d", loop.now()));
  CO_TRY(const std::string id, co_await journal->begin({.destination = "d"}));
  journal->part_done(id, {1, 1, "e", "d"});
  CO_TRY(const auto mine, co_await journal->parts(id));
  CO_TRY([[maybe_unused]] const auto finished, co_await journal->last_finished("d"));
  co_return co_await journal->close();
}

}  // namespace
}  // namespace telpher

FUZZ(std::string_view input) {
  sim::CrashDisk disk;
  sim::Machine machine(disk);
  disk.create("journal.db")->write(0, input);
  sim::CrashVfs vfs(machine);
  Loop loop(Loop::Mode::kVirtual, 1);
  const Result<void> used = loop.run(use(vfs.name()));
  CHECK(used.has_value() || !used.error().message.empty());
}
