#include "cli/run.h"

#include "cli/command_line.h"
#include "cli/completion.h"
#include "cli/man_page.h"
#include "cli/signals.h"
#include "cli/terminal.h"
#include "cli/verbs.h"
#include "runtime/task_group.h"
#include "session/exit_code.h"

#include <algorithm>
#include <cstdio>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#ifndef TELPHER_VERSION
#define TELPHER_VERSION "0.0.0"
#endif

namespace telpher {
namespace {

int help_width() { return std::clamp(Terminal(stdout).size().columns, 60, 100); }

void print_overview(std::FILE* file) {
  std::fputs(
      "telpher: from anywhere into object storage, whole and right or not at all\n\n"
      "usage: telpher VERB [OPTION…] …\n\n"
      "Verbs:\n",
      file);
  for (const VerbEntry& verb : all_verbs()) {
    std::fprintf(file, "  %-10s %s\n", std::string(verb.name).c_str(),
                 std::string(verb.summary).c_str());
  }
  std::fputs(
      "\nExamples:\n"
      "  telpher cp https://example.com/big.iso s3://bucket/big.iso\n"
      "  telpher cp ./photos s3://bucket/photos/\n"
      "  telpher cp s3://bucket/big.iso ./\n"
      "\n`telpher VERB --help` tells the options and more examples. --version says which this "
      "is;\n`telpher help --man` is the manual: telpher help --man | man -l -\n",
      file);
}

Task<int> run_verb(Verb* verb, Command* command, SignalWatch* signals) {
  TaskContext& context = co_await current_context();
  // The watch is not below what it cancels, so that it can be ended in any case.
  CancelSource cancel;
  TaskContext verb_context{context.loop, &cancel};
  TaskGroup watch(context);
  watch.spawn(signals->watch(&cancel, [command](bool by_terminal) {
    command->told_by_terminal = by_terminal;
    if (command->on_interrupt) command->on_interrupt();
  }));
  const int code = co_await verb->run(command).in(verb_context);
  watch.cancel();
  (void)co_await watch.join();
  if (!cancel.cancelled()) co_return code;
  co_return verb->ends_by_signal() ? kExitDone : kExitInterrupted;
}

int usage_error(const std::string& message) {
  std::fprintf(stderr, "telpher: %s\n", message.c_str());
  return kExitUsage;
}

/// Whether standard output is a pipe that nobody reads any more, as behind `| head`.
bool reader_has_left() {
  pollfd output{.fd = STDOUT_FILENO, .events = POLLOUT, .revents = 0};
  return ::poll(&output, 1, 0) == 1 && (output.revents & POLLERR) != 0;
}

/// What the process ends with once all has been printed: results that nobody can have are a
/// failure, but for those a reader in a pipe has had enough of.
int end_of_output(int code, bool is_result) {
  const bool failed = std::fflush(stdout) != 0 || std::ferror(stdout);
  if (!failed) return code;
  // Closed before we started: nobody wants to hear of copies, and who asked for results has none.
  const bool closed = (fcntl(STDOUT_FILENO, F_GETFL) & O_ACCMODE) == O_RDONLY;
  if (code == kExitDone && reader_has_left()) end_by_broken_pipe();
  if (closed && !is_result) return code;
  std::fputs("telpher: standard output could not be written\n", stderr);
  return code == kExitDone ? kExitDestination : code;
}

int run_entry(const VerbEntry& entry, std::span<const std::string> arguments) {
  Result<Settings> settings = read_settings(process_environment(), machine_memory());
  if (!settings) return usage_error(settings.error().message);
  const std::unique_ptr<Verb> verb = entry.make();
  CommandLine line;
  line.name = entry.name;
  line.summary = entry.summary;
  verb->describe(line, *settings);
  Result<CommandLine::Parsed> parsed = line.parse(arguments);
  if (!parsed) return usage_error(parsed.error().message);
  if (parsed->help) {
    std::fputs(line.help(help_width()).c_str(), stdout);
    return end_of_output(kExitDone, true);
  }
  const Result<std::unique_ptr<SignalWatch>> signals = SignalWatch::start();
  if (!signals) return report_error(signals.error());
  Loop loop;
  if (loop.problem()) return report_error(*loop.problem());
  Command command{.loop = loop,
                  .settings = *std::move(settings),
                  .arguments = std::move(parsed->arguments),
                  .typed = {std::string(entry.name)},
                  .on_interrupt = {}};
  command.typed.insert(command.typed.end(), arguments.begin(), arguments.end());
  const int code = loop.run(run_verb(verb.get(), &command, signals->get()));
  return end_of_output(code, verb->prints_results());
}

int print_man_page() {
  // The same on every machine: its defaults are not this one's.
  Settings settings;
  std::fputs(man_page(all_verbs(), settings, TELPHER_VERSION).c_str(), stdout);
  return end_of_output(kExitDone, true);
}

}  // namespace

int run_command_line(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + std::min(argc, 1), argv + argc);
  if (arguments.empty()) {
    print_overview(stderr);
    return kExitUsage;
  }
  const std::string& first = arguments.front();
  if (first == "--version" || first == "-V" || first == "version") {
    std::puts("telpher " TELPHER_VERSION);
    return end_of_output(kExitDone, true);
  }
  if (first == "--help" || first == "-h" || (first == "help" && arguments.size() == 1)) {
    print_overview(stdout);
    return end_of_output(kExitDone, true);
  }
  if (first == "__complete") return print_completion(std::span(arguments).subspan(1));
  const bool help = first == "help";
  if (help && arguments[1] == "--man") return print_man_page();
  const std::string& name = help ? arguments[1] : first;
  for (const VerbEntry& entry : all_verbs()) {
    if (entry.name != name) continue;
    const std::vector<std::string> only_help{"--help"};
    return run_entry(entry, help ? std::span(only_help) : std::span(arguments).subspan(1));
  }
  return usage_error("unknown verb '" + name + "'; see: telpher --help");
}

}  // namespace telpher
