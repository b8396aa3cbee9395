#include "runtime/task_group.h"
#include "transfer/journal.h"
#include "transfer/process_identity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace telpher {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
namespace fs = std::filesystem;

class JournalTest : public testing::Test {
 protected:
  JournalTest() {
    std::string name = fs::temp_directory_path() / "telpher-journal-XXXXXX";
    folder_ = mkdtemp(name.data());
    path_ = folder_ / "home" / "journal.db";
  }
  ~JournalTest() override { fs::remove_all(folder_); }

  Result<std::unique_ptr<Journal>> try_open(JournalOptions options = {}) {
    options.path = path_;
    return loop_.run(open_journal(options));
  }
  std::unique_ptr<Journal> open(JournalOptions options = {}) {
    Result<std::unique_ptr<Journal>> journal = try_open(std::move(options));
    EXPECT_TRUE(journal) << journal.error().message;
    return *std::move(journal);
  }
  void sql(const std::string& statements) {
    sqlite3* handle = nullptr;
    ASSERT_EQ(sqlite3_open(path_.c_str(), &handle), SQLITE_OK);
    char* message = nullptr;
    EXPECT_EQ(sqlite3_exec(handle, statements.c_str(), nullptr, nullptr, &message), SQLITE_OK)
        << message;
    sqlite3_close(handle);
  }

  fs::path folder_;
  fs::path path_;
  Loop loop_;
};

JournalEntry sample_entry(std::string destination = "s3://host/bucket/key") {
  return {.kind = "upload",
          .source = "https://example.org/a?…",
          .source_hash = "abc",
          .destination = std::move(destination),
          .object = {"bucket", "ключ with spaces"},
          .size = 123,
          .validator = "\"v1\"",
          .part_size = 16,
          .checksum = "crc64nvme",
          .command = "telpher cp …"};
}

Task<Result<void>> write_one(Journal* journal) {
  CO_TRY(const std::string id, co_await journal->begin(sample_entry()));
  CO_TRY_VOID(co_await journal->set_upload_id(id, "upload-1"));
  journal->part_done(id, {1, 16, "\"e1\"", "d1"});
  journal->part_done(id, {2, 16, "\"e2\"", "d2"});
  journal->part_done(id, {1, 16, "\"e1b\"", "d1b"});
  co_return co_await journal->completing(id, "crc64nvme:xyz");
}

TEST_F(JournalTest, RemembersEverythingAcrossProcesses) {
  {
    const auto journal = open();
    EXPECT_TRUE(loop_.run(write_one(journal.get())));
    EXPECT_TRUE(loop_.run(journal->close()));
  }
  const auto journal = open();
  const std::vector<JournalEntry> entries = loop_.run(journal->unfinished()).value();
  ASSERT_EQ(entries.size(), 1u);
  const JournalEntry& entry = entries[0];
  EXPECT_EQ(entry.id.size(), 16u);
  EXPECT_EQ(entry.object, (ObjectAddress{"bucket", "ключ with spaces"}));
  EXPECT_EQ(entry.size, 123u);
  EXPECT_EQ(entry.upload_id, "upload-1");
  EXPECT_EQ(entry.state, "completing");
  EXPECT_EQ(entry.expected, "crc64nvme:xyz");
  EXPECT_EQ(entry.validator, "\"v1\"");
  EXPECT_FALSE(entry.held);
  EXPECT_LT(std::chrono::system_clock::now() - entry.created, 1min);
  const std::vector<JournalPart> parts = loop_.run(journal->parts(entry.id)).value();
  ASSERT_EQ(parts.size(), 2u);
  EXPECT_EQ(parts[0].etag, "\"e1b\"");
  EXPECT_EQ(parts[1].digest, "d2");
}

TEST_F(JournalTest, FinishForgetsTheEntryAndRemembersTheResult) {
  const auto journal = open();
  EXPECT_TRUE(loop_.run(write_one(journal.get())));
  const std::string destination = sample_entry().destination;
  const std::string id = loop_.run(journal->unfinished_at(destination)).value().at(0).id;
  journal->part_done(id, {3, 16, "late", ""});
  EXPECT_TRUE(loop_.run(journal->finish(id, FinishedTransfer{"abc", "\"v1\"", "\"etag\"", 123})));
  journal->part_done(id, {4, 16, "later still", ""});
  EXPECT_TRUE(loop_.run(journal->unfinished()).value().empty());
  EXPECT_TRUE(loop_.run(journal->parts(id)).value().empty());
  EXPECT_EQ(loop_.run(journal->last_finished(destination)).value()->etag, "\"etag\"");
  EXPECT_FALSE(loop_.run(journal->last_finished("elsewhere")).value());
  EXPECT_EQ(loop_.run(journal->set_upload_id(id, "x")).error().kind, ErrorKind::kNotFound);
}

