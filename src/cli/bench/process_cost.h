#pragma once
// What a process has cost so far, as the kernel counts it.

#include "base/bytes.h"
#include "base/result.h"

#include <sys/types.h>

namespace telpher {

struct ProcessCost {
  double cpu_s = 0;  // user and system, all threads, those that ended included
  ByteCount resident = 0;
  ByteCount resident_peak = 0;
};

/// Of another process, in steps of 10 ms. Errors: kNotFound (no such process), kDenied, kIo.
Result<ProcessCost> cost_of(pid_t pid);
/// Seconds of this one, finer.
double own_cpu_seconds();

}  // namespace telpher
