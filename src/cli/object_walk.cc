#include "cli/object_walk.h"

#include "cli/command_line.h"
#include "runtime/task_group.h"

#include <utility>

namespace telpher {
namespace {

ListEntry entry_of(std::string key, const ObjectInfo& info) {
  ListEntry entry{.key = std::move(key),
                  .size = info.size,
                  .etag = info.etag,
                  .last_modified = info.last_modified,
                  .storage_class = info.storage_class};
  if (info.checksum) {
    entry.checksum = info.checksum->digest.algorithm();
    entry.composite = info.checksum->parts > 0;
  }
  return entry;
}

}  // namespace

Task<Result<ObjectWalk>> ObjectWalk::open(Session* session, Address address,
                                          ObjectWalkOptions options) {
  if (!address.in_store() || address.object.bucket.empty()) {
    co_return make_error(ErrorKind::kInvalid, "'" + redacted(address) + "' names no bucket");
  }
  ObjectWalk walk;
  CO_TRY(walk.store_, session->store(address.kind));
  walk.kind_ = address.kind;
  walk.bucket_ = std::move(address.object.bucket);
  walk.key_ = std::move(address.object.key);
  walk.filter_ = std::move(options.filter);
  walk.one_level_ = options.one_level;
  walk.versions_ = options.versions;
  CO_TRY_VOID(co_await walk.settle(options.plain));
  co_return walk;
}

Task<Result<void>> ObjectWalk::settle(PlainKey plain) {
  const bool whole = key_.empty() || key_.ends_with('/');
  const bool glob = is_glob(key_);
  if ((glob && !whole) || (plain == PlainKey::kTree && !whole)) {
    // "report[1].csv" is a legal key: an object of that very name goes before the pattern.
    Result<ObjectInfo> info = co_await store_->head({bucket_, key_});
    if (!info && info.error().kind != ErrorKind::kNotFound) co_return std::move(info).error();
    if (info) itself_ = entry_of(key_, *info);
  }
  if (glob && !itself_) {
    std::string text = key_;
    if (whole) text += "**";
    CO_TRY(pattern_, Glob::parse(text));
    const bool tree = plain == PlainKey::kTree && !whole;
    if (tree) {
      CO_TRY(below_, Glob::parse(text + "/**"));
    }
    base_ = pattern_->base();
    prefix_ = pattern_->prefix();
    one_level_ = !tree && pattern_->is_one_level();
    co_return Result<void>();
  }
  if (whole || (plain == PlainKey::kPrefix && !itself_)) {
    base_ = whole ? key_ : key_.substr(0, key_.rfind('/') + 1);
    prefix_ = key_;
  } else if (plain == PlainKey::kTree) {
    base_ = prefix_ = key_ + '/';
  } else {
    single_ = key_;
    base_ = key_.substr(0, key_.rfind('/') + 1);
  }
  if (versions_ && prefix_ != key_) {
    // Only a listing tells the versions of an object.
    prefix_ = key_;
    stem_ = key_;
    if (single_.empty()) stem_tree_ = key_ + '/';
    single_.clear();
    itself_.reset();
  }
  co_return Result<void>();
}

std::string ObjectWalk::address_of(std::string_view key) const {
  return destination_text(kind_, {bucket_, std::string(key)});
}

bool ObjectWalk::wants(std::string_view key) {
  const bool below_stem = !stem_tree_.empty() && key.starts_with(stem_tree_);
  if (!stem_.empty() && key != stem_ && !below_stem) return false;
  // The object a tree is called after, or the empty one some tools keep for a folder.
  const std::string_view name = key.size() > base_.size() ? key.substr(base_.size()) : key;
  const bool matches = !pattern_ || pattern_->matches(name) || (below_ && below_->matches(name));
  if (!matches || filter_.accepts(name)) return matches;
  ++left_out_;
  return false;
}

bool ObjectWalk::wants_prefix(std::string_view prefix) const {
  if (!pattern_) return true;
  prefix.remove_prefix(base_.size());
  prefix.remove_suffix(1);
  return pattern_->matches(prefix);
}

Task<Result<void>> ObjectWalk::list_into(BoundedQueue<WalkPage>* pages) {
  Result<void> listed = co_await list_pages(pages);
  pages->close();
  co_return listed;
}

Task<Result<void>> ObjectWalk::list_pages(BoundedQueue<WalkPage>* pages) {
  if (!single_.empty() && !itself_) {
    CO_TRY(const ObjectInfo info, co_await store_->head({bucket_, single_}));
    itself_ = entry_of(single_, info);
  }
  if (itself_) {
    WalkPage page;
    if (!single_.empty() || filter_.accepts(itself_->key)) page.objects.push_back(*itself_);
    found_ += page.objects.size();
    left_out_ += 1 - page.objects.size();
    CO_TRY_VOID(co_await pages->push(std::move(page)));
    if (prefix_.empty()) co_return Result<void>();  // and nothing else is meant
  }
  ListOptions options{.prefix = prefix_, .versions = versions_};
  if (one_level_) options.delimiter = "/";
  do {
    CO_TRY(ListPage listed, co_await store_->list(bucket_, options));
    std::erase_if(listed.objects, [this](const ListEntry& entry) { return !wants(entry.key); });
    std::erase_if(listed.prefixes, [this](const std::string& text) { return !wants_prefix(text); });
    options.continuation = std::move(listed.continuation);
    found_ += listed.objects.size();
    CO_TRY_VOID(co_await pages->push({std::move(listed.objects), std::move(listed.prefixes)}));
  } while (!options.continuation.empty());
  co_return Result<void>();
}

Task<Result<void>> ObjectWalk::for_each(TakePage take) {
  BoundedQueue<WalkPage> pages(1);
  TaskGroup listing(co_await current_context());
  listing.spawn(list_into(&pages));
  Result<void> taken;
  while (taken) {
    Result<std::optional<WalkPage>> page = co_await pages.pop();
    if (!page) taken = page.error();
    if (!page || !*page) break;
    taken = co_await take(**std::move(page));
  }
  if (!taken) listing.cancel();
  Result<void> listed = co_await listing.join();
  co_return taken ? listed : taken;
}

namespace {

Task<Result<void>> take_page(const TakeObject* take, Address address, WalkPage page) {
  for (ListEntry& entry : page.objects) {
    address.object.key = std::move(entry.key);
    CO_TRY_VOID(co_await (*take)(address));
  }
  co_return Result<void>();
}

}  // namespace

Task<Result<void>> for_each_object(Session* session, Address address, TakeObject take) {
  const bool one = !is_glob(address.object.key) || !address.object.version_id.empty();
  if (one) co_return co_await take(std::move(address));
  CO_TRY(ObjectWalk walk,
         co_await ObjectWalk::open(session, address, {.plain = PlainKey::kObject}));
  if (!walk.single().empty()) co_return co_await take(std::move(address));
  CO_TRY_VOID(co_await walk.for_each(
      [&](WalkPage page) { return take_page(&take, address, std::move(page)); }));
  if (walk.found() > 0) co_return Result<void>();
  co_return make_error(ErrorKind::kNotFound, "no object matches");
}

Result<std::vector<Address>> parse_store_addresses(const std::vector<std::string>& texts,
                                                   std::string_view verb) {
  std::vector<Address> addresses;
  for (const std::string& text : texts) {
    TRY(Address address, parse_address(text));
    if (!address.in_store()) {
      return make_error(
          ErrorKind::kInvalid,
          std::string(verb) + " is about s3://… and local://…, not '" + redacted(address) + "'");
    }
    addresses.push_back(std::move(address));
  }
  return addresses;
}

Result<void> choose_version(std::vector<Address>& addresses, const std::string& version_id) {
  if (version_id.empty()) return {};
  if (addresses.size() != 1 || !addresses[0].in_store() || addresses[0].object.key.empty()) {
    return make_error(ErrorKind::kInvalid, "--version-id is about one object of a store");
  }
  addresses[0].object.version_id = version_id;
  return {};
}

void add_version_option(CommandLine& line, std::string& version_id) {
  line.text("--version-id", "ID", "this version of the one object that is named", version_id);
}

}  // namespace telpher
