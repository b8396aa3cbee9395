#include "cli/copy_run.h"

#include "base/units.h"
#include "cli/name_rules.h"
#include "source/copy_list.h"

#include <algorithm>
#include <filesystem>

namespace telpher {
namespace {

Error usage(std::string message) { return make_error(ErrorKind::kInvalid, std::move(message)); }

Task<Result<std::unique_ptr<ByteReader>>> open_whole(Source* source) {
  CO_TRY(SourceInfo seen, co_await source->probe());
  co_return co_await source->open(std::nullopt, std::move(seen));
}

Error bad_list(const Address& list, const Error& why) {
  if (why.kind == ErrorKind::kCancelled) return why;
  return usage("--from-file: the list '" + redacted(list) + "': " + why.message);
}

}  // namespace

CopyEnds CopyRun::ends_of(const Address& source) const {
  return {.source_is_store = source.in_store(), .destination_is_store = destination_.in_store()};
}

bool CopyRun::leaves_link(const Address& source) const {
  return !copy_.follow_links && job_.verb != CopyVerb::kSync &&
         source.kind == Address::Kind::kPath && is_link(source.path);
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
  CO_TRY_VOID(session_.store(destination_.kind));
  if (!copy_.dry_run) co_return co_await make_bucket_if_local(&session_, &destination_);
  if (destination_.kind != Address::Kind::kLocal) co_return Result<void>();
  CO_TRY(ObjectStore * store, session_.store(destination_.kind));
  const Result<BucketInfo> there = co_await store->head_bucket(destination_.object.bucket);
  if (there || there.error().kind != ErrorKind::kNotFound) co_return Result<void>();
  CO_TRY_VOID(check_bucket_name(destination_.object.bucket));
  bucket_is_new_ = true;
  reporter_.note("the bucket local://" + destination_.object.bucket + " would be made");
  co_return Result<void>();
}

Task<Result<int>> CopyRun::run(std::vector<Address> sources, Address destination) {
  destination_ = std::move(destination);
  CO_TRY(filter_, NameFilter::make(copy_.filters));
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
    if (turns_.due()) CO_TRY_VOID(co_await take_turn());
    if (leaves_link(source)) {
      ++links_left_;
      continue;
    }
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

  if (several) claims_.keep(Claims::Keep::kNames);
  // Two files and more into a store go the short way of a set.
  if (files.size() > 1 && destination_.in_store() && !copy_.dry_run &&
      job_.verb != CopyVerb::kMove) {
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
  claims_.keep(sources.size() > 1 ? Claims::Keep::kHashes : Claims::Keep::kNothing);
  for (std::size_t i = 0; i < trees.size() && outcome; ++i) {
    outcome = co_await copy_tree(trees[i]);
  }
  if (!outcome) co_return outcome.error();
  if (!joined) co_return joined.error();
  if (links_left_ > 0) reporter_.note(links_left_text(links_left_));
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
  claims_.keep(Claims::Keep::kHashes);
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
  Result<void> copied = co_await copy_item(std::move(item), slots);
  permit.release();
  co_return copied;
}

Task<Result<void>> CopyRun::copy_item(CopyItem item, std::uint64_t slots) {
  Reporter::Copy& copy = reporter_.start({redacted(item.source), redacted(item.destination)});
  const int concurrency = static_cast<int>(slots);
  Result<TransferResult> result = job_.verb == CopyVerb::kMove
                                      ? co_await move_item(&item, concurrency, &copy)
                                      : co_await transfer(&item, concurrency, &copy);
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

SingleCopy CopyRun::single_copy(const CopyItem& item) const {
  SingleCopy copy{.source = item.source,
                  .destination = item.destination,
                  .options = options_for(item),
                  .headers = copy_.source_headers,
                  .expected_size = item.expected_size,
                  .exact = item.exact,
                  .make_folders = destination_.is_prefix()};
  copy.headers.insert(copy.headers.end(), item.headers.begin(), item.headers.end());
  return copy;
}

Task<Result<TransferResult>> CopyRun::transfer(const CopyItem* item, int concurrency,
                                               Reporter::Copy* shown) {
  SingleCopy copy = single_copy(*item);
  copy.options.concurrency = concurrency;
  copy.settle = [this, item, shown](const std::string& destination) -> Result<void> {
    shown->names.destination = destination;
    const bool itself = item->source.kind == item->destination.kind && item->source.in_store() &&
                        destination == destination_text(item->source.kind, item->source.object);
    if (itself && job_.verb == CopyVerb::kMove) return usage("it would become itself");
    return claims_.claim(destination, redacted(item->source));
  };
  co_return co_await copy_single(&session_, engine_, &copy, &shown->progress);
}

Task<Result<TransferOutlook>> CopyRun::outlook_of(const CopyItem* item, const SingleCopy* copy,
                                                  const OpenedCopy* opened) {
  Source& source = *opened->source;
  if (!item->destination.in_store()) {
    if (!opened->path.empty()) {
      co_return co_await describe_download(*engine_, source, opened->path, copy->options);
    }
    CO_TRY(const SourceInfo seen, co_await source.probe());
    co_return TransferOutlook{"copy", seen.size, false};
  }
  CO_TRY(ObjectStore * store, session_.store(item->destination.kind));
  const bool by_the_store = item->source.kind == item->destination.kind;
  if (by_the_store && store->capabilities().server_side_copy) {
    co_return co_await describe_copy_within(*store, item->source.object, opened->object,
                                            copy->options);
  }
  co_return co_await describe_upload(*engine_, source, *store, opened->object, copy->options);
}

Task<Result<CopyPlan>> CopyRun::plan_copy(CopyItem* item) {
  const bool by_the_store =
      item->destination.in_store() && item->source.kind == item->destination.kind;
  const bool may_skip = item->in_doubt || copy_.transfer.overwrite != OverwritePolicy::kAlways;
  const bool size_suffices = !may_skip && (by_the_store || !item->destination.in_store());
  if (size_suffices && (item->size || item->source.kind == Address::Kind::kStdio)) {
    co_return CopyPlan{"copy", item->size, false};
  }
  SingleCopy copy = single_copy(*item);
  copy.settle = [this, item](const std::string& destination) {
    item->destination.text = destination;
    return claims_.claim(destination, redacted(item->source));
  };
  CO_TRY(OpenedCopy opened, co_await open_copy(&session_, &copy));
  if (size_suffices) {
    CO_TRY(const SourceInfo seen, co_await opened.source->probe());
    co_return CopyPlan{"copy", seen.size, false};
  }
  CO_TRY(TransferOutlook outlook, co_await outlook_of(item, &copy, &opened));
  co_return CopyPlan{std::move(outlook.how), outlook.size, outlook.skipped};
}

Task<Result<void>> CopyRun::describe(CopyItem item) {
  if (turns_.due()) CO_TRY_VOID(co_await take_turn());
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
