#pragma once
// TransferRuns: takes jobs whose turn it is out of the queue and runs them by the engine, so many
// at a time. What becomes of a job is decided in the queue; whoever pauses or cancels one changes
// it there first, and stops its run after. Made by Transfers; one loop.

#include "metrics/operation_metrics.h"
#include "metrics/trace.h"
#include "runtime/semaphore.h"
#include "runtime/task_group.h"
#include "source/http_source.h"
#include "transfer/journal.h"
#include "transfer/transfer.h"
#include "transfers/transfer_record.h"
#include "transfers/watched_source.h"

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace telpher {

struct TransfersOptions {
  std::size_t transfers_max = 4;  // run at once
  TransferRules rules;
  SourceLimits limits;
  TransferOptions copy;       // of each: parts in flight, checksum, part size …
  bool make_buckets = false;  // those that are not there yet: the embedded store needs no set-up
  /// Of what a source did not give, besides what engine and source repeat themselves.
  int attempts_max = 4;
  std::chrono::seconds retry_first{10};  // doubled each time
  std::chrono::seconds retry_max{600};
  /// Open uploads of failed transfers are kept so long, for a retry to continue.
  std::chrono::hours leftovers_kept{24};
};

/// What they work with; all of it outlives them.
struct TransferNeeds {
  JobQueue& queue;
  Engine& engine;
  ObjectStore& store;
  OperationRegistry& operations;
  SpanBuffer* spans = nullptr;  // may be null
  std::function<Result<std::unique_ptr<Source>>(Uri uri, Headers headers)> open_source;
  /// The same for every process that means this object.
  std::function<DestinationName(const ObjectAddress& object)> name_of;
};

/// A change of state, or (`progress`) how far it has come: at most 4 a second of one transfer.
struct TransferEvent {
  const Transfer& transfer;
  bool progress = false;
};

class TransferRuns {
 public:
  TransferRuns(Loop& loop, const TransferNeeds& needs, const TransfersOptions& options);
  ~TransferRuns();

  /// Until it is cancelled: what runs then is left as it is, for the next process.
  Task<Result<void>> run();
  /// Something may have become ready to run or to be removed.
  void wake();
  /// Ends the run of a job whose state somebody has changed; nothing when it does not run.
  void stop(const std::string& id);
  /// Until it does not run. Errors: kTimeout, kCancelled.
  Task<Result<void>> wait_until_stopped(std::string id, TimePoint deadline);
  /// Until what an ended transfer left behind is gone, or could not be removed yet.
  Task<Result<void>> wait_until_removed(std::string id, TimePoint deadline);
  std::size_t active() const { return running_.size(); }
  /// As far as it has come now; nullopt when it does not run.
  std::optional<TransferState> state_of(const std::string& id) const;

  std::function<void(const TransferEvent&)> on_event;
  std::function<void(std::string_view)> on_problem;
  std::function<void()> on_delivery;  // the queue has a message to deliver

 private:
  struct Running;

  void start(Job job, TaskGroup* group);
  Task<Result<void>> run_one(Running* running);
  Task<Result<void>> wait_for_change(std::uint64_t seen, TimePoint deadline);
  Task<Result<TimePoint>> next_turn();
  TimePoint to_loop_time(std::optional<WallTime> time) const;

  // One copy.
  Task<Result<TransferResult>> copy(Running* running);
  Task<Result<std::unique_ptr<Source>>> find_source(Running* running);
  Task<Result<std::string>> begin(Running* running, const SourceInfo* seen);
  Task<Result<void>> make_bucket(std::string bucket);
  Task<Result<std::optional<TransferResult>>> already_done(Running* running,
                                                           const SourceInfo* seen);
  TransferOptions copy_options(const Running& running) const;

  // Its end.
  Task<void> settle(Running* running, Result<TransferResult> result);
  JobChange completed(Running* running, const TransferResult& result) const;
  JobChange failed(Running* running, const Error& error);
  Task<void> change(Running* running, std::vector<JobState> expected, JobChange change);
  void record(const Running& running, const Result<TransferResult>& result);

  // Beside the copies.
  Task<Result<void>> tell_progress();
  void tell_progress_of(Running& running, double seconds, bool save);
  Task<Result<void>> remove_traces();
  Task<Result<void>> remove_traces_of(const Job* job);
  Task<Result<void>> forget_old();

  Loop& loop_;
  const TransferNeeds& needs_;
  const TransfersOptions& options_;
  std::map<std::string, std::unique_ptr<Running>> running_;
  std::uint64_t wakes_ = 0;
  WaitQueue woken_;
  WaitQueue stopped_;
};

/// Sources of http and https. Both outlive what it opens.
std::function<Result<std::unique_ptr<Source>>(Uri uri, Headers headers)> http_opener(
    HttpClient& client, HttpSourceOptions options);

/// What a webhook is told of a job that becomes `change`; nullopt when nobody asked.
std::optional<NewDelivery> end_message(Job job, const JobChange& change, const TransferSpec& spec,
                                       WallTime now);

}  // namespace telpher
