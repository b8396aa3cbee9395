#pragma once
// A load run as it is kept in a file, to be compared with another one. The format is ours: JSON
// with a version; a reader refuses what it does not know.

#include "base/result.h"
#include "cli/bench/load_run.h"

#include <chrono>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace telpher {

/// What must be the same for two runs to be comparable, by the option that says it: "--size":
/// "10.0 KiB".
using ComparableSettings = std::map<std::string, std::string>;
ComparableSettings comparable(const LoadSettings& settings, int connections);
/// "--mix (put, now get) and --size (…, now …)"; empty when nothing differs.
std::string differing(const ComparableSettings& before, const ComparableSettings& now);

struct SavedRun {
  std::string target;    // as typed
  std::string saved_at;  // "2026-03-01T12:00:00Z"
  ComparableSettings settings;
  bool has_server_cpu = false;
  std::chrono::duration<double> slice_length{};
  std::vector<LoadSlice> slices;

  double seconds() const { return slice_length.count() * static_cast<double>(slices.size()); }
};

/// @param report  load_json()'s line: for people and scripts, not read back
std::string saved_run_json(const SavedRun& run, std::string_view report);
/// Errors: kInvalid (no such file, another version of it, damaged).
Result<SavedRun> parse_saved_run(std::string_view text);

/// Errors: kInvalid with the name of the file (cannot be read, or as parse_saved_run()).
Result<SavedRun> read_saved_run(const std::string& path);
/// Whether a file can be made there: better asked before the run. Errors: kInvalid.
Result<void> check_savable(const std::string& path);
/// Replaces the file, whole or not at all. Errors: kIo, kDenied, …
Result<void> write_saved_run(const std::string& path, std::string_view text);

}  // namespace telpher
