// CopyRun's removals: sources of `mv` once their copies are there, extras of `sync --delete`.

#include "cli/copy_run.h"

#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace telpher {
namespace {

Error stays(const std::string& name, std::string_view why) {
  return make_error(ErrorKind::kSourceChanged,
                    "copied, but '" + name + "' " + std::string(why) + ": it was left where it is");
}

Result<void> remove_file(int directory_fd, const std::string& path) {
  if (::unlinkat(directory_fd, path.c_str(), 0) == 0 || errno == ENOENT) return {};
  return make_errno_error(errno, "remove '" + path + "'");
}

}  // namespace

Result<FileState> state_of_file(int directory_fd, const std::string& path) {
  struct stat status{};
  if (::fstatat(directory_fd, path.c_str(), &status, 0) != 0) {
    return make_errno_error(errno, "stat '" + path + "'");
  }
  const auto time = std::chrono::seconds(status.st_mtim.tv_sec) +
                    std::chrono::nanoseconds(status.st_mtim.tv_nsec);
  return FileState{static_cast<ByteCount>(status.st_size),
                   std::chrono::system_clock::time_point(time)};
}

// --- mv ----------------------------------------------------------------------------------------

Task<Result<CopyRun::SeenSource>> CopyRun::look_at(const CopyItem* item) {
  const Address& source = item->source;
  if (source.in_store()) {
    if (!item->etag.empty()) co_return SeenSource{item->etag};
    CO_TRY(ObjectStore * store, session_.store(source.kind));
    CO_TRY(const ObjectInfo info, co_await store->head(source.object));
    co_return SeenSource{info.etag};
  }
  CO_TRY(const FileState state, state_of_file(AT_FDCWD, source.path));
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
  co_return here.etag == there.etag&& second(here) == second(there);
}

Task<Result<void>> CopyRun::remove_source(const CopyItem* item, const SeenSource* seen) {
  const Address& source = item->source;
  if (!source.in_store()) {
    CO_TRY(const FileState now, state_of_file(AT_FDCWD, source.path));
    if (now != seen->file) co_return stays(source.path, "has been written to meanwhile");
    co_return remove_file(AT_FDCWD, source.path);
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

Result<void> CopyRun::remove_copied_file(int directory_fd, const SetItem& item) {
  TRY(const FileState now, state_of_file(directory_fd, item.path));
  if (now != FileState{item.size.value_or(0), item.modified}) {
    return stays(item.path, "has been written to meanwhile");
  }
  return remove_file(directory_fd, item.path);
}

void CopyRun::prune_directories(const std::string& root) {
  namespace fs = std::filesystem;
  std::error_code ignored;  // what cannot be removed is not empty, or is none of ours
  std::vector<fs::path> directories;
  for (fs::recursive_directory_iterator at(root, ignored), end; at != end; at.increment(ignored)) {
    if (at->is_directory(ignored) && !at->is_symlink(ignored)) directories.push_back(at->path());
  }
  for (auto path = directories.rbegin(); path != directories.rend(); ++path) {
    ::rmdir(path->c_str());
  }
  ::rmdir(root.c_str());
}

// --- sync --delete -----------------------------------------------------------------------------

Task<Result<void>> CopyRun::remove_extra(std::string name) {
  // What some tools keep for a folder: a directory has no such files.
  if (name.ends_with('/') && trees_of_files_) co_return Result<void>();
  if (removals_ == job_.removals_max) {
    ++removals_withheld_;
    co_return Result<void>();
  }
  ++removals_;
  CO_TRY(const Address gone, below_destination(name));
  if (copy_.dry_run) {
    reporter_.would_remove(gone.text);
    co_return Result<void>();
  }
  if (!destination_.in_store()) {
    Result<void> removed = remove_file(AT_FDCWD, gone.path);
    if (!removed) {
      fail("", gone.path, removed.error(), {.destination_is_store = false});
    } else {
      reporter_.removed(gone.path);
      extra_directories_.insert(std::filesystem::path(gone.path).parent_path().string());
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

void CopyRun::end_removals(const TreeRun* run) {
  const std::filesystem::path root(destination_.path);
  for (auto at = extra_directories_.rbegin(); at != extra_directories_.rend(); ++at) {
    // As far up as they are empty, and never the destination itself.
    for (std::filesystem::path path(*at); path.string().size() > root.string().size();
         path = path.parent_path()) {
      if (::rmdir(path.c_str()) != 0) break;
    }
  }
  extra_directories_.clear();
  const std::uint64_t withheld = run->sync->withheld();
  if (withheld > 0 && run->sync->source_is_empty()) {
    fail(run->source.text, "",
         make_error(ErrorKind::kNotFound,
                    "it is empty, so nothing was removed at " + redacted(destination_) +
                        ". If that is what you want: telpher rm -r " + redacted(destination_)),
         ends_of(run->source));
  } else if (withheld > 0) {
    reporter_.note("not all of the source could be read, so " + std::to_string(withheld) +
                   " that seem to be missing there were not removed");
  }
  if (removals_withheld_ > 0) {
    fail("", redacted(destination_),
         make_error(ErrorKind::kLimit,
                    std::to_string(removals_withheld_) +
                        " more would have to be removed than --max-delete allows"),
         {});
  }
}

}  // namespace telpher
