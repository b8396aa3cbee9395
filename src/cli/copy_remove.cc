// CopyRun's removals: sources of `mv` once their copies are there, extras of `sync --delete`.

#include "cli/copy_run.h"

#include <cerrno>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace telpher {
namespace {

constexpr int kRemovalsAtOnce = 4;  // requests for a thousand each

Error stays(const std::string& name, std::string_view why) {
  return make_error(ErrorKind::kPrecondition,
                    "'" + name + "' " + std::string(why) + ": it was left where it is");
}

bool is_regular_or_missing(const std::string& path) {
  struct stat status{};
  return ::stat(path.c_str(), &status) != 0 || S_ISREG(status.st_mode);
}

Result<void> remove_file(const std::string& path) {
  if (::unlink(path.c_str()) == 0 || errno == ENOENT) return {};
  return make_errno_error(errno, "remove '" + path + "'");
}

/// Follows links.
Result<FileState> state_of_file(const std::string& path) {
  struct stat status;
  if (::stat(path.c_str(), &status) != 0) {
    return make_errno_error(errno, "stat '" + path + "'");
  }
  const auto time = std::chrono::seconds(status.st_mtim.tv_sec) +
                    std::chrono::nanoseconds(status.st_mtim.tv_nsec);
  return FileState{static_cast<ByteCount>(status.st_size),
                   std::chrono::system_clock::time_point(time)};
}

}  // namespace

// --- mv ----------------------------------------------------------------------------------------

Task<Result<CopyRun::SeenSource>> CopyRun::look_at(const CopyItem* item) {
  const Address& source = item->source;
  if (source.in_store()) {
    if (!item->etag.empty()) co_return SeenSource{item->etag};
    CO_TRY(ObjectStore * store, session_.store(source.kind));
    CO_TRY(const ObjectInfo info, co_await store->head(source.object));
    co_return SeenSource{info.etag};
  }
  CO_TRY(const FileState state, state_of_file(source.path));
  co_return SeenSource{"", state};
}

/// An S3 endpoint may serve the embedded store: then s3://b/k is local://b/k, and what was written
/// last is both.
Task<Result<bool>> CopyRun::is_copy_of_itself(const CopyItem* item) {
  const Address& from = item->source;
  const Address& to = item->destination;
  if (!to.in_store() || to.kind == from.kind || to.object.bucket != from.object.bucket) {
    co_return false;
  }
  const std::string& key = from.object.key;
  if (object_for(to, key.substr(key.find_last_of('/') + 1)).key != key) co_return false;
  CO_TRY(ObjectStore * source, session_.store(from.kind));
  CO_TRY(ObjectStore * destination, session_.store(to.kind));
  CO_TRY(const ObjectInfo here, co_await source->head(from.object));
  CO_TRY(const ObjectInfo there, co_await destination->head(from.object));
  const auto second = [](const ObjectInfo& info) {
    return std::chrono::floor<std::chrono::seconds>(info.last_modified);
  };
  const bool same = here.etag == there.etag && second(here) == second(there);
  co_return same;
}

Task<Result<TransferResult>> CopyRun::move_item(const CopyItem* item, int concurrency,
                                                Reporter::Copy* shown) {
  CO_TRY(const SeenSource seen, co_await look_at(item));
  CO_TRY(TransferResult moved, co_await transfer(item, concurrency, shown));
  if (moved.mode == TransferMode::kSkipped) co_return moved;
  Result<void> removed = co_await check_arrived(&shown->names.destination, &moved);
  if (removed) removed = co_await remove_source(item, &seen);
  if (removed) co_return moved;
  Error error = std::move(removed).error();
  error.message = "copied, but the source was not removed: " + error.message;
  co_return error;
}

Task<Result<void>> CopyRun::check_arrived(const std::string* destination,
                                          const TransferResult* result) {
  CO_TRY(const Address to, parse_address(*destination));
  if (!to.in_store()) {
    if (is_regular_or_missing(to.path)) co_return Result<void>();
    co_return make_error(ErrorKind::kPrecondition, "'" + to.path + "' keeps nothing");
  }
  CO_TRY(ObjectStore * store, session_.store(to.kind));
  CO_TRY(const ObjectInfo there, co_await store->head(to.object));
  if (there.size == result->size && (result->etag.empty() || there.etag == result->etag)) {
    co_return Result<void>();
  }
  co_return make_error(ErrorKind::kPrecondition,
                       "the store has something else there by now, or has not kept it");
}

Task<Result<void>> CopyRun::remove_source(const CopyItem* item, const SeenSource* seen) {
  const Address& source = item->source;
  if (!source.in_store()) {
    CO_TRY(const FileState now, state_of_file(source.path));
    if (now != seen->file) co_return stays(source.path, "has been written to meanwhile");
    if (item->below_link) co_return stays(source.path, "lies behind a link to a directory");
    CO_TRY_VOID(remove_file(source.path));
    if (trees_ > 0) {
      left_directories_.insert(std::filesystem::path(source.path).parent_path().string());
    }
    co_return Result<void>();
  }
  CO_TRY(ObjectStore * store, session_.store(source.kind));
  CO_TRY(const bool same, co_await is_copy_of_itself(item));
  if (same) co_return stays(source.text, "seems to be the very object it was copied to");
  if (store->capabilities().conditional_removes) {
    Result<void> removed = co_await store->remove(source.object, seen->etag);
    if (!removed && removed.error().kind == ErrorKind::kPrecondition) {
      co_return stays(source.text, "has been replaced meanwhile");
    }
    if (removed || removed.error().kind != ErrorKind::kUnsupported) co_return removed;
  }
  CO_TRY(const ObjectInfo now, co_await store->head(source.object));
  if (now.etag != seen->etag) co_return stays(source.text, "has been replaced meanwhile");
  co_return co_await store->remove(source.object);
}

