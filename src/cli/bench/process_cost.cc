#include "cli/bench/process_cost.h"

#include "base/units.h"

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <sys/resource.h>
#include <unistd.h>

namespace telpher {

Result<ProcessCost> cost_of(pid_t pid) {
  const std::string folder = "/proc/" + std::to_string(pid);
  std::ifstream stat(folder + "/stat");
  std::string line;
  if (!std::getline(stat, line)) {
    return make_error(ErrorKind::kNotFound, "there is no process " + std::to_string(pid));
  }
  // proc(5): the name, in brackets, may hold anything; utime and stime are fields 14 and 15, the
  // twelfth and thirteenth behind it.
  std::istringstream fields(line.substr(line.rfind(')') + 1));
  std::string skipped;
  for (int field = 3; field < 14; ++field) fields >> skipped;
  double user = 0;
  double system = 0;
  if (!(fields >> user >> system)) {
    return make_error(ErrorKind::kIo, "cannot read " + folder + "/stat");
  }
  ProcessCost cost;
  cost.cpu_s = (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
  std::ifstream status(folder + "/status");
  while (std::getline(status, line)) {
    if (line.starts_with("VmRSS:")) {
      cost.resident = std::strtoull(line.c_str() + 6, nullptr, 10) * kKiB;
    } else if (line.starts_with("VmHWM:")) {
      cost.resident_peak = std::strtoull(line.c_str() + 6, nullptr, 10) * kKiB;
    }
  }
  return cost;
}

double own_cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace telpher
