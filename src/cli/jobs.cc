// telpher jobs: what the journal knows to be unfinished.

#include "cli/jobs.h"

#include "base/units.h"
#include "cli/command_line.h"
#include "cli/json_event.h"
#include "cli/saved_command.h"
#include "cli/verbs.h"
#include "session/session.h"

#include <cstdio>

namespace telpher {
namespace {

ByteCount bytes_in(const std::vector<JournalPart>& parts) {
  ByteCount bytes = 0;
  for (const JournalPart& part : parts) bytes += part.size;
  return bytes;
}

class Jobs final : public Verb {
 public:
  void describe(CommandLine& line, const Settings&) override {
    line.positionals = {.name = "", .help = "", .min = 0, .max = 0};
    line.details =
        "A transfer that was interrupted continues when the same command is given again: by hand, "
        "or with telpher resume [ID]. telpher forget ID ends it for good.";
    line.examples = "telpher jobs\ntelpher jobs --json";
    line.group("Output");
    line.flag("--json", "one JSON object per line", json_);
  }

  Task<int> run(Command* command) override {
    Session session(command->loop, command->settings, {});
    Result<void> listed = co_await list(&session);
    // What has been read is right, however the journal is closed: nothing was written.
    (void)co_await session.close();
    if (listed) co_return kExitDone;
    co_return report_error(listed.error());
  }

 private:
  Task<Result<void>> list(Session* session) {
    CO_TRY(Journal * journal, co_await session->journal());
    CO_TRY(const std::vector<JournalEntry> entries, co_await journal->unfinished());
    if (entries.empty() && !json_) std::puts("nothing is unfinished");
    for (const JournalEntry& entry : entries) {
      CO_TRY(const std::vector<JournalPart> parts, co_await journal->parts(entry.id));
      print(entry, bytes_in(parts), session->loop().wall_now());
    }
    co_return Result<void>();
  }

  void print(const JournalEntry& entry, ByteCount done, WallTime now) const {
    const auto age = std::chrono::duration_cast<std::chrono::milliseconds>(now - entry.created);
    if (json_) {
      std::printf(
          "{\"id\":%s,\"kind\":%s,\"state\":%s,\"source\":%s,\"destination\":%s,\"bytes\":%llu",
          json_string(entry.id).c_str(), json_string(entry.kind).c_str(),
          json_string(entry.state).c_str(), json_string(entry.source).c_str(),
          json_string(entry.destination).c_str(), static_cast<unsigned long long>(done));
      if (entry.size) std::printf(",\"size\":%llu", static_cast<unsigned long long>(*entry.size));
      if (const Result<SavedCommand> saved = parse_saved_command(entry.command)) {
        std::printf(",\"command\":%s", json_string(shell_text(*saved)).c_str());
      }
      std::printf(",\"age_seconds\":%lld}\n", static_cast<long long>(age.count() / 1000));
      return;
    }
    std::string line = entry.id + "  " + printable(entry.source) + " -> " +
                       printable(destination_for_people(entry)) + "  " + format_size(done);
    if (entry.size) line += " of " + format_size(*entry.size);
    line += ", begun " + format_duration(age) + " ago";
    std::puts(line.c_str());
  }

  bool json_ = false;
};

}  // namespace

std::string destination_for_people(const JournalEntry& entry) {
  if (entry.object.bucket.empty()) return entry.destination;
  if (entry.destination.starts_with("local://")) {
    return destination_text(Address::Kind::kLocal, entry.object);
  }
  const std::string rest = entry.destination.substr(entry.destination.find("://") + 3);
  return destination_text(Address::Kind::kS3, entry.object) + " (at " +
         rest.substr(0, rest.find('/')) + ")";
}

std::unique_ptr<Verb> make_jobs() { return std::make_unique<Jobs>(); }

}  // namespace telpher
