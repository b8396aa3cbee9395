#pragma once
// What --stats shows of a run.

#include "base/bytes.h"
#include "runtime/loop.h"

#include <cstdint>
#include <string>
#include <vector>

namespace telpher {

/// What is counted where the run is shown.
struct RunFigures {
  Duration elapsed{};
  ByteCount bytes_done = 0;
  ByteCount bytes_resumed = 0;    // of these, by an earlier run
  std::uint64_t views_made = 0;   // pictures of the progress
  std::uint64_t views_shown = 0;  // of these
  double parts_in_flight_mean = 0;
};

/// What --stats shows: named numbers in groups.
struct StatsGroup {
  std::string name;
  struct Value {
    std::string name;
    double number = 0;
    std::string text;  // for people, with its unit
  };
  std::vector<Value> values;
};

}  // namespace telpher
