#pragma once
// Runs the journal's statements one after another on a worker thread of the loop. What has queued
// up is written in one transaction, so that many transfers share one sync of the disk.

#include "runtime/loop.h"
#include "store/sqlite/database.h"

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

namespace telpher {

class JournalWorker : public std::enable_shared_from_this<JournalWorker> {
 public:
  JournalWorker(Loop& loop, std::unique_ptr<Database> database, std::string path);

  struct Job {
    std::function<Result<void>(Database&)> run;  // on the worker
    bool synced = false;                         // `done` means that it survives a power cut
    std::function<void(Result<void>)> done;      // on the loop; may be empty
  };
  void submit(Job job);
  /// Waits (this blocks the calling thread) for what was submitted and closes the database; jobs
  /// after it fail. `done` of jobs that end meanwhile is still called by the loop.
  void close();

 private:
  void pump();
  void run_batch(std::vector<Job> batch);
  Result<void> begin(bool synced);
  Result<void> run_one(Job& job);

  Loop& loop_;
  const std::string path_;
  std::unique_ptr<Database> database_;  // the pump's, or close()'s once no pump runs
  bool synchronous_full_ = false;

  std::mutex mutex_;
  std::condition_variable idle_;
  std::vector<Job> queue_;
  bool pumping_ = false;
};

/// Opens the database at `path` and brings its schema to this version.
/// Errors: kIo (also when damaged; says what to do), kDenied, kUnsupported (written by a newer
/// version). Temporary when another process is creating it just now.
Result<std::unique_ptr<Database>> open_journal_database(const std::string& path,
                                                        const std::string& vfs);

/// Adds to an error of the database which file it is and, when that is damaged, what to do.
Error journal_error(const std::string& path, Error error);

}  // namespace telpher
