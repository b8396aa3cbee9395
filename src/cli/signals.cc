#include "cli/signals.h"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <sys/signalfd.h>
#include <unistd.h>
#include <utility>

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

Result<std::unique_ptr<SignalWatch>> SignalWatch::start() {
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow: write() says EFBIG
  const sigset_t set = watched_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  UniqueFd fd(::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
  if (!fd) return make_errno_error(errno, "watch for signals");
  return std::unique_ptr<SignalWatch>(new SignalWatch(std::move(fd)));
}

Task<Result<void>> SignalWatch::watch(CancelSource* target, std::function<void(bool)> interrupted) {
  FdWatch readable(co_await current_loop(), fd_.get());
  signalfd_siginfo info;
  while (::read(fd_.get(), &info, sizeof info) != sizeof info) {
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
