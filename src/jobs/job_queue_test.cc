#include "jobs/job_queue.h"

#include "tests/support/temporary_directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <csignal>
#include <string>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace telpher {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

class JobQueueTest : public testing::Test {
 protected:
  JobQueueTest() { open(); }
  ~JobQueueTest() override { queue_.reset(); }

  void open() {
    queue_.reset();
    Result<std::unique_ptr<JobQueue>> queue = loop_.run(open_job_queue({.path = path_}));
    ASSERT_TRUE(queue) << queue.error().message;
    queue_ = *std::move(queue);
  }
  /// Its id.
  std::string add(std::string owner, std::string spec, NewJob job = {}) {
    job.spec = std::move(spec);
    return loop_.run(queue_->add(std::move(owner), std::move(job), {})).value().job.id;
  }
  std::optional<Job> claim() { return loop_.run(queue_->claim()).value(); }
  /// The specs of all that may run, in the order of their turns.
  std::string claim_all() {
    std::string specs;
    while (const auto job = claim()) specs += (specs.empty() ? "" : " ") + job->spec;
    return specs;
  }
  Job get(const std::string& id) { return loop_.run(queue_->get(id)).value(); }
  Result<Job> change(const std::string& id, std::vector<JobState> expected, JobChange change) {
    return loop_.run(queue_->change(id, std::move(expected), std::move(change)));
  }
  JobCounts counts(std::string owner = {}, std::string batch = {}) {
    return loop_.run(queue_->counts(std::move(owner), std::move(batch))).value();
  }
  std::uint64_t count(JobState state) { return counts()[static_cast<std::size_t>(state)]; }
  std::vector<std::string> specs(JobQuery query) {
    std::vector<std::string> specs;
    for (const Job& job : loop_.run(queue_->list(std::move(query))).value().jobs) {
      specs.push_back(job.spec);
    }
    return specs;
  }
  /// A whole batch of "0", "1", …
  std::string add_batch(std::size_t count, std::string owner = "joe") {
    const auto begun = loop_.run(queue_->begin_batch(std::move(owner), {})).value();
    std::vector<NewJob> jobs;
    for (std::size_t i = 0; i < count; ++i) jobs.push_back({.spec = std::to_string(i)});
    EXPECT_TRUE(loop_.run(queue_->add_to_batch(begun.batch.id, std::move(jobs))));
    EXPECT_EQ(loop_.run(queue_->commit_batch(begun.batch.id)).value().count, count);
    return begun.batch.id;
  }

  TemporaryDirectory directory_;
  const std::string path_ = directory_.path() + "/home/jobs.db";
  Loop loop_{Loop::Mode::kVirtual, 1};
  std::unique_ptr<JobQueue> queue_;
};

TEST_F(JobQueueTest, WhatWasAddedIsThere) {
  const WallTime later = loop_.wall_now() + 1h;
  const std::string id = add("joe", "copy it", {.priority = 7, .not_before = later});
  const Job job = get(id);
  EXPECT_EQ(job.id.size(), 24u);
  EXPECT_EQ(job.owner, "joe");
  EXPECT_EQ(job.spec, "copy it");
  EXPECT_EQ(job.priority, 7);
  EXPECT_EQ(job.not_before, later);
  EXPECT_EQ(job.state, JobState::kPending);
  EXPECT_EQ(job.attempt, 0);
  EXPECT_EQ(job.created, loop_.wall_now());
  EXPECT_FALSE(job.started || job.ended || job.error);
  EXPECT_EQ(loop_.run(queue_->get("nobody")).error().kind, ErrorKind::kNotFound);
}

