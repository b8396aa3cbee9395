#include "store/sqlite/worker.h"

namespace telpher {

DatabaseWorker::DatabaseWorker(Loop& loop, std::unique_ptr<Database> database,
                               std::function<Error(Error)> explain)
    : loop_(loop), explain_(std::move(explain)), database_(std::move(database)) {}

void DatabaseWorker::submit(Job job) {
  {
    std::lock_guard lock(mutex_);
    queue_.push_back(std::move(job));
    if (std::exchange(pumping_, true)) return;
  }
  loop_.offload([self = shared_from_this()] { self->pump(); });
}

void DatabaseWorker::close() {
  std::unique_lock lock(mutex_);
  idle_.wait(lock, [this] { return !pumping_; });
  database_.reset();
}

void DatabaseWorker::pump() {
  for (;;) {
    std::vector<Job> batch;
    {
      std::lock_guard lock(mutex_);
      if (queue_.empty()) {
        pumping_ = false;
        idle_.notify_all();
        return;
      }
      batch.swap(queue_);
    }
    run_batch(std::move(batch));
  }
}

Result<void> DatabaseWorker::begin(bool synced) {
  if (synced != synchronous_full_) {
    TRY_VOID(database_->execute(synced ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL"));
    synchronous_full_ = synced;
  }
  return database_->run("BEGIN IMMEDIATE");
}

/// A job that fails half-way leaves nothing, and does not spoil the others' transaction.
Result<void> DatabaseWorker::run_one(Job& job) {
  TRY_VOID(database_->run("SAVEPOINT job"));
  Result<void> result = job.run(*database_);
  if (!result) TRY_VOID(database_->run("ROLLBACK TO job"));
  TRY_VOID(database_->run("RELEASE job"));
  return result;
}

void DatabaseWorker::run_batch(std::vector<Job> batch) {
  bool synced = false;
  for (const Job& job : batch) synced |= job.synced;
  std::vector<Result<void>> results;
  results.reserve(batch.size());

  Result<void> transaction =
      database_ ? begin(synced)
                : Result<void>(make_error(ErrorKind::kIo, "the database has been closed"));
  if (transaction) {
    for (Job& job : batch) results.push_back(run_one(job));
    transaction = database_->run("COMMIT");
    if (!transaction) (void)!database_->run("ROLLBACK").has_value();
  }
  if (!transaction) results.assign(batch.size(), transaction);

  std::vector<std::pair<std::function<void(Result<void>)>, Result<void>>> ended;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    if (!batch[i].done) continue;
    if (!results[i]) results[i] = explain_(std::move(results[i]).error());
    ended.emplace_back(std::move(batch[i].done), std::move(results[i]));
  }
  if (ended.empty()) return;
  loop_.post([ended = std::move(ended)]() mutable {
    for (auto& [done, result] : ended) done(std::move(result));
  });
}

}  // namespace telpher