TEST_F(JournalTest, IsPrivate) {
  const auto journal = open();
  EXPECT_TRUE(loop_.run(write_one(journal.get())));
  struct stat status;
  ASSERT_EQ(stat(path_.parent_path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700u);
  for (const char* suffix : {"", "-wal", "-shm"}) {
    ASSERT_EQ(stat((path_.string() + suffix).c_str(), &status), 0) << suffix;
    EXPECT_EQ(status.st_mode & 0777, 0600u) << suffix;
  }
}

TEST_F(JournalTest, DamagedFilesSayWhatToDo) {
  fs::create_directories(path_.parent_path());
  std::ofstream(path_) << std::string(8192, 'x');
  const Result<std::unique_ptr<Journal>> journal = try_open();
  ASSERT_FALSE(journal);
  EXPECT_EQ(journal.error().kind, ErrorKind::kIo);
  EXPECT_THAT(journal.error().message, HasSubstr("is damaged"));
  EXPECT_THAT(journal.error().message, HasSubstr("Move it away"));
}

TEST_F(JournalTest, FilesOfNewerVersionsAreLeftAlone) {
  open().reset();
  sql("PRAGMA user_version=99");
  EXPECT_EQ(try_open().error().kind, ErrorKind::kUnsupported);
}

TEST_F(JournalTest, MissingTablesAreDamageAndNoCrash) {
  open().reset();
  sql("DROP TABLE parts");
  const auto journal = open();
  EXPECT_THAT(loop_.run(journal->parts("x")).error().message, HasSubstr("is damaged"));
  EXPECT_TRUE(loop_.run(journal->unfinished())) << "the rest still works";
}

TEST_F(JournalTest, FoldersThatCannotBeMadeAreNamed) {
  std::ofstream(folder_ / "home") << "a file";
  const Result<std::unique_ptr<Journal>> journal = try_open();
  ASSERT_FALSE(journal);
  EXPECT_THAT(journal.error().message, HasSubstr("home"));
}

Task<Result<void>> begin_one(Journal* journal, std::vector<std::string>* ids) {
  CO_TRY(std::string id, co_await journal->begin(sample_entry()));
  ids->push_back(std::move(id));
  co_return Result<void>();
}

Task<Result<std::vector<std::string>>> begin_many(Journal* journal, int count) {
  std::vector<std::string> ids;
  TaskGroup group(co_await current_context());
  for (int i = 0; i < count; ++i) group.spawn(begin_one(journal, &ids));
  CO_TRY_VOID(co_await group.join());
  co_return ids;
}

TEST_F(JournalTest, ManyTransfersAtOnce) {
  const auto journal = open();
  const std::vector<std::string> ids = loop_.run(begin_many(journal.get(), 200)).value();
  EXPECT_EQ(std::set(ids.begin(), ids.end()).size(), 200u);
  EXPECT_EQ(loop_.run(journal->unfinished()).value().size(), 200u);
}

// --- leases -----------------------------------------------------------------------------------

JournalOptions owner(std::string name, std::set<std::string>* living) {
  living->insert(name);
  return {.owner = std::move(name),
          .is_alive = [living](const std::string& other) { return living->contains(other); }};
}

TEST_F(JournalTest, ALeaseKeepsOthersOutUntilItEnds) {
  std::set<std::string> living;
  const auto a = open(owner("a", &living));
  const auto b = open(owner("b", &living));
  auto lease = loop_.run(a->acquire("x", loop_.now())).value();
  EXPECT_FALSE(lease->waited);
  EXPECT_TRUE(loop_.run(b->acquire("y", loop_.now()))) << "another destination is free";
  const auto refused = loop_.run(b->acquire("x", loop_.now()));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kConflict);
  EXPECT_TRUE(refused.error().is_temporary());
  EXPECT_EQ(loop_.run(a->acquire("x", loop_.now())).error().kind, ErrorKind::kConflict)
      << "nor may another transfer of the same process";
  lease.reset();
  EXPECT_TRUE(loop_.run(a->acquire("x", loop_.now())));
  EXPECT_TRUE(loop_.run(b->acquire("x", loop_.now() + 5s)).value()->waited);
}

