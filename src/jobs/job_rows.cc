#include "jobs/job_rows.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <utility>

namespace telpher {
namespace {

#define TELPHER_JOB_COLUMNS                                                                        \
  "seq, id, owner, batch, priority, not_before, state, spec, attempt, created, updated, started, " \
  "ended, progress, error_code, error_message, error_retryable, traces"

std::int64_t micros(WallTime time) {
  return std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch()).count();
}
std::optional<std::int64_t> micros(const std::optional<WallTime>& time) {
  return time ? std::optional(micros(*time)) : std::nullopt;
}
WallTime time_of(std::int64_t count) {
  return WallTime(std::chrono::duration_cast<WallTime::duration>(std::chrono::microseconds(count)));
}
std::optional<WallTime> time_at(const Query& query, int column) {
  if (query.is_null(column)) return std::nullopt;
  return time_of(query.integer(column));
}

Job job_of(const Query& row) {
  Job job{.id = row.text(1),
          .owner = row.text(2),
          .batch = row.text(3),
          .priority = static_cast<int>(row.integer(4)),
          .not_before = time_at(row, 5),
          .state = static_cast<JobState>(std::clamp<std::int64_t>(row.integer(6), 0, kStaged - 1)),
          .spec = row.text(7),
          .attempt = static_cast<int>(row.integer(8)),
          .created = time_of(row.integer(9)),
          .updated = time_of(row.integer(10)),
          .started = time_at(row, 11),
          .ended = time_at(row, 12),
          .progress = row.text(13),
          .remove_traces_at = time_at(row, 17)};
  if (!row.is_null(14)) job.error = JobError{row.text(14), row.text(15), row.integer(16) != 0};
  return job;
}

std::int64_t number(JobState state) { return static_cast<std::int64_t>(state); }

// One for each set of conditions: 1 = state, 2 = owner, 4 = batch. A "+" keeps SQLite from an index
// that would be the worse one. ?1 = seq, ?2 = limit, ?3 = state, ?4 = owner, ?5 = batch.
#define TELPHER_LIST(where) \
  "SELECT " TELPHER_JOB_COLUMNS " FROM jobs WHERE seq<?1 AND " where " ORDER BY seq DESC LIMIT ?2"
constexpr std::array kLists = {
    TELPHER_LIST("+state<7"),
    TELPHER_LIST("state=?3"),
    TELPHER_LIST("owner=?4 AND +state<7"),
    TELPHER_LIST("state=?3 AND +owner=?4"),
    TELPHER_LIST("batch=?5 AND batch<>'' AND +state<7"),
    TELPHER_LIST("batch=?5 AND batch<>'' AND +state=?3"),
    TELPHER_LIST("batch=?5 AND batch<>'' AND +owner=?4 AND +state<7"),
    TELPHER_LIST("batch=?5 AND batch<>'' AND +owner=?4 AND +state=?3"),
};

Result<std::optional<std::string>> next_owner(Database& database, const char* sql,
                                              const std::string& last) {
  TRY(Query query, database.query(sql, last));
  TRY(const bool found, query.next());
  if (!found) return std::optional<std::string>();
  return std::optional(query.text(0));
}

}  // namespace

Result<void> insert_job(Database& database, const Job& job, bool staged) {
  const bool ready = !job.not_before || *job.not_before <= job.created;
  return database.run(
      "INSERT INTO jobs(id, owner, batch, priority, not_before, ready, state, spec, attempt, "
      "created, updated, progress) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,0,?9,?9,'')",
      job.id, job.owner, job.batch, std::int64_t{job.priority}, micros(job.not_before),
      std::int64_t{ready}, staged ? kStaged : number(job.state), job.spec, micros(job.created));
}

Result<Job> select_job(Database& database, const std::string& id) {
  TRY(Query query,
      database.query("SELECT " TELPHER_JOB_COLUMNS " FROM jobs WHERE id=?1 AND state<7", id));
  TRY(const bool found, query.next());
  if (!found) return make_error(ErrorKind::kNotFound, "there is no such job: '" + id + "'");
  return job_of(query);
}

