#pragma once
// Two load runs side by side: what changed, and what of it is no accident. Pure.

#include "cli/bench/saved_run.h"

#include <string>
#include <vector>

namespace telpher {

/// Smaller changes are never called a difference: of two runs of the same thing, one after the
/// other, machine and network make that much.
constexpr double kChangeMin = 0.05;
/// With a wider interval than this to either side, "no difference" would say nothing.
constexpr double kWidthMax = 0.10;
/// Chance that two runs that do not differ give any verdict but kNone or kTooShort.
constexpr double kDoubt = 0.05;

enum class Verdict { kBetter, kWorse, kNone, kTooShort, kMissing };
/// "faster", "slower" (or "cheaper", "dearer"), "no difference", "too short", "not measured".
std::string_view to_string(Verdict verdict, bool is_cost);

struct Difference {
  std::string operation;  // "put" …; "all" for what is not known of each
  std::string figure;     // as load_json() calls it: "ops_per_s", "p50_ms" …
  double before = 0;
  double now = 0;
  bool has_interval = false;  // the next three are known
  /// Relative, 0.1 = a tenth more; between low and high with the confidence of the whole table.
  double change = 0;
  double low = 0;
  double high = 0;
  Verdict verdict = Verdict::kMissing;
  double needed_s = 0;  // kTooShort: runs of about this length would tell; 0 = nobody knows
  bool is_cost = false;
};

struct RunComparison {
  struct Run {
    std::string name;  // of its file; empty = the one just done
    std::string target;
    std::string saved_at;
    double seconds = 0;
    std::uint64_t failed = 0;  // operations
  };
  Run before;
  Run now;
  std::vector<Difference> differences;

  bool has(Verdict verdict) const;
};

/// @param before, now  of the same settings
RunComparison compare_runs(const SavedRun& before, const SavedRun& now);

/// Several lines for a terminal of 80 columns, each with its end.
std::string comparison_table(const RunComparison& comparison);
/// One line without its end.
std::string comparison_json(const RunComparison& comparison);

}  // namespace telpher
