#include "jobs/sqlite_job_queue.h"

#include "jobs/job_rows.h"
#include "jobs/job_schema.h"
#include "runtime/offload.h"

#include <array>
#include <cerrno>
#include <fcntl.h>
#include <sys/file.h>
#include <utility>

namespace telpher {
namespace {

constexpr std::size_t kStep = 1'000;  // jobs a transaction may touch: others wait meanwhile

constexpr std::array<std::string_view, kJobStates> kStateNames = {
    "pending", "starting", "in-progress", "paused", "completed", "failed", "cancelled"};

Error batch_is_gone(const std::string& id) {
  return make_error(ErrorKind::kNotFound, "there is no such batch: '" + id + "'");
}

/// Of what is being filled now. Errors: kNotFound, kLimit.
Result<void> grow_batch(Database& database, const std::string& id, std::size_t by) {
  TRY(const BatchRow row, select_batch(database, id));
  if (row.committed) return batch_is_gone(id);
  const std::uint64_t count = row.batch.count + by;
  if (count > JobQueue::kBatchMax) {
    return make_error(ErrorKind::kLimit, "a batch may have " + std::to_string(JobQueue::kBatchMax) +
                                             " rows; this one has more");
  }
  return database.run("UPDATE batches SET count=?2 WHERE id=?1", id,
                      static_cast<std::int64_t>(count));
}

}  // namespace

std::string_view to_string(JobState state) { return kStateNames[static_cast<std::size_t>(state)]; }

std::optional<JobState> parse_job_state(std::string_view text) {
  for (std::size_t i = 0; i < kJobStates; ++i) {
    if (kStateNames[i] == text) return static_cast<JobState>(i);
  }
  return std::nullopt;
}

SqliteJobQueue::SqliteJobQueue(Loop& loop, std::unique_ptr<Database> database,
                               const std::string& path, UniqueFd lock)
    : loop_(loop),
      lock_(std::move(lock)),
      worker_(std::make_shared<DatabaseWorker>(loop, std::move(database), [path](Error error) {
        return job_error(path, std::move(error));
      })) {}

SqliteJobQueue::~SqliteJobQueue() { worker_->close(); }

/// The time in front: what is added together lies together in the index by id.
std::string SqliteJobQueue::make_id() {
  constexpr std::string_view kDigits = "0123456789abcdef";
  constexpr std::size_t kTimeDigits = 11;  // of milliseconds, until the year 2527
  auto time = static_cast<std::uint64_t>(
      std::chrono::floor<std::chrono::milliseconds>(loop_.wall_now()).time_since_epoch().count());
  std::string id(24, '0');
  for (std::size_t i = kTimeDigits; i-- > 0; time >>= 4) id[i] = kDigits[time & 15];
  for (std::size_t i = kTimeDigits; i < id.size(); ++i) id[i] = kDigits[loop_.random().below(16)];
  return id;
}

Job SqliteJobQueue::make_job(std::string owner, std::string batch, NewJob job) {
  const WallTime now = loop_.wall_now();
  return {.id = make_id(),
          .owner = std::move(owner),
          .batch = std::move(batch),
          .priority = job.priority,
          .not_before = job.not_before,
          .spec = std::move(job.spec),
          .created = now,
          .updated = now};
}

Task<Result<JobQueue::Added>> SqliteJobQueue::add(std::string owner, NewJob job, Idempotency key) {
  const Job made = make_job(std::move(owner), {}, std::move(job));
  co_return co_await worker_->call(
      [&made, &key](Database& database) -> Result<Added> {
        TRY(const std::optional<std::string> before,
            find_key(database, made.owner, key, made.created));
        if (before) {
          TRY(Job job_before, select_job(database, *before));
          return Added{std::move(job_before), true};
        }
        TRY_VOID(insert_job(database, made, false));
        TRY_VOID(insert_key(database, made.owner, key, made.id, made.created));
        return Added{made, false};
      },
      true);
}

// --- batches ----------------------------------------------------------------------------------

Task<Result<JobQueue::BatchBegun>> SqliteJobQueue::begin_batch(std::string owner, Idempotency key) {
  const JobBatch made{make_id(), std::move(owner), loop_.wall_now(), 0};
  co_return co_await worker_->call([&made, &key](Database& database) -> Result<BatchBegun> {
    TRY(const std::optional<std::string> before, find_key(database, made.owner, key, made.created));
    if (before) {
      TRY(BatchRow row, select_batch(database, *before));
      if (!row.committed) {
        return make_temporary_error(ErrorKind::kConflict,
                                    "a request with this Idempotency-Key is just being taken");
      }
      return BatchBegun{std::move(row.batch), true};
    }
    TRY_VOID(database.run("INSERT INTO batches VALUES(?1,?2,?3,0,0)", made.id, made.owner,
                          std::int64_t{std::chrono::duration_cast<std::chrono::microseconds>(
                                           made.created.time_since_epoch())
                                           .count()}));
    TRY_VOID(insert_key(database, made.owner, key, made.id, made.created));
    return BatchBegun{made, false};
  });
}

Task<Result<void>> SqliteJobQueue::add_to_batch(std::string batch, std::vector<NewJob> jobs) {
  std::vector<Job> made;
  made.reserve(jobs.size());
  for (NewJob& job : jobs) made.push_back(make_job({}, batch, std::move(job)));
  co_return co_await worker_->call([&batch, &made](Database& database) -> Result<void> {
    TRY(const BatchRow row, select_batch(database, batch));
    TRY_VOID(grow_batch(database, batch, made.size()));
    for (Job& job : made) {
      job.owner = row.batch.owner;
      TRY_VOID(insert_job(database, job, true));
    }
    return {};
  });
}

Task<Result<JobBatch>> SqliteJobQueue::commit_batch(std::string batch) {
  CO_TRY(JobBatch whole,
         co_await worker_->call(
             [&batch](Database& database) -> Result<JobBatch> {
               TRY(BatchRow row, select_batch(database, batch));
               TRY_VOID(database.run("UPDATE batches SET committed=1 WHERE id=?1", batch));
               return std::move(row.batch);
             },
             true));
  for (bool more = true; more;) {
    CO_TRY(more, co_await worker_->call([&batch](Database& database) {
      return release_some(database, batch, kStep);
    }));
  }
  co_return std::move(whole);
}

void SqliteJobQueue::drop_batch(std::string batch) {
  worker_->submit({.run = [batch](Database& database) -> Result<void> {
                     const Result<BatchRow> row = select_batch(database, batch);
                     if (!row || row->committed) return {};
                     for (bool more = true; more;) {
                       TRY(more, remove_some(database, batch, kStep));
                     }
                     return {};
                   },
                   .done = {}});
}

Task<Result<JobBatch>> SqliteJobQueue::batch(std::string id) {
  co_return co_await worker_->call([&id](Database& database) -> Result<JobBatch> {
    TRY(BatchRow row, select_batch(database, id));
    if (!row.committed) return batch_is_gone(id);
    return std::move(row.batch);
  });
}

// --- turns and changes ------------------------------------------------------------------------

Task<Result<std::optional<Job>>> SqliteJobQueue::claim() {
  const WallTime now = loop_.wall_now();
  co_return co_await worker_->call(
      [this, now](Database& database) { return claim_job(database, last_owner_, now); });
}

Task<Result<Job>> SqliteJobQueue::change(std::string id, std::vector<JobState> expected,
                                         JobChange change) {
  const WallTime now = loop_.wall_now();
  co_return co_await worker_->call(
      [&, now](Database& database) { return change_job(database, id, expected, change, now); },
      true);
}

void SqliteJobQueue::save_progress(std::string id, std::string progress) {
  worker_->submit(
      {.run = [id = std::move(id), progress = std::move(progress), now = loop_.wall_now()](
                  Database& database) { return update_progress(database, id, progress, now); },
       .done = {}});
}

Task<Result<Job>> SqliteJobQueue::get(std::string id) {
  co_return co_await worker_->call([&id](Database& database) { return select_job(database, id); });
}

Task<Result<JobPage>> SqliteJobQueue::list(JobQuery query) {
  co_return co_await worker_->call(
      [&query](Database& database) { return select_page(database, query); });
}

Task<Result<JobCounts>> SqliteJobQueue::counts(std::string owner, std::string batch) {
  co_return co_await worker_->call(
      [&](Database& database) { return select_counts(database, owner, batch); });
}

Task<Result<std::vector<Job>>> SqliteJobQueue::due_for_removal(std::size_t limit) {
  const WallTime now = loop_.wall_now();
  co_return co_await worker_->call(
      [now, limit](Database& database) { return select_traces(database, now, limit); });
}

Task<Result<void>> SqliteJobQueue::removed(std::string id, std::optional<WallTime> again) {
  co_return co_await worker_->call(
      [&id, again](Database& database) { return update_traces(database, id, again); });
}

// --- messages ---------------------------------------------------------------------------------

Task<Result<void>> SqliteJobQueue::enqueue(NewDelivery delivery) {
  const WallTime now = loop_.wall_now();
  co_return co_await worker_->call(
      [&delivery, now](Database& database) { return insert_delivery(database, delivery, now); });
}

Task<Result<std::vector<Delivery>>> SqliteJobQueue::due_deliveries(std::size_t limit) {
  const WallTime now = loop_.wall_now();
  co_return co_await worker_->call(
      [now, limit](Database& database) { return select_deliveries(database, now, limit); });
}

Task<Result<void>> SqliteJobQueue::delivered(std::int64_t id, std::optional<WallTime> again) {
  co_return co_await worker_->call(
      [id, again](Database& database) { return update_delivery(database, id, again); });
}

// --- times ------------------------------------------------------------------------------------

Task<Result<std::optional<WallTime>>> SqliteJobQueue::time(const char* sql) {
  co_return co_await worker_->call(
      [sql](Database& database) { return select_time(database, sql); });
}

Task<Result<std::optional<WallTime>>> SqliteJobQueue::next_ready() {
  return time("SELECT min(not_before) FROM jobs INDEXED BY jobs_later WHERE state=0 AND ready=0");
}

Task<Result<std::optional<WallTime>>> SqliteJobQueue::next_removal() {
  return time("SELECT min(traces) FROM jobs WHERE traces IS NOT NULL");
}

Task<Result<std::optional<WallTime>>> SqliteJobQueue::next_delivery() {
  return time("SELECT min(due) FROM deliveries");
}

// --- beginning and end ------------------------------------------------------------------------

Task<Result<void>> SqliteJobQueue::forget_old(std::chrono::seconds keep) {
  const WallTime now = loop_.wall_now();
  for (bool more = true; more;) {
    CO_TRY(more, co_await worker_->call([ended = now - keep](Database& database) {
      return forget_jobs(database, ended, kStep);
    }));
  }
  co_return co_await worker_->call([before = now - kIdempotencyKept](Database& database) {
    return forget_leftovers(database, before);
  });
}

Task<Result<void>> SqliteJobQueue::close() {
  co_await offload([worker = worker_] {
    worker->close();
    return true;
  });
  const UniqueFd unlocked = std::move(lock_);
  co_return Result<void>();
}

namespace {

/// Two processes at one queue would run every job twice.
Result<UniqueFd> lock_queue(const std::string& path) {
  const std::string name = path + ".lock";
  UniqueFd lock(::open(name.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600));
  if (!lock) return make_errno_error(errno, "open '" + name + "'");
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) == 0) return lock;
  if (errno != EWOULDBLOCK) return make_errno_error(errno, "lock '" + name + "'");
  return make_error(ErrorKind::kConflict, "another telpher serves the queue '" + path +
                                              "'. End it, or give this one a TELPHER_HOME of its "
                                              "own");
}

struct OpenedQueue {
  std::unique_ptr<Database> database;
  UniqueFd lock;
};

Result<OpenedQueue> open_and_recover(const JobQueueOptions& options, WallTime now) {
  OpenedQueue opened;
  TRY(opened.database, open_job_database(options.path, options.vfs));
  if (options.vfs.empty()) {
    TRY(opened.lock, lock_queue(options.path));
  }
  for (bool more = true; more;) {
    TRY_VOID(opened.database->run("BEGIN IMMEDIATE"));
    TRY(more, recover_some(*opened.database, now, kStep));
    TRY_VOID(opened.database->run("COMMIT"));
  }
  return opened;
}

}  // namespace

Task<Result<std::unique_ptr<JobQueue>>> open_job_queue(JobQueueOptions options) {
  Loop& loop = co_await current_loop();
  const WallTime now = loop.wall_now();
  Result<OpenedQueue> opened =
      co_await offload([&options, now] { return open_and_recover(options, now); });
  if (!opened) co_return job_error(options.path, std::move(opened).error());
  co_return std::unique_ptr<JobQueue>(std::make_unique<SqliteJobQueue>(
      loop, std::move(opened->database), options.path, std::move(opened->lock)));
}

}  // namespace telpher