Result<JobPage> select_page(Database& database, const JobQuery& query) {
  std::int64_t before = std::numeric_limits<std::int64_t>::max();
  if (!query.cursor.empty()) {
    const char* const end = query.cursor.data() + query.cursor.size();
    const auto [at, failed] = std::from_chars(query.cursor.data(), end, before);
    if (failed != std::errc{} || at != end || before < 0) {
      return make_error(ErrorKind::kInvalid, "that is no cursor of a page before");
    }
  }
  const std::size_t limit = std::clamp<std::size_t>(query.limit, 1, JobQueue::kPageMax);
  const std::size_t which =
      (query.state ? 1u : 0u) + (query.owner.empty() ? 0u : 2u) + (query.batch.empty() ? 0u : 4u);
  TRY(Query rows, database.query(kLists[which], before, static_cast<std::int64_t>(limit + 1),
                                 query.state ? number(*query.state) : 0, query.owner, query.batch));
  JobPage page;
  std::int64_t last = 0;
  for (;;) {
    TRY(const bool found, rows.next());
    if (!found) return page;
    if (page.jobs.size() == limit) {
      page.cursor = std::to_string(last);
      return page;
    }
    last = rows.integer(0);
    page.jobs.push_back(job_of(rows));
  }
}

Result<JobCounts> select_counts(Database& database, const std::string& owner,
                                const std::string& batch) {
  TRY(Query rows, database.query("SELECT state, sum(count) FROM tallies WHERE state<7 AND "
                                 "(?1='' OR owner=?1) AND (?2='' OR batch=?2) GROUP BY state",
                                 owner, batch));
  JobCounts counts{};
  for (;;) {
    TRY(const bool found, rows.next());
    if (!found) return counts;
    counts[static_cast<std::size_t>(rows.integer(0))] = static_cast<std::uint64_t>(rows.integer(1));
  }
}

// --- turns ------------------------------------------------------------------------------------

// Left to itself SQLite takes the index by state, and walks through all that wait.
Result<std::optional<Job>> claim_job(Database& database, std::string& last_owner, WallTime now) {
  TRY_VOID(
      database.run("UPDATE jobs INDEXED BY jobs_later SET ready=1 "
                   "WHERE state=0 AND ready=0 AND not_before<=?1",
                   micros(now)));
  TRY(std::optional<std::string> owner, next_owner(database,
                                                   "SELECT owner FROM jobs INDEXED BY jobs_ready "
                                                   "WHERE state=0 AND ready=1 AND owner>?1 "
                                                   "ORDER BY owner LIMIT 1",
                                                   last_owner));
  if (!owner) {
    TRY(owner, next_owner(database,
                          "SELECT owner FROM jobs INDEXED BY jobs_ready "
                          "WHERE state=0 AND ready=1 AND owner<=?1 "
                          "ORDER BY owner LIMIT 1",
                          last_owner));
  }
  if (!owner) return std::optional<Job>();
  std::string id;
  {
    TRY(Query query, database.query("SELECT id FROM jobs INDEXED BY jobs_ready "
                                    "WHERE state=0 AND ready=1 AND owner=?1 "
                                    "ORDER BY priority DESC, seq LIMIT 1",
                                    *owner));
    TRY([[maybe_unused]] const bool found, query.next());
    id = query.text(0);
  }
  TRY_VOID(
      database.run("UPDATE jobs SET state=1, attempt=attempt+1, updated=?2, "
                   "started=coalesce(started, ?2), ended=NULL, traces=NULL WHERE id=?1",
                   id, micros(now)));
  last_owner = *std::move(owner);
  TRY(Job job, select_job(database, id));
  return std::optional(std::move(job));
}

