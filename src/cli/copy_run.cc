#include "cli/copy_run.h"

#include "base/units.h"
#include "cli/copy_list.h"
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

Task<Result<std::unique_ptr<ByteReader>>> open_whole(Source* source) {
  CO_TRY(SourceInfo seen, co_await source->probe());
  co_return co_await source->open(std::nullopt, std::move(seen));
}

Error bad_list(const Address& list, const Error& why) {
  if (why.kind == ErrorKind::kCancelled) return why;
  return usage("--from-file: the list '" + redacted(list) + "': " + why.message);
}

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

Result<void> CopyRun::settle_sync_source(Address& source) const {
  const bool glob =
      source.in_store() ? is_glob(source.object.key) : is_glob(source.path) && !exists(source.path);
  if (glob) {
    return usage(
        "sync compares a whole directory or prefix. Choose from it with --include, as in "
        "--include '*.txt', instead of '" +
        source.text + "'");
  }
  if (source.in_store()) {
    if (!source.is_prefix()) source.object.key += '/';
    return {};
  }
  if (!exists(source.path)) {
    return make_error(ErrorKind::kNotFound, "the directory '" + source.path + "' does not exist");
  }
  if (is_directory(source.path)) return {};
  return usage("'" + source.text + "' is no directory: telpher cp copies one file");
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
  if (job_.verb == CopyVerb::kSync) {
    Address& source = sources.front();
    const Result<void> settled = settle_sync_source(source);
    if (!settled && settled.error().kind != ErrorKind::kNotFound) co_return settled.error();
    if (!settled) {
      fail(source.text, redacted(destination_), settled.error(), ends_of(source));
      co_return exit_code_;
    }
    reporter_.expect_sync();
  }
  std::vector<Address> trees;
  std::vector<Address> files;
  std::vector<Address> singles;
  for (Address& source : sources) {
    CO_TRY(const Shape shape, co_await shape_of(&source));
    const bool file = source.kind == Address::Kind::kPath;
    (shape == Shape::kTree ? trees : file ? files : singles).push_back(std::move(source));
  }
  trees_ = trees.size();
  if (job_.verb == CopyVerb::kMove) reporter_.expect_move();
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
    outcome = co_await spawn(&group, {.source = singles[i], .destination = destination_});
  }
  Result<void> joined = co_await group.join();
  listed_ = false;
  for (std::size_t i = 0; i < trees.size() && outcome; ++i) {
    outcome = co_await copy_tree(trees[i]);
  }
  if (!outcome) co_return outcome.error();
  if (!joined) co_return joined.error();
  co_return exit_code(several);
}

Task<Result<int>> CopyRun::run_list(std::string list, Address destination) {
  destination_ = std::move(destination);
  CO_TRY_VOID(settle_destination(1, 1));
  CO_TRY(const Address from, parse_address(list));
  const Result<std::unique_ptr<Source>> source = co_await session_.open_source(from, {});
  if (!source) co_return bad_list(from, source.error());
  Result<std::unique_ptr<ByteReader>> bytes = co_await open_whole(source->get());
  if (!bytes) co_return bad_list(from, bytes.error());
  ListReader rows(*std::move(bytes));
  if (Result<void> opened = co_await rows.open(); !opened) {
    co_return bad_list(from, opened.error());
  }
  if (const std::string unknown = rows.format().unknown_columns(); !unknown.empty()) {
    reporter_.note("columns that mean nothing here: " + unknown);
  }
  reporter_.expect_several();
  if (copy_.dry_run) reporter_.expect_dry_run();
  CO_TRY(engine_, co_await session_.engine(copy_));
  CO_TRY_VOID(co_await prepare_destination());
  listed_ = true;
  TaskGroup group(co_await current_context());
  Result<void> outcome;
  while (outcome) {
    Result<std::optional<ListRow>> row = co_await rows.next();
    if (row && !*row) break;
    const std::string name = redacted(from) + ", row " + std::to_string(rows.number());
    if (row) {
      outcome = co_await start_row(&group, name, **std::move(row));
    } else if (row.error().kind == ErrorKind::kInvalid) {
      fail(name, "", row.error(), {});
    } else {
      outcome = std::move(row).error();
    }
  }
  Result<void> joined = co_await group.join();
  if (!outcome) co_return outcome.error();
  if (!joined) co_return joined.error();
  co_return exit_code(true);
}

