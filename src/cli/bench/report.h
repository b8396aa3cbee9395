#pragma once
// What a load run has shown, for people and as JSON. Pure.

#include "cli/bench/load_run.h"
#include "cli/bench/process_cost.h"

#include <chrono>
#include <optional>
#include <string>

namespace telpher {

struct LoadReport {
  std::string target;  // as typed
  const LoadSettings& settings;
  const LoadTallies& tallies;
  std::chrono::duration<double> elapsed;
  int connections = 0;  // 0 = a store in this process
  std::uint64_t not_started = 0;
  bool ran_dry = false;
  bool interrupted = false;
  double client_cpu_s = 0;
  ByteCount client_rss_peak = 0;
  struct Server {
    pid_t pid = 0;
    double cpu_s = 0;
    ProcessCost at_end;
  };
  std::optional<Server> server;
};

/// Several lines, each with its end.
std::string load_table(const LoadReport& report);
/// One line without its end.
std::string load_json(const LoadReport& report);
/// One line for the terminal while it runs; `seconds` since its start, `rate` of lately.
std::string load_progress(const LoadTallies& tallies, double seconds, double rate,
                          double bytes_per_second);

}  // namespace telpher
