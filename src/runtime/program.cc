#include "runtime/program.h"

#include "base/unique_fd.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <optional>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace telpher {
namespace {

/// Whether keys pressed at a terminal come to us. Who stands in another group there is stopped when
/// it asks for a password.
bool is_in_foreground() {
  const UniqueFd terminal(::open("/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC));
  return terminal && ::tcgetpgrp(terminal.get()) == ::getpgrp();
}

/// A started program; killed and reaped at the end of this object unless it has ended: with all of
/// its group, if it has one of its own.
class Child {
 public:
  Child(pid_t pid, bool has_group) : pid_(pid), has_group_(has_group) {}
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    if (exit_code_) return;
    ::kill(has_group_ ? -pid_ : pid_, SIGKILL);
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
  }

  pid_t pid() const { return pid_; }
  /// nullopt while it runs.
  std::optional<int> exit_code() {
    int status = 0;
    if (!exit_code_ && ::waitpid(pid_, &status, WNOHANG) == pid_) {
      exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
    return exit_code_;
  }

 private:
  const pid_t pid_;
  const bool has_group_;
  std::optional<int> exit_code_;
};

struct Pipe {
  UniqueFd read;
  UniqueFd write;
};

Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return make_errno_error(errno, "make a pipe");
  Pipe made{UniqueFd(ends[0]), UniqueFd(ends[1])};
  // Our end only: the program's must block, as programs expect.
  if (::fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0) return make_errno_error(errno, "make a pipe");
  return made;
}

/// What the new program starts with: its three files, and no signal blocked or ignored.
class SpawnSettings {
 public:
  SpawnSettings(int output, int errors, bool own_group) {
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    if (!::isatty(STDIN_FILENO)) {
      posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    }
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, errors, STDERR_FILENO);
    sigset_t signals;
    sigemptyset(&signals);
    posix_spawnattr_setsigmask(&attributes, &signals);
    sigaddset(&signals, SIGPIPE);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    posix_spawnattr_setsigdefault(&attributes, &signals);
    short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
    if (own_group) flags |= POSIX_SPAWN_SETPGROUP;  // of its own number: 0 is what the attribute is
    posix_spawnattr_setflags(&attributes, flags);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;
  ~SpawnSettings() {
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
  }

  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
};

Result<pid_t> start_program(std::vector<std::string>& arguments, const Pipe& output,
                            const Pipe& errors, bool own_group) {
  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  const SpawnSettings settings(output.write.get(), errors.write.get(), own_group);
  pid_t pid = 0;
  const int problem = ::posix_spawnp(&pid, pointers[0], &settings.actions, &settings.attributes,
                                     pointers.data(), environ);
  if (problem != 0) return make_errno_error(problem, "run '" + arguments[0] + "'");
  return pid;
}

/// Appends what is there. False at the end of the pipe.
bool drain(int fd, std::string& text, std::size_t bytes_max, bool keep_end) {
  char chunk[4096];
  for (;;) {
    const ssize_t count = ::read(fd, chunk, sizeof chunk);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno == EAGAIN;
    if (count == 0) return false;
    text.append(chunk, static_cast<std::size_t>(count));
    if (text.size() <= bytes_max) continue;
    if (!keep_end) return true;
    text.erase(0, text.size() - bytes_max);
  }
}

/// One descriptor that is readable when any of several is.
class AnyOf {
 public:
  AnyOf() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {}
  bool add(int fd) const {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    return ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0;
  }
  void drop(int fd) const { ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr); }
  /// Takes note of what is ready now, so that the next change is seen as one.
  void settle() const {
    std::array<epoll_event, 4> events;
    (void)::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), 0);
  }
  int fd() const { return epoll_.get(); }

 private:
  UniqueFd epoll_;
};

}  // namespace

Task<Result<ProgramEnd>> run_program(ProgramOptions options) {
  Loop& loop = co_await current_loop();
  const TimePoint deadline = loop.now() + options.timeout;
  CO_TRY(Pipe output, make_pipe());
  CO_TRY(Pipe errors, make_pipe());
  const bool own_group = !is_in_foreground();
  CO_TRY(const pid_t pid, start_program(options.arguments, output, errors, own_group));
  Child child(pid, own_group);
  output.write = UniqueFd();
  errors.write = UniqueFd();
  const UniqueFd ended(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  const AnyOf any;
  if (!ended || !any.add(ended.get()) || !any.add(output.read.get()) ||
      !any.add(errors.read.get())) {
    co_return make_errno_error(errno, "watch '" + options.arguments[0] + "'");
  }
  FdWatch watch(loop, any.fd());
  ProgramEnd end;
  bool has_output = true;
  bool has_errors = true;
  for (;;) {
    any.settle();
    // Asked first: what it wrote before its end is then there to be read.
    const std::optional<int> exit_code = child.exit_code();
    if (has_output && !drain(output.read.get(), end.output, options.output_bytes_max, false)) {
      has_output = false;
      any.drop(output.read.get());
    }
    if (has_errors && !drain(errors.read.get(), end.errors, options.errors_bytes_kept, true)) {
      has_errors = false;
      any.drop(errors.read.get());
    }
    if (end.output.size() > options.output_bytes_max) {
      co_return make_error(ErrorKind::kLimit, "'" + options.arguments[0] + "' wrote more than " +
                                                  std::to_string(options.output_bytes_max) +
                                                  " bytes");
    }
    if (exit_code) {
      // Its own children may hold the pipes for long: they are not waited for.
      end.exit_code = *exit_code;
      co_return end;
    }
    Result<void> waited = co_await watch.wait(FdWatch::kRead, deadline);
    if (waited) continue;
    if (waited.error().kind == ErrorKind::kTimeout) {
      co_return make_error(ErrorKind::kTimeout,
                           "'" + options.arguments[0] + "' did not end within " +
                               std::to_string(options.timeout.count()) + " ms");
    }
    co_return std::move(waited).error();
  }
}

}  // namespace telpher
