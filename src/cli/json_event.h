#pragma once
// The lines of --json: one object per event. Pure.

#include "cli/reporter.h"
#include "store/layers/retry.h"

#include <string>
#include <string_view>
#include <vector>

namespace telpher {

/// Each returns one line without its end.
std::string json_started(const CopyNames& names);
std::string json_progress(const ProgressView& view);
std::string json_done(const CopyNames& names, const TransferResult& result,
                      std::optional<Duration> took);
std::string json_failed(const CopyNames& names, const Error& error, ExitCode code);
std::string json_planned(const CopyNames& names, const CopyPlan& plan);
std::string json_removed(std::string_view name);
std::string json_would_remove(std::string_view name);
/// Another attempt follows after a pause.
std::string json_retry(const RetryNotice& notice);
struct Totals {
  int done = 0;
  int skipped = 0;
  int failed = 0;
  std::uint64_t removed = 0;
  std::uint64_t unchanged = 0;
  ByteCount bytes = 0;
  ByteCount bytes_resumed = 0;
  double seconds = 0;
  bool dry_run = false;  // what would be done
};
std::string json_summary(const Totals& totals, const std::vector<StatsGroup>& stats);

/// A JSON string with its quotes; bytes that are not UTF-8 are read as Latin-1.
std::string json_string(std::string_view text);

}  // namespace telpher
