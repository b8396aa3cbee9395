// telpher completion: the script that makes a shell complete telpher's command line.

#include "cli/command_line.h"
#include "cli/completion.h"
#include "cli/verbs.h"
#include "session/exit_code.h"

#include <cstdio>

namespace telpher {
namespace {

class CompletionVerb final : public Verb {
 public:
  void describe(CommandLine& line, const Settings&) override {
    line.positionals = {.name = "bash|zsh|fish", .help = "", .min = 1, .max = 1};
    line.details =
        "Completes verbs, options and their values, files, buckets and objects. The script asks "
        "telpher itself at every Tab, so that it stays right when telpher changes. The packages "
        "install it for all three shells; with any other installation:";
    line.examples =
        "source <(telpher completion bash)                                   # in ~/.bashrc\n"
        "telpher completion zsh >\"${fpath[1]}/_telpher\"                      # then a new shell\n"
        "telpher completion fish >~/.config/fish/completions/telpher.fish";
  }

  Task<int> run(Command* command) override {
    const std::string& shell = command->arguments.front();
    const std::string_view script = completion_script(shell);
    if (script.empty()) {
      co_return report_error(make_error(
          ErrorKind::kInvalid, "no completion for '" + shell + "': there are bash, zsh and fish"));
    }
    std::fwrite(script.data(), 1, script.size(), stdout);
    co_return kExitDone;
  }
};

}  // namespace

std::unique_ptr<Verb> make_completion() { return std::make_unique<CompletionVerb>(); }

}  // namespace telpher
