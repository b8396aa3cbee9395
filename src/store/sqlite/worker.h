#pragma once
// Runs statements of one database one after another on a worker thread of the loop. What has queued
// up is written in one transaction, so that many who wait share one sync of the disk.

#include "runtime/loop.h"
#include "store/sqlite/database.h"

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

namespace telpher {

class DatabaseWorker : public std::enable_shared_from_this<DatabaseWorker> {
 public:
  /// @param explain  adds to an error which file it is, and what to do
  DatabaseWorker(Loop& loop, std::unique_ptr<Database> database,
                 std::function<Error(Error)> explain);

  struct Job {
    std::function<Result<void>(Database&)> run;  // on the worker
    bool synced = false;                         // `done` means that it survives a power cut
    std::function<void(Result<void>)> done;      // on the loop; may be empty
  };
  void submit(Job job);

  /// `co_await worker.call(function)`: what `function` (Result<T>(Database&)) returns. One that
  /// fails leaves nothing behind. Cannot be cancelled. The worker outlives the call.
  template <class F>
  class Call;
  template <class F>
  Call<F> call(F function, bool synced = false) {
    return Call<F>(*this, std::move(function), synced);
  }

  /// Waits (this blocks the calling thread) for what was submitted and closes the database; jobs
  /// after it fail. `done` of jobs that end meanwhile is still called by the loop.
  void close();

 private:
  void pump();
  void run_batch(std::vector<Job> batch);
  Result<void> begin(bool synced);
  Result<void> run_one(Job& job);

  Loop& loop_;
  const std::function<Error(Error)> explain_;
  std::unique_ptr<Database> database_;  // the pump's, or close()'s once no pump runs
  bool synchronous_full_ = false;

  std::mutex mutex_;
  std::condition_variable idle_;
  std::vector<Job> queue_;
  bool pumping_ = false;
};

template <class F>
class DatabaseWorker::Call {
 public:
  using R = std::invoke_result_t<F, Database&>;
  Call(DatabaseWorker& worker, F function, bool synced)
      : worker_(worker), function_(std::move(function)), synced_(synced) {}

  bool await_ready() { return false; }
  void await_suspend(std::coroutine_handle<> task) {
    worker_.submit({.run = [this](Database& database) -> Result<void> {
                      result_.emplace(function_(database));
                      if (!*result_) return result_->error();
                      return {};
                    },
                    .synced = synced_,
                    .done =
                        [this, task](Result<void> outcome) {
                          if (!outcome) failed_ = std::move(outcome).error();
                          worker_.loop_.schedule(task);
                        }});
  }
  R await_resume() {
    if (failed_) return *std::move(failed_);
    return *std::move(result_);
  }

 private:
  DatabaseWorker& worker_;
  F function_;
  const bool synced_;
  std::optional<R> result_;
  std::optional<Error> failed_;
};

}  // namespace telpher
