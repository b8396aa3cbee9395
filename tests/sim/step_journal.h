#pragma once
// The shipped journal, watched: says which step was passed last, and lets the process die just
// before or just after one.

#include "runtime/stepped_run.h"
#include "tests/sim/scenario.h"
#include "transfer/journal.h"

#include <functional>

namespace telpher::sim {

class StepJournal : public Journal {
 public:
  /// Told before (`after` = false) and after every step; true = the process has just died.
  using Watch = std::function<bool(Step, bool after)>;
  StepJournal(Journal& inner, Watch watch) : inner_(inner), watch_(std::move(watch)) {}

  Task<Result<std::unique_ptr<Lease>>> acquire(std::string destination,
                                               TimePoint deadline) override {
    return watched(Step::kAcquire, inner_.acquire(std::move(destination), deadline));
  }
  Task<Result<std::string>> begin(JournalEntry entry) override {
    return watched(Step::kBegin, inner_.begin(std::move(entry)));
  }
  Task<Result<void>> set_upload_id(std::string id, std::string upload_id) override {
    return watched(Step::kSetUploadId, inner_.set_upload_id(std::move(id), std::move(upload_id)));
  }
  void part_done(std::string id, JournalPart part) override {
    if (watch_(Step::kPartDone, false)) return;
    inner_.part_done(std::move(id), std::move(part));
    (void)watch_(Step::kPartDone, true);
  }
  Task<Result<void>> completing(std::string id, std::string expected) override {
    return watched(Step::kCompleting, inner_.completing(std::move(id), std::move(expected)));
  }
  Task<Result<void>> finish(std::string id, std::optional<FinishedTransfer> finished) override {
    return watched(Step::kFinish, inner_.finish(std::move(id), std::move(finished)));
  }
  Task<Result<std::vector<JournalEntry>>> unfinished() override { return inner_.unfinished(); }
  Task<Result<std::vector<JournalEntry>>> unfinished_at(std::string destination) override {
    return inner_.unfinished_at(std::move(destination));
  }
  Task<Result<std::vector<JournalPart>>> parts(std::string id) override {
    return inner_.parts(std::move(id));
  }
  Task<Result<std::optional<FinishedTransfer>>> last_finished(std::string destination) override {
    return inner_.last_finished(std::move(destination));
  }
  Task<Result<void>> close() override { return inner_.close(); }

 private:
  template <class T>
  Task<Result<T>> watched(Step step, Task<Result<T>> call) {
    if (watch_(step, false)) co_await Halt{};
    Result<T> result = co_await std::move(call);
    if (result && watch_(step, true)) co_await Halt{};
    co_return std::move(result);
  }

  Journal& inner_;
  const Watch watch_;
};

}  // namespace telpher::sim
