#include "cli/output_options.h"

#include "base/units.h"
#include "cli/command_line.h"

namespace telpher {

void add_output_options(CommandLine& line, OutputOptions& options) {
  line.group("Output");
  line.flag("--json", "one JSON object per line and event on standard output", options.json);
  line.flag("-q,--only-show-errors,--quiet", "errors only", options.quiet);
}

void add_progress_options(CommandLine& line, OutputOptions& options) {
  line.group("Output");
  line.flag("--stats", "buffers, concurrency, back-pressure, network and cost at the end",
            options.stats);
  line.add({.names = "--progress",
            .value = "auto|always|never",
            .help = "progress on standard error; auto: only when it is a terminal",
            .set = [&options](std::string_view text) -> Result<void> {
              if (text == "auto") {
                options.progress = ShowProgress::kAuto;
              } else if (text == "always") {
                options.progress = ShowProgress::kAlways;
              } else if (text == "never") {
                options.progress = ShowProgress::kNever;
              } else {
                return make_error(ErrorKind::kInvalid, "must be auto, always or never");
              }
              return {};
            }});
  line.add({.names = "--no-progress",
            .help = "the same as --progress never",
            .set = [&options](std::string_view) -> Result<void> {
              options.progress = ShowProgress::kNever;
              return {};
            }});
  line.add({.names = "--progress-interval",
            .value = "TIME",
            .help = "between two pictures, at least 100ms (default 250ms; with --json 1s)",
            .set = [&options](std::string_view text) -> Result<void> {
              TRY(const std::chrono::milliseconds interval, parse_duration(text));
              if (interval < std::chrono::milliseconds(100)) {
                return make_error(ErrorKind::kInvalid, "must be 100ms or more");
              }
              options.interval = interval;
              return {};
            }});
}

}  // namespace telpher