Result<Job> change_job(Database& database, const std::string& id,
                       const std::vector<JobState>& expected, const JobChange& change,
                       WallTime now) {
  TRY(Job job, select_job(database, id));
  if (std::ranges::find(expected, job.state) == expected.end()) {
    Error error = make_error(ErrorKind::kConflict, "it is " + std::string(to_string(job.state)) +
                                                       " and cannot become " +
                                                       std::string(to_string(change.to)));
    error.context.code = to_string(job.state);
    return error;
  }
  job.state = change.to;
  job.updated = now;
  job.ended = is_final(change.to) ? std::optional(now) : std::nullopt;
  job.remove_traces_at = change.remove_traces_at;
  if (change.progress) job.progress = *change.progress;
  if (change.spec) job.spec = *change.spec;
  if (change.clear_error) job.error.reset();
  if (change.error) job.error = change.error;
  if (change.to == JobState::kPending) job.not_before = change.not_before;
  const bool ready = !job.not_before || *job.not_before <= now;
  TRY_VOID(database.run(
      "UPDATE jobs SET state=?2, updated=?3, ended=?4, progress=?5, spec=?6, not_before=?7, "
      "ready=?8, traces=?9 WHERE id=?1",
      id, number(job.state), micros(now), micros(job.ended), job.progress, job.spec,
      micros(job.not_before), std::int64_t{ready}, micros(job.remove_traces_at)));
  if (job.error) {
    TRY_VOID(database.run(
        "UPDATE jobs SET error_code=?2, error_message=?3, error_retryable=?4 WHERE id=?1", id,
        job.error->code, job.error->message, std::int64_t{job.error->retryable}));
  } else {
    TRY_VOID(database.run(
        "UPDATE jobs SET error_code=NULL, error_message=NULL, error_retryable=NULL WHERE id=?1",
        id));
  }
  if (change.delivery) TRY_VOID(insert_delivery(database, *change.delivery, now));
  return job;
}

Result<void> update_progress(Database& database, const std::string& id, const std::string& progress,
                             WallTime now) {
  return database.run("UPDATE jobs SET progress=?2, updated=?3 WHERE id=?1 AND state IN (1, 2)", id,
                      progress, micros(now));
}

Result<std::vector<Job>> select_traces(Database& database, WallTime now, std::size_t limit) {
  TRY(Query rows, database.query("SELECT " TELPHER_JOB_COLUMNS
                                 " FROM jobs WHERE traces IS NOT NULL AND traces<=?1 "
                                 "ORDER BY traces LIMIT ?2",
                                 micros(now), static_cast<std::int64_t>(limit)));
  std::vector<Job> jobs;
  for (;;) {
    TRY(const bool found, rows.next());
    if (!found) return jobs;
    jobs.push_back(job_of(rows));
  }
}

Result<void> update_traces(Database& database, const std::string& id,
                           std::optional<WallTime> again) {
  return database.run("UPDATE jobs SET traces=?2 WHERE id=?1 AND traces IS NOT NULL", id,
                      micros(again));
}

// --- keys and batches -------------------------------------------------------------------------

Result<std::optional<std::string>> find_key(Database& database, const std::string& owner,
                                            const Idempotency& key, WallTime now) {
  if (key.key.empty()) return std::optional<std::string>();
  TRY(Query query,
      database.query("SELECT fingerprint, target FROM keys WHERE owner=?1 AND key=?2 AND "
                     "created>?3",
                     owner, key.key, micros(now - kIdempotencyKept)));
  TRY(const bool found, query.next());
  if (!found) return std::optional<std::string>();
  if (query.text(0) != key.fingerprint) {
    Error error = make_error(ErrorKind::kConflict,
                             "this Idempotency-Key was given with another request before");
    error.context.code = "IDEMPOTENCY";
    return error;
  }
  return std::optional(query.text(1));
}

Result<void> insert_key(Database& database, const std::string& owner, const Idempotency& key,
                        const std::string& target, WallTime now) {
  if (key.key.empty()) return {};
  return database.run("INSERT OR REPLACE INTO keys VALUES(?1,?2,?3,?4,?5)", owner, key.key,
                      key.fingerprint, target, micros(now));
}

Result<BatchRow> select_batch(Database& database, const std::string& id) {
  TRY(Query query,
      database.query("SELECT id, owner, created, count, committed FROM batches WHERE id=?1", id));
  TRY(const bool found, query.next());
  if (!found) return make_error(ErrorKind::kNotFound, "there is no such batch: '" + id + "'");
  return BatchRow{{query.text(0), query.text(1), time_of(query.integer(2)),
                   static_cast<std::uint64_t>(query.integer(3))},
                  query.integer(4) != 0};
}

Result<bool> release_some(Database& database, const std::string& batch, std::size_t count) {
  const std::int64_t before = database.changes();
  TRY_VOID(
      database.run("UPDATE jobs SET state=0 WHERE seq IN (SELECT seq FROM jobs "
                   "INDEXED BY jobs_by_state WHERE state=7 AND batch=?1 LIMIT ?2)",
                   batch, static_cast<std::int64_t>(count)));
  return database.changes() > before;
}