TEST_F(JournalTest, ADeadOwnersLeaseIsTakenOverAtOnce) {
  std::set<std::string> living;
  const auto a = open(owner("a", &living));
  const auto b = open(owner("b", &living));
  const auto lease = loop_.run(a->acquire("x", loop_.now())).value();
  EXPECT_TRUE(loop_.run(a->begin(sample_entry("x"))));
  EXPECT_TRUE(loop_.run(b->unfinished()).value().at(0).held);
  living.erase("a");
  EXPECT_FALSE(loop_.run(b->unfinished()).value().at(0).held);
  EXPECT_FALSE(loop_.run(b->acquire("x", loop_.now())).value()->waited);
}

TEST_F(JournalTest, ALeaseMayOutliveItsJournal) {
  std::set<std::string> living;
  auto a = open(owner("a", &living));
  auto lease = loop_.run(a->acquire("x", loop_.now())).value();
  a.reset();
  const auto b = open(owner("b", &living));
  EXPECT_FALSE(loop_.run(b->acquire("x", loop_.now())));
  lease.reset();
  EXPECT_TRUE(loop_.run(b->acquire("x", loop_.now() + 5s)));
}

TEST_F(JournalTest, CloseGivesLeasesBack) {
  const auto a = open();
  const auto lease = loop_.run(a->acquire("x", loop_.now())).value();
  EXPECT_TRUE(loop_.run(a->close()));
  EXPECT_FALSE(loop_.run(a->unfinished())) << "closed";
  EXPECT_TRUE(loop_.run(open()->acquire("x", loop_.now())));
}

/// Runs `work` in a process of its own, which ends without any tidying up.
template <class F>
pid_t in_child(F work) {
  const pid_t child = fork();
  if (child == 0) {
    work();
    _exit(0);
  }
  return child;
}

TEST_F(JournalTest, AKilledProcessLosesItsLeaseAndKeepsItsEntry) {
  open().reset();  // so that no thread is running at the fork
  int pipe_fds[2];
  ASSERT_EQ(pipe(pipe_fds), 0);
  const pid_t child = in_child([&] {
    Loop loop;
    auto journal = loop.run(open_journal({.path = path_})).value();
    auto lease = loop.run(journal->acquire("x", loop.now())).value();
    (void)loop.run(journal->begin(sample_entry("x"))).value();
    (void)!write(pipe_fds[1], "!", 1);
    pause();
  });
  char ready;
  ASSERT_EQ(read(pipe_fds[0], &ready, 1), 1);
  const auto journal = open();
  const auto refused = loop_.run(journal->acquire("x", loop_.now()));
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("pid " + std::to_string(child)));
  kill(child, SIGKILL);
  siginfo_t info;
  ASSERT_EQ(waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT), 0);
  EXPECT_TRUE(loop_.run(journal->acquire("x", loop_.now()))) << "dead, though not yet reaped";
  EXPECT_EQ(loop_.run(journal->unfinished()).value().size(), 1u);
  waitpid(child, nullptr, 0);
  close(pipe_fds[0]);
  close(pipe_fds[1]);
}

TEST_F(JournalTest, ProcessesThatStartAtOnceShareOneJournal) {
  constexpr int kProcesses = 4;
  constexpr int kEach = 25;
  std::vector<pid_t> children;
  for (int i = 0; i < kProcesses; ++i) {
    children.push_back(in_child([&] {
      Loop loop;
      Result<std::unique_ptr<Journal>> journal = loop.run(open_journal({.path = path_}));
      if (!journal) _exit(1);
      for (int n = 0; n < kEach; ++n) {
        auto lease = loop.run((*journal)->acquire("shared", loop.now() + 60s));
        if (!lease || !loop.run((*journal)->begin(sample_entry()))) _exit(2);
      }
      if (!loop.run((*journal)->close())) _exit(3);
    }));
  }
  for (const pid_t child : children) {
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
  }
  EXPECT_EQ(loop_.run(open()->unfinished()).value().size(), std::size_t{kProcesses * kEach});
}

TEST(ProcessIdentity, TellsTheLivingFromTheDead) {
  const std::string self = process_identity("i");
  EXPECT_EQ(liveness_of(self), Liveness::kAlive);
  EXPECT_EQ(display_name(self), "pid " + std::to_string(getpid()));
  std::string other_start = self;
  other_start.insert(other_start.find('/') + 1, "1");
  EXPECT_EQ(liveness_of(other_start), Liveness::kDead) << "the pid was used again";
  for (const char* nonsense : {"", "pid x/1/2/3/4", "pid 1", "////", "someone else"}) {
    EXPECT_EQ(liveness_of(nonsense), Liveness::kUnknown) << nonsense;
  }
}

}  // namespace
}  // namespace telpher
