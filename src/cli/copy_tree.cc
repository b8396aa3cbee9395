// CopyRun's way with trees: directories, globs, prefixes.

#include "cli/copy_run.h"
#include "source/directory.h"
#include "transfer/download_file.h"

#include <algorithm>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <utility>

namespace telpher {
namespace {

/// A directory, or the folder and pattern that a glob stands for.
struct TreeRoot {
  std::string path;
  std::optional<Glob> pattern;
};

Result<TreeRoot> root_of(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) == 0) return TreeRoot{path, std::nullopt};
  TRY(Glob glob, Glob::parse(path));
  std::string base = glob.base().empty() ? "." : glob.base();
  return TreeRoot{std::move(base), std::move(glob)};
}

/// Asks the walk for files until one is wanted.
Result<std::optional<FileEntry>> next_wanted(DirectoryWalk& walk, const NameFilter& filter) {
  for (;;) {
    TRY(std::optional<FileEntry> entry, walk.next());
    if (!entry) return entry;
    if (!DownloadFile::is_temporary_name(entry->path) && filter.accepts(entry->path)) return entry;
  }
}

}  // namespace

Result<Address> CopyRun::below_destination(std::string_view name) const {
  Address to = destination_;
  if (to.in_store()) {
    to.object = object_for(destination_, name);
    TRY_VOID(check_key(to.object.key));
    to.text = destination_text(to.kind, to.object);
  } else {
    TRY(to.path, file_for(destination_.path, name));
    to.text = to.path;
  }
  return to;
}

Result<void> CopyRun::check_not_into_itself(const Address& source) const {
  using Kind = Address::Kind;
  if (source.kind != Kind::kPath || destination_.kind != Kind::kPath) return {};
  Result<TreeRoot> root = root_of(source.path);
  if (!root) return {};  // said when its turn comes
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::path from = fs::canonical(root->path, error);
  if (error) return {};
  const fs::path to = fs::weakly_canonical(fs::absolute(destination_.path), error);
  if (error) return {};
  const std::string below = to.lexically_relative(from).generic_string();
  if (below.empty() || below == ".." || below.starts_with("../")) return {};
  const std::string folder = below.substr(0, below.find_last_not_of('/') + 1);
  // '*.txt' finds nothing in the folder it goes to, '**/*.txt' finds what it has just written.
  if (root->pattern && (folder == "." || !root->pattern->may_match_below(folder))) return {};
  return make_error(ErrorKind::kInvalid, "cannot copy '" + source.text + "' into itself: '" +
                                             destination_.text + "' lies below it");
}

Task<Result<void>> CopyRun::copy_tree(Address source) {
  if (source.in_store()) return copy_objects(std::move(source));
  if (destination_.in_store() && !copy_.dry_run) return copy_files_into_store(std::move(source));
  return copy_files_to_files(std::move(source));
}

Task<Result<void>> CopyRun::run_set(int directory_fd, std::string directory, NextItem next) {
  CO_TRY(ObjectStore * store, session_.store(destination_.kind));
  const Address::Kind kind = destination_.kind;
  const std::string bucket = destination_.object.bucket;
  const std::string prefix =
      directory.empty() || directory.ends_with('/') ? directory : directory + '/';
  UploadSet set{.engine = engine_,
                .store = store,
                .bucket = bucket,
                .directory_fd = directory_fd,
                .directory = directory,
                .name_prefix = session_.name_of(kind, {bucket, ""}),
                .options = copy_.transfer,
                .concurrency = copy_.transfer.concurrency,
                .report = {}};
  set.report = [&](const SetItem& item, const Result<TransferResult>& result) {
    if (result && !reporter_.json()) return reporter_.done({}, *result);
    CopyNames names{prefix + item.path, destination_text(kind, {bucket, item.key})};
    if (item.key.empty()) names = std::exchange(set_entry_, {});  // an error of `next`
    if (result) return reporter_.done(names, *result);
    if (result.error().kind == ErrorKind::kCancelled) return;
    fail(std::move(names.source), std::move(names.destination), result.error(),
         {.source_is_store = false, .destination_is_store = true});
  };
  SetProgress progress;
  reporter_.watch(&progress);
  Result<void> copied = co_await upload_set(std::move(set), std::move(next), progress);
  reporter_.unwatch();
  if (!copied && copied.error().kind != ErrorKind::kCancelled) {
    // It was the store that refused all alike.
    fail(directory, redacted(destination_), copied.error(),
         {.source_is_store = false, .destination_is_store = true});
    co_return Result<void>();
  }
  co_return copied;
}

