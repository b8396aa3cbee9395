#pragma once
// The options all copies have, as a user gives them.

#include "session/copy_settings.h"

namespace telpher {

class CommandLine;

/// The defaults come from `settings`.
void add_copy_options(CommandLine& line, CopySettings& copy, const Settings& settings);
/// Of verbs that can copy one thing alone.
void add_expect_option(CommandLine& line, CopySettings& copy);

}  // namespace telpher
