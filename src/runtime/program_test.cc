#include "runtime/program.h"

#include "base/unique_fd.h"
#include "tests/support/temporary_directory.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <fstream>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace telpher {
namespace {

using namespace std::chrono_literals;

Result<ProgramEnd> run(std::vector<std::string> arguments,
                       std::chrono::milliseconds timeout = 60s) {
  Loop loop;
  return loop.run(run_program({.arguments = std::move(arguments), .timeout = timeout}));
}

Result<ProgramEnd> run_shell(const std::string& script, std::chrono::milliseconds timeout = 60s) {
  return run({"sh", "-c", script}, timeout);
}

TEST(RunProgramTest, GivesOutputErrorsAndStatus) {
  const auto end = run_shell("echo out; echo err >&2; exit 7");
  ASSERT_TRUE(end) << end.error().message;
  EXPECT_EQ(end->output, "out\n");
  EXPECT_EQ(end->errors, "err\n");
  EXPECT_EQ(end->exit_code, 7);
}

TEST(RunProgramTest, ArgumentsReachTheProgramAsTheyAre) {
  const auto end = run({"printf", "%s|", "a b", "$HOME", "'*'", ""});
  ASSERT_TRUE(end);
  EXPECT_EQ(end->output, "a b|$HOME|'*'||");
}

TEST(RunProgramTest, DoesNotReadWhatIsPipedToUs) {
  if (isatty(STDIN_FILENO)) GTEST_SKIP() << "standard input is a terminal";
  EXPECT_EQ(run({"cat"})->output, "");
}

TEST(RunProgramTest, SignalsAreAsProgramsExpectThem) {
  EXPECT_EQ(run_shell("kill -TERM $$")->exit_code, 128 + SIGTERM);
  EXPECT_EQ(run_shell("kill -PIPE $$")->exit_code, 128 + SIGPIPE);
}

TEST(RunProgramTest, OneThatIsNotThereIsNamed) {
  const auto end = run({"no-such-program-here", "secret"});
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().kind, ErrorKind::kNotFound);
  EXPECT_NE(end.error().message.find("no-such-program-here"), std::string::npos);
  EXPECT_EQ(end.error().message.find("secret"), std::string::npos);
}

TEST(RunProgramTest, OneThatHangsIsKilled) {
  const auto end = run_shell("echo begun; exec sleep 1000", 50ms);
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().kind, ErrorKind::kTimeout);
}

TEST(RunProgramTest, OutputIsBounded) {
  const auto end = run_shell("yes");
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().kind, ErrorKind::kLimit);
}

/// Whether a process ends soon, or has ended.
bool ends(pid_t pid) {
  const UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!process) return errno == ESRCH;
  pollfd ended{.fd = process.get(), .events = POLLIN, .revents = 0};
  return ::poll(&ended, 1, 10'000) == 1;
}

TEST(RunProgramTest, WhatItHasStartedIsKilledWithIt) {
  if (const UniqueFd terminal(::open("/dev/tty", O_RDONLY)); terminal) {
    GTEST_SKIP() << "at a terminal they share our group";
  }
  const TemporaryDirectory folder;
  const std::string name = folder.path() + "/pid";
  const auto end = run_shell("sleep 1000 & echo $! > " + name + "; yes");
  ASSERT_FALSE(end);
  pid_t pid = 0;
  ASSERT_TRUE(std::ifstream(name) >> pid);
  const bool ended = ends(pid);
  EXPECT_TRUE(ended);
  if (!ended) ::kill(pid, SIGKILL);
}

TEST(RunProgramTest, OfErrorsTheLastAreKept) {
  const auto end = run_shell("seq 1 100000 >&2; echo last >&2");
  ASSERT_TRUE(end);
  EXPECT_LE(end->errors.size(), 4096u);
  EXPECT_TRUE(end->errors.ends_with("100000\nlast\n"));
}

TEST(RunProgramTest, WhatItLeavesBehindIsNotWaitedFor) {
  const auto end = run_shell("sleep 20 & echo done");
  ASSERT_TRUE(end);
  EXPECT_EQ(end->output, "done\n");
}

}  // namespace
}  // namespace telpher
