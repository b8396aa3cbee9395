#include "transfer/upload_set.h"

#include "codec/media_type.h"
#include "runtime/task_group.h"
#include "source/file_source.h"
#include "transfer/multipart_upload.h"
#include "transfer/part_hash.h"

#include <algorithm>
#include <memory>
#include <utility>

namespace telpher {
namespace {

constexpr std::size_t kSmallFileMax = 1 << 20;  // larger ones are sent from their descriptor

/// The workers share this; it outlives them.
struct SetRun {
  UploadSet set;
  NextItem next;
  SetProgress& progress;
  HashPlan hashes;
  bool ended = false;
  int refusals = 0;   // AccessDenied, while nothing has been done
  Semaphore turn{1};  // to ask for the next item

  Task<Result<std::optional<SetItem>>> take() {
    CO_TRY(const Semaphore::Permit permit, co_await turn.acquire());
    if (ended) co_return std::optional<SetItem>();
    Result<std::optional<SetItem>> item = co_await next();
    if (item && !*item) ended = progress.all_found = true;
    if (item && *item) {
      ++progress.files_found;
      progress.bytes_found += (*item)->size.value_or(0);
      progress.sizes_known = progress.sizes_known && (*item)->size;
    }
    co_return item;
  }

  void report(const SetItem& item, const Result<TransferResult>& result) {
    if (!result) {
      ++progress.files_failed;
    } else if (result->mode == TransferMode::kSkipped) {
      ++progress.files_skipped;
      progress.bytes_found -= std::min(progress.bytes_found, item.size.value_or(0));
    } else {
      ++progress.files_done;
      progress.bytes_done += result->size;
    }
    if (set.report) set.report(item, result);
  }
};

/// So many refusals in a row, and nothing but refusals, are no matter of single keys.
constexpr int kRefusalsMax = 10;

/// Failures of the store that every other file would meet as well: no credentials, no bucket, no
/// permission for anything.
bool concerns_all(SetRun* run, const Error& error) {
  if (error.kind == ErrorKind::kCancelled || error.context.code == "NoSuchBucket") return true;
  if (error.kind != ErrorKind::kDenied) return false;
  if (error.context.code != "AccessDenied") return true;
  return run->progress.files_done + run->progress.files_skipped == 0 &&
         ++run->refusals >= kRefusalsMax;
}

std::string path_of(const SetRun& run, const SetItem& item) {
  return run.set.directory.empty() ? item.path : run.set.directory + "/" + item.path;
}

Task<Result<TransferResult>> put_small(SetRun* run, const SetItem* item, Bytes bytes) {
  PartHash hash(run->hashes);
  hash.update(bytes);
  PartDigests digests = hash.finish();
  const TransferOptions& options = run->set.options;
  PutOptions put;
  put.metadata = options.metadata;
  put.storage = options.storage;
  put.condition.if_none_match = options.if_none_match;
  if (put.metadata.content_type.empty()) {
    put.metadata.content_type = std::string(media_type_of_name(item->key));
  }
  const bool takes_checksums = run->set.store->capabilities().checksums;
  if (!digests.checksum.empty() && (takes_checksums || digests.md5.empty())) {
    put.checksum = digests.checksum;
  }
  if (!digests.md5.empty()) put.content_md5 = digests.md5.to_base64();
  CO_TRY(PutResult stored,
         co_await run->set.store->put({run->set.bucket, item->key}, Body::of(bytes), put));
  run->set.engine->stats.bytes_read.add(bytes.size());
  run->set.engine->stats.bytes_written.add(bytes.size());
  TransferResult result;
  result.size = result.part_size = bytes.size();
  result.etag = std::move(stored.etag);
  result.version_id = std::move(stored.version_id);
  result.digest = digests.checksum;
  co_return result;
}

Task<Result<TransferResult>> upload_large(SetRun* run, const SetItem* item, Source* source) {
  auto active = std::make_unique<SetProgress::Active>();
  active->key = item->key;
  SetProgress::Active* entry = active.get();
  TransferOptions options = run->set.options;
  if (item->in_doubt) options.overwrite = OverwritePolicy::kIfDifferent;
  run->progress.active.push_back(std::move(active));
  Result<TransferResult> result =
      co_await upload(*run->set.engine, *source, *run->set.store, {run->set.bucket, item->key},
                      run->set.name_prefix + item->key, std::move(options), entry->progress);
  std::erase_if(run->progress.active, [&](const auto& other) { return other.get() == entry; });
  co_return result;
}

/// @param of_file  set when the trouble is with this file and says nothing about the others
Task<Result<TransferResult>> copy_item(SetRun* run, const SetItem* item, MutableBytes buffer,
                                       bool* of_file) {
  const bool may_skip = run->set.options.overwrite != OverwritePolicy::kAlways || item->in_doubt;
  *of_file = true;
  if (!may_skip && (!item->size || *item->size < buffer.size())) {
    const Result<std::size_t> size =
        read_small_file(run->set.directory_fd, item->path.c_str(), buffer);
    if (size) {
      *of_file = false;
      CO_TRY_VOID(co_await run->set.engine->rate.pass(*size));
      // All whose turn it is read first and send then: a server beside us is woken once for many.
      co_await Yield{};
      co_return co_await put_small(run, item, buffer.first(*size));
    }
    if (size.error().kind != ErrorKind::kLimit) co_return size.error();
  }
  CO_TRY(const std::unique_ptr<Source> source, open_file_source(path_of(*run, *item)));
  *of_file = false;
  co_return co_await upload_large(run, item, source.get());
}

Task<Result<void>> work(SetRun* run) {
  CO_TRY(Buffer buffer, co_await run->set.engine->buffers.acquire(kSmallFileMax));
  while (!run->ended && !co_await is_cancelled()) {
    Result<std::optional<SetItem>> item = co_await run->take();
    if (!item) {
      if (item.error().kind == ErrorKind::kCancelled) co_return std::move(item).error();
      run->report({}, std::move(item).error());
      continue;
    }
    if (!*item) break;
    bool of_file = false;
    Result<TransferResult> result = co_await copy_item(run, &**item, buffer.bytes(), &of_file);
    if (!result && !of_file && concerns_all(run, result.error()))
      co_return std::move(result).error();
    run->report(**item, result);
  }
  co_return Result<void>();
}

}  // namespace

Task<Result<void>> upload_set(UploadSet set, NextItem next, SetProgress& progress) {
  SetRun run{std::move(set), std::move(next), progress, {}, false};
  run.hashes = make_hash_plan(run.set.options, {}, run.set.store->capabilities());
  // Half the budget is for the small files' buffers, the other for parts of large ones.
  const ByteCount budget = run.set.engine->buffers.budget();
  const auto workers = std::clamp<ByteCount>(budget / 2 / kSmallFileMax, 1,
                                             static_cast<ByteCount>(run.set.concurrency));
  TaskGroup group(co_await current_context());
  for (ByteCount i = 0; i < workers; ++i) group.spawn(work(&run));
  Result<void> result = co_await group.join();
  if (co_await is_cancelled()) co_return to_result(WaitOutcome::kCancelled);
  co_return result;
}

}  // namespace telpher
