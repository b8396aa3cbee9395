#include "cli/signals.h"

#include <csignal>
#include <cstdlib>
#include <sys/signalfd.h>
#include <unistd.h>

namespace telpher {
namespace {

sigset_t watched_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  return set;
}

}  // namespace

SignalWatch::SignalWatch() {
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow: write() says EFBIG
  const sigset_t set = watched_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  fd_ = ::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
  CHECK(fd_ >= 0);
}

SignalWatch::~SignalWatch() { ::close(fd_); }

Task<Result<void>> SignalWatch::watch(CancelSource* target, std::function<void(bool)> interrupted) {
  FdWatch readable(co_await current_loop(), fd_);
  signalfd_siginfo info;
  while (::read(fd_, &info, sizeof info) != sizeof info) {
    CO_TRY_VOID(co_await readable.wait(FdWatch::kRead, kNever));
  }
  // From here on the default action: a second signal ends the process.
  const sigset_t set = watched_signals();
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
  interrupted(info.ssi_code == SI_KERNEL);
  target->cancel();
  co_return Result<void>();
}

void end_by_broken_pipe() {
  std::signal(SIGPIPE, SIG_DFL);
  std::raise(SIGPIPE);
  std::_Exit(128 + SIGPIPE);  // it was blocked by whoever started us
}

}  // namespace telpher
