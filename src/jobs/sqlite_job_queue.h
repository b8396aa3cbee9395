#pragma once
// The queue in a SQLite file. Made by open_job_queue(); one owner, one loop.

#include "base/unique_fd.h"
#include "jobs/job_queue.h"
#include "store/sqlite/worker.h"

#include <memory>
#include <string>

namespace telpher {

class SqliteJobQueue final : public JobQueue {
 public:
  /// @param lock  held while this lives; may be empty
  SqliteJobQueue(Loop& loop, std::unique_ptr<Database> database, const std::string& path,
                 UniqueFd lock);
  ~SqliteJobQueue() override;

  Task<Result<Added>> add(std::string owner, NewJob job, Idempotency key) override;
  Task<Result<BatchBegun>> begin_batch(std::string owner, Idempotency key) override;
  Task<Result<void>> add_to_batch(std::string batch, std::vector<NewJob> jobs) override;
  Task<Result<JobBatch>> commit_batch(std::string batch) override;
  void drop_batch(std::string batch) override;
  Task<Result<JobBatch>> batch(std::string id) override;
  Task<Result<std::optional<Job>>> claim() override;
  Task<Result<std::optional<WallTime>>> next_ready() override;
  Task<Result<Job>> change(std::string id, std::vector<JobState> expected,
                           JobChange change) override;
  void save_progress(std::string id, std::string progress) override;
  Task<Result<Job>> get(std::string id) override;
  Task<Result<JobPage>> list(JobQuery query) override;
  Task<Result<JobCounts>> counts(std::string owner, std::string batch) override;
  Task<Result<std::vector<Job>>> due_for_removal(std::size_t limit) override;
  Task<Result<void>> removed(std::string id, std::optional<WallTime> again) override;
  Task<Result<std::optional<WallTime>>> next_removal() override;
  Task<Result<void>> enqueue(NewDelivery delivery) override;
  Task<Result<std::vector<Delivery>>> due_deliveries(std::size_t limit) override;
  Task<Result<void>> delivered(std::int64_t id, std::optional<WallTime> again) override;
  Task<Result<std::optional<WallTime>>> next_delivery() override;
  Task<Result<void>> forget_old(std::chrono::seconds keep) override;
  Task<Result<void>> close() override;

 private:
  std::string make_id();
  Job make_job(std::string owner, std::string batch, NewJob job);
  Task<Result<std::optional<WallTime>>> time(const char* sql);

  Loop& loop_;
  UniqueFd lock_;
  const std::shared_ptr<DatabaseWorker> worker_;
  std::string last_owner_;  // the worker's
};

}  // namespace telpher