Result<bool> remove_some(Database& database, const std::string& batch, std::size_t count) {
  const std::int64_t before = database.changes();
  TRY_VOID(
      database.run("DELETE FROM jobs WHERE seq IN (SELECT seq FROM jobs "
                   "INDEXED BY jobs_by_state WHERE state=7 AND batch=?1 LIMIT ?2)",
                   batch, static_cast<std::int64_t>(count)));
  if (database.changes() > before) return true;
  TRY_VOID(database.run("DELETE FROM keys WHERE target=?1", batch));
  TRY_VOID(database.run("DELETE FROM batches WHERE id=?1", batch));
  return false;
}

// --- messages ---------------------------------------------------------------------------------

Result<void> insert_delivery(Database& database, const NewDelivery& delivery, WallTime now) {
  return database.run(
      "INSERT INTO deliveries(url, event, body, attempts, due, created) VALUES(?1,?2,?3,0,?4,?4)",
      delivery.url, delivery.event, delivery.body, micros(now));
}

Result<std::vector<Delivery>> select_deliveries(Database& database, WallTime now,
                                                std::size_t limit) {
  TRY(Query rows, database.query("SELECT id, url, event, body, attempts, created FROM deliveries "
                                 "WHERE due<=?1 ORDER BY due, id LIMIT ?2",
                                 micros(now), static_cast<std::int64_t>(limit)));
  std::vector<Delivery> deliveries;
  for (;;) {
    TRY(const bool found, rows.next());
    if (!found) return deliveries;
    deliveries.push_back({rows.integer(0),
                          {rows.text(1), rows.text(2), rows.text(3)},
                          static_cast<int>(rows.integer(4)),
                          time_of(rows.integer(5))});
  }
}

Result<void> update_delivery(Database& database, std::int64_t id, std::optional<WallTime> again) {
  if (!again) return database.run("DELETE FROM deliveries WHERE id=?1", id);
  return database.run("UPDATE deliveries SET attempts=attempts+1, due=?2 WHERE id=?1", id,
                      micros(*again));
}

// --- tidying up -------------------------------------------------------------------------------

Result<bool> forget_jobs(Database& database, WallTime ended, std::size_t count) {
  const std::int64_t before = database.changes();
  TRY_VOID(
      database.run("DELETE FROM jobs WHERE seq IN (SELECT seq FROM jobs "
                   "WHERE ended IS NOT NULL AND ended<?1 AND traces IS NULL LIMIT ?2)",
                   micros(ended), static_cast<std::int64_t>(count)));
  return database.changes() > before;
}

Result<void> forget_leftovers(Database& database, WallTime keys_before) {
  TRY_VOID(database.run("DELETE FROM keys WHERE created<?1", micros(keys_before)));
  TRY_VOID(database.run("DELETE FROM tallies WHERE count=0"));
  return database.run(
      "DELETE FROM batches WHERE committed=1 AND created<?1 AND NOT EXISTS "
      "(SELECT 1 FROM jobs WHERE jobs.batch=batches.id AND jobs.batch<>'')",
      micros(keys_before));
}

Result<bool> recover_some(Database& database, WallTime now, std::size_t count) {
  TRY_VOID(database.run("UPDATE jobs SET state=0, ready=1, updated=?1 WHERE state IN (1, 2)",
                        micros(now)));
  std::string batch;
  {
    TRY(Query query, database.query("SELECT batch FROM jobs WHERE state=7 LIMIT 1"));
    TRY(const bool found, query.next());
    if (found) batch = query.text(0);
  }
  if (batch.empty()) {
    TRY_VOID(
        database.run("DELETE FROM keys WHERE target IN "
                     "(SELECT id FROM batches WHERE committed=0)"));
    TRY_VOID(database.run("DELETE FROM batches WHERE committed=0"));
    return false;
  }
  const Result<BatchRow> row = select_batch(database, batch);
  if (row && row->committed) {
    TRY_VOID(release_some(database, batch, count));
  } else {
    TRY_VOID(remove_some(database, batch, count));
  }
  return true;
}

Result<std::optional<WallTime>> select_time(Database& database, const char* sql) {
  TRY(Query query, database.query(sql));
  TRY(const bool found, query.next());
  return found ? time_at(query, 0) : std::nullopt;
}

}  // namespace telpher
