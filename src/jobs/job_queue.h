#pragma once
// JobQueue: work that survives the process, kept in SQLite. It knows whose job it is, when it may
// run and what state it is in; what the job is (`spec`) and how far it has come (`progress`) are
// text that only whoever runs it reads. One process, one loop; statements run on a worker thread.
//
// A job's states, decided once each, by compare and set:
//   pending → starting → in-progress → completed | failed | cancelled, and paused.

#include "runtime/loop.h"

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace telpher {

enum class JobState { kPending, kStarting, kInProgress, kPaused, kCompleted, kFailed, kCancelled };
inline constexpr std::size_t kJobStates = 7;
/// "pending", "starting", "in-progress" …
std::string_view to_string(JobState state);
std::optional<JobState> parse_job_state(std::string_view text);
/// Nothing more happens to it by itself.
constexpr bool is_final(JobState state) { return state >= JobState::kCompleted; }

/// Why it failed, or failed last.
struct JobError {
  std::string code;  // of whoever runs the jobs
  std::string message;
  bool retryable = false;
  bool operator==(const JobError&) const = default;
};

struct Job {
  std::string id;     // 24 hex digits, the time in front
  std::string owner;  // who may see it; turns are fair between owners
  std::string batch;  // empty = of none
  int priority = 0;   // higher ones of one owner go first
  std::optional<WallTime> not_before;
  JobState state = JobState::kPending;
  std::string spec;
  int attempt = 0;  // how often it was claimed
  WallTime created{};
  WallTime updated{};
  std::optional<WallTime> started;  // claimed first
  std::optional<WallTime> ended;
  std::string progress;
  std::optional<JobError> error;
  std::optional<WallTime> remove_traces_at;  // see JobChange
};

struct NewJob {
  std::string spec;
  int priority = 0;
  std::optional<WallTime> not_before = {};
};

/// So that a request given twice is done once: for a day, the same key of the same owner means what
/// it meant first.
struct Idempotency {
  std::string key;          // empty = none
  std::string fingerprint;  // of the request; another one under the same key is refused
};

struct JobBatch {
  std::string id;
  std::string owner;
  WallTime created{};
  std::uint64_t count = 0;
};

/// How many jobs there are, by state.
using JobCounts = std::array<std::uint64_t, kJobStates>;

/// A message to somebody outside, kept until it is delivered.
struct NewDelivery {
  std::string url;
  std::string event;
  std::string body;
};
struct Delivery {
  std::int64_t id = 0;
  NewDelivery message;
  int attempts = 0;  // made
  WallTime created{};
};

/// What becomes of a job. Empty = stays as it is.
struct JobChange {
  JobState to = JobState::kPending;
  std::optional<std::string> progress = {};
  std::optional<std::string> spec = {};
  std::optional<JobError> error = {};
  bool clear_error = false;
  std::optional<WallTime> not_before = {};  // of a job that becomes pending; else at once
  /// When what it has left behind elsewhere is to be removed: due_for_removal() tells it then.
  /// Forgotten by every change that does not set it.
  std::optional<WallTime> remove_traces_at = {};
  std::optional<NewDelivery> delivery = {};  // in the same transaction
};

struct JobQuery {
  std::optional<JobState> state = {};
  std::string owner = {};   // empty = of all
  std::string batch = {};   // empty = of any, and of none
  std::size_t limit = 50;   // 1..500
  std::string cursor = {};  // of the page before
};
struct JobPage {
  std::vector<Job> jobs;  // the newest first
  std::string cursor;     // empty = the last page
};

class JobQueue {
 public:
  static constexpr std::size_t kBatchMax = 100'000;
  static constexpr std::size_t kPageMax = 500;

  virtual ~JobQueue() = default;

  /// Synced. `existing`: the key was given before, and this is what it made then.
  /// Errors: kConflict (code "IDEMPOTENCY": the key was given with another request), kIo.
  struct Added {
    Job job;
    bool existing = false;
  };
  virtual Task<Result<Added>> add(std::string owner, NewJob job, Idempotency key) = 0;

  /// A batch is begun, filled in as many calls as memory asks for, and accepted as a whole: none of
  /// its jobs exists for anybody before, nor if the process dies. `existing` as above: it is whole.
  struct BatchBegun {
    JobBatch batch;
    bool existing = false;
  };
  virtual Task<Result<BatchBegun>> begin_batch(std::string owner, Idempotency key) = 0;
  /// Errors: kLimit past kBatchMax, kNotFound.
  virtual Task<Result<void>> add_to_batch(std::string batch, std::vector<NewJob> jobs) = 0;
  /// Synced.
  virtual Task<Result<JobBatch>> commit_batch(std::string batch) = 0;
  /// One that was not committed; in the background.
  virtual void drop_batch(std::string batch) = 0;
  /// Errors: kNotFound.
  virtual Task<Result<JobBatch>> batch(std::string id) = 0;

  /// The next job whose turn it is becomes kStarting: owners take turns; of one owner the highest
  /// priority, then the oldest. nullopt: none may run now.
  virtual Task<Result<std::optional<Job>>> claim() = 0;
  /// When the first pending job that may not run yet will; nullopt = there is none such.
  virtual Task<Result<std::optional<WallTime>>> next_ready() = 0;

  /// Synced. Only from one of `expected`.
  /// Errors: kNotFound; kConflict (code = the state it is in).
  virtual Task<Result<Job>> change(std::string id, std::vector<JobState> expected,
                                   JobChange change) = 0;
  /// Of a job that is starting or in progress; else it does nothing. Not synced, not waited for.
  virtual void save_progress(std::string id, std::string progress) = 0;

  /// Errors: kNotFound.
  virtual Task<Result<Job>> get(std::string id) = 0;
  /// Errors: kInvalid (cursor).
  virtual Task<Result<JobPage>> list(JobQuery query) = 0;
  /// @param owner, batch  empty = of all
  virtual Task<Result<JobCounts>> counts(std::string owner, std::string batch) = 0;

  /// Jobs whose remove_traces_at has come, at most `limit`.
  virtual Task<Result<std::vector<Job>>> due_for_removal(std::size_t limit) = 0;
  /// Its traces are gone, or (`again` set) will be looked for once more. Nothing when the job has
  /// changed since.
  virtual Task<Result<void>> removed(std::string id, std::optional<WallTime> again) = 0;
  /// The first remove_traces_at.
  virtual Task<Result<std::optional<WallTime>>> next_removal() = 0;

  /// Not synced; for messages that belong to no job.
  virtual Task<Result<void>> enqueue(NewDelivery delivery) = 0;
  /// Those that are due, the longest due first, at most `limit`.
  virtual Task<Result<std::vector<Delivery>>> due_deliveries(std::size_t limit) = 0;
  /// It has arrived or is given up (`again` empty), or is to be tried again then.
  virtual Task<Result<void>> delivered(std::int64_t id, std::optional<WallTime> again) = 0;
  virtual Task<Result<std::optional<WallTime>>> next_delivery() = 0;

  /// Forgets jobs that ended longer than `keep` ago and have no traces left, batches without jobs,
  /// and idempotency keys older than a day; a bounded number of jobs a transaction.
  virtual Task<Result<void>> forget_old(std::chrono::seconds keep) = 0;
  virtual Task<Result<void>> close() = 0;
};

inline constexpr std::chrono::hours kJobsKept{30 * 24};
inline constexpr std::chrono::hours kIdempotencyKept{24};

struct JobQueueOptions {
  std::string path;  // of jobs.db; its folder is made 0700, the file 0600
  std::string vfs;   // SQLite VFS name; empty = the system's
};

/// Opens it and puts right what a process that died left: what was starting or in progress is
/// pending again, batches that were not committed are gone.
/// Errors: kConflict (another process has it open), kIo, kDenied, kUnsupported (newer version).
Task<Result<std::unique_ptr<JobQueue>>> open_job_queue(JobQueueOptions options);

}  // namespace telpher
