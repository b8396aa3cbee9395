#include "cli/removal.h"

#include "cli/json_line.h"
#include "cli/progress_view.h"

#include <algorithm>
#include <cstdio>
#include <utility>

namespace telpher {
namespace {

constexpr std::size_t kKeysInRequest = 1000;  // S3 takes no more
constexpr std::size_t kSinglesAtOnce = 16;    // of one batch
constexpr std::size_t kVersionsAtOnce = 64;

}  // namespace

Task<Result<void>> Removal::remove_object(ObjectStore* store, Address::Kind kind,
                                          ObjectAddress object) {
  const Place place{store, kind, object.bucket};
  const std::string key = object.key;
  if (!options_.dry_run) CO_TRY_VOID(co_await store->remove(std::move(object)));
  print_gone(place, key);
  co_return Result<void>();
}

Task<Result<std::uint64_t>> Removal::remove_all(ObjectWalk* walk) {
  const Place place{&walk->store(), walk->kind(), walk->bucket()};
  pending_.clear();
  TaskGroup requests(co_await current_context());
  Result<void> taken = co_await walk->for_each(
      [&](WalkPage page) { return take(&requests, &place, std::move(page)); });
  if (taken) taken = co_await flush(&requests, &place);
  if (!taken) requests.cancel();
  Result<void> joined = co_await requests.join();
  // A request that failed has cancelled the walk's next step: it is the cause.
  if (!joined && joined.error().kind != ErrorKind::kCancelled) co_return joined.error();
  if (!taken) co_return taken.error();
  if (!joined) co_return joined.error();
  co_return walk->found();
}

Task<Result<void>> Removal::remove_listed(ObjectStore* store, Address::Kind kind,
                                          std::string bucket, NextKey next) {
  const Place place{store, kind, std::move(bucket)};
  pending_.clear();
  TaskGroup requests(co_await current_context());
  Result<void> taken;
  while (taken) {
    Result<std::optional<std::string>> key = next();
    if (!key) taken = key.error();
    if (!key || !*key) break;
    taken = co_await add(&requests, &place, **std::move(key));
  }
  if (taken) taken = co_await flush(&requests, &place);
  Result<void> joined = co_await requests.join();
  if (!joined && joined.error().kind != ErrorKind::kCancelled) co_return joined.error();
  co_return taken ? joined : taken;
}

Task<Result<void>> Removal::take(TaskGroup* requests, const Place* place, WalkPage page) {
  for (ListEntry& entry : page.objects) {
    if (entry.version_id.empty() || options_.dry_run) {
      CO_TRY_VOID(co_await add(requests, place, std::move(entry.key)));
      continue;
    }
    co_await requests->wait_until_at_most(kVersionsAtOnce - 1);
    if (requests->cancelled()) co_return make_error(ErrorKind::kCancelled, "cancelled");
    requests->spawn(remove_one(place, std::move(entry.key), std::move(entry.version_id)));
  }
  co_return Result<void>();
}

Task<Result<void>> Removal::add(TaskGroup* requests, const Place* place, std::string key) {
  if (options_.dry_run) {
    print_gone(*place, key);
    co_return stdout_is_open();
  }
  pending_.push_back(std::move(key));
  if (pending_.size() < kKeysInRequest) co_return Result<void>();
  co_return co_await flush(requests, place);
}

Task<Result<void>> Removal::flush(TaskGroup* requests, const Place* place) {
  if (pending_.empty()) co_return Result<void>();
  co_await requests->wait_until_at_most(static_cast<std::size_t>(options_.requests_max) - 1);
  if (requests->cancelled()) co_return make_error(ErrorKind::kCancelled, "cancelled");
  requests->spawn(remove_batch(place, std::exchange(pending_, {})));
  co_return Result<void>();
}

Task<Result<void>> Removal::remove_batch(const Place* place, Keys keys) {
  if (!in_batches_) co_return co_await remove_each(place, std::move(keys));
  Result<std::vector<RemoveFailure>> failures =
      co_await place->store->remove_many(place->bucket, keys);
  if (!failures && failures.error().kind == ErrorKind::kUnsupported) {
    in_batches_ = false;
    co_return co_await remove_each(place, std::move(keys));
  }
  if (!failures) co_return std::move(failures).error();
  Keys again;
  std::ranges::sort(*failures, {}, &RemoveFailure::key);
  for (const std::string& key : keys) {
    const auto failure = std::ranges::lower_bound(*failures, key, {}, &RemoveFailure::key);
    if (failure == failures->end() || failure->key != key) {
      print_gone(*place, key);
    } else if (failure->error.is_temporary()) {
      again.push_back(key);  // by itself, where a retry layer watches over it
    } else {
      fail(*place, key, failure->error);
    }
  }
  co_return co_await remove_each(place, std::move(again));
}

Task<Result<void>> Removal::remove_each(const Place* place, Keys keys) {
  TaskGroup group(co_await current_context());
  for (std::string& key : keys) {
    co_await group.wait_until_at_most(kSinglesAtOnce - 1);
    if (group.cancelled()) break;
    group.spawn(remove_one(place, std::move(key), ""));
  }
  co_return co_await group.join();
}

Task<Result<void>> Removal::remove_one(const Place* place, std::string key,
                                       std::string version_id) {
  const Result<void> removed =
      co_await place->store->remove({place->bucket, key, std::move(version_id)});
  if (!removed && removed.error().kind == ErrorKind::kCancelled) co_return removed.error();
  if (removed) {
    print_gone(*place, key);
  } else {
    fail(*place, key, removed.error());
  }
  co_return Result<void>();
}

void Removal::print_gone(const Place& place, const std::string& key) {
  ++removed_;
  report_.done();
  if (view_.due()) view_.draw("removed " + std::to_string(removed_) + " objects");
  if (options_.json) {
    JsonLine line;
    line.text("event", options_.dry_run ? "planned" : "done");
    line.text("bucket", place.bucket).text("key", key).print();
  } else if (options_.verbose || options_.dry_run) {
    const std::string address = destination_text(place.kind, {place.bucket, key});
    std::printf("%s %s\n", options_.dry_run ? "would remove" : "removed",
                printable(address).c_str());
  }
}

void Removal::fail(const Place& place, const std::string& key, const Error& error) {
  ++failed_;
  view_.clear();
  report_.failed(destination_text(place.kind, {place.bucket, key}), error);
}

void Removal::print_summary() {
  view_.clear();
  if (options_.json) {
    JsonLine line;
    line.text("event", "summary").number("removed", options_.dry_run ? 0 : removed_);
    if (options_.dry_run) line.number("planned", removed_);
    line.number("failed", failed_).print();
    return;
  }
  std::string text = options_.dry_run ? "would remove " : "removed ";
  text += std::to_string(removed_) + (removed_ == 1 ? " object" : " objects");
  if (failed_ > 0) text += ", " + std::to_string(failed_) + " failed";
  std::puts(text.c_str());
}

}  // namespace telpher
