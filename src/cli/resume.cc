// telpher resume: gives the commands of unfinished transfers again.

#include "cli/command_line.h"
#include "cli/jobs.h"
#include "cli/json_line.h"
#include "cli/progress_view.h"
#include "cli/saved_command.h"
#include "cli/verbs.h"
#include "runtime/offload.h"
#include "session/exit_code.h"
#include "session/session.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

namespace telpher {
namespace {

/// What is to be done again: several transfers may come from one command.
struct Job {
  std::string id;  // of the first
  std::string source;
  std::string json;
  SavedCommand command;
};

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

/// This program's environment, with the variables that a command depends on as they were then: also
/// not set.
std::vector<std::string> environment_with(const std::map<std::string, std::string>& saved) {
  std::vector<std::string> all;
  for (char** variable = environ; *variable; ++variable) {
    const std::string text = *variable;
    const std::string name = text.substr(0, text.find('='));
    if (std::ranges::find(saved_variables(), name) == saved_variables().end()) all.push_back(text);
  }
  for (const auto& [name, value] : saved) all.push_back(name + '=' + value);
  return all;
}

/// Starts this program again. Errors: kIo.
Result<pid_t> start(const SavedCommand& command) {
  std::vector<std::string> arguments{"telpher"};
  arguments.insert(arguments.end(), command.arguments.begin(), command.arguments.end());
  std::vector<std::string> environment = environment_with(command.environment);
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  sigset_t broken_pipe = none;
  sigaddset(&broken_pipe, SIGPIPE);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &broken_pipe);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  posix_spawn_file_actions_addchdir_np(&actions, command.folder.c_str());
  pid_t child = -1;
  const int error = ::posix_spawn(&child, "/proc/self/exe", &actions, &attributes,
                                  pointers_to(arguments).data(), pointers_to(environment).data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (error != 0) return make_errno_error(error, "start it again in '" + command.folder + "'");
  return child;
}

int exit_code_of(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

class Resume final : public Verb {
 public:
  void describe(CommandLine& line, const Settings&) override {
    line.positionals = {.name = "[ID…]", .help = "", .min = 0, .max = -1};
    line.details =
        "Gives the commands of unfinished transfers again, in the folder and with the endpoint and "
        "profile they were begun with; all of them when no ID is given. What is there already is "
        "not sent twice. A command that held a secret is not kept: it must be given by hand.";
    line.examples = "telpher resume\ntelpher resume 3f9c2a7b1d0e4456\ntelpher resume --dry-run";
    line.flag("-n,--dry-run", "show the commands, and do nothing", dry_run_);
    line.group("Output");
    line.flag("--json", "one JSON object per line and event, also of the commands", json_);
  }

  Task<int> run(Command* command) override {
    Result<std::vector<Job>> jobs = co_await find_jobs(command);
    if (!jobs) co_return report_error(jobs.error());
    if (jobs->empty() && problems_ == 0 && !json_) std::puts("nothing is unfinished");
    command->on_interrupt = [this, command] {
      // A terminal has told it already; a second signal would make it stop at once.
      if (child_ > 0 && !command->told_by_terminal) ::kill(child_, SIGTERM);
    };
    int first_failure = kExitDone;
    int failed = 0;
    for (const Job& job : *jobs) {
      const int code = co_await give_again(&job);
      if (code == kExitInterrupted || co_await is_cancelled()) co_return kExitInterrupted;
      if (code != kExitDone && failed++ == 0) first_failure = code;
    }
    if (jobs->size() == 1 && problems_ == 0) co_return first_failure;
    co_return failed + problems_ > 0 ? kExitSomeFailed : kExitDone;
  }

  bool prints_results() const override { return json_; }

 private:
  Task<Result<std::vector<Job>>> find_jobs(Command* command) {
    Session session(command->loop, command->settings, {});
    Result<std::vector<Job>> jobs = co_await read_journal(&session, &command->arguments);
    CO_TRY_VOID(co_await session.close());
    co_return jobs;
  }

  Task<Result<std::vector<Job>>> read_journal(Session* session,
                                              const std::vector<std::string>* ids) {
    CO_TRY(Journal * journal, co_await session->journal());
    CO_TRY(const std::vector<JournalEntry> entries, co_await journal->unfinished());
    for (const std::string& id : *ids) {
      if (std::ranges::find(entries, id, &JournalEntry::id) != entries.end()) continue;
      co_return make_error(ErrorKind::kNotFound,
                           "no unfinished transfer has the id '" + id + "'; see: telpher jobs");
    }
    std::vector<Job> jobs;
    for (const JournalEntry& entry : entries) {
      if (!ids->empty() && std::ranges::find(*ids, entry.id) == ids->end()) continue;
      if (std::ranges::find(jobs, entry.command, &Job::json) != jobs.end()) continue;
      Result<SavedCommand> saved = parse_saved_command(entry.command);
      std::string why;
      if (!saved) {
        why = saved.error().message;
      } else if (entry.held) {
        why = "another process is working on it";
      } else if (!saved->whole) {
        why =
            "a secret that stood in its command, or its standard input, was not kept. Give it "
            "again by hand: " +
            shell_text(*saved);
      }
      if (why.empty()) {
        jobs.push_back({entry.id, entry.source, entry.command, *std::move(saved)});
        continue;
      }
      ++problems_;
      if (json_) {
        JsonLine line;
        line.text("event", "failed").text("id", entry.id).text("source", entry.source);
        line.text("message", why).print();
      }
      std::fprintf(stderr, "telpher: %s: %s -> %s: %s\n", entry.id.c_str(),
                   printable(entry.source).c_str(),
                   printable(destination_for_people(entry)).c_str(), printable(why).c_str());
    }
    co_return jobs;
  }

  void print(const Job& job) const {
    if (json_) {
      JsonLine line;
      line.text("event", dry_run_ ? "planned" : "resumed").text("id", job.id);
      line.text("source", job.source).text("command", shell_text(job.command)).print();
    } else {
      std::printf("%s\n", printable(shell_text(job.command)).c_str());
    }
    std::fflush(stdout);
  }

  Task<int> give_again(const Job* job) {
    print(*job);
    if (dry_run_) co_return kExitDone;
    SavedCommand command = job->command;
    std::vector<std::string>& typed = command.arguments;
    if (json_ && std::ranges::find(typed, "--json") == typed.end()) {
      typed.insert(typed.begin() + 1, "--json");  // behind the verb
    }
    const Result<pid_t> child = start(command);
    if (!child) co_return report_error(child.error());
    child_ = *child;
    const int status = co_await offload([pid = *child] {
      int ended = 0;
      while (::waitpid(pid, &ended, 0) < 0 && errno == EINTR) {
      }
      return ended;
    });
    child_ = -1;
    co_return exit_code_of(status);
  }

  bool dry_run_ = false;
  bool json_ = false;
  std::size_t problems_ = 0;
  pid_t child_ = -1;
};

}  // namespace

std::unique_ptr<Verb> make_resume() { return std::make_unique<Resume>(); }

}  // namespace telpher
