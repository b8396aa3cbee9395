#pragma once
// Transfers: the service's copies, from acceptance to their end. They are kept in the queue, run by
// TransferRuns, and watched and steered from here. One loop.

#include "runtime/body.h"
#include "transfers/transfer.h"
#include "transfers/transfer_request.h"
#include "transfers/transfer_runs.h"
#include "transfers/webhooks.h"

#include <memory>
#include <string>
#include <vector>

namespace telpher {

/// Whose a transfer is, and on whose trace.
struct Submitter {
  std::string owner;
  std::string idempotency_key;  // empty = none
  TraceContext trace;           // not set: a new one
};

class Transfers {
 public:
  /// @param webhooks  woken when there is something to deliver; may be null
  Transfers(Loop& loop, TransferNeeds needs, TransfersOptions options, Webhooks* webhooks);

  /// Runs transfers until it is cancelled; in a TaskGroup, once.
  Task<Result<void>> run() { return runs_.run(); }
  /// Told of every change and of progress, on the loop; and of what went wrong in the queue.
  void on_event(std::function<void(const TransferEvent&)> tell) {
    runs_.on_event = std::move(tell);
  }
  void on_problem(std::function<void(std::string_view)> tell) {
    runs_.on_problem = std::move(tell);
  }

  Refusal check(const TransferRequest& request) const {
    return check_request(request, options_.rules);
  }

  struct Accepted {
    Transfer transfer;
    bool existing = false;  // the same request was accepted before
  };
  /// Errors: kInvalid (code as check() says), kConflict (the key was given with another request),
  /// kIo.
  Task<Result<Accepted>> add(TransferRequest request, Submitter by);

  /// A row that cannot be accepted.
  struct BadRow {
    std::uint64_t row = 0;  // from 1; 0 = the whole
    std::string message;
  };
  struct BatchAccepted {
    JobBatch batch;
    std::vector<BadRow> bad;  // not empty: nothing was accepted; at most kBadRowsMax are named
    bool existing = false;
  };
  static constexpr std::size_t kBadRowsMax = 100;
  /// A manifest (source/copy_list.h): CSV or JSON Lines, at most JobQueue::kBatchMax rows, read as
  /// it comes. What a row leaves open is as in `common`, whose source and key mean nothing.
  /// Errors: those of reading it, kConflict, kIo.
  Task<Result<BatchAccepted>> add_batch(std::unique_ptr<ByteReader> manifest,
                                        TransferRequest common, Submitter by);

  /// Errors of all that take an id: kNotFound (code "TRANSFER_NOT_FOUND").
  Task<Result<Transfer>> get(std::string id);
  struct Page {
    std::vector<Transfer> transfers;  // the newest first
    std::string cursor;               // empty = the last page
  };
  Task<Result<Page>> list(JobQuery query);
  Task<Result<JobCounts>> counts(std::string owner, std::string batch) {
    return needs_.queue.counts(std::move(owner), std::move(batch));
  }
  Task<Result<JobBatch>> batch(std::string id) { return needs_.queue.batch(std::move(id)); }
  /// That run now.
  std::size_t active() const { return runs_.active(); }

  /// Each waits until the transfer has come to rest. Errors also: kConflict (its state does not
  /// allow it; code = the state).
  /// What was sent stays, and resume() goes on there.
  Task<Result<Transfer>> pause(std::string id);
  Task<Result<Transfer>> resume(std::string id);
  /// Of one that failed or was cancelled.
  Task<Result<Transfer>> retry(std::string id);
  /// Leaves no open upload: when this returns, or, if the store cannot be reached, as soon as it
  /// can.
  Task<Result<Transfer>> cancel(std::string id);

 private:
  struct BatchFilling;
  NewJob make_job(const TransferRequest& request, const TraceContext& trace);
  Transfer view(const Job& job) const;
  void tell(const Job& job);
  Task<Result<Job>> find(std::string id);
  /// Changes it, stops its run, and tells.
  Task<Result<Job>> change(std::string id, std::vector<JobState> expected, JobChange change);
  Task<Result<void>> read_rows(BatchFilling* filling);
  Task<Result<void>> add_rows(BatchFilling* filling);

  Loop& loop_;
  const TransferNeeds needs_;
  const TransfersOptions options_;
  Webhooks* const webhooks_;
  TransferRuns runs_;
};

}  // namespace telpher
