#pragma once
// The options all copies have, as a user gives them.

#include "cli/settings.h"
#include "source/glob.h"
#include "transfer/transfer.h"

#include <string>
#include <string_view>
#include <vector>

namespace telpher {

class CommandLine;

struct CopySettings {
  TransferOptions transfer;
  ByteCount memory = 0;  // budget of part buffers
  ByteCount rate = 0;    // bytes per second; 0 = unlimited
  std::vector<std::string> source_headers;
  std::vector<std::string> include;
  std::vector<std::string> exclude;
  bool dry_run = false;
  bool no_journal = false;
};

/// The defaults come from `settings`.
void add_copy_options(CommandLine& line, CopySettings& copy, const Settings& settings);

/// What depends on several options at once. Errors: kInvalid.
Result<void> check_copy_settings(const CopySettings& copy);

/// What files and standard output cannot have, instead of ignoring it. Errors: kInvalid, naming the
/// option.
Result<void> check_file_settings(const CopySettings& copy, std::string_view destination);

/// Which names of a directory or prefix are meant: any of `include` (all when there is none), none
/// of `exclude`. A pattern without "/" is about the last segment, at any depth.
class NameFilter {
 public:
  /// Errors: kInvalid.
  static Result<NameFilter> make(const std::vector<std::string>& include,
                                 const std::vector<std::string>& exclude);
  bool accepts(std::string_view name) const;

 private:
  struct Pattern {
    std::string base;  // literal folders before the first wildcard
    Glob glob;
    bool matches(std::string_view name) const;
  };
  static Result<std::vector<Pattern>> parse(const std::vector<std::string>& patterns);

  std::vector<Pattern> include_;
  std::vector<Pattern> exclude_;
};

}  // namespace telpher