TEST_F(JobQueueTest, OnlyItsUserMayReadTheFile) {
  struct stat found{};
  ASSERT_EQ(::stat(path_.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0600u);
}

TEST_F(JobQueueTest, OwnersTakeTurns) {
  for (int i = 1; i <= 3; ++i) add("ann", "a" + std::to_string(i));
  add("bob", "b1");
  add("cem", "c1");
  add("cem", "c2");
  EXPECT_EQ(claim_all(), "a1 b1 c1 a2 c2 a3");
}

TEST_F(JobQueueTest, ALateOwnerDoesNotWaitBehindALongQueue) {
  for (int i = 1; i <= 50; ++i) add("joe", "j");
  EXPECT_EQ(claim()->spec, "j");
  add("ann", "a");
  EXPECT_EQ(claim()->spec, "a");
}

TEST_F(JobQueueTest, PriorityGoesBeforeAgeAmongOnesOwn) {
  add("joe", "old");
  add("joe", "urgent", {.priority = 5});
  add("joe", "idle", {.priority = -5});
  add("ann", "other");
  EXPECT_EQ(claim_all(), "other urgent old idle");
}

TEST_F(JobQueueTest, NothingRunsBeforeItsTime) {
  add("joe", "later", {.priority = 9, .not_before = loop_.wall_now() + 10s});
  add("joe", "now");
  EXPECT_EQ(claim_all(), "now");
  EXPECT_EQ(loop_.run(queue_->next_ready()).value(), loop_.wall_now() + 10s);
  ASSERT_TRUE(loop_.run(sleep_for(10s)));
  EXPECT_EQ(claim_all(), "later");
  EXPECT_EQ(loop_.run(queue_->next_ready()).value(), std::nullopt);
}

TEST_F(JobQueueTest, AClaimIsAnAttempt) {
  const std::string id = add("joe", "x");
  ASSERT_TRUE(loop_.run(sleep_for(5s)));
  const Job job = claim().value();
  EXPECT_EQ(job.state, JobState::kStarting);
  EXPECT_EQ(job.attempt, 1);
  EXPECT_EQ(job.started, loop_.wall_now());
  EXPECT_FALSE(claim());
  ASSERT_TRUE(change(id, {JobState::kStarting}, {.to = JobState::kPending}));
  ASSERT_TRUE(loop_.run(sleep_for(5s)));
  EXPECT_EQ(claim()->attempt, 2);
  EXPECT_EQ(get(id).started, job.started);
}

TEST_F(JobQueueTest, OfTwoChangesThatMeetOneIsMade) {
  const std::string id = add("joe", "x");
  claim();
  const std::vector<JobState> running = {JobState::kStarting, JobState::kInProgress};
  EXPECT_TRUE(change(id, running, {.to = JobState::kCancelled}));
  const Result<Job> late = change(id, running, {.to = JobState::kCompleted, .progress = "done"});
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().kind, ErrorKind::kConflict);
  EXPECT_EQ(late.error().context.code, "cancelled");
  EXPECT_EQ(get(id).state, JobState::kCancelled);
  EXPECT_EQ(get(id).progress, "");
}

TEST_F(JobQueueTest, AChangeChangesWhatItNames) {
  const std::string id = add("joe", "secret");
  claim();
  const JobError error{"S3_ERROR", "no", true};
  ASSERT_TRUE(change(id, {JobState::kStarting},
                     {.to = JobState::kFailed, .progress = "half", .error = error}));
  Job job = get(id);
  EXPECT_EQ(job.error, error);
  EXPECT_EQ(job.progress, "half");
  EXPECT_EQ(job.spec, "secret");
  EXPECT_EQ(job.ended, loop_.wall_now());
  ASSERT_TRUE(change(id, {JobState::kFailed}, {.to = JobState::kPending, .clear_error = true}));
  job = get(id);
  EXPECT_EQ(job.error, std::nullopt);
  EXPECT_EQ(job.progress, "half");
  EXPECT_EQ(job.ended, std::nullopt);
  claim();
  ASSERT_TRUE(change(id, {JobState::kStarting}, {.to = JobState::kCompleted, .spec = "public"}));
  EXPECT_EQ(get(id).spec, "public");
}

TEST_F(JobQueueTest, ProgressIsKeptWhileItRunsAndNotAfter) {
  const std::string id = add("joe", "x");
  queue_->save_progress(id, "too early");
  EXPECT_EQ(get(id).progress, "");
  claim();
  queue_->save_progress(id, "half");
  EXPECT_EQ(get(id).progress, "half");
  ASSERT_TRUE(change(id, {JobState::kStarting}, {.to = JobState::kCompleted, .progress = "all"}));
  queue_->save_progress(id, "too late");
  EXPECT_EQ(get(id).progress, "all");
}

TEST_F(JobQueueTest, TheSameRequestTwiceIsOneJob) {
  const auto add_with = [&](std::string owner, std::string fingerprint) {
    return loop_.run(queue_->add(std::move(owner), {.spec = "x"}, {"key", std::move(fingerprint)}));
  };
  const auto first = add_with("joe", "f").value();
  EXPECT_FALSE(first.existing);
  const auto again = add_with("joe", "f").value();
  EXPECT_TRUE(again.existing);
  EXPECT_EQ(again.job.id, first.job.id);
  EXPECT_NE(add_with("ann", "f").value().job.id, first.job.id);  // keys belong to owners
  const auto other = add_with("joe", "g");
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().context.code, "IDEMPOTENCY");
  ASSERT_TRUE(loop_.run(sleep_for(25h)));
  EXPECT_FALSE(add_with("joe", "g").value().existing);
}

