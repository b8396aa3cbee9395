#pragma once
// Ctrl-C and SIGTERM as cancellation. The first one cancels and lets the work wind down; the second
// ends the process at once, by the kernel, even when the loop is stuck in a system call.

#include "base/unique_fd.h"
#include "runtime/loop.h"

#include <functional>
#include <memory>
#include <utility>

namespace telpher {

class SignalWatch {
 public:
  /// Blocks SIGINT and SIGTERM for this thread and those it starts later, and ignores SIGPIPE and
  /// SIGXFSZ: make it before any thread. Errors: kIo (no descriptor left).
  static Result<std::unique_ptr<SignalWatch>> start();

  /// Waits for a signal, calls `interrupted` (with true when a key at the terminal sent it) and
  /// cancels `target`. Errors: kCancelled.
  Task<Result<void>> watch(CancelSource* target, std::function<void(bool)> interrupted);

 private:
  explicit SignalWatch(UniqueFd fd) : fd_(std::move(fd)) {}

  const UniqueFd fd_;
};

/// Ends the process the way a program ends that writes to a pipe nobody reads: without a word, by
/// SIGPIPE.
[[noreturn]] void end_by_broken_pipe();

}  // namespace telpher
