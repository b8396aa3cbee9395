#pragma once
// How a verb shows what it does: the options every verb has.

#include <chrono>
#include <optional>

namespace telpher {

class CommandLine;

enum class ShowProgress { kAuto, kAlways, kNever };

struct OutputOptions {
  bool json = false;
  bool quiet = false;
  bool stats = false;
  ShowProgress progress = ShowProgress::kAuto;
  std::optional<std::chrono::milliseconds> interval;  // of progress
  bool results_to_stderr = false;                     // standard output carries the bytes
  bool continues = true;                              // the same command again goes on with a copy
};

/// --json, --quiet.
void add_output_options(CommandLine& line, OutputOptions& options);
/// --stats, --progress: for verbs that move bytes.
void add_progress_options(CommandLine& line, OutputOptions& options);

}  // namespace telpher
