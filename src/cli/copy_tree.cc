// CopyRun's way with trees: directories, globs, prefixes.

#include "cli/copy_run.h"
#include "cli/name_rules.h"
#include "source/directory.h"
#include "transfer/download_file.h"

#include <algorithm>
#include <fcntl.h>
#include <filesystem>
#include <utility>

namespace telpher {
namespace {

/// Of a destination that does not exist yet.
class NoTree final : public Tree {
 public:
  Task<Result<std::optional<TreeEntry>>> next() override { co_return std::optional<TreeEntry>(); }
  std::string current() const override { return ""; }
  std::string_view base() const override { return ""; }
};

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

Error CopyRun::lies_in_destination(const Address& source) const {
  return make_error(ErrorKind::kInvalid, "'" + source.text + "' lies below '" + destination_.text +
                                             "': --delete would remove the source itself");
}

Result<void> CopyRun::check_prefix_not_into_itself(const Address& source) const {
  if (destination_.kind != source.kind || destination_.object.bucket != source.object.bucket) {
    return {};
  }
  if (job_.remove_extra && source.object.key.starts_with(destination_.object.key)) {
    return lies_in_destination(source);
  }
  TRY(const Glob pattern, Glob::parse(source.object.key));
  const bool glob = is_glob(source.object.key);
  const std::string& base = glob ? pattern.base() : source.object.key;
  std::string_view folder = destination_.object.key;
  if (!folder.starts_with(base)) return {};
  folder.remove_prefix(base.size());
  if (folder.ends_with('/')) folder.remove_suffix(1);
  if (glob && (folder.empty() || !pattern.may_match_below(folder))) return {};
  return make_error(ErrorKind::kInvalid, "cannot copy '" + source.text + "' into itself: '" +
                                             destination_.text + "' lies below it");
}

Result<void> CopyRun::check_not_into_itself(const Address& source) const {
  using Kind = Address::Kind;
  if (source.in_store()) return check_prefix_not_into_itself(source);
  if (source.kind != Kind::kPath || destination_.kind != Kind::kPath) return {};
  const Result<FilesRoot> root = files_root_of(source.path);
  if (!root) return {};  // said when its turn comes
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::path from = fs::canonical(root->directory, error);
  if (error) return {};
  const fs::path to = fs::weakly_canonical(fs::absolute(destination_.path), error);
  if (error) return {};
  const std::string above = from.lexically_relative(to).generic_string();
  if (job_.remove_extra && !above.empty() && above != ".." && !above.starts_with("../")) {
    return lies_in_destination(source);
  }
  const std::string below = to.lexically_relative(from).generic_string();
  if (below.empty() || below == ".." || below.starts_with("../")) return {};
  const std::string folder = below.substr(0, below.find_last_not_of('/') + 1);
  // '*.txt' finds nothing in the folder it goes to, '**/*.txt' finds what it has just written.
  if (root->pattern && (folder == "." || !root->pattern->may_match_below(folder))) return {};
  return make_error(ErrorKind::kInvalid, "cannot copy '" + source.text + "' into itself: '" +
                                             destination_.text + "' lies below it");
}

NameTest CopyRun::wanted_in(const Address& tree) {
  const bool files = !tree.in_store();
  const bool source = &tree != &destination_;
  return [this, files, source](std::string_view name) {
    if (files && DownloadFile::is_temporary_name(name)) return false;
    const bool wanted = filter_.accepts(name);
    if (!wanted && source) ++left_out_;
    return wanted;
  };
}

std::string CopyRun::name_in(const TreeRun& run, std::string_view name) {
  std::string path = std::string(run.walk->base()).append(name);
  if (run.files) return path;
  return destination_text(run.source.kind, {run.source.object.bucket, std::move(path)});
}

void CopyRun::fail_entry(const TreeRun& run, const Error& error) {
  const std::string name = run.walk->current();
  if (run.sync && run.sync->failed_at_destination()) {
    const Result<Address> at = below_destination(name);
    return fail("", name.empty() || !at ? redacted(destination_) : at->text, error,
                {.source_is_store = false, .destination_is_store = destination_.in_store()});
  }
  // Reading is reading, whatever stands at the other end.
  CopyEnds ends = ends_of(run.source);
  if (run.source.in_store()) ends.destination_is_store = false;
  if (name.empty()) return fail(run.source.text, redacted(destination_), error, ends);
  const Result<Address> to = below_destination(name);
  fail(name_in(run, name), to ? to->text : "", error, ends);
}

Task<Result<void>> CopyRun::copy_tree(Address source) {
  TreeRun run{.source = std::move(source)};
  left_out_ = 0;
  // A set of small files is read whole and needs no sizes, unless somebody watches.
  const bool plain_set = job_.verb == CopyVerb::kCopy && destination_.in_store() &&
                         !copy_.dry_run && !reporter_.draws();
  Result<std::unique_ptr<Tree>> tree = co_await open_tree(
      &run.source, {.sorted = job_.verb == CopyVerb::kSync, .attributes = !plain_set});
  if (!tree) {
    fail(run.source.text, redacted(destination_), tree.error(), ends_of(run.source));
    co_return Result<void>();
  }
  if (!run.source.in_store()) run.files = static_cast<FileTree*>(tree->get());
  run.walk = tree->get();
  Result<void> outcome =
      job_.verb == CopyVerb::kSync ? co_await sync_tree(&run) : co_await copy_entries(&run);
  if (!outcome) co_return outcome;
  const std::uint64_t links = run.files ? run.files->links_left() : 0;
  links_left_ += links;
  const bool may_be_empty = links > 0 || (run.files && is_directory(run.source.path));
  std::string nothing = run.files ? "no file matches" : "no object is there";
  if (left_out_ > 0) nothing = nothing_left_text(left_out_, run.files ? "files" : "objects");
  if (!run.any && !may_be_empty && exit_code_ == 0) {
    fail(run.source.text, "", make_error(ErrorKind::kNotFound, std::move(nothing)),
         ends_of(run.source));
  } else if (!run.any && left_out_ > 0) {
    reporter_.note(printable(run.source.text) + ": " + nothing);
  }
  if (job_.verb == CopyVerb::kMove && run.files) prune_directories(run.files->walk().root());
  co_return Result<void>();
}

Task<Result<std::unique_ptr<Tree>>> CopyRun::open_tree(const Address* root, WalkOptions options) {
  if (!root->in_store()) {
    options.follow_links = copy_.follow_links;
    CO_TRY(std::unique_ptr<FileTree> files,
           FileTree::open(root->path, std::move(options), wanted_in(*root)));
    co_return std::unique_ptr<Tree>(std::move(files));
  }
  CO_TRY(ObjectStore * store, session_.store(root->kind));
  CO_TRY(std::unique_ptr<ObjectTree> objects,
         ObjectTree::open(*store, root->object, wanted_in(*root)));
  co_return std::unique_ptr<Tree>(std::move(objects));
}

Task<Result<std::unique_ptr<Tree>>> CopyRun::open_destination_tree() {
  if (bucket_is_new_) co_return std::unique_ptr<Tree>(std::make_unique<NoTree>());
  Result<std::unique_ptr<Tree>> there =
      co_await open_tree(&destination_, {.sorted = true, .attributes = true});
  if (there || destination_.in_store() || there.error().kind != ErrorKind::kNotFound) {
    co_return there;
  }
  co_return std::unique_ptr<Tree>(std::make_unique<NoTree>());
}

namespace {

Task<Result<void>> count_extra(std::uint64_t* extras) {
  ++*extras;
  co_return Result<void>();
}

}  // namespace

Task<Result<void>> CopyRun::sync_tree(TreeRun* run) {
  trees_of_files_ = run->files != nullptr || !destination_.in_store();
  Result<std::unique_ptr<Tree>> there = co_await open_destination_tree();
  if (!there) {
    fail(run->source.text, redacted(destination_), there.error(),
         {.destination_is_store = destination_.in_store()});
    co_return Result<void>();
  }
  std::uint64_t extras = 0;
  SyncOptions options{.compare = job_.compare};
  if (job_.remove_extra) options.extra = [&](const TreeEntry&) { return count_extra(&extras); };
  SyncTree sync(*run->walk, **there, std::move(options));
  TreeRun synced = *run;
  synced.walk = synced.sync = &sync;
  const Result<void> copied = co_await copy_entries(&synced);
  run->any = !sync.source_is_empty();
  reporter_.unchanged(sync.same());
  if (!copied) co_return copied;
  if (may_remove(*run, sync, extras)) co_return co_await remove_extras(&run->source);
  co_return Result<void>();
}

Task<Result<void>> CopyRun::copy_entries(TreeRun* run) {
  // What is moved is looked at one by one before its source goes.
  if (run->files && destination_.in_store() && !copy_.dry_run && job_.verb != CopyVerb::kMove) {
    co_return co_await copy_files_into_store(run);
  }
  TaskGroup group(co_await current_context());
  Result<void> outcome;
  while (outcome) {
    Result<std::optional<TreeEntry>> entry = co_await run->walk->next();
    if (!entry) {
      outcome = co_await over_bad_entry(run, entry.error());
      continue;
    }
    if (!*entry) break;
    run->any = true;
    outcome = co_await start_entry(&group, run, **std::move(entry));
  }
  Result<void> joined = co_await group.join();
  co_return outcome ? joined : outcome;
}

Task<Result<void>> CopyRun::over_bad_entry(TreeRun* run, Error error) {
  if (error.kind == ErrorKind::kCancelled && co_await is_cancelled()) co_return error;
  fail_entry(*run, error);
  co_return Result<void>();
}

Task<Result<void>> CopyRun::start_entry(TaskGroup* group, TreeRun* run, TreeEntry entry) {
  CopyItem item{.size = entry.size,
                .etag = entry.etag,
                .below_link = entry.below_link,
                .in_doubt = entry.in_doubt};
  if (run->files) {
    item.source.path = item.source.text = name_in(*run, entry.name);
  } else {
    item.source = run->source;
    item.source.text = name_in(*run, entry.name);
    item.source.object.key = std::string(run->walk->base()).append(entry.name);
    // Some tools keep "folders" as empty objects whose keys end in "/": no file can be called so.
    if (!destination_.in_store() && entry.name.ends_with('/') && entry.size == 0) {
      co_return Result<void>();
    }
  }
  Result<Address> to = below_destination(entry.name);
  if (!to) {
    fail(item.source.text, "", to.error(), ends_of(item.source));
    co_return Result<void>();
  }
  item.destination = *std::move(to);
  item.exact = true;
  co_return co_await spawn(group, std::move(item));
}

// --- sets: files into a store ------------------------------------------------------------------

Task<Result<void>> CopyRun::run_set(int directory_fd, std::string directory, NextItem next) {
  const Address::Kind kind = destination_.kind;
  const std::string& bucket = destination_.object.bucket;
  CO_TRY(ObjectStore * store, session_.store(kind));
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
    report_set_item(directory, item, result);
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

void CopyRun::report_set_item(const std::string& directory, const SetItem& item,
                              const Result<TransferResult>& result) {
  if (result && !reporter_.json()) return reporter_.done({}, *result);
  const Address::Kind kind = destination_.kind;
  std::string path = item.path;
  if (!directory.empty()) path = directory + (directory.ends_with('/') ? "" : "/") + path;
  CopyNames names{path, destination_text(kind, {destination_.object.bucket, item.key})};
  if (item.key.empty()) names = std::exchange(set_entry_, {});  // an error of `next`
  if (result) return reporter_.done(names, *result);
  const Error& error = result.error();
  if (error.kind == ErrorKind::kCancelled) return;
  fail(std::move(names.source), std::move(names.destination), error,
       {.source_is_store = false, .destination_is_store = true});
}

Result<void> CopyRun::claim_set_item(std::string source, const SetItem& item) {
  set_entry_ = {std::move(source),
                destination_text(destination_.kind, {destination_.object.bucket, item.key})};
  return claims_.claim(set_entry_.destination, set_entry_.source);
}

Task<Result<std::optional<SetItem>>> CopyRun::next_file(TreeRun* run) {
  Result<std::optional<TreeEntry>> entry = co_await run->walk->next();
  if (!entry) {
    const std::string name = run->walk->current();
    const ObjectAddress object = object_for(destination_, name);
    set_entry_ = {name_in(*run, name), destination_text(destination_.kind, object)};
    if (run->sync && run->sync->failed_at_destination()) set_entry_.source.clear();
    co_return std::move(entry).error();
  }
  if (!*entry) co_return std::optional<SetItem>();
  run->any = true;
  SetItem item{.path = std::move((*entry)->name),
               .key = {},
               .size = (*entry)->size,
               .in_doubt = (*entry)->in_doubt};
  item.key = object_for(destination_, item.path).key;
  if (claims_.any_kept()) CO_TRY_VOID(claim_set_item(name_in(*run, item.path), item));
  co_return item;
}

Task<Result<void>> CopyRun::copy_files_into_store(TreeRun* run) {
  const DirectoryWalk& walk = run->files->walk();
  return run_set(walk.root_fd(), walk.root(), [this, run] { return next_file(run); });
}

Task<Result<std::optional<SetItem>>> CopyRun::next_listed(const std::vector<Address>* files,
                                                          std::size_t* index) {
  if (*index == files->size()) co_return std::optional<SetItem>();
  const std::string& path = (*files)[(*index)++].path;
  const std::string name = path.substr(path.find_last_of('/') + 1);
  SetItem item{.path = path, .key = object_for(destination_, name).key, .size = std::nullopt};
  CO_TRY_VOID(claim_set_item(path, item));
  co_return item;
}

Task<Result<void>> CopyRun::copy_listed_files_into_store(std::vector<Address> files) {
  std::size_t index = 0;
  co_return co_await run_set(AT_FDCWD, "", [&] { return next_listed(&files, &index); });
}

}  // namespace telpher