TEST_F(JobQueueTest, ListsComeInPagesTheNewestFirst) {
  for (const char* spec : {"1", "2", "3", "4", "5"}) add(spec[0] % 2 ? "odd" : "even", spec);
  const JobPage first = loop_.run(queue_->list({.limit = 2})).value();
  EXPECT_EQ(first.jobs[0].spec + first.jobs[1].spec, "54");
  add("odd", "6");  // moves no page
  EXPECT_THAT(specs({.limit = 2, .cursor = first.cursor}), ElementsAre("3", "2"));
  EXPECT_THAT(specs({.owner = "even"}), ElementsAre("4", "2"));
  EXPECT_EQ(claim()->spec, "2");
  EXPECT_THAT(specs({.state = JobState::kStarting}), ElementsAre("2"));
  EXPECT_THAT(specs({.state = JobState::kStarting, .owner = "odd"}), IsEmpty());
  EXPECT_THAT(specs({.state = JobState::kPending, .owner = "even"}), ElementsAre("4"));
  EXPECT_EQ(loop_.run(queue_->list({.limit = 6})).value().cursor, "");
  for (const char* cursor : {"x", "-1", "1x", "99999999999999999999"}) {
    EXPECT_EQ(loop_.run(queue_->list({.cursor = cursor})).error().kind, ErrorKind::kInvalid);
  }
}

TEST_F(JobQueueTest, CountsFollowEveryChange) {
  const std::string id = add("joe", "x");
  add("ann", "y");
  EXPECT_EQ(count(JobState::kPending), 2u);
  claim();
  claim();
  EXPECT_EQ(count(JobState::kPending), 0u);
  EXPECT_EQ(count(JobState::kStarting), 2u);
  ASSERT_TRUE(change(id, {JobState::kStarting}, {.to = JobState::kCompleted}));
  EXPECT_EQ(counts("joe"), (JobCounts{0, 0, 0, 0, 1, 0, 0}));
  EXPECT_EQ(counts("ann"), (JobCounts{0, 1, 0, 0, 0, 0, 0}));
}

// --- batches ----------------------------------------------------------------------------------