Task<Result<void>> CopyRun::copy_files_into_store(Address source) {
  Result<TreeRoot> root = root_of(source.path);
  Result<std::unique_ptr<DirectoryWalk>> opened =
      root ? DirectoryWalk::open(root->path, {.pattern = root->pattern}) : root.error();
  if (!opened) {
    fail(source.text, redacted(destination_), opened.error(), ends_of(source));
    co_return Result<void>();
  }
  DirectoryWalk& walk = **opened;
  bool any = false;
  NextItem next = [&]() -> Result<std::optional<SetItem>> {
    Result<std::optional<FileEntry>> found = next_wanted(walk, filter_);
    if (!found) {
      const std::string name = walk.current_path();
      ObjectAddress object = object_for(destination_, name);
      set_entry_ = {walk.full_path(name), destination_text(destination_.kind, object)};
      return std::move(found).error();
    }
    std::optional<FileEntry>& entry = *found;
    if (!entry) return std::nullopt;
    any = true;
    SetItem item{.path = std::move(entry->path), .key = {}, .size = entry->size};
    item.key = object_for(destination_, item.path).key;
    return item;
  };
  CO_TRY_VOID(co_await run_set(walk.root_fd(), walk.root(), std::move(next)));
  if (!any && root->pattern && exit_code_ == 0) {
    fail(source.text, "", make_error(ErrorKind::kNotFound, "no file matches"), ends_of(source));
  }
  co_return Result<void>();
}

Task<Result<void>> CopyRun::copy_listed_files_into_store(std::vector<Address> files) {
  std::size_t index = 0;
  NextItem next = [&]() -> Result<std::optional<SetItem>> {
    if (index == files.size()) return std::nullopt;
    const std::string& path = files[index++].path;
    const std::string name = path.substr(path.find_last_of('/') + 1);
    SetItem item{.path = path, .key = object_for(destination_, name).key, .size = std::nullopt};
    const std::string to =
        destination_text(destination_.kind, {destination_.object.bucket, item.key});
    set_entry_ = {path, to};
    TRY_VOID(claim(to, path));
    return item;
  };
  co_return co_await run_set(AT_FDCWD, "", std::move(next));
}

Task<Result<void>> CopyRun::copy_files_to_files(Address source) {
  Result<TreeRoot> root = root_of(source.path);
  Result<std::unique_ptr<DirectoryWalk>> opened =
      root ? DirectoryWalk::open(root->path, {.pattern = root->pattern, .attributes = true})
           : root.error();
  if (!opened) {
    fail(source.text, redacted(destination_), opened.error(), ends_of(source));
    co_return Result<void>();
  }
  TaskGroup group(co_await current_context());
  Result<void> outcome;
  bool any = false;
  while (outcome) {
    Result<std::optional<FileEntry>> entry = next_wanted(**opened, filter_);
    if (!entry) {
      const std::string name = (*opened)->current_path();
      const Result<Address> to = below_destination(name);
      fail((*opened)->full_path(name), to ? to->text : "", entry.error(), ends_of(source));
      continue;
    }
    if (!*entry) break;
    any = true;
    Address file;
    file.path = (*opened)->full_path((*entry)->path);
    file.text = file.path;
    Result<Address> to = below_destination((*entry)->path);
    if (!to) {
      fail(file.path, "", to.error(), ends_of(source));
      continue;
    }
    outcome = co_await spawn(&group, std::move(file), *std::move(to), (*entry)->size);
  }
  Result<void> joined = co_await group.join();
  if (outcome && !any && root->pattern && exit_code_ == 0) {
    fail(source.text, "", make_error(ErrorKind::kNotFound, "no file matches"), ends_of(source));
  }
  co_return outcome ? joined : outcome;
}

Task<Result<void>> CopyRun::start_object(TaskGroup* group, const Address* source, std::string name,
                                         const ListEntry* entry) {
  Address from = *source;
  from.object.key = entry->key;
  from.text = destination_text(from.kind, from.object);
  // Some tools keep "folders" as empty objects whose keys end in "/": no file can be called so.
  if (!destination_.in_store() && name.ends_with('/') && entry->size == 0) {
    co_return Result<void>();
  }
  Result<Address> to = below_destination(name);
  if (!to) {
    fail(from.text, "", to.error(), ends_of(from));
    co_return Result<void>();
  }
  co_return co_await spawn(group, std::move(from), *std::move(to), entry->size);
}

Task<Result<void>> CopyRun::copy_objects(Address source) {
  CO_TRY(ObjectStore * store, session_.store(source.kind));
  std::string base = source.object.key;
  std::optional<Glob> pattern;
  if (!source.is_prefix() || is_glob(base)) {
    CO_TRY(pattern, Glob::parse(base));
    base = pattern->base();
  }
  ListOptions options;
  options.prefix = base;
  TaskGroup group(co_await current_context());
  Result<void> outcome;
  bool any = false;
  do {
    Result<ListPage> page = co_await store->list(source.object.bucket, options);
    if (!page) {
      outcome = page.error();
      break;
    }
    for (const ListEntry& entry : page->objects) {
      std::string name = entry.key.substr(base.size());
      if (name.empty() || (pattern && !pattern->matches(name)) || !filter_.accepts(name)) continue;
      any = true;
      outcome = co_await start_object(&group, &source, std::move(name), &entry);
      if (!outcome) break;
    }
    options.continuation = std::move(page->continuation);
  } while (outcome && !options.continuation.empty());
  Result<void> joined = co_await group.join();
  if (!outcome && outcome.error().kind != ErrorKind::kCancelled) {
    // Listing is reading, whatever stands at the other end.
    fail(source.text, redacted(destination_), outcome.error(),
         {.source_is_store = true, .destination_is_store = false});
    co_return Result<void>();
  }
  if (outcome && !any) {
    fail(source.text, "", make_error(ErrorKind::kNotFound, "no object is there"), ends_of(source));
  }
  co_return outcome ? joined : outcome;
}

}  // namespace telpher
