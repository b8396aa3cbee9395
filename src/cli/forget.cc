// telpher forget: ends an unfinished transfer for good.

#include "cli/command_line.h"
#include "cli/jobs.h"
#include "cli/json_line.h"
#include "cli/progress_view.h"
#include "cli/saved_command.h"
#include "cli/store_options.h"
#include "cli/verbs.h"
#include "session/exit_code.h"
#include "session/session.h"
#include "transfer/sweep.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <unistd.h>

namespace telpher {
namespace {

/// How its store was reached when it was begun: what is given now goes before it.
void add_saved_access(const SavedCommand& saved, StoreAccess& access, Settings& settings) {
  if (access == StoreAccess{}) access = access_in(saved.arguments);
  settings.environment = [now = settings.environment, then = saved.environment](
                             std::string_view name) -> std::optional<std::string> {
    if (auto value = now(name); value && !value->empty()) return value;
    const auto found = then.find(std::string(name));
    if (found == then.end()) return std::nullopt;
    return found->second;
  };
}

/// What came of a download so far lies beside its destination.
Result<void> remove_partial_file(const JournalEntry& entry, const std::string& folder) {
  if (entry.upload_id.empty()) return {};
  const bool absolute = entry.upload_id.starts_with('/') || folder.empty();
  const std::string path = absolute ? entry.upload_id : folder + '/' + entry.upload_id;
  if (::unlink(path.c_str()) == 0 || errno == ENOENT) return {};
  return make_errno_error(errno, "remove '" + path + "'");
}

class Forget final : public Verb {
 public:
  void describe(CommandLine& line, const Settings&) override {
    line.positionals = {.name = "ID…", .help = "", .min = 0, .max = -1};
    line.details =
        "Ends unfinished transfers for good: what the store has of them is freed, what lies beside "
        "a destination is removed, and the journal forgets them.";
    line.examples = "telpher forget 3f9c2a7b1d0e4456\ntelpher forget --all";
    line.flag("--all", "every unfinished transfer", all_);
    line.flag("--keep-upload", "only forget it: what the store has is left (it cannot be reached)",
              keep_upload_);
    line.group("Output");
    line.flag("--json", "one JSON object per line", json_);
    add_store_options(line, access_);
  }

  Task<int> run(Command* command) override {
    if (command->arguments.empty() != all_) {
      co_return report_error(make_error(
          ErrorKind::kInvalid, "say which: IDs as in `telpher jobs`, or --all (and not both)"));
    }
    Result<int> failed = co_await forget_each(command);
    if (!failed) co_return report_error(failed.error());
    co_return *failed > 0
        ? (*failed == 1 && command->arguments.size() == 1 ? code_ : kExitSomeFailed)
        : kExitDone;
  }

  bool prints_results() const override { return json_; }

 private:
  Task<Result<int>> forget_each(Command* command) {
    Session session(command->loop, command->settings, access_);
    Result<int> failed = co_await forget_in(&session, command);
    CO_TRY_VOID(co_await session.close());
    co_return failed;
  }

  Task<Result<int>> forget_in(Session* session, Command* command) {
    CO_TRY(Journal * journal, co_await session->journal());
    CO_TRY(const std::vector<JournalEntry> entries, co_await journal->unfinished());
    int failed = 0;
    for (const std::string& id : command->arguments) {
      if (std::ranges::find(entries, id, &JournalEntry::id) != entries.end()) continue;
      ++failed;
      const Error error = make_error(ErrorKind::kNotFound, "no unfinished transfer has the id '" +
                                                               id + "'; see: telpher jobs");
      report_error(error);
      code_ = kExitSource;
      print_failed(id, error);
    }
    for (const JournalEntry& entry : entries) {
      if (!all_ && std::ranges::find(command->arguments, entry.id) == command->arguments.end()) {
        continue;
      }
      Result<void> forgotten = co_await forget(journal, command, entry);
      if (!forgotten && forgotten.error().kind == ErrorKind::kCancelled) {
        co_return std::move(forgotten).error();
      }
      if (!forgotten) {
        ++failed;
        Error error = std::move(forgotten).error();
        error.message = entry.id + ": " + error.message;
        code_ = report_error(error);
        print_failed(entry.id, error);
        continue;
      }
      if (json_) {
        JsonLine line;
        line.text("event", "done").text("id", entry.id).text("source", entry.source);
        line.text("destination", destination_for_people(entry)).print();
        continue;
      }
      std::printf("forgotten: %s -> %s\n", printable(entry.source).c_str(),
                  printable(destination_for_people(entry)).c_str());
    }
    co_return failed;
  }

  void print_failed(const std::string& id, const Error& error) const {
    if (!json_) return;
    JsonLine line;
    line.text("event", "failed").text("id", id).text("kind", to_string(error.kind));
    line.text("message", error.message).number("exit_code", static_cast<unsigned>(code_)).print();
  }

  Task<Result<void>> forget(Journal* journal, Command* command, JournalEntry entry) {
    Loop& loop = co_await current_loop();
    Result<std::unique_ptr<Journal::Lease>> lease =
        co_await journal->acquire(entry.destination, loop.now());
    if (!lease && lease.error().kind == ErrorKind::kConflict) {
      co_return make_error(ErrorKind::kConflict,
                           "a running command is working on it; end that first");
    }
    if (!lease) co_return std::move(lease).error();
    const Result<SavedCommand> saved = parse_saved_command(entry.command);
    if (entry.kind == "download") {
      CO_TRY_VOID(remove_partial_file(entry, saved ? saved->folder : ""));
      co_return co_await journal->finish(entry.id, std::nullopt);
    }
    if (keep_upload_) co_return co_await journal->finish(entry.id, std::nullopt);
    StoreAccess access = access_;
    Settings settings = command->settings;
    if (saved) add_saved_access(*saved, access, settings);
    // A session of its own: each may have been begun with another endpoint.
    Session there(loop, std::move(settings), std::move(access));
    const auto kind =
        entry.destination.starts_with("local://") ? Address::Kind::kLocal : Address::Kind::kS3;
    CO_TRY(ObjectStore * store, there.store(kind));
    if (const DestinationName name = there.name_of(kind, entry.object); name != entry.destination) {
      co_return make_error(ErrorKind::kInvalid,
                           "its upload is at " + entry.destination +
                               ", but the endpoint now is that "
                               "of " +
                               name +
                               ". Give the right one with --endpoint-url, or forget it "
                               "alone with --keep-upload");
    }
    co_return co_await discard_transfer(*journal, *store, std::move(entry));
  }

  StoreAccess access_;
  bool all_ = false;
  bool keep_upload_ = false;
  bool json_ = false;
  int code_ = kExitDone;
};

}  // namespace

std::unique_ptr<Verb> make_forget() { return std::make_unique<Forget>(); }

}  // namespace telpher
