#pragma once
// The way from argv to an exit code.

namespace telpher {

/// Runs `telpher ARGUMENTS…` in this process. Once per process: it takes over its signals.
int run_command_line(int argc, char** argv);

}  // namespace telpher
