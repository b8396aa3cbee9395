#include "cli/run.h"
#include "session/exit_code.h"

#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <new>
#include <string_view>
#include <unistd.h>

namespace {

/// A standard descriptor that is closed at the start would become one of our own files, and what
/// is printed would go into it. Its place is taken by one that cannot be used: a copy from or to
/// it fails rather than being empty.
void take_missing_standard_descriptors() {
  for (int fd = 0; fd <= 2; ++fd) {
    if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF) continue;
    // The lowest free number is given out, and those below are taken.
    (void)open("/dev/null", fd == 1 ? O_RDONLY : O_WRONLY);
  }
}

/// Part buffers that cannot be had are an error like others; what else needs memory cannot go on.
void end_without_memory() {
  constexpr std::string_view kMessage =
      "telpher: not enough memory: allow this process more (ulimit -v), or use --memory with "
      "less\n";
  (void)!write(STDERR_FILENO, kMessage.data(), kMessage.size());
  std::_Exit(telpher::kExitSomeFailed);
}

}  // namespace

int main(int argc, char** argv) {
  std::set_new_handler(end_without_memory);
  take_missing_standard_descriptors();
  return telpher::run_command_line(argc, argv);
}
