#pragma once
// Runs one seed from its first command to the last sweep, and judges what is left.

#include "tests/sim/tally.h"

#include <cstdint>
#include <map>
#include <string>

namespace telpher::sim {

struct SeedResult {
  std::string failure;  // empty = all assertions hold
  Tally tally;
  int processes = 0;
  int parts = 0;
  std::map<std::string, int> outcomes;  // of commands: mode, or kind of error
};

/// @param trace  prints what happens
SeedResult run_seed(std::uint64_t seed, bool trace = false);

}  // namespace telpher::sim
