// telpher_sim: the engine under a virtual clock, seed by seed.

#include "tests/sim/simulation.h"

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <unistd.h>

namespace {

constexpr int kMetLeast = 20;                 // times that each fault must meet each step,
constexpr std::uint64_t kSeedsForAll = 1000;  // where so many seeds are run

std::atomic<unsigned long long> current_seed = 0;

void print_replay() {
  char text[96];
  const int size =
      std::snprintf(text, sizeof text, "\nreplay: ./dev sim --seed %llu\n", current_seed.load());
  (void)!write(STDERR_FILENO, text, static_cast<std::size_t>(size));
}

struct Options {
  std::uint64_t first = 1;
  std::uint64_t seeds = 0;  // 0 = without end
  bool trace = false;
};

int usage() {
  std::fputs(
      "telpher_sim [--seeds N] [--first S]   N seeds from S on (default: without end, from a new "
      "one)\n"
      "telpher_sim --seed S                  one seed, told step by step\n",
      stderr);
  return 2;
}

bool parse(int count, char** words, Options& options) {
  bool first_given = false;
  for (int i = 1; i < count; ++i) {
    const std::string_view word = words[i];
    if (i + 1 >= count) return false;
    char* end = nullptr;
    const std::uint64_t number = std::strtoull(words[++i], &end, 10);
    if (end == words[i] || *end != '\0') return false;
    if (word == "--seeds") {
      options.seeds = number;
    } else if (word == "--first") {
      options.first = number;
      first_given = true;
    } else if (word == "--seed") {
      options = {.first = number, .seeds = 1, .trace = true};
      first_given = true;
    } else {
      return false;
    }
  }
  if (options.seeds == 0 && !first_given) options.first = telpher::random_seed() >> 24;
  return true;
}

}  // namespace

/// Called by AddressSanitizer before it reports.
extern "C" void __asan_on_error() { print_replay(); }

int main(int count, char** words) {
  using namespace telpher::sim;
  Options options;
  if (!parse(count, words, options)) return usage();
  std::signal(SIGABRT, [](int) { print_replay(); });

  const auto started = std::chrono::steady_clock::now();
  Tally tally;
  std::map<std::string, int> outcomes;
  long processes = 0;
  long parts = 0;
  for (std::uint64_t n = 0; options.seeds == 0 || n < options.seeds; ++n) {
    current_seed = options.first + n;
    SeedResult result = run_seed(current_seed, options.trace);
    tally.add(result.tally);
    processes += result.processes;
    parts += result.parts;
    for (const auto& [outcome, times] : result.outcomes) outcomes[outcome] += times;
    if (!result.failure.empty()) {
      std::fprintf(stderr, "seed %llu: %s\n", current_seed.load(), result.failure.c_str());
      print_replay();
      return 1;
    }
    if (options.seeds == 0 && (n + 1) % 1000 == 0) {
      std::printf("%llu seeds, up to %llu\n", static_cast<unsigned long long>(n + 1),
                  current_seed.load());
      std::fflush(stdout);
    }
  }
  if (options.trace) return 0;
  std::fputs(tally.table().c_str(), stdout);
  for (const auto& [outcome, times] : outcomes) std::printf("%6d %s\n", times, outcome.c_str());
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  std::printf("%llu seeds, %ld processes, %ld parts, %.1f s\n",
              static_cast<unsigned long long>(options.seeds), processes, parts, seconds);
  if (options.seeds >= kSeedsForAll) {
    const std::string missing = tally.missing(kMetLeast);
    if (!missing.empty()) {
      std::fprintf(stderr, "met fewer than %d times:\n%s", kMetLeast, missing.c_str());
      return 1;
    }
  }
  return 0;
}
