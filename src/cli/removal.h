#pragma once
// Removal: takes objects away, and says which are gone and which could not be. One for each
// command.

#include "cli/count_view.h"
#include "cli/item_report.h"
#include "cli/object_walk.h"
#include "cli/verb.h"
#include "transfer/remove_set.h"

#include <string>

namespace telpher {

struct RemovalOptions {
  bool dry_run = false;
  bool verbose = false;  // names each object that is gone
  bool json = false;
  int requests_max = 8;  // at once
};

class Removal {
 public:
  /// Both outlive it.
  Removal(RemovalOptions options, ItemReport& report, CountView& view)
      : options_(options), report_(report), view_(view) {}

  /// Removes one object by a request of its own; what is not there is removed already.
  Task<Result<void>> remove_object(ObjectStore* store, Address::Kind kind, ObjectAddress object);
  /// Removes all that `walk` finds, where it finds versions each of them. Returns how many it
  /// found. Objects that cannot be removed are reported, the others go on. Errors: what would fail
  /// for all alike (no such bucket, no permission, the store gives no answer), kCancelled.
  Task<Result<std::uint64_t>> remove_all(ObjectWalk* walk);
  /// The same for keys of a list: `next` returns the next one, empty at the end.
  using NextKey = std::function<Result<std::optional<std::string>>()>;
  Task<Result<void>> remove_listed(ObjectStore* store, Address::Kind kind, std::string bucket,
                                   NextKey next);

  std::uint64_t removed() const { return removed_; }
  std::uint64_t failed() const { return failed_; }
  /// One line for all.
  void print_summary();

 private:
  struct Place {
    ObjectStore* store;
    Address::Kind kind;
    std::string bucket;
  };

  RemoveSet::Report report_on(const Place* place);
  Task<Result<void>> take(RemoveSet* set, const Place* place, WalkPage page);
  Task<Result<void>> add(RemoveSet* set, const Place* place, std::string key,
                         std::string version_id);
  void print_gone(const Place& place, const std::string& key);
  void fail(const Place& place, const std::string& key, const Error& error);

  const RemovalOptions options_;
  ItemReport& report_;
  CountView& view_;
  std::uint64_t removed_ = 0;
  std::uint64_t failed_ = 0;
};

}  // namespace telpher
