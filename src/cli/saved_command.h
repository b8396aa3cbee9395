#pragma once
// What was typed, kept with an unfinished transfer so that `resume` can do it again. Pure.

#include "base/result.h"
#include "session/settings.h"

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace telpher {

struct SavedCommand {
  std::string folder;                              // it was typed in
  std::map<std::string, std::string> environment;  // what it depends on and holds no secret
  std::vector<std::string> arguments;              // behind "telpher"
  /// Nothing had to be left out: no secret stood in it, and it does not read standard input.
  bool whole = true;
};

/// Secrets (userinfo and query values of URLs, values of --header) are left out.
SavedCommand save_command(std::vector<std::string> arguments, const Environment& environment,
                          std::string folder);

/// Those of the environment that are saved when they are set.
std::span<const std::string_view> saved_variables();

/// For the journal.
std::string to_json(const SavedCommand& command);
/// Errors: kInvalid.
Result<SavedCommand> parse_saved_command(std::string_view json);

/// To be pasted into a shell: "cd /data && AWS_PROFILE=x telpher cp 'a b' s3://bucket/".
std::string shell_text(const SavedCommand& command);

}  // namespace telpher
