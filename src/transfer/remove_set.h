#pragma once
// RemoveSet: many objects out of a bucket, up to 1000 in a request and several requests at once.
// Memory is that of the requests under way. One loop.

#include "runtime/task_group.h"
#include "store/object_store.h"

#include <functional>
#include <string>
#include <vector>

namespace telpher {

class RemoveSet {
 public:
  /// What became of each object. Called on the loop; the result is only valid during the call.
  using Report = std::function<void(const std::string& key, const Result<void>& removed)>;

  /// Lives in the caller's frame: `RemoveSet set(co_await current_context(), …)`; end() must be
  /// awaited before it goes.
  /// @param requests_max  at once
  RemoveSet(TaskContext& parent, ObjectStore& store, std::string bucket, int requests_max,
            Report report)
      : store_(store),
        bucket_(std::move(bucket)),
        requests_max_(static_cast<std::size_t>(requests_max)),
        report_(std::move(report)),
        requests_(parent) {}

  /// Removes it soon: waits only while enough requests are under way. A version that is named takes
  /// a request of its own. Errors: kCancelled, also when a request has failed for all alike (no
  /// such bucket, no permission): end() tells why.
  Task<Result<void>> add(std::string key, std::string version_id = {});
  /// Sends the rest and waits for all, or with `so_far` an error: ends what is under way. Returns
  /// the first that failed for all alike, else `so_far`.
  Task<Result<void>> end(Result<void> so_far);

 private:
  using Keys = std::vector<std::string>;
  Task<Result<void>> flush();
  Task<Result<void>> remove_batch(Keys keys);
  Task<Result<void>> remove_each(Keys keys);
  Task<Result<void>> remove_one(std::string key, std::string version_id);

  ObjectStore& store_;
  const std::string bucket_;
  const std::size_t requests_max_;
  const Report report_;
  Keys pending_;
  bool in_batches_ = true;  // the store knows requests for many keys
  TaskGroup requests_;
};

}  // namespace telpher
