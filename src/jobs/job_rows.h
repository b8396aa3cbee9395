#pragma once
// The queue's rows as values: each function is a few statements within the transaction of whoever
// calls. On the worker's thread.

#include "jobs/job_queue.h"
#include "store/sqlite/database.h"

#include <optional>
#include <string>
#include <vector>

namespace telpher {

/// Of a job whose batch has not been let loose.
inline constexpr std::int64_t kStaged = 7;

Result<void> insert_job(Database& database, const Job& job, bool staged);
/// Errors: kNotFound; a staged job does not exist.
Result<Job> select_job(Database& database, const std::string& id);
Result<JobPage> select_page(Database& database, const JobQuery& query);
Result<JobCounts> select_counts(Database& database, const std::string& owner,
                                const std::string& batch);

/// @param last_owner  whose turn was last; becomes the one whose turn it is
Result<std::optional<Job>> claim_job(Database& database, std::string& last_owner, WallTime now);
/// Errors: kNotFound, kConflict.
Result<Job> change_job(Database& database, const std::string& id,
                       const std::vector<JobState>& expected, const JobChange& change,
                       WallTime now);
Result<void> update_progress(Database& database, const std::string& id, const std::string& progress,
                             WallTime now);
Result<std::vector<Job>> select_traces(Database& database, WallTime now, std::size_t limit);
Result<void> update_traces(Database& database, const std::string& id,
                           std::optional<WallTime> again);

/// What the key made before, if anything. Errors: kConflict (another fingerprint).
Result<std::optional<std::string>> find_key(Database& database, const std::string& owner,
                                            const Idempotency& key, WallTime now);
Result<void> insert_key(Database& database, const std::string& owner, const Idempotency& key,
                        const std::string& target, WallTime now);

struct BatchRow {
  JobBatch batch;
  bool committed = false;
};
/// Errors: kNotFound.
Result<BatchRow> select_batch(Database& database, const std::string& id);
/// Lets so many jobs of a committed batch loose, or removes so many of another. False: none is
/// left.
Result<bool> release_some(Database& database, const std::string& batch, std::size_t count);
Result<bool> remove_some(Database& database, const std::string& batch, std::size_t count);

Result<void> insert_delivery(Database& database, const NewDelivery& delivery, WallTime now);
Result<std::vector<Delivery>> select_deliveries(Database& database, WallTime now,
                                                std::size_t limit);
Result<void> update_delivery(Database& database, std::int64_t id, std::optional<WallTime> again);

/// At most `count` jobs. False: none is left that ended before `ended`.
Result<bool> forget_jobs(Database& database, WallTime ended, std::size_t count);
Result<void> forget_leftovers(Database& database, WallTime keys_before);
/// Puts right what a process that died left behind, in steps: true = call it again.
Result<bool> recover_some(Database& database, WallTime now, std::size_t count);

/// The first row's first column, as a time; nullopt when it is NULL.
Result<std::optional<WallTime>> select_time(Database& database, const char* sql);

}  // namespace telpher
