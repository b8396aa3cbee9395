#include "library/blocking_run.h"

#include <ctime>
#include <poll.h>

namespace telpher {

QuietSignals::QuietSignals() {
  sigset_t quiet;
  sigset_t pending;
  sigemptyset(&quiet);
  sigemptyset(&added_);
  sigemptyset(&pending);
  sigpending(&pending);
  for (const int signal : {SIGPIPE, SIGXFSZ}) {
    sigaddset(&quiet, signal);
    if (sigismember(&pending, signal) == 0) sigaddset(&added_, signal);
  }
  pthread_sigmask(SIG_BLOCK, &quiet, &before_);
}

QuietSignals::~QuietSignals() {
  const timespec now{};
  while (sigtimedwait(&added_, nullptr, &now) > 0) {
  }
  pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

Task<Result<void>> watch_descriptor(int fd, CancelSource* target) {
  FdWatch readable(co_await current_loop(), fd);
  pollfd state{.fd = fd, .events = POLLIN, .revents = 0};
  while (::poll(&state, 1, 0) < 1) {
    CO_TRY_VOID(co_await readable.wait(FdWatch::kRead, kNever));
  }
  target->cancel();
  co_return Result<void>();
}

Task<Result<void>> tick_until_cancelled(Duration interval, const std::function<void()>* tick) {
  for (;;) {
    CO_TRY_VOID(co_await sleep_for(interval));
    (*tick)();
  }
}

}  // namespace telpher
