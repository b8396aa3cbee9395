#include "cli/server_limits.h"

#include <algorithm>
#include <sys/resource.h>

namespace telpher {

std::size_t find_connections_max() {
  constexpr rlim_t kOfTheStore = 256;
  constexpr rlim_t kMost = 50'000;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return kOfTheStore;
  const rlim_t before = limit.rlim_cur;
  limit.rlim_cur = limit.rlim_max;
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) limit.rlim_cur = before;
  const rlim_t there = limit.rlim_cur;
  return std::min(kMost, there > 2 * kOfTheStore ? there - kOfTheStore : there / 2);
}

}  // namespace telpher
