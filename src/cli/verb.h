#pragma once
// What a verb is. The list of verbs stands in verbs.cc.

#include "base/result.h"
#include "runtime/loop.h"
#include "session/settings.h"

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace telpher {

class CommandLine;

/// One run of one verb. Lives until the verb has ended.
struct Command {
  Loop& loop;
  Settings settings;
  std::vector<std::string> arguments;
  std::vector<std::string> typed;  // the verb and all that followed, as typed
  /// Called at the first Ctrl-C, before the verb is cancelled. The verb may set it.
  std::function<void()> on_interrupt;
  bool told_by_terminal = false;  // whether it was a key: then all of the pipeline have been told
};

class Verb {
 public:
  virtual ~Verb() = default;
  /// Declares options and examples. What is declared may point into this object.
  virtual void describe(CommandLine& line, const Settings& settings) = 0;
  /// Returns the exit code; failures have been reported. Cancelled at Ctrl-C.
  virtual Task<int> run(Command* command) = 0;
  /// Whether a signal is how it ends: a server that is told to stop has done what it was to do.
  virtual bool ends_by_signal() const { return false; }
  /// Whether what it prints is what it was run for. Else it is known by what it has done, and a
  /// standard output that was closed from the start is no failure.
  virtual bool prints_results() const { return true; }
};

struct VerbEntry {
  std::string_view name;
  std::string_view summary;
  std::unique_ptr<Verb> (*make)();
};

/// In the order of the help.
std::span<const VerbEntry> all_verbs();

/// "telpher: …" on standard error; returns the exit code of an error that belongs to no copy.
int report_error(const Error& error);

/// Whether what is printed still goes somewhere; when not, nothing more need be found out.
/// Errors: kCancelled: who ends the process tells why.
Result<void> stdout_is_open();

}  // namespace telpher
