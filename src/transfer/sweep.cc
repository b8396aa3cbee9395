#include "transfer/sweep.h"

#include "runtime/loop.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace telpher {
namespace {

constexpr std::chrono::seconds kClockSkew{60};  // between our clock and the store's

/// One destination: its lease is taken, and what is still unfinished there is discarded.
Task<Result<void>> sweep_destination(Journal* journal, ObjectStore* store, std::string destination,
                                     SweepResult* swept) {
  Loop& loop = co_await current_loop();
  Result<std::unique_ptr<Journal::Lease>> lease =
      co_await journal->acquire(destination, loop.now());
  if (!lease && lease.error().kind == ErrorKind::kConflict) {
    ++swept->busy;
    co_return Result<void>();
  }
  if (!lease) co_return std::move(lease).error();
  CO_TRY(std::vector<JournalEntry> entries, co_await journal->unfinished_at(destination));
  for (JournalEntry& entry : entries) {
    CO_TRY_VOID(co_await discard_transfer(*journal, *store, std::move(entry)));
    ++swept->ended;
  }
  co_return Result<void>();
}

}  // namespace

bool is_upload_of(const JournalEntry& entry, const UploadInfo& upload) {
  if (entry.kind == "download" || upload.key != entry.object.key) return false;
  if (!entry.upload_id.empty()) return upload.upload_id == entry.upload_id;
  const auto first = std::chrono::floor<std::chrono::seconds>(entry.created) - kClockSkew;
  const auto last = std::max(entry.created, entry.last_alive) + kClockSkew;
  return upload.initiated >= first && upload.initiated <= last;
}

Task<Result<void>> abort_uploads(ObjectStore& store, std::string bucket, std::string prefix,
                                 std::function<bool(const UploadInfo&)> wanted) {
  ListUploadsOptions page{.prefix = std::move(prefix)};
  do {
    CO_TRY(UploadsPage uploads, co_await store.list_uploads(bucket, page));
    for (const UploadInfo& upload : uploads.uploads) {
      if (!wanted(upload)) continue;
      CO_TRY_VOID(co_await store.abort({bucket, upload.key}, upload.upload_id));
    }
    page.key_marker = std::move(uploads.key_marker);
    page.upload_id_marker = std::move(uploads.upload_id_marker);
  } while (!page.key_marker.empty());
  co_return Result<void>();
}

namespace {

/// What a process sent arrives although the process has died, and what waits in the store is
/// carried out. Who looks before that finds nothing, and nobody would look again.
Task<Result<void>> let_late_requests_arrive(WallTime last_alive) {
  constexpr auto kUnderWay = 2 * kHeartbeat + kLateArrival;  // one heartbeat may have come late
  Loop& loop = co_await current_loop();
  if (loop.wall_now() - last_alive > kUnderWay) co_return Result<void>();
  co_return co_await sleep_for(kLateArrival);
}

/// Ends the uploads that a process began for `entry` and died before their ids reached the journal:
/// those that is_upload_of() knows.
Task<Result<void>> abort_forgotten_uploads(ObjectStore& store, JournalEntry entry) {
  CO_TRY_VOID(co_await let_late_requests_arrive(std::max(entry.created, entry.last_alive)));
  co_return co_await abort_uploads(
      store, entry.object.bucket, entry.object.key,
      [&entry](const UploadInfo& upload) { return is_upload_of(entry, upload); });
}

}  // namespace

Task<Result<void>> discard_transfer(Journal& journal, ObjectStore& store, JournalEntry entry) {
  if (entry.kind == "download") co_return co_await journal.finish(entry.id, std::nullopt);
  if (entry.upload_id.empty()) {
    const Result<void> looked = co_await abort_forgotten_uploads(store, entry);
    // Who may not look would never get past this entry.
    if (!looked && looked.error().kind != ErrorKind::kDenied) co_return looked;
  } else {
    CO_TRY_VOID(co_await store.abort(entry.object, entry.upload_id));
  }
  co_return co_await journal.finish(entry.id, std::nullopt);
}

Task<Result<SweepResult>> sweep_journal(Journal& journal, ObjectStore& store,
                                        std::string destination_prefix) {
  CO_TRY(std::vector<JournalEntry> entries, co_await journal.unfinished());
  SweepResult swept;
  std::optional<Error> failed;
  std::string last;
  for (const JournalEntry& entry : entries) {
    if (!entry.destination.starts_with(destination_prefix) || entry.kind == "download") continue;
    if (entry.destination == last) continue;
    last = entry.destination;
    Result<void> done = co_await sweep_destination(&journal, &store, last, &swept);
    if (!done && !failed) failed = std::move(done).error();
  }
  if (failed) co_return *std::move(failed);
  co_return swept;
}

}  // namespace telpher
