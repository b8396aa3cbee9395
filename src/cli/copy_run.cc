#include "cli/copy_run.h"

#include "base/units.h"
#include "cli/probed_source.h"

#include <algorithm>
#include <filesystem>
#include <sys/stat.h>

namespace telpher {
namespace {

bool is_directory(const std::string& path) {
  struct stat status{};
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

bool exists(const std::string& path) {
  struct stat status{};
  return ::lstat(path.c_str(), &status) == 0;
}

/// The last segment of a path or key: what a copy below a prefix is called.
std::string last_segment(std::string_view path) {
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  const std::size_t slash = path.rfind('/');
  return std::string(slash == std::string_view::npos ? path : path.substr(slash + 1));
}

/// Folders below the one that was named are made as they are needed.
Result<void> make_parents(const std::string& path) {
  std::error_code error;
  const std::filesystem::path parent = std::filesystem::path(path).parent_path();
  if (!parent.empty()) std::filesystem::create_directories(parent, error);
  if (error) return make_errno_error(error.value(), "make the folder '" + parent.string() + "'");
  return {};
}

Error usage(std::string message) { return make_error(ErrorKind::kInvalid, std::move(message)); }

Error no_name(const Address& destination) {
  return usage("standard input has no name: say which object it is to become, as in " +
               destination.text + (destination.text.ends_with('/') ? "" : "/") + "NAME");
}

}  // namespace

CopyEnds CopyRun::ends_of(const Address& source) const {
  return {.source_is_store = source.in_store(), .destination_is_store = destination_.in_store()};
}

Task<Result<CopyRun::Shape>> CopyRun::shape_of(const Address* source) {
  if (source->kind == Address::Kind::kPath) {
    if (is_directory(source->path)) co_return Shape::kTree;
    co_return is_glob(source->path) && !exists(source->path) ? Shape::kTree : Shape::kSingle;
  }
  if (!source->in_store()) co_return Shape::kSingle;
  // A home that cannot be used concerns the whole command, not this source.
  if (source->kind == Address::Kind::kLocal) CO_TRY_VOID(session_.store(source->kind));
  if (source->object.bucket.empty()) co_return usage("'" + source->text + "' names no bucket");
  if (source->is_prefix()) co_return Shape::kTree;
  if (!is_glob(source->object.key)) co_return Shape::kSingle;
  // "report[1].csv" is a legal key: an object of that very name goes before the pattern.
  CO_TRY(ObjectStore * store, session_.store(source->kind));
  Result<ObjectInfo> info = co_await store->head(source->object);
  if (info) co_return Shape::kSingle;
  // Any other refusal is said by the copy itself, with its names.
  co_return info.error().kind == ErrorKind::kNotFound ? Shape::kTree : Shape::kSingle;
}

Result<void> CopyRun::settle_destination(std::size_t sources, std::size_t trees) {
  Address& to = destination_;
  const bool several = sources > 1 || trees > 0;
  if (to.kind == Address::Kind::kUrl) {
    return usage("cannot write to a URL: '" + redacted(to) +
                 "'. Destinations are s3://…, local://…, paths and -");
  }
  if (to.in_store() && to.object.bucket.empty()) {
    return usage("'" + to.text + "' names no bucket");
  }
  if (several && to.kind == Address::Kind::kStdio) {
    return usage("standard output takes one source only");
  }
  if (several && copy_.transfer.expect) return usage("--expect is about one source only");
  if (to.kind == Address::Kind::kPath && is_directory(to.path) && !to.path.ends_with('/')) {
    to.path += '/';
  }
  if (!several || to.is_prefix() || to.kind == Address::Kind::kStdio) return {};
  // A single directory or prefix becomes the one named.
  if (sources == 1) {
    (to.in_store() ? to.object.key : to.path) += '/';
    return {};
  }
  return usage("several sources need a destination that ends in '/', not '" + to.text + "'");
}

Task<Result<void>> CopyRun::prepare_destination() {
  if (!destination_.in_store()) co_return Result<void>();
  CO_TRY(ObjectStore * store, session_.store(destination_.kind));
  // The embedded store needs no set-up: its buckets are made as they are needed.
  if (destination_.kind == Address::Kind::kLocal && !copy_.dry_run) {
    const Result<BucketInfo> there = co_await store->head_bucket(destination_.object.bucket);
    if (!there && there.error().kind == ErrorKind::kNotFound) {
      CO_TRY_VOID(co_await store->create_bucket(destination_.object.bucket));
    }
  }
  co_return Result<void>();
}

Task<Result<int>> CopyRun::run(std::vector<Address> sources, Address destination) {
  destination_ = std::move(destination);
  CO_TRY(filter_, NameFilter::make(copy_.include, copy_.exclude));
  std::vector<Address> trees;
  std::vector<Address> files;
  std::vector<Address> singles;
  for (Address& source : sources) {
    CO_TRY(const Shape shape, co_await shape_of(&source));
    const bool file = source.kind == Address::Kind::kPath;
    (shape == Shape::kTree ? trees : file ? files : singles).push_back(std::move(source));
  }
  trees_ = trees.size();
  CO_TRY_VOID(settle_destination(sources.size(), trees.size()));
  for (const Address& tree : trees) CO_TRY_VOID(check_not_into_itself(tree));
  const bool several = sources.size() > 1 || !trees.empty();
  if (several) reporter_.expect_several();
  if (copy_.dry_run) reporter_.expect_dry_run();
  CO_TRY(engine_, co_await session_.engine(copy_));
  CO_TRY_VOID(co_await prepare_destination());

  listed_ = several;
  // Two files and more into a store go the short way of a set.
  if (files.size() > 1 && destination_.in_store() && !copy_.dry_run) {
    CO_TRY_VOID(co_await copy_listed_files_into_store(std::move(files)));
    files.clear();
  }
  singles.insert(singles.end(), std::make_move_iterator(files.begin()),
                 std::make_move_iterator(files.end()));
  if (trees.empty() && several) reporter_.expect_total(static_cast<int>(sources.size()));

  TaskGroup group(co_await current_context());
  Result<void> outcome;
  for (std::size_t i = 0; i < singles.size() && outcome; ++i) {
    outcome = co_await spawn(&group, singles[i], destination_, std::nullopt);
  }
  Result<void> joined = co_await group.join();
  listed_ = false;
  for (std::size_t i = 0; i < trees.size() && outcome; ++i) {
    outcome = co_await copy_tree(trees[i]);
  }
  if (!outcome) co_return outcome.error();
  if (!joined) co_return joined.error();
  const bool any = reporter_.copies_done() + reporter_.copies_skipped() > 0;
  // When nothing could be done, and for one reason, that reason is the answer.
  co_return exit_code_ != 0 && several && (any || mixed_) ? kExitSomeFailed : exit_code_;
}

void CopyRun::fail(std::string source, std::string destination, const Error& error, CopyEnds ends) {
  const ExitCode code = exit_code_for(error, ends);
  note_failure(code);
  reporter_.failed({std::move(source), std::move(destination)}, error, code);
}

void CopyRun::note_failure(ExitCode code) {
  mixed_ = mixed_ || (exit_code_ != 0 && exit_code_ != code);
  if (exit_code_ == 0) exit_code_ = code;
}

Result<void> CopyRun::claim(const std::string& destination, const std::string& source) {
  if (!listed_) return {};
  const auto [entry, is_new] = claims_.try_emplace(destination, source);
  if (is_new) return {};
  return make_error(ErrorKind::kPrecondition, "'" + entry->second + "' and '" + source +
                                                  "' would both become '" + destination +
                                                  "': copy them one at a time, under other names");
}

// --- singles ---------------------------------------------------------------------------------

Task<Result<void>> CopyRun::spawn(TaskGroup* group, Address source, Address destination,
                                  std::optional<ByteCount> size) {
  if (copy_.dry_run) co_return co_await describe(std::move(source), std::move(destination), size);
  // A copy takes as many slots as it can have parts in flight; one whose size is not known yet
  // leaves room for others.
  const auto limit = static_cast<std::uint64_t>(copy_.transfer.concurrency);
  std::uint64_t slots = reporter_.several() ? std::max<std::uint64_t>(1, limit / 4) : limit;
  if (size) slots = std::clamp<std::uint64_t>(*size / (16 * kMiB) + 1, 1, limit);
  CO_TRY(Semaphore::Permit permit, co_await slots_.acquire(slots));
  group->spawn(copy_in_slot(std::move(source), std::move(destination), slots, std::move(permit)));
  co_return Result<void>();
}

Task<Result<void>> CopyRun::copy_in_slot(Address source, Address destination, std::uint64_t slots,
                                         Semaphore::Permit permit) {
  Result<void> copied = co_await copy_single(std::move(source), std::move(destination), slots);
  permit.release();
  co_return copied;
}

Task<Result<void>> CopyRun::copy_single(Address source, Address destination, std::uint64_t slots) {
  TransferOptions options = copy_.transfer;
  options.concurrency = static_cast<int>(slots);
  Reporter::Copy& copy = reporter_.start({redacted(source), redacted(destination)});
  Result<TransferResult> result = co_await move(&source, &destination, std::move(options), &copy);
  if (result) {
    reporter_.done(copy, *result);
    co_return Result<void>();
  }
  if (result.error().kind == ErrorKind::kCancelled && co_await is_cancelled()) {
    reporter_.cancelled(copy);
    co_return std::move(result).error();
  }
  const ExitCode code = exit_code_for(result.error(), ends_of(source));
  note_failure(code);
  reporter_.failed(copy, result.error(), code);
  co_return Result<void>();
}

Task<Result<TransferResult>> CopyRun::move(const Address* source, const Address* destination,
                                           TransferOptions options, Reporter::Copy* copy) {
  if (destination->in_store()) {
    co_return co_await into_store(source, destination, std::move(options), copy);
  }
  CO_TRY(std::unique_ptr<Source> from,
         co_await session_.open_source(*source, copy_.source_headers));
  if (destination->kind == Address::Kind::kStdio) {
    co_return co_await download_stream(*engine_, *from, 1, std::move(options), copy->progress);
  }
  std::string path = destination->path;
  if (destination->is_prefix()) {
    CO_TRY(SourceInfo seen, co_await from->probe());
    CO_TRY(path, file_for(path, seen.name));
    CO_TRY_VOID(claim(path, redacted(*source)));
    copy->names.destination = path;
    from = std::make_unique<ProbedSource>(std::move(from), std::move(seen));
  }
  if (destination_.is_prefix()) CO_TRY_VOID(make_parents(path));
  co_return co_await download(*engine_, *from, std::move(path), std::move(options), copy->progress);
}

Task<Result<TransferResult>> CopyRun::into_store(const Address* source, const Address* destination,
                                                 TransferOptions options, Reporter::Copy* copy) {
  CO_TRY(ObjectStore * store, session_.store(destination->kind));
  ObjectAddress object = destination->object;
  if (source->kind == Address::Kind::kStdio && destination->is_prefix()) {
    co_return no_name(*destination);
  }
  if (source->in_store() && destination->is_prefix()) {
    object = object_for(*destination, last_segment(source->object.key));
  }
  const bool named = !destination->is_prefix() || source->in_store();
  if (named) {
    CO_TRY_VOID(claim(destination_text(destination->kind, object), redacted(*source)));
  }
  if (source->kind == destination->kind && store->capabilities().server_side_copy) {
    copy->names.destination = destination_text(destination->kind, object);
    co_return co_await copy_within(*engine_, *store, source->object, object,
                                   session_.name_of(destination->kind, object), std::move(options),
                                   copy->progress);
  }
  CO_TRY(std::unique_ptr<Source> from,
         co_await session_.open_source(*source, copy_.source_headers));
  if (!named) {
    CO_TRY(SourceInfo seen, co_await from->probe());
    object = object_for(*destination, seen.name);
    CO_TRY_VOID(claim(destination_text(destination->kind, object), redacted(*source)));
    from = std::make_unique<ProbedSource>(std::move(from), std::move(seen));
  }
  CO_TRY_VOID(check_key(object.key));
  copy->names.destination = destination_text(destination->kind, object);
  DestinationName name = session_.name_of(destination->kind, object);
  co_return co_await upload(*engine_, *from, *store, std::move(object), std::move(name),
                            std::move(options), copy->progress);
}

Task<Result<CopyPlan>> CopyRun::plan_upload(const Address* source, Address* destination) {
  CO_TRY(std::unique_ptr<Source> from,
         co_await session_.open_source(*source, copy_.source_headers));
  ObjectAddress& object = destination->object;
  if (destination->is_prefix()) {
    if (source->kind == Address::Kind::kStdio) co_return no_name(*destination);
    CO_TRY(SourceInfo seen, co_await from->probe());
    object = object_for(*destination, seen.name);
    from = std::make_unique<ProbedSource>(std::move(from), std::move(seen));
  }
  CO_TRY_VOID(check_key(object.key));
  destination->text = destination_text(destination->kind, object);
  CO_TRY_VOID(claim(destination->text, redacted(*source)));
  CO_TRY(ObjectStore * store, session_.store(destination->kind));
  CO_TRY(UploadOutlook outlook,
         co_await describe_upload(*engine_, *from, *store, object, copy_.transfer));
  co_return CopyPlan{std::move(outlook.how), outlook.size, outlook.skipped};
}

Task<Result<CopyPlan>> CopyRun::plan_copy(const Address* source, Address* destination,
                                          std::optional<ByteCount> size) {
  if (destination->in_store() && source->kind != destination->kind) {
    co_return co_await plan_upload(source, destination);
  }
  if (!size && source->kind != Address::Kind::kStdio) {
    CO_TRY(std::unique_ptr<Source> from,
           co_await session_.open_source(*source, copy_.source_headers));
    CO_TRY(const SourceInfo seen, co_await from->probe());
    size = seen.size;
  }
  co_return CopyPlan{"copy", size, false};
}

Task<Result<void>> CopyRun::describe(Address source, Address destination,
                                     std::optional<ByteCount> size) {
  const Result<CopyPlan> plan = co_await plan_copy(&source, &destination, size);
  if (!plan) {
    if (plan.error().kind == ErrorKind::kCancelled) co_return plan.error();
    fail(redacted(source), redacted(destination), plan.error(), ends_of(source));
    co_return Result<void>();
  }
  reporter_.planned({redacted(source), redacted(destination)}, *plan);
  co_return Result<void>();
}

}  // namespace telpher