void CopyRun::prune_directories(const std::string& root) {
  const std::size_t top = std::filesystem::path(root + '/').parent_path().string().size();
  for (auto at = left_directories_.rbegin(); at != left_directories_.rend(); ++at) {
    for (std::filesystem::path path(*at); path.string().size() > top; path = path.parent_path()) {
      if (::rmdir(path.c_str()) != 0) break;
    }
  }
  left_directories_.clear();
}

// --- sync --delete -----------------------------------------------------------------------------

Task<Result<void>> CopyRun::remove_extra(TreeEntry entry) {
  const std::string& name = entry.name;
  // What some tools keep for a folder: a directory has no such files.
  if (name.ends_with('/') && trees_of_files_) co_return Result<void>();
  if (entry.below_link) co_return Result<void>();  // it lies outside the destination
  CO_TRY(const Address gone, below_destination(name));
  if (copy_.dry_run) {
    reporter_.would_remove(gone.text);
    co_return Result<void>();
  }
  if (!destination_.in_store()) {
    Result<void> removed = remove_file(gone.path);
    if (!removed) {
      fail("", gone.path, removed.error(), {.destination_is_store = false});
    } else {
      reporter_.removed(gone.path);
      left_directories_.insert(std::filesystem::path(gone.path).parent_path().string());
    }
    co_return Result<void>();
  }
  co_return co_await removing_->add(gone.object.key);
}

RemoveSet::Report CopyRun::report_on_removals() {
  return [this](const std::string& key, const Result<void>& removed) {
    const std::string name = destination_text(destination_.kind, {destination_.object.bucket, key});
    if (removed) return reporter_.removed(name);
    fail("", name, removed.error(), {.source_is_store = false, .destination_is_store = true});
  };
}

bool CopyRun::may_remove(const TreeRun& run, const SyncTree& sync, std::uint64_t extras) {
  const auto missing = [](std::uint64_t count) {
    return std::to_string(count) + " that only the destination has";
  };
  if (sync.withheld() > 0 && !sync.source_is_whole()) {
    reporter_.note("not all of the source could be read, so nothing was removed: " +
                   missing(extras + sync.withheld()) + ", as far as can be told");
    return false;
  }
  if (sync.withheld() > 0) {
    fail(run.source.text, "",
         make_error(ErrorKind::kNotFound,
                    "it is empty, so nothing was removed at " + redacted(destination_) + ": " +
                        missing(sync.withheld()) + " (telpher rm -r removes what is in a store)"),
         ends_of(run.source));
    return false;
  }
  if (extras == 0) return false;
  if (!sync.source_is_whole() || exit_code_ != 0) {
    reporter_.note("not everything could be copied, so nothing was removed: " + missing(extras));
    return false;
  }
  if (extras <= job_.removals_max) return true;
  fail("", redacted(destination_),
       make_error(ErrorKind::kLimit,
                  missing(extras) + ", more than --max-delete allows: nothing " + "was removed"),
       {});
  return false;
}

/// Walks once more, now that all is copied: holding the names instead could take any memory.
Task<Result<void>> CopyRun::remove_extras(const Address* source) {
  CO_TRY(const std::unique_ptr<Tree> here,
         co_await open_tree(source, {.sorted = true, .attributes = true}));
  CO_TRY(const std::unique_ptr<Tree> there, co_await open_destination_tree());
  std::optional<RemoveSet> removing;
  if (destination_.in_store()) {
    CO_TRY(ObjectStore * store, session_.store(destination_.kind));
    removing.emplace(co_await current_context(), *store, destination_.object.bucket,
                     kRemovalsAtOnce, report_on_removals());
    removing_ = &*removing;
  }
  SyncOptions options{.compare = Compare::kSize};
  options.extra = [this](TreeEntry entry) { return remove_extra(std::move(entry)); };
  SyncTree sync(*here, *there, std::move(options));
  Result<void> outcome;
  for (bool more = true; more && outcome;) {
    Result<std::optional<TreeEntry>> entry = co_await sync.next();
    more = entry && *entry;  // what differs by now is for the next sync
    if (!entry) outcome = entry.error();
  }
  if (removing) outcome = co_await removing->end(std::move(outcome));
  removing_ = nullptr;
  prune_directories(destination_.path);
  if (outcome || outcome.error().kind == ErrorKind::kCancelled) co_return outcome;
  fail("", redacted(destination_), outcome.error(),
       {.source_is_store = false, .destination_is_store = destination_.in_store()});
  co_return Result<void>();
}

}  // namespace telpher
