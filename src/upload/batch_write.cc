// Writing the files of a batch, and undoing it.

#include "base/units.h"
#include "upload/batch_run.h"

namespace telpher {
namespace {

constexpr int kKeysMax = 1'000;  // tried for one file

/// The call may have done its work all the same.
bool is_doubtful(const Error& error) {
  return error.kind == ErrorKind::kNetwork || error.kind == ErrorKind::kTimeout ||
         error.kind == ErrorKind::kCancelled || error.kind == ErrorKind::kServer;
}

/// Cancels a group after some time.
struct GroupLimit : Timer {
  explicit GroupLimit(TaskGroup& of)
      : Timer([](Timer& timer) { static_cast<GroupLimit&>(timer).group.cancel(); }), group(of) {}
  TaskGroup& group;
};

}  // namespace

ObjectDraft BatchRun::draft_of(const BatchFile& file) const {
  return {.object = file.object, .media_type = file.type, .only_new = true};
}

Result<void> BatchRun::take_next_key(BatchFile* file) {
  file->object = {bucket_, batch_.keys_.next(bucket_, prefix_, loop_.wall_now(),
                                             safe_object_name(file->original_name))};
  if (caller_.may(file->object)) return {};
  return refuse_request(403, "This key may not write to " + bucket_ + "/" + prefix_);
}

Task<Result<Semaphore::Permit>> BatchRun::turn() {
  co_return co_await batch_.puts_.acquire(1, loop_.now() + options_.patience);
}

Task<Result<void>> BatchRun::write_file(BatchFile* file) {
  if (options_.metrics) options_.metrics->in_flight.add(1);
  const Result<void> written = co_await write_pieces(file);
  if (!written) file->fail(written.error());
  // Whoever waits to hand over another piece is let go.
  file->pieces.close();
  while (const auto piece = co_await file->pieces.pop()) {
    if (!*piece) break;
  }
  if (options_.metrics) options_.metrics->in_flight.add(-1);
  record(*file);
  co_return Result<void>();  // the failure of one file is not the others'
}

Task<Result<void>> BatchRun::write_pieces(BatchFile* file) {
  CO_TRY(std::optional<Piece> first, co_await file->pieces.pop());
  if (!first || file->failure) co_return to_result(WaitOutcome::kCancelled);
  if (first->last) co_return co_await write_whole(file, *std::move(first));
  co_return co_await write_in_parts(file, *std::move(first));
}

Task<Result<void>> BatchRun::write_whole(BatchFile* file, Piece piece) {
  CO_TRY(const Semaphore::Permit permit, co_await turn());
  if (!store_.capabilities().conditional_writes) CO_TRY_VOID(co_await find_free_key(file));
  for (int keys = 1;; ++keys) {
    const ObjectDraft draft = draft_of(*file);
    Result<PutResult> stored = co_await put_piece(&store_, &draft, &piece);
    if (stored) {
      file->stored = *std::move(stored);
      co_return Result<void>();
    }
    if (stored.error().kind == ErrorKind::kPrecondition && keys < kKeysMax) {
      CO_TRY_VOID(take_next_key(file));
      continue;
    }
    if (is_doubtful(stored.error())) {
      (void)!(co_await remove_if_ours(&store_, file->object, piece.size, piece.digests.checksum));
    }
    co_return std::move(stored).error();
  }
}

/// Another process may have taken the name; here nobody does.
Task<Result<void>> BatchRun::find_free_key(BatchFile* file) {
  for (int keys = 1; keys < kKeysMax; ++keys) {
    const Result<ObjectInfo> there = co_await store_.head(file->object);
    if (!there && there.error().kind == ErrorKind::kNotFound) co_return Result<void>();
    if (!there) co_return there.error();
    CO_TRY_VOID(take_next_key(file));
  }
  co_return make_error(ErrorKind::kConflict, "No free name was found for the file");
}

Task<Result<void>> BatchRun::write_in_parts(BatchFile* file, Piece piece) {
  CO_TRY_VOID(co_await find_free_key(file));
  PartsWriter writer(store_, draft_of(*file));
  Result<void> written = co_await put_parts(file, &writer, std::move(piece));
  if (written) {
    Result<PutResult> stored = co_await writer.complete();
    if (stored) {
      file->stored = *std::move(stored);
      co_return Result<void>();
    }
    written = std::move(stored).error();
    if (is_doubtful(written.error())) {
      (void)!(co_await remove_if_ours(&store_, file->object, writer.size(),
                                      digest_of_parts(writer.parts())));
    }
  }
  (void)!(co_await writer.abort());
  co_return written;
}

Task<Result<void>> BatchRun::put_parts(BatchFile* file, PartsWriter* writer, Piece piece) {
  CO_TRY_VOID(co_await writer->begin());
  for (;;) {
    {
      CO_TRY(const Semaphore::Permit permit, co_await turn());
      CO_TRY_VOID(co_await writer->put(&piece));
    }
    if (piece.last) co_return Result<void>();
    piece = {};
    CO_TRY(std::optional<Piece> next, co_await file->pieces.pop());
    if (!next || file->failure) co_return to_result(WaitOutcome::kCancelled);
    piece = *std::move(next);
  }
}

void BatchRun::record(const BatchFile& file) {
  if (!options_.metrics) return;
  options_.metrics->record({.ended = loop_.now(),
                            .duration = loop_.now() - file.began,
                            .bytes = file.size,
                            .memory = file.memory,
                            .error = file.error});
}

/// What is being written is let finish, since a call that is cancelled may have done its work.
Task<void> BatchRun::roll_back() {
  for (const auto& file : files_) file->pieces.close();
  GroupLimit limit(group_);
  limit.start(loop_, loop_.now() + kTidyLimit);
  (void)!(co_await group_.join());
  limit.cancel();
  (void)!(co_await shielded(remove_stored(), kTidyLimit));
}

Task<Result<void>> BatchRun::remove_stored() {
  Result<void> all;
  const bool conditional = store_.capabilities().conditional_removes;
  for (const auto& file : files_) {
    if (!file->stored) continue;
    Result<void> removed =
        co_await store_.remove(file->object, conditional ? file->stored->etag : "");
    if (!removed && removed.error().kind != ErrorKind::kPrecondition &&
        removed.error().kind != ErrorKind::kNotFound) {
      all = std::move(removed);
    }
  }
  co_return all;
}

}  // namespace telpher
