#include "transfer/remove_set.h"

#include <algorithm>
#include <utility>

namespace telpher {
namespace {

constexpr std::size_t kKeysInRequest = 1000;  // S3 takes no more
constexpr std::size_t kSinglesAtOnce = 16;    // of one batch
constexpr std::size_t kVersionsAtOnce = 64;

Error cancelled() { return make_error(ErrorKind::kCancelled, "cancelled"); }

}  // namespace

Task<Result<void>> RemoveSet::add(std::string key, std::string version_id) {
  if (version_id.empty()) {
    pending_.push_back(std::move(key));
    if (pending_.size() < kKeysInRequest) co_return Result<void>();
    co_return co_await flush();
  }
  co_await requests_.wait_until_at_most(kVersionsAtOnce - 1);
  if (requests_.cancelled()) co_return cancelled();
  requests_.spawn(remove_one(std::move(key), std::move(version_id)));
  co_return Result<void>();
}

Task<Result<void>> RemoveSet::end(Result<void> so_far) {
  if (so_far) so_far = co_await flush();
  if (!so_far) requests_.cancel();
  Result<void> joined = co_await requests_.join();
  // A request that failed has cancelled the caller's next step: it is the cause.
  if (!joined && joined.error().kind != ErrorKind::kCancelled) co_return joined;
  co_return so_far ? joined : so_far;
}

Task<Result<void>> RemoveSet::flush() {
  if (pending_.empty()) co_return Result<void>();
  co_await requests_.wait_until_at_most(requests_max_ - 1);
  if (requests_.cancelled()) co_return cancelled();
  requests_.spawn(remove_batch(std::exchange(pending_, {})));
  co_return Result<void>();
}

Task<Result<void>> RemoveSet::remove_batch(Keys keys) {
  if (!in_batches_) co_return co_await remove_each(std::move(keys));
  Result<std::vector<RemoveFailure>> failures = co_await store_.remove_many(bucket_, keys);
  if (!failures && failures.error().kind == ErrorKind::kUnsupported) {
    in_batches_ = false;
    co_return co_await remove_each(std::move(keys));
  }
  if (!failures) co_return std::move(failures).error();
  Keys again;
  std::ranges::sort(*failures, {}, &RemoveFailure::key);
  for (const std::string& key : keys) {
    const auto failure = std::ranges::lower_bound(*failures, key, {}, &RemoveFailure::key);
    if (failure == failures->end() || failure->key != key) {
      report_(key, Result<void>());
    } else if (failure->error.is_temporary()) {
      again.push_back(key);  // by itself, where a retry layer watches over it
    } else {
      report_(key, failure->error);
    }
  }
  co_return co_await remove_each(std::move(again));
}

Task<Result<void>> RemoveSet::remove_each(Keys keys) {
  TaskGroup group(co_await current_context());
  for (std::string& key : keys) {
    co_await group.wait_until_at_most(kSinglesAtOnce - 1);
    if (group.cancelled()) break;
    group.spawn(remove_one(std::move(key), ""));
  }
  co_return co_await group.join();
}

Task<Result<void>> RemoveSet::remove_one(std::string key, std::string version_id) {
  const Result<void> removed = co_await store_.remove({bucket_, key, std::move(version_id)});
  if (!removed && removed.error().kind == ErrorKind::kCancelled) co_return removed.error();
  report_(key, removed);
  co_return Result<void>();
}

}  // namespace telpher
