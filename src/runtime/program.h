#pragma once
// Another program, run to its end beside the loop: nothing here blocks, and nobody is left behind.
// Linux: the end is told by a pidfd.

#include "base/result.h"
#include "runtime/loop.h"

#include <chrono>
#include <string>
#include <vector>

namespace telpher {

struct ProgramOptions {
  /// The first is the program: a path, or a name looked up in PATH. No shell is involved.
  std::vector<std::string> arguments;
  std::chrono::milliseconds timeout{60'000};
  std::size_t output_bytes_max = 64 * 1024;  // of standard output; more is an error
  std::size_t errors_bytes_kept = 4 * 1024;  // of standard error; the beginning is dropped
};

struct ProgramEnd {
  int exit_code = 0;  // 128 + the signal's number when one ended it
  std::string output;
  std::string errors;
};

/// Its standard input is the terminal when ours is one, else empty: it must not eat what is piped
/// to us. Errors: kNotFound (no such program), kDenied, kIo, kTimeout, kLimit, kCancelled; what ran
/// then is killed, with all that it has started unless that has left its process group. At a
/// terminal it shares our group, so that it can ask for a password: it alone is killed then, and
/// Ctrl-C reaches them all. No message names arguments: they may be secrets.
Task<Result<ProgramEnd>> run_program(ProgramOptions options);

}  // namespace telpher