TEST_F(JobQueueTest, ABatchAppearsWhole) {
  const auto begun = loop_.run(queue_->begin_batch("joe", {})).value();
  ASSERT_TRUE(loop_.run(queue_->add_to_batch(begun.batch.id, {{.spec = "1"}, {.spec = "2"}})));
  EXPECT_FALSE(claim());
  EXPECT_THAT(specs({}), IsEmpty());
  EXPECT_EQ(count(JobState::kPending), 0u);
  EXPECT_EQ(loop_.run(queue_->batch(begun.batch.id)).error().kind, ErrorKind::kNotFound);
  ASSERT_TRUE(loop_.run(queue_->commit_batch(begun.batch.id)));
  EXPECT_THAT(specs({.batch = begun.batch.id}), ElementsAre("2", "1"));
  EXPECT_EQ(counts({}, begun.batch.id), (JobCounts{2, 0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(loop_.run(queue_->batch(begun.batch.id)).value().count, 2u);
  EXPECT_EQ(claim()->batch, begun.batch.id);
  EXPECT_FALSE(loop_.run(queue_->add_to_batch(begun.batch.id, {{.spec = "3"}})));
}

TEST_F(JobQueueTest, ADroppedBatchLeavesNothing) {
  const auto begun = loop_.run(queue_->begin_batch("joe", {"key", "f"})).value();
  ASSERT_TRUE(loop_.run(queue_->add_to_batch(begun.batch.id, {{.spec = "1"}})));
  queue_->drop_batch(begun.batch.id);
  EXPECT_FALSE(loop_.run(queue_->commit_batch(begun.batch.id)));
  EXPECT_FALSE(loop_.run(queue_->begin_batch("joe", {"key", "f"})).value().existing);
}

TEST_F(JobQueueTest, TheSameBatchTwiceIsOneBatch) {
  const auto begun = loop_.run(queue_->begin_batch("joe", {"key", "f"})).value();
  EXPECT_EQ(loop_.run(queue_->begin_batch("joe", {"key", "f"})).error().kind,
            ErrorKind::kConflict);  // it is being filled
  ASSERT_TRUE(loop_.run(queue_->commit_batch(begun.batch.id)));
  const auto again = loop_.run(queue_->begin_batch("joe", {"key", "f"})).value();
  EXPECT_TRUE(again.existing);
  EXPECT_EQ(again.batch.id, begun.batch.id);
}

TEST_F(JobQueueTest, ABatchHasItsLimit) {
  const auto begun = loop_.run(queue_->begin_batch("joe", {})).value();
  std::vector<NewJob> jobs(JobQueue::kBatchMax / 2 + 1);
  ASSERT_TRUE(loop_.run(queue_->add_to_batch(begun.batch.id, jobs)));
  EXPECT_EQ(loop_.run(queue_->add_to_batch(begun.batch.id, jobs)).error().kind, ErrorKind::kLimit);
}

// --- traces and messages ----------------------------------------------------------------------

TEST_F(JobQueueTest, TracesAreToldWhenTheyAreDueUntilTheyAreGone) {
  const std::string id = add("joe", "x");
  claim();
  ASSERT_TRUE(change(id, {JobState::kStarting},
                     {.to = JobState::kFailed, .remove_traces_at = loop_.wall_now() + 1h}));
  const auto due = [&] { return loop_.run(queue_->due_for_removal(10)).value().size(); };
  EXPECT_EQ(due(), 0u);
  EXPECT_EQ(loop_.run(queue_->next_removal()).value(), loop_.wall_now() + 1h);
  ASSERT_TRUE(loop_.run(sleep_for(1h)));
  EXPECT_EQ(due(), 1u);
  ASSERT_TRUE(loop_.run(queue_->removed(id, loop_.wall_now() + 1min)));
  EXPECT_EQ(due(), 0u);
  ASSERT_TRUE(loop_.run(sleep_for(1min)));
  EXPECT_EQ(due(), 1u);
  ASSERT_TRUE(loop_.run(queue_->removed(id, std::nullopt)));
  EXPECT_EQ(due(), 0u);
  EXPECT_EQ(loop_.run(queue_->next_removal()).value(), std::nullopt);
}

TEST_F(JobQueueTest, AJobThatRunsAgainKeepsItsTraces) {
  const std::string id = add("joe", "x");
  claim();
  ASSERT_TRUE(change(id, {JobState::kStarting},
                     {.to = JobState::kFailed, .remove_traces_at = loop_.wall_now()}));
  ASSERT_TRUE(change(id, {JobState::kFailed}, {.to = JobState::kPending}));
  EXPECT_EQ(loop_.run(queue_->next_removal()).value(), std::nullopt);
}

TEST_F(JobQueueTest, MessagesAreKeptUntilTheyAreDelivered) {
  const std::string id = add("joe", "x");
  claim();
  ASSERT_TRUE(change(id, {JobState::kStarting},
                     {.to = JobState::kCompleted, .delivery = NewDelivery{"http://h", "e", "b"}}));
  EXPECT_FALSE(change(id, {JobState::kStarting},
                      {.to = JobState::kFailed, .delivery = NewDelivery{"http://no", "e", "b"}}));
  open();
  auto due = loop_.run(queue_->due_deliveries(10)).value();
  ASSERT_EQ(due.size(), 1u);
  EXPECT_EQ(due[0].message.url, "http://h");
  ASSERT_TRUE(loop_.run(queue_->delivered(due[0].id, loop_.wall_now() + 1min)));
  EXPECT_TRUE(loop_.run(queue_->due_deliveries(10)).value().empty());
  EXPECT_EQ(loop_.run(queue_->next_delivery()).value(), loop_.wall_now() + 1min);
  ASSERT_TRUE(loop_.run(sleep_for(1min)));
  due = loop_.run(queue_->due_deliveries(10)).value();
  EXPECT_EQ(due[0].attempts, 1);
  ASSERT_TRUE(loop_.run(queue_->delivered(due[0].id, std::nullopt)));
  EXPECT_EQ(loop_.run(queue_->next_delivery()).value(), std::nullopt);
}

TEST_F(JobQueueTest, WhatEndedLongAgoIsForgotten) {
  const std::string old = add("joe", "old");
  const std::string dirty = add("joe", "dirty");
  const std::string batch = add_batch(2);
  while (const auto job = claim()) {
    JobChange change_to{.to = JobState::kCompleted};
    if (job->id == dirty) change_to.remove_traces_at = loop_.wall_now();
    ASSERT_TRUE(change(job->id, {JobState::kStarting}, change_to));
  }
  ASSERT_TRUE(loop_.run(sleep_for(kJobsKept)));
  const std::string waiting = add("joe", "waiting");
  ASSERT_TRUE(loop_.run(sleep_for(1h)));
  ASSERT_TRUE(loop_.run(queue_->forget_old(kJobsKept)));
  EXPECT_THAT(specs({}), ElementsAre("waiting", "dirty"));
  EXPECT_FALSE(loop_.run(queue_->batch(batch)));
  EXPECT_EQ(counts(), (JobCounts{1, 0, 0, 0, 1, 0, 0}));
}

// --- processes --------------------------------------------------------------------------------

TEST_F(JobQueueTest, WhatWasUnderWayIsPendingAgainAfterADeath) {
  const std::string starting = add("joe", "1");
  const std::string moving = add("joe", "2");
  const std::string paused = add("joe", "3");
  const std::string done = add("joe", "4");
  for (int i = 0; i < 4; ++i) claim();
  ASSERT_TRUE(change(moving, {JobState::kStarting}, {.to = JobState::kInProgress}));
  queue_->save_progress(moving, "half");
  ASSERT_TRUE(change(paused, {JobState::kStarting}, {.to = JobState::kPaused}));
  ASSERT_TRUE(change(done, {JobState::kStarting}, {.to = JobState::kCompleted}));
  const auto begun = loop_.run(queue_->begin_batch("joe", {"key", "f"})).value();
  ASSERT_TRUE(loop_.run(queue_->add_to_batch(begun.batch.id, {{.spec = "never"}})));
  open();
  EXPECT_EQ(get(starting).state, JobState::kPending);
  EXPECT_EQ(get(moving).state, JobState::kPending);
  EXPECT_EQ(get(moving).progress, "half");
  EXPECT_EQ(get(moving).attempt, 1);
  EXPECT_EQ(get(paused).state, JobState::kPaused);
  EXPECT_EQ(get(done).state, JobState::kCompleted);
  EXPECT_EQ(counts(), (JobCounts{2, 0, 0, 1, 1, 0, 0}));
  EXPECT_EQ(claim_all(), "1 2");
  EXPECT_FALSE(loop_.run(queue_->begin_batch("joe", {"key", "f"})).value().existing);
}

TEST_F(JobQueueTest, OneProcessAtATime) {
  const auto second = loop_.run(open_job_queue({.path = path_}));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind, ErrorKind::kConflict);
  ASSERT_TRUE(loop_.run(queue_->close()));
  EXPECT_TRUE(loop_.run(open_job_queue({.path = path_})));
}

TEST_F(JobQueueTest, ANewerFileIsRefused) {
  queue_.reset();
  sqlite3* handle = nullptr;
  ASSERT_EQ(sqlite3_open(path_.c_str(), &handle), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(handle, "PRAGMA user_version=99", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(handle);
  const auto opened = loop_.run(open_job_queue({.path = path_}));
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().kind, ErrorKind::kUnsupported);
}

/// Claims, ends and adds until it is killed; tells each job that it has been acknowledged.
[[noreturn]] void work_until_killed(const std::string& path, int out, std::uint64_t seed) {
  Loop loop(Loop::Mode::kReal, seed);
  const auto queue = loop.run(open_job_queue({.path = path})).value();
  for (;;) {
    const auto added = loop.run(queue->add("joe", {.spec = "x"}, {})).value();
    (void)!write(out, ("+" + added.job.id).data(), 25);
    const auto job = loop.run(queue->claim()).value();
    if (!job) continue;
    if (!loop.run(queue->change(job->id, {JobState::kStarting}, {.to = JobState::kCompleted}))) {
      _exit(1);
    }
    (void)!write(out, ("-" + job->id).data(), 25);
  }
}

TEST_F(JobQueueTest, WhatWasAcknowledgedSurvivesKills) {
  queue_.reset();
  std::map<std::string, bool> known;  // id → completed
  for (std::uint64_t round = 1; round <= 5; ++round) {
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) work_until_killed(path_, ends[1], round);
    ::close(ends[1]);
    char line[25];
    for (std::uint64_t i = 0; i < 20 * round && read(ends[0], line, 25) == 25; ++i) {
      known[std::string(line + 1, 24)] = line[0] == '-';
    }
    ::kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFSIGNALED(status));
    while (read(ends[0], line, 25) == 25) known[std::string(line + 1, 24)] = line[0] == '-';
    ::close(ends[0]);
    open();
    for (const auto& [id, completed] : known) {
      const Job job = get(id);
      if (completed) EXPECT_EQ(job.state, JobState::kCompleted);
      EXPECT_TRUE(job.state == JobState::kPending || job.state == JobState::kCompleted);
    }
    queue_.reset();
  }
}

}  // namespace
}  // namespace telpher
