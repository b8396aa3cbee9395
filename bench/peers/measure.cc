// measure OUT.json PROGRAM ARGUMENTS…
// Runs one program and writes what it cost: wall, user and system seconds and the largest resident
// set, the program's children included (of several processes the largest one's). Ends with the
// program's status. A program of its own because a child of Python starts with Python's resident
// set in its ru_maxrss.

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

[[noreturn]] void die(const char* what) {
  std::fprintf(stderr, "measure: %s: %s\n", what, std::strerror(errno));
  std::exit(125);
}

double to_seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) die("usage: measure OUT.json PROGRAM ARGUMENTS…");
  auto begin = std::chrono::steady_clock::now();
  pid_t child = fork();
  if (child < 0) die("fork");
  if (child == 0) {
    execvp(argv[2], argv + 2);
    _exit(127);
  }
  int status = 0;
  rusage usage{};
  while (wait4(child, &status, 0, &usage) < 0) {
    if (errno != EINTR) die("wait4");
  }
  std::chrono::duration<double> wall = std::chrono::steady_clock::now() - begin;
  int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  std::FILE* out = std::fopen(argv[1], "w");
  if (out == nullptr) die(argv[1]);
  std::fprintf(out,
               "{\"wall_s\": %.6f, \"user_s\": %.6f, \"system_s\": %.6f, \"rss_kib\": %ld, "
               "\"context_switches\": %ld, \"status\": %d}\n",
               wall.count(), to_seconds(usage.ru_utime), to_seconds(usage.ru_stime),
               usage.ru_maxrss, usage.ru_nvcsw + usage.ru_nivcsw, code);
  if (std::fclose(out) != 0) die(argv[1]);
  return code;
}
