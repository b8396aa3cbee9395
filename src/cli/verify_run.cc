#include "cli/verify_run.h"

#include "cli/json_line.h"
#include "cli/probed_source.h"
#include "cli/progress_view.h"
#include "cli/verb.h"
#include "source/glob.h"
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

}  // namespace

struct VerifyRun::Side {
  Address address;  // what the names are relative to
  std::unique_ptr<Tree> tree;
  std::optional<TreeEntry> next;
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
  const NameTest wanted = [this, &pattern](std::string_view name) {
    return options_.filter.accepts(name) && (!pattern || pattern->matches(name));
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
      CO_TRY(std::unique_ptr<FileTree> tree,
             FileTree::open(at.path, {.sorted = true, .attributes = true}, wanted));
      at.path = tree->walk().root();
      side.tree = std::move(tree);
    }
  }
  TaskGroup pairs(co_await current_context());
  const Result<bool> merged = co_await merge(&sides[0], &sides[1], &pairs);
  if (!merged) pairs.cancel();
  Result<void> joined = co_await pairs.join();
  if (!merged) co_return merged.error();
  CO_TRY_VOID(std::move(joined));
  if (*merged) tell_total();
  co_return Result<void>();
}

Task<Result<bool>> VerifyRun::merge(Side* a, Side* b, TaskGroup* pairs) {
  for (Side* side : {a, b}) {
    CO_TRY_VOID(co_await advance(side));
    if (side->next || !is_missing(side->address)) continue;
    fail(side->address.text, make_error(ErrorKind::kNotFound, "no object is there"));
    co_return false;
  }
  while (a->next || b->next) {
    CO_TRY_VOID(stdout_is_open());
    const bool only_a = !b->next || (a->next && a->next->name < b->next->name);
    const bool only_b = !a->next || (b->next && b->next->name < a->next->name);
    Side* has = only_b ? b : a;
    Side* lacks = only_b ? a : b;
    if (only_a || only_b) {
      Result<Address> missing = below(lacks->address, has->next->name);
      // A name that no file can have, perhaps: then it is missing under that name.
      tell_missing(missing ? *missing : lacks->address);
      CO_TRY_VOID(co_await advance(has));
      continue;
    }
    CO_TRY_VOID(co_await start_pair(a, b, pairs));
    CO_TRY_VOID(co_await advance(a));
    CO_TRY_VOID(co_await advance(b));
  }
  co_return true;
}

Task<Result<void>> VerifyRun::advance(Side* side) {
  for (;;) {
    Result<std::optional<TreeEntry>> entry = co_await side->tree->next();
    if (!entry) {
      const std::string name = side->tree->current();
      if (entry.error().kind == ErrorKind::kCancelled) co_return std::move(entry).error();
      const Result<Address> at = below(side->address, name);
      if (name.empty() || !at) {
        co_return std::move(entry).error();
      }
      fail(at->text, entry.error());
      continue;
    }
    side->next = *std::move(entry);
    if (!side->next) co_return Result<void>();
    // Some tools keep "folders" as empty objects: no file can be called so.
    const bool folder = side->address.in_store() && side->next->name.ends_with('/') &&
                        side->next->size == ByteCount{0};
    if (!folder) co_return Result<void>();
  }
}

bool VerifyRun::known_the_same(const Side& a, const Side& b) const {
  return !options_.read_both && a.md5_etags && b.md5_etags && is_md5_etag(a.next->etag) &&
         a.next->etag == b.next->etag && a.next->size == b.next->size;
}

Task<Result<void>> VerifyRun::start_pair(Side* a, Side* b, TaskGroup* pairs) {
  CO_TRY(Address first, below(a->address, a->next->name));
  CO_TRY(Address second, below(b->address, b->next->name));
  if (known_the_same(*a, *b)) {
    tell(first, second,
         {.same = true, .size = a->next->size.value_or(0), .how = "MD5 (ETag) at both ends"});
    co_return Result<void>();
  }
  if (a->next->size && b->next->size && *a->next->size != *b->next->size) {
    tell(first, second,
         {.how = "size",
          .difference = std::to_string(*a->next->size) + " and " + std::to_string(*b->next->size) +
                        " bytes"});
    co_return Result<void>();
  }
  co_await pairs->wait_until_at_most(static_cast<std::size_t>(options_.concurrency) - 1);
  if (pairs->cancelled()) co_return make_error(ErrorKind::kCancelled, "cancelled");
  pairs->spawn(compare_pair(std::move(first), std::move(second)));
  co_return Result<void>();
}

// --- saying it -------------------------------------------------------------------------------

void VerifyRun::fail(const std::string& address, const Error& error) {
  view_.clear();
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

void VerifyRun::tell_missing(const Address& address) {
  ++missing_;
  view_.clear();
  report_.failed_with(kExitIntegrity);
  if (options_.json) {
    JsonLine().text("event", "missing").text("address", redacted(address)).print();
  } else {
    std::printf("missing: %s\n", printable(redacted(address)).c_str());
  }
}

void VerifyRun::tell_total() {
  view_.clear();
  if (options_.json) {
    JsonLine line;
    line.text("event", "summary").number("same", same_).number("different", different_);
    line.number("missing", missing_).print();
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
  std::puts(text.c_str());
}

}  // namespace telpher
