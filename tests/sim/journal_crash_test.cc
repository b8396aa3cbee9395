// The journal on a disk that loses what was not synced: whatever it acknowledged as synced must be
// there after a power cut at any write, sync, creation or deletion.

#include "tests/sim/crash_vfs.h"
#include "transfer/journal.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace telpher::sim {
namespace {

using namespace std::chrono_literals;

constexpr int kTransfers = 6;

/// What the journal has acknowledged.
struct Acknowledged {
  struct Transfer {
    std::string upload_id;
    std::string state;
    bool may_be_gone = false;  // finish() was called
  };
  std::map<std::string, Transfer> transfers;
  int steps = 0;
};

Task<Result<void>> one_transfer(Journal* journal, int index, Acknowledged* seen) {
  const std::string name = "destination-" + std::to_string(index % 3);
  Loop& loop = co_await current_loop();
  CO_TRY(const auto lease, co_await journal->acquire(name, loop.now()));
  JournalEntry entry{.kind = "upload", .destination = name, .object = {"b", "k"}, .size = 100};
  CO_TRY(const std::string id, co_await journal->begin(entry));
  seen->transfers[id] = {"", "begun"};
  CO_TRY_VOID(co_await journal->set_upload_id(id, "upload-" + id));
  seen->transfers[id] = {"upload-" + id, "open"};
  for (int part = 1; part <= 150; ++part) journal->part_done(id, {part, 1, "e", "d"});
  CO_TRY_VOID(co_await journal->completing(id, "what it will be"));
  seen->transfers[id].state = "completing";
  seen->transfers[id].may_be_gone = index % 2 == 0;
  if (index % 2 == 0) CO_TRY_VOID(co_await journal->finish(id, FinishedTransfer{}));
  co_return Result<void>();
}

Task<Result<void>> session(CrashVfs* vfs, Acknowledged* seen) {
  JournalOptions options{.path = "journal.db", .vfs = vfs->name(), .owner = vfs->name()};
  options.is_alive = [](const std::string&) { return false; };
  CO_TRY(const auto journal, co_await open_journal(options));
  for (int i = 0; i < kTransfers; ++i) CO_TRY_VOID(co_await one_transfer(journal.get(), i, seen));
  co_return co_await journal->close();
}

Task<Result<std::vector<JournalEntry>>> what_is_left(CrashVfs* vfs, int* parts) {
  JournalOptions options{.path = "journal.db", .vfs = vfs->name(), .owner = vfs->name()};
  options.is_alive = [](const std::string&) { return false; };
  CO_TRY(const auto journal, co_await open_journal(options));
  Loop& loop = co_await current_loop();
  for (int i = 0; i < 3; ++i) {
    CO_TRY(const auto lease,
           co_await journal->acquire("destination-" + std::to_string(i), loop.now()));
  }
  CO_TRY(std::vector<JournalEntry> entries, co_await journal->unfinished());
  for (const JournalEntry& entry : entries) {
    CO_TRY(const auto hints, co_await journal->parts(entry.id));
    *parts += static_cast<int>(hints.size());
  }
  CO_TRY_VOID(co_await journal->close());
  co_return entries;
}

/// How the session ends at `step`; 0 = it does not. Returns whether it came to its end.
enum class Ending { kKilled, kPowerCut, kPowerCutWithLuck };

bool survives(Ending ending, int step) {
  CrashDisk disk;
  Machine machine(disk);
  Acknowledged seen;
  Random luck(static_cast<std::uint64_t>(step));
  bool ended = false;
  {
    CrashVfs vfs(machine);
    vfs.kill_at(step);
    Loop loop(Loop::Mode::kVirtual, 1);
    ended = loop.run(session(&vfs, &seen)).has_value();
  }
  if (ending != Ending::kKilled) {
    machine.power_cut(ending == Ending::kPowerCut ? nullptr : &luck);
  }
  CrashVfs vfs(machine);
  Loop loop(Loop::Mode::kVirtual, 2);
  int parts = 0;
  const auto left = loop.run(what_is_left(&vfs, &parts));
  EXPECT_TRUE(left) << left.error().message;
  if (!left) return ended;
  std::map<std::string, JournalEntry> entries;
  for (const JournalEntry& entry : *left) entries[entry.id] = entry;
  for (const auto& [id, transfer] : seen.transfers) {
    const auto found = entries.find(id);
    if (found == entries.end()) {
      EXPECT_TRUE(transfer.may_be_gone) << id << " was forgotten";
      continue;
    }
    if (!transfer.upload_id.empty()) EXPECT_EQ(found->second.upload_id, transfer.upload_id);
    if (transfer.state == "completing") EXPECT_EQ(found->second.expected, "what it will be");
  }
  if (ended && ending == Ending::kKilled) EXPECT_EQ(parts, 150 * kTransfers / 2);
  return ended;
}

class JournalCrash : public testing::TestWithParam<Ending> {};

TEST_P(JournalCrash, KeepsWhatItAcknowledged) {
  int steps = 1;
  while (!survives(GetParam(), steps)) {
    if (HasFailure()) FAIL() << "crash at step " << steps;
    ASSERT_LT(++steps, 5000);
  }
  EXPECT_GT(steps, 100);
}

std::string name_of(const testing::TestParamInfo<Ending>& info) {
  constexpr std::array kNames = {"Killed", "PowerCut", "PowerCutWithLuck"};
  return kNames[static_cast<std::size_t>(info.param)];
}

INSTANTIATE_TEST_SUITE_P(Endings, JournalCrash,
                         testing::Values(Ending::kKilled, Ending::kPowerCut,
                                         Ending::kPowerCutWithLuck),
                         name_of);

}  // namespace
}  // namespace telpher::sim
