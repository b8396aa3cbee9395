#pragma once
// What the process says to its caller at the end. Pure.

#include "base/error.h"

#include <string>

namespace telpher {

enum ExitCode : int {
  kExitDone = 0,
  kExitSomeFailed = 1,  // several things; each that failed was named
  kExitUsage = 2,
  kExitSource = 3,       // not found or refused
  kExitDestination = 4,  // credentials, missing bucket, precondition, disk full
  kExitGaveUp = 5,       // after retries; running again resumes
  kExitIntegrity = 6,    // the bytes were not right; nothing appeared
  kExitInterrupted = 130,
};

/// What kind of ends a copy has, so that an error can be laid at one of their doors.
struct CopyEnds {
  bool source_is_store = false;
  bool destination_is_store = true;
};

ExitCode exit_code_for(const Error& error, CopyEnds ends);

/// Whether a copy that failed had come anywhere.
enum class Begun { kNothing, kSomething };

/// One sentence that says what to do about it; empty when nothing is known.
std::string advice_for(const Error& error, ExitCode code, Begun begun);

}  // namespace telpher