Task<Result<void>> CopyRun::start_row(TaskGroup* group, std::string name, ListRow row) {
  CopyItem item{.size = row.size,
                .expect = std::move(row.digest),
                .expected_size = row.size,
                .content_type = std::move(row.content_type),
                .headers = std::move(row.headers)};
  Result<Address> source = parse_address(row.url);
  if (source && source->kind == Address::Kind::kStdio) {
    source = make_error(ErrorKind::kInvalid, "standard input cannot stand in a list");
  }
  Result<Address> to = row.key.empty() ? destination_ : below_destination(row.key);
  if (!source || !to) {
    const Error& error = source ? to.error() : source.error();
    fail(name, "", error, {});
    co_return Result<void>();
  }
  item.source = *std::move(source);
  item.destination = *std::move(to);
  co_return co_await spawn(group, std::move(item));
}

int CopyRun::exit_code(bool several) const {
  const bool any =
      reporter_.copies_done() + reporter_.copies_skipped() > 0 || reporter_.copies_unchanged() > 0;
  // When nothing could be done, and for one reason, that reason is the answer.
  return exit_code_ != 0 && several && (any || mixed_) ? kExitSomeFailed : exit_code_;
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

Task<Result<void>> CopyRun::spawn(TaskGroup* group, CopyItem item) {
  if (copy_.dry_run) co_return co_await describe(std::move(item));
  // A copy takes as many slots as it can have parts in flight; one whose size is not known yet
  // leaves room for others.
  const auto limit = static_cast<std::uint64_t>(copy_.transfer.concurrency);
  std::uint64_t slots = reporter_.several() ? std::max<std::uint64_t>(1, limit / 4) : limit;
  if (item.size) slots = std::clamp<std::uint64_t>(*item.size / (16 * kMiB) + 1, 1, limit);
  CO_TRY(Semaphore::Permit permit, co_await slots_.acquire(slots));
  group->spawn(copy_in_slot(std::move(item), slots, std::move(permit)));
  co_return Result<void>();
}

Task<Result<void>> CopyRun::copy_in_slot(CopyItem item, std::uint64_t slots,
                                         Semaphore::Permit permit) {
  Result<void> copied = co_await copy_single(std::move(item), slots);
  permit.release();
  co_return copied;
}

Task<Result<void>> CopyRun::copy_single(CopyItem item, std::uint64_t slots) {
  TransferOptions options = options_for(item);
  options.concurrency = static_cast<int>(slots);
  Reporter::Copy& copy = reporter_.start({redacted(item.source), redacted(item.destination)});
  Result<void> ready;
  std::optional<SeenSource> seen;
  if (job_.verb == CopyVerb::kMove) {
    Result<SeenSource> looked = co_await look_at(&item);
    if (looked) seen = *std::move(looked);
    if (!looked) ready = looked.error();
  }
  Result<TransferResult> result = ready ? co_await transfer(&item, std::move(options), &copy)
                                        : Result<TransferResult>(ready.error());
  if (result && seen && result->mode != TransferMode::kSkipped) {
    Result<void> removed = co_await remove_source(&item, &*seen);
    if (!removed) result = std::move(removed).error();
  }
  if (result) {
    reporter_.done(copy, *result);
    co_return Result<void>();
  }
  if (result.error().kind == ErrorKind::kCancelled && co_await is_cancelled()) {
    reporter_.cancelled(copy);
    co_return std::move(result).error();
  }
  const ExitCode code = exit_code_for(result.error(), ends_of(item.source));
  note_failure(code);
  reporter_.failed(copy, result.error(), code);
  co_return Result<void>();
}

TransferOptions CopyRun::options_for(const CopyItem& item) const {
  TransferOptions options = copy_.transfer;
  if (item.in_doubt) options.overwrite = OverwritePolicy::kIfDifferent;
  if (item.expect) options.expect = item.expect;
  if (!item.content_type.empty()) options.metadata.content_type = item.content_type;
  return options;
}

Task<Result<std::unique_ptr<Source>>> CopyRun::open_item(const CopyItem* item) {
  std::vector<std::string> headers = copy_.source_headers;
  headers.insert(headers.end(), item->headers.begin(), item->headers.end());
  CO_TRY(std::unique_ptr<Source> source,
         co_await session_.open_source(item->source, std::move(headers)));
  if (!item->expected_size) co_return source;
  CO_TRY(SourceInfo seen, co_await source->probe());
  if (seen.size && seen.size != item->expected_size) {
    co_return make_error(ErrorKind::kCorrupt, "the source has " + std::to_string(*seen.size) +
                                                  " bytes, the list says " +
                                                  std::to_string(*item->expected_size));
  }
  co_return std::make_unique<ProbedSource>(std::move(source), std::move(seen));
}

Task<Result<TransferResult>> CopyRun::transfer(const CopyItem* item, TransferOptions options,
                                               Reporter::Copy* copy) {
  const Address& destination = item->destination;
  if (destination.in_store()) co_return co_await into_store(item, std::move(options), copy);
  CO_TRY(std::unique_ptr<Source> from, co_await open_item(item));
  if (destination.kind == Address::Kind::kStdio) {
    co_return co_await download_stream(*engine_, *from, 1, std::move(options), copy->progress);
  }
  std::string path = destination.path;
  if (destination.is_prefix()) {
    CO_TRY(SourceInfo seen, co_await from->probe());
    CO_TRY(path, file_for(path, seen.name));
    CO_TRY_VOID(claim(path, redacted(item->source)));
    copy->names.destination = path;
    from = std::make_unique<ProbedSource>(std::move(from), std::move(seen));
  }
  if (destination_.is_prefix()) CO_TRY_VOID(make_parents(path));
  co_return co_await download(*engine_, *from, std::move(path), std::move(options), copy->progress);
}

Task<Result<TransferResult>> CopyRun::into_store(const CopyItem* item, TransferOptions options,
                                                 Reporter::Copy* copy) {
  const Address& source = item->source;
  const Address& destination = item->destination;
  CO_TRY(ObjectStore * store, session_.store(destination.kind));
  ObjectAddress object = destination.object;
  if (source.kind == Address::Kind::kStdio && destination.is_prefix()) {
    co_return no_name(destination);
  }
  if (source.in_store() && destination.is_prefix()) {
    object = object_for(destination, last_segment(source.object.key));
  }
  const bool named = !destination.is_prefix() || source.in_store();
  if (named) {
    CO_TRY_VOID(claim(destination_text(destination.kind, object), redacted(source)));
  }
  if (source.kind == destination.kind && store->capabilities().server_side_copy) {
    copy->names.destination = destination_text(destination.kind, object);
    co_return co_await copy_within(*engine_, *store, source.object, object,
                                   session_.name_of(destination.kind, object), std::move(options),
                                   copy->progress);
  }
  CO_TRY(std::unique_ptr<Source> from, co_await open_item(item));
  if (!named) {
    CO_TRY(SourceInfo seen, co_await from->probe());
    object = object_for(destination, seen.name);
    CO_TRY_VOID(claim(destination_text(destination.kind, object), redacted(source)));
    from = std::make_unique<ProbedSource>(std::move(from), std::move(seen));
  }
  CO_TRY_VOID(check_key(object.key));
  copy->names.destination = destination_text(destination.kind, object);
  DestinationName name = session_.name_of(destination.kind, object);
  co_return co_await upload(*engine_, *from, *store, std::move(object), std::move(name),
                            std::move(options), copy->progress);
}

Task<Result<CopyPlan>> CopyRun::plan_upload(CopyItem* item) {
  CO_TRY(std::unique_ptr<Source> from, co_await open_item(item));
  Address& destination = item->destination;
  ObjectAddress& object = destination.object;
  if (destination.is_prefix()) {
    if (item->source.kind == Address::Kind::kStdio) co_return no_name(destination);
    CO_TRY(SourceInfo seen, co_await from->probe());
    object = object_for(destination, seen.name);
    from = std::make_unique<ProbedSource>(std::move(from), std::move(seen));
  }
  CO_TRY_VOID(check_key(object.key));
  destination.text = destination_text(destination.kind, object);
  CO_TRY_VOID(claim(destination.text, redacted(item->source)));
  CO_TRY(ObjectStore * store, session_.store(destination.kind));
  CO_TRY(UploadOutlook outlook,
         co_await describe_upload(*engine_, *from, *store, object, options_for(*item)));
  co_return CopyPlan{std::move(outlook.how), outlook.size, outlook.skipped};
}

Task<Result<CopyPlan>> CopyRun::plan_copy(CopyItem* item) {
  if (item->destination.in_store() && item->source.kind != item->destination.kind) {
    co_return co_await plan_upload(item);
  }
  if (!item->size && item->source.kind != Address::Kind::kStdio) {
    CO_TRY(std::unique_ptr<Source> from, co_await open_item(item));
    CO_TRY(const SourceInfo seen, co_await from->probe());
    item->size = seen.size;
  }
  co_return CopyPlan{"copy", item->size, false};
}

Task<Result<void>> CopyRun::describe(CopyItem item) {
  const Result<CopyPlan> plan = co_await plan_copy(&item);
  if (!plan) {
    if (plan.error().kind == ErrorKind::kCancelled) co_return plan.error();
    fail(redacted(item.source), redacted(item.destination), plan.error(), ends_of(item.source));
    co_return Result<void>();
  }
  reporter_.planned({redacted(item.source), redacted(item.destination)}, *plan);
  co_return Result<void>();
}

}  // namespace telpher
