#pragma once
// LoadRun: prepares objects, puts a load on a store, and takes away what it has made. Workers do
// one operation after the other; a Pace tells when. One loop.

#include "cli/bench/plan.h"
#include "cli/bench/slices.h"
#include "cli/bench/tally.h"
#include "store/object_store.h"

#include <functional>
#include <set>
#include <span>
#include <string>

namespace telpher {

struct LoadSettings {
  std::string bucket;
  std::string prefix;
  OperationMix mix;
  SizeRange sizes{10 * 1024, 10 * 1024};
  std::uint64_t seed = 0;
  std::uint64_t objects = 0;  // to be read, and as many to be deleted
  int concurrency = 64;
  Duration duration{};  // 0 = until requests_max
  std::uint64_t requests_max = UINT64_MAX;
  double rate = 0;
  ByteCount part_size = 16 * 1024 * 1024;
  ChecksumAlgorithm checksum = ChecksumAlgorithm::kNone;
  int list_keys = 1000;
  bool verify = false;
  bool reuse = false;  // the objects are there already
};

class LoadRun {
 public:
  /// @param measured  each call is one request that is never repeated
  /// @param patient   repeats what fails; for preparing and tidying up
  LoadRun(Loop& loop, ObjectStore& measured, ObjectStore& patient, LoadSettings settings);

  /// What has been spent so far; asked some dozens of times during run().
  std::function<CpuSpent()> cpu_spent = [] { return CpuSpent{}; };

  /// Makes the objects that will be read or deleted. Errors: the store's.
  Task<Result<void>> prepare();
  /// Errors: kCancelled; what failed at the store is in the tallies.
  Task<Result<void>> run();
  /// Ends uploads below the run's own folder: when the answer to a Create is lost, the run does not
  /// know what it has begun. Errors: the store's.
  Task<Result<void>> end_uploads();
  /// Deletes what prepare() and run() have made and run() has not deleted, open uploads too.
  /// Errors: the store's.
  Task<Result<void>> tidy();

  const LoadTallies& tallies() const { return tallies_; }
  /// The same as it went on; after run().
  const SliceRecorder& slices() const { return *slices_; }
  const LoadPlan& plan() const { return plan_; }
  /// From the first start to the last answer.
  Duration elapsed() const { return elapsed_; }
  /// Open model: what should have been started by the end and was not.
  std::uint64_t not_started() const { return not_started_; }
  /// Nothing was left to delete, so the run ended early.
  bool ran_dry() const { return ran_dry_; }

  /// Objects made or deleted so far by prepare() or tidy(), and how many there are.
  std::uint64_t chores_done() const { return chores_done_; }
  std::uint64_t chores() const { return chores_; }

 private:
  /// Objects to read come first, then those to delete, then what the run puts.
  std::uint64_t readable_end() const;
  std::uint64_t prepared_end() const;

  Task<Result<void>> worker();
  struct Errand {
    LoadOperation operation;
    std::uint64_t object;  // to list: the one that the listing begins behind
  };
  /// What operation `index` is about; nullopt when nothing is left to delete.
  std::optional<Errand> choose(std::uint64_t index);
  Task<Result<ByteCount>> perform(Errand errand, MutableBytes buffer);
  Task<Result<ByteCount>> put_tracked(std::uint64_t object);
  Task<Result<ByteCount>> put(ObjectStore* store, std::uint64_t object);
  Task<Result<ByteCount>> put_in_parts(ObjectStore* store, std::uint64_t object, ByteCount size);
  Task<Result<void>> put_parts(ObjectStore* store, ObjectAddress address, std::string upload,
                               std::uint64_t object, ByteCount size, std::vector<PartInfo>* parts);
  Task<Result<ByteCount>> get(std::uint64_t object, MutableBytes buffer);
  Task<Result<ByteCount>> list(std::uint64_t after);

  using Chore = Task<Result<void>> (LoadRun::*)(std::uint64_t object);
  Task<Result<void>> make_object(std::uint64_t object);
  Task<Result<void>> remove_object(std::uint64_t object);
  Task<Result<void>> chore_worker(Chore chore, std::uint64_t* next, std::uint64_t end);
  /// Does `chore` to the objects [begin, end), many at once.
  Task<Result<void>> for_each(Chore chore, std::uint64_t begin, std::uint64_t end);

  ObjectAddress address(std::uint64_t object) const {
    return {settings_.bucket, plan_.key(object)};
  }

  Loop& loop_;
  ObjectStore& measured_;
  ObjectStore& patient_;
  const LoadSettings settings_;
  LoadPlan plan_;
  LoadPayload payload_;
  Pace pace_{{}, {}};
  LoadTallies tallies_;
  std::optional<SliceRecorder> slices_;
  TimePoint begin_;
  Duration elapsed_{};
  std::uint64_t not_started_ = 0;
  std::uint64_t creates_unanswered_ = 0;    // or refused
  std::uint64_t made_end_ = 0;              // objects with smaller numbers have been made
  std::uint64_t put_end_ = 0;               // the next number to put
  std::uint64_t delete_begin_ = 0;          // the next number to delete
  std::set<std::uint64_t> puts_in_flight_;  // in mixes with delete
  std::uint64_t chores_done_ = 0;
  std::uint64_t chores_ = 0;
  bool ran_dry_ = false;
};

}  // namespace telpher
