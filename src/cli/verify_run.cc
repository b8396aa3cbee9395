#include "cli/verify_run.h"

#include "cli/json_line.h"
#include "cli/name_rules.h"
#include "cli/progress_view.h"
#include "cli/verb.h"
#include "source/glob.h"
#include "source/probed_source.h"
#include "store/rules.h"

#include <cstdio>
#include <utility>

namespace telpher {
namespace {

Error usage(std::string message) { return make_error(ErrorKind::kInvalid, std::move(message)); }

/// Takes several things: a directory, or a prefix.
bool takes_several(const Address& address) {
  return address.is_prefix() ||
         (address.kind == Address::Kind::kPath && is_directory(address.path));
}

/// Whether that nothing is found there means that it is not there: a directory or bucket is there
/// when it is empty, too.
bool is_missing(const Address& address) {
  return address.in_store() && !address.object.key.empty();
}

/// The thing called `name` in what takes several.
Result<Address> below(const Address& address, std::string_view name) {
  Address at = address;
  if (at.in_store()) {
    at.object.key += name;
    at.text = destination_text(at.kind, at.object);
  } else {
    TRY(at.path, file_for(address.path, name));
    at.text = at.path;
  }
  return at;
}

/// The same for people: what no file can be called has a name, too.
Address named_below(Address directory, std::string_view name) {
  if (!directory.path.ends_with('/')) directory.path += '/';
  directory.path += name;
  directory.text = directory.path;
  return directory;
}

}  // namespace

struct VerifyRun::Side {
  Address address;  // what the names are relative to
  std::unique_ptr<Tree> tree;
  const FileTree* files = nullptr;  // `tree`, when it is one of files
  bool md5_etags = false;
};

Task<Result<void>> VerifyRun::run(Address a, Address b) {
  using Kind = Address::Kind;
  if (a.kind == Kind::kStdio && b.kind == Kind::kStdio) {
    co_return usage("standard input can be read only once");
  }
  for (const Address& address : {a, b}) {
    if (address.in_store() && address.object.bucket.empty()) {
      co_return usage("'" + address.text + "' names no bucket");
    }
  }
  CO_TRY(bool tree, co_await is_tree(&a));
  if (!tree && a.in_store() && a.object.version_id.empty() && takes_several(b)) {
    // 's3://b/photos' and './photos': an object of that name, or all below it.
    CO_TRY(ObjectStore * store, session_.store(a.kind));
    const Result<ObjectInfo> info = co_await store->head(a.object);
    tree = !info && info.error().kind == ErrorKind::kNotFound;
    if (tree) a.object.key += '/';
  }
  if (tree) co_return co_await run_trees(std::move(a), std::move(b));
  co_return co_await run_single(std::move(a), std::move(b));
}

Task<Result<bool>> VerifyRun::is_tree(const Address* address) {
  if (address->kind == Address::Kind::kPath) {
    if (is_directory(address->path)) co_return true;
    co_return is_glob(address->path) && !exists(address->path);
  }
  if (!address->in_store() || !address->object.version_id.empty()) co_return false;
  if (address->is_prefix()) co_return true;
  if (!is_glob(address->object.key)) co_return false;
  CO_TRY(ObjectStore * store, session_.store(address->kind));
  const Result<ObjectInfo> info = co_await store->head(address->object);
  co_return !info && info.error().kind == ErrorKind::kNotFound;
}

// --- one and one -----------------------------------------------------------------------------

Task<Result<std::unique_ptr<Source>>> VerifyRun::open_probed(Address address) {
  Result<std::unique_ptr<Source>> source = co_await session_.open_source(address, {});
  if (!source) {
    fail(redacted(address), source.error());
    co_return std::move(source).error();
  }
  Result<SourceInfo> seen = co_await (*source)->probe();
  if (!seen) {
    fail(redacted(address), seen.error());
    co_return std::move(seen).error();
  }
  co_return std::make_unique<ProbedSource>(*std::move(source), *std::move(seen));
}

Task<Result<void>> VerifyRun::run_single(Address a, Address b) {
  Result<std::unique_ptr<Source>> first = co_await open_probed(a);
  if (!first) co_return Result<void>();
  if (takes_several(b)) {
    CO_TRY(const SourceInfo seen, co_await (*first)->probe());
    CO_TRY(Address inside, below(b, seen.name));
    b = std::move(inside);
  }
  Result<std::unique_ptr<Source>> second = co_await open_probed(b);
  if (!second) co_return Result<void>();
  co_return co_await compare_sources(std::move(a), first->get(), std::move(b), second->get());
}

bool VerifyRun::has_md5_etags(const Address& address) {
  if (!address.in_store()) return false;
  Result<ObjectStore*> store = session_.store(address.kind);
  return store && (*store)->capabilities().etag_is_md5;
}

Task<Result<void>> VerifyRun::compare_sources(Address a, Source* first, Address b, Source* second) {
  const Result<Comparison> compared =
      co_await compare(engine_, {*first, has_md5_etags(a)}, {*second, has_md5_etags(b)},
                       {.read_both = options_.read_both});
  if (compared) {
    tell(a, b, *compared);
  } else if (co_await is_cancelled()) {
    co_return compared.error();
  } else {
    fail(redacted(a) + " and " + redacted(b), compared.error());
  }
  co_return Result<void>();
}

// --- trees -----------------------------------------------------------------------------------

Task<Result<void>> VerifyRun::compare_pair(Address a, Address b) {
  Result<std::unique_ptr<Source>> first = co_await open_probed(a);
  if (!first) co_return Result<void>();
  Result<std::unique_ptr<Source>> second = co_await open_probed(b);
  if (!second) co_return Result<void>();
  co_return co_await compare_sources(std::move(a), first->get(), std::move(b), second->get());
}

Task<Result<void>> VerifyRun::run_trees(Address a, Address b) {
  several_ = true;
  if (b.in_store() && !b.is_prefix()) b.object.key += '/';
  if (!b.in_store() && b.kind != Address::Kind::kPath) {
    co_return usage("'" + redacted(b) + "' cannot hold what '" + redacted(a) + "' does");
  }
  if (b.kind == Address::Kind::kPath && !is_directory(b.path)) {
    fail(b.text, make_error(ErrorKind::kNotFound, "'" + b.path + "' is no directory"));
    co_return Result<void>();
  }
  Side sides[2] = {{.address = std::move(a)}, {.address = std::move(b)}};
  // What the first's pattern leaves out is not asked of the second either.
  const Address& from = sides[0].address;
  const std::string& text = from.in_store() ? from.object.key : from.path;
  std::optional<Glob> pattern;
  if (is_glob(text) && !is_directory(from.path)) {
    CO_TRY(pattern, Glob::parse(text));
  }
  std::uint64_t left_out = 0;
  const NameTest wanted = [this, &pattern, &left_out](std::string_view name) {
    if (pattern && !pattern->matches(name)) return false;
    const bool accepted = options_.filter.accepts(name);
    left_out += !accepted;
    return accepted;
  };
  for (Side& side : sides) {
    Address& at = side.address;
    side.md5_etags = has_md5_etags(at);
    if (at.in_store()) {
      CO_TRY(ObjectStore * store, session_.store(at.kind));
      CO_TRY(std::unique_ptr<ObjectTree> tree, ObjectTree::open(*store, at.object, wanted));
      at.object.key = tree->base();
      side.tree = std::move(tree);
    } else {
      CO_TRY(
          std::unique_ptr<FileTree> tree,
          FileTree::open(
              at.path, {.sorted = true, .attributes = true, .follow_links = options_.follow_links},
              wanted));
      at.path = tree->walk().root();
      side.files = tree.get();
      side.tree = std::move(tree);
    }
  }
  TaskGroup group(co_await current_context());
  const Result<bool> walked = co_await walk_pairs(&sides[0], &sides[1], &group);
  if (!walked) group.cancel();
  Result<void> joined = co_await group.join();
  if (!walked) co_return walked.error();
  CO_TRY_VOID(std::move(joined));
  if (*walked) tell_total();
  std::uint64_t links = 0;
  for (const Side& side : sides) links += side.files ? side.files->links_left() : 0;
  if (links > 0 && !options_.quiet) {
    std::fprintf(stderr, "telpher: %s\n", links_left_text(links).c_str());
  }
  if (*walked && left_out > 0 && same_ + different_ + missing_ + failed_ == 0) {
    warn_nothing_left(sides[0].address.text, left_out, "names");
  }
  co_return Result<void>();
}

Task<Result<bool>> VerifyRun::walk_pairs(Side* a, Side* b, TaskGroup* group) {
  TreePairs pairs(*a->tree, *b->tree);
  bool first = true;
  for (;;) {
    CO_TRY(std::optional<TreePair> pair, co_await next_pair(a, b, &pairs));
    if (std::exchange(first, false)) {
      for (const auto& [side, empty] :
           {std::pair{a, pairs.first_is_empty()}, {b, pairs.second_is_empty()}}) {
        if (!empty || !is_missing(side->address)) continue;
        fail(side->address.text, make_error(ErrorKind::kNotFound, "no object is there"));
        co_return false;
      }
    }
    if (!pair) co_return true;
    CO_TRY_VOID(stdout_is_open());
    if (pair->first && pair->second) {
      CO_TRY_VOID(co_await start_pair(a, b, *std::move(pair), group));
      continue;
    }
    const Side* lacks = pair->first ? b : a;
    const std::string& name = (pair->first ? pair->first : pair->second)->name;
    const Result<Address> missing = below(lacks->address, name);
    if (missing) {
      tell_missing(*missing, "");
    } else {
      tell_missing(named_below(lacks->address, name), "no file can be called so");
    }
  }
}

namespace {

/// Some tools keep "folders" as empty objects: no file can be called so.
bool is_folder(const std::optional<TreeEntry>& entry, const Address& root) {
  return entry && root.in_store() && entry->name.ends_with('/') && entry->size == ByteCount{0};
}

}  // namespace

Task<Result<std::optional<TreePair>>> VerifyRun::next_pair(Side* a, Side* b, TreePairs* pairs) {
  for (;;) {
    Result<std::optional<TreePair>> pair = co_await pairs->next();
    if (!pair) {
      const Side* failed = pairs->failed_at_second() ? b : a;
      const Result<Address> at = below(failed->address, pairs->current());
      const bool ends = pair.error().kind == ErrorKind::kCancelled || pairs->current().empty();
      if (ends || !at) co_return pair;
      fail(at->text, pair.error());
      continue;
    }
    if (!*pair) co_return pair;
    if (is_folder((*pair)->first, a->address)) (*pair)->first.reset();
    if (is_folder((*pair)->second, b->address)) (*pair)->second.reset();
    if ((*pair)->first || (*pair)->second) co_return pair;
  }
}

Task<Result<void>> VerifyRun::start_pair(const Side* a, const Side* b, TreePair pair,
                                         TaskGroup* group) {
  const TreeEntry& first = *pair.first;
  const TreeEntry& second = *pair.second;
  CO_TRY(Address at_a, below(a->address, first.name));
  CO_TRY(Address at_b, below(b->address, second.name));
  if (first.size && second.size && *first.size != *second.size) {
    tell(at_a, at_b,
         {.how = "size",
          .difference =
              std::to_string(*first.size) + " and " + std::to_string(*second.size) + " bytes"});
    co_return Result<void>();
  }
  const bool by_etag = !options_.read_both && a->md5_etags && b->md5_etags;
  if (by_etag && is_md5_etag(first.etag) && first.etag == second.etag) {
    tell(at_a, at_b,
         {.same = true, .size = first.size.value_or(0), .how = "MD5 (ETag) at both ends"});
    co_return Result<void>();
  }
  co_await group->wait_until_at_most(static_cast<std::size_t>(options_.concurrency) - 1);
  if (group->cancelled()) co_return make_error(ErrorKind::kCancelled, "cancelled");
  group->spawn(compare_pair(std::move(at_a), std::move(at_b)));
  co_return Result<void>();
}

// --- saying it -------------------------------------------------------------------------------

void VerifyRun::fail(const std::string& address, const Error& error) {
  view_.clear();
  if (error.kind != ErrorKind::kCancelled) ++failed_;
  report_.failed(address, error);
}

void VerifyRun::tell(const Address& a, const Address& b, const Comparison& compared) {
  ++(compared.same ? same_ : different_);
  if (compared.same) {
    report_.done();
    ++proofs_[compared.how];
    if (view_.due()) view_.draw("compared " + std::to_string(same_ + different_) + " names");
  } else {
    report_.failed_with(kExitIntegrity);
  }
  if (options_.json) {
    JsonLine line;
    line.text("event", compared.same ? "same" : "different");
    line.text("source", redacted(a)).text("destination", redacted(b));
    if (compared.same) line.number("bytes", compared.size);
    line.text("how", compared.how);
    if (!compared.same) line.text("difference", compared.difference);
    line.print();
    return;
  }
  const std::string names = printable(redacted(a)) + " and " + printable(redacted(b));
  if (!compared.same || !several_) view_.clear();
  if (!compared.same) {
    std::printf("different: %s: %s\n", names.c_str(), printable(compared.difference).c_str());
  } else if (!several_ && !options_.quiet) {
    std::printf("same: %s: %llu bytes, %s\n", names.c_str(),
                static_cast<unsigned long long>(compared.size), compared.how.c_str());
  }
}

void VerifyRun::tell_missing(const Address& address, std::string_view why) {
  ++missing_;
  view_.clear();
  report_.failed_with(kExitIntegrity);
  if (options_.json) {
    JsonLine().text("event", "missing").text("address", redacted(address)).print();
  } else {
    const std::string reason = why.empty() ? "" : " (" + std::string(why) + ")";
    std::printf("missing: %s%s\n", printable(redacted(address)).c_str(), reason.c_str());
  }
}

void VerifyRun::tell_total() {
  view_.clear();
  if (options_.json) {
    JsonLine line;
    line.text("event", "summary").number("same", same_).number("different", different_);
    line.number("missing", missing_).number("failed", failed_).print();
    return;
  }
  if (options_.quiet) return;
  std::string text = std::to_string(same_) + " same";
  std::string separator = " (";
  for (const auto& [how, times] : proofs_) {
    text += separator + (proofs_.size() > 1 ? std::to_string(times) + " " : "") + how;
    separator = "; ";
  }
  if (!proofs_.empty()) text += ")";
  text +=
      ", " + std::to_string(different_) + " different, " + std::to_string(missing_) + " missing";
  if (failed_ > 0) text += ", " + std::to_string(failed_) + " failed";
  std::puts(text.c_str());
}

}  // namespace telpher
