#include "store/local/group_commit.h"

#include "runtime/offload.h"
#include "store/read_body.h"

#include <utility>

namespace telpher {

/// Suspends until the write is done or it is its turn to lead the next batch.
struct GroupCommit::Turn {
  GroupCommit& group;
  IndexWrite& write;
  bool await_ready() { return !group.busy_; }
  void await_suspend(std::coroutine_handle<> task) { write.waiting = task; }
  void await_resume() {}
};

Task<Result<void>> GroupCommit::commit(IndexWrite& write) {
  Loop& loop = co_await current_loop();
  queue_.push_back(&write);
  co_await Turn{*this, write};
  if (!write.done) {
    // The first of the queue leads: it takes all that wait, and then names the next leader.
    busy_ = true;
    const std::vector<IndexWrite*> batch = std::exchange(queue_, {});
    co_await offload([&] {
      run(batch);
      return true;
    });
    busy_ = false;
    for (IndexWrite* other : batch) {
      other->done = true;
      if (other != &write) loop.schedule(other->waiting);
    }
    if (!queue_.empty()) {
      busy_ = true;  // nobody may slip in before the next leader runs
      loop.schedule(queue_.front()->waiting);
    }
  }
  if (write.error) co_return *std::move(write.error);
  co_return Result<void>();
}

void GroupCommit::run(const std::vector<IndexWrite*>& batch) {
  Result<void> result = store_bodies(batch);
  if (result) result = apply_all(batch);
  // The log may hold the room that is missing.
  if (!result && is_disk_full(result.error()) && index_.shorten_log()) result = apply_all(batch);
  if (!result && is_disk_full(result.error())) result = apply_removals(batch, result.error());
  if (result) {
    for (const IndexWrite* write : batch) {
      const Extent& extent = write->written.extent;
      if (!write->error && extent.length > 0) files_.settle(extent.file);
    }
    remove_unreferred();
    if (reserve_.is_missing() && index_.shorten_log()) reserve_.keep();
    return;
  }
  for (IndexWrite* write : batch) {
    if (!write->error) write->error = result.error();
  }
}

Result<void> GroupCommit::store_bodies(const std::vector<IndexWrite*>& batch) {
  std::vector<std::byte> bytes;
  for (IndexWrite* write : batch) {
    if (!write->small_body) continue;
    const Body& body = *write->small_body;
    const auto store = [&]() -> Result<void> {
      Bytes content = body.memory.first(body.fd < 0 ? body.size : 0);
      if (body.fd >= 0) {
        bytes.resize(body.size);
        TRY_VOID(read_exactly(body.fd, body.file_offset, bytes));
        content = bytes;
      }
      ContentDigester digester(write->digester);
      digester.update(content);
      TRY(write->written.digests, digester.finish());
      if (content.empty()) return {};
      TRY(write->written.extent, files_.append(content));
      return {};
    };
    const Result<void> stored = store();
    if (!stored) write->error = stored.error();
  }
  TRY_VOID(files_.sync_segment());
  return files_.sync_names();
}

Result<void> GroupCommit::apply_all(const std::vector<IndexWrite*>& batch) {
  TRY_VOID(index_.begin_write());
  bool committing = false;
  const auto apply = [&]() -> Result<void> {
    for (const FileId file : removed_) TRY_VOID(index_.forget_file(file));
    for (IndexWrite* write : batch) {
      if (write->error) continue;
      index_.begin_step();
      Result<void> applied = write->apply(index_);
      const bool clean = index_.end_step(applied.has_value());
      if (!applied && (!clean || is_disk_full(applied.error()))) return applied;  // all or nothing
      if (!applied) write->error = std::move(applied).error();
    }
    committing = true;
    return index_.commit();
  };
  Result<void> applied = apply();
  if (applied) {
    removed_.clear();
  } else {
    index_.roll_back();
    // What could not be synced may have got to the disk all the same: then the next to open finds
    // it committed, and needs the files it refers to.
    if (committing && applied.error().context.code.starts_with("SQLITE_IOERR")) {
      return files_.refuse_writes(applied.error());
    }
  }
  return applied;
}

/// What was to be written ends here; what frees room is tried again in the room of the reserve and,
/// when that is used up, of the log.
Result<void> GroupCommit::apply_removals(const std::vector<IndexWrite*>& batch, Error full) {
  bool any = false;
  for (IndexWrite* write : batch) {
    any = any || (write->frees && !write->error);
    if (!write->frees && !write->error) write->error = disk_full();
  }
  if (!any) return {};
  Result<void> applied = std::move(full);
  if (reserve_.give_up()) applied = apply_all(batch);
  if (!applied && is_disk_full(applied.error())) {
    applied = index_.shorten_log();
    if (applied) applied = apply_all(batch);
  }
  if (applied || !is_disk_full(applied.error())) return applied;
  return store_error(ErrorKind::kLimit, "InsufficientStorage", 507,
                     "the disk of the embedded store is full, and there is no room to note what "
                     "is removed: free 1 MiB on that disk and run the same command again");
}

void GroupCommit::remove_unreferred() {
  // What is not removed now is tried again: after the next batch, or by the next to open the store.
  const Result<std::vector<FileId>> files = index_.unreferred_files();
  if (!files) return;
  for (const FileId file : *files) {
    if (files_.remove_file(file)) removed_.push_back(file);
  }
}

}  // namespace telpher
