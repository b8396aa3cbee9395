// telpher cp: any source to any destination.

#include "base/units.h"
#include "cli/command_line.h"
#include "cli/copy_run.h"
#include "cli/verbs.h"
#include "runtime/task_group.h"

#include <algorithm>
#include <sys/stat.h>
#include <unistd.h>

namespace telpher {
namespace {

class Copy final : public Verb {
 public:
  void describe(CommandLine& line, const Settings& settings) override;
  Task<int> run(Command* command) override;

 private:
  Task<Result<int>> copy(Session* session, Reporter* reporter,
                         const std::vector<std::string>* arguments);

  CopySettings copy_;
  StoreAccess access_;
  OutputOptions output_;
};

void Copy::describe(CommandLine& line, const Settings& settings) {
  line.positionals = {.name = "SOURCE… DESTINATION", .help = "", .min = 2, .max = -1};
  line.details =
      "An object that appears at the destination is byte for byte the source, or it does not "
      "appear. Interrupted, the same command continues where it stopped.\n"
      "Addresses: https:// http:// ftp:// ftps:// sftp:// · s3://bucket/key · local://bucket/key "
      "(the embedded store) · "
      "files and directories · - for standard input and output. A trailing / on the destination "
      "means below it. Quote patterns (*, **, ?, […]) so that the shell leaves them alone.";
  line.examples =
      "telpher cp https://example.com/big.iso s3://bucket/isos/\n"
      "telpher cp ./photos s3://bucket/photos/ --exclude '*.tmp'\n"
      "telpher cp 's3://bucket/logs/**/*.gz' ./logs/\n"
      "telpher cp s3://bucket/a s3://other/b\n"
      "pg_dump db | telpher cp - s3://bucket/db.sql\n"
      "telpher cp local://demo/file - | sha256sum\n"
      "telpher cp https://example.com/f s3://b/f --expect sha256:9f86d081884c7d65…";
  add_copy_options(line, copy_, settings);
  add_store_options(line, access_);
  add_output_options(line, output_);
  add_progress_options(line, output_);
}

/// Whether `to` names what `from` names: the object, or the prefix with all below it.
bool is_same_place(const Address& from, const Address& to) {
  if (!from.in_store() || from.kind != to.kind || from.object.bucket != to.object.bucket) {
    return false;
  }
  const std::string& key = from.object.key;
  if (from.is_prefix()) return to.object.key == key || to.object.key + '/' == key;
  return object_for(to, key.substr(key.find_last_of('/') + 1)).key == key;
}

/// A store refuses to copy an object onto itself, each in its own words, unless it is to become
/// another by that. Errors: kInvalid.
Result<void> check_not_onto_itself(const std::vector<Address>& sources, const Address& to,
                                   const TransferOptions& options) {
  if (options.metadata != ObjectMetadata{} || options.storage != StorageOptions{}) return {};
  for (const Address& from : sources) {
    if (!is_same_place(from, to)) continue;
    return make_error(ErrorKind::kInvalid, "cannot copy '" + from.text +
                                               "' onto itself, unless its metadata or storage "
                                               "class is to change");
  }
  return {};
}

Task<Result<int>> Copy::copy(Session* session, Reporter* reporter,
                             const std::vector<std::string>* arguments) {
  CO_TRY_VOID(check_copy_settings(copy_));
  std::vector<Address> sources;
  int stdin_count = 0;
  for (std::size_t i = 0; i + 1 < arguments->size(); ++i) {
    CO_TRY(Address source, parse_address((*arguments)[i]));
    stdin_count += source.kind == Address::Kind::kStdio;
    sources.push_back(std::move(source));
  }
  if (stdin_count > 1) {
    co_return make_error(ErrorKind::kInvalid, "standard input can be read only once");
  }
  CO_TRY(Address destination, parse_address(arguments->back()));
  using Kind = Address::Kind;
  if (destination.kind == Kind::kPath || destination.kind == Kind::kStdio) {
    CO_TRY_VOID(check_file_settings(copy_, destination.text));
  }
  CO_TRY_VOID(check_not_onto_itself(sources, destination, copy_.transfer));
  if (destination.in_store()) {
    reporter->bytes_moved = [session, from = sources.front().kind, to = destination.kind] {
      return session->bytes_moved(from, to);
    };
  }
  CopyRun run(*session, *reporter, copy_);
  co_return co_await run.run(std::move(sources), std::move(destination));
}

/// "-", or the pipe that standard output is under another name (/dev/stdout): what is said there
/// would get among the bytes.
bool is_standard_output(const std::string& destination) {
  if (destination == "-") return true;
  struct stat there{};
  struct stat output{};
  return ::stat(destination.c_str(), &there) == 0 && ::fstat(STDOUT_FILENO, &output) == 0 &&
         S_ISFIFO(there.st_mode) && there.st_dev == output.st_dev && there.st_ino == output.st_ino;
}

/// What the last line says after Ctrl-C.
std::string interruption_text(const Reporter& reporter, bool resumable) {
  std::string text = "interrupted";
  if (reporter.several()) {
    text += " after " + std::to_string(reporter.copies_done()) + " files";
  } else if (const auto& cut = reporter.cut_off()) {
    text += " at " + format_size(cut->bytes_done);
    if (cut->size) text += " of " + format_size(*cut->size);
  }
  text += resumable ? ". The same command continues where it stopped (telpher jobs lists it)."
                    : ". The same command starts anew.";
  return text;
}

Task<int> Copy::run(Command* command) {
  output_.results_to_stderr = is_standard_output(command->arguments.back());
  output_.continues = std::ranges::find(command->arguments, "-") == command->arguments.end();
  Session session(command->loop, command->settings, access_);
  Reporter reporter(output_, command->loop);
  session.notice = [&reporter](std::string_view text) { reporter.note(text); };
  session.measure = output_.stats;
  session.calls_max = static_cast<std::uint64_t>(copy_.transfer.concurrency);
  command->on_interrupt = [&reporter] { reporter.note("stopping; Ctrl-C again stops at once"); };

  TaskContext& context = co_await current_context();
  TaskGroup drawing(context);
  if (reporter.wants_ticks()) drawing.spawn(reporter.run());
  Result<int> code = co_await copy(&session, &reporter, &command->arguments);
  drawing.cancel();
  (void)co_await drawing.join();

  const bool interrupted = context.cancel->cancelled();
  const bool resumable = session.has_journal() && copy_.transfer.resume && output_.continues;
  std::vector<StatsGroup> stats;
  if (output_.stats) stats = session.stats(copy_, reporter);
  // The journal is closed although we were interrupted: that is what a resume lives on.
  Result<void> closed = co_await shielded(session.close(), std::chrono::seconds(10));
  command->on_interrupt = {};
  const bool usage = !code && code.error().kind == ErrorKind::kInvalid && !interrupted;
  if (usage) {
    reporter.error_line(printable(code.error().message));
    co_return kExitUsage;
  }
  reporter.finish(stats);
  if (interrupted) {
    reporter.error_line(interruption_text(reporter, resumable));
    co_return kExitInterrupted;
  }
  if (!code) {
    reporter.error_line(printable(code.error().message));
    // What fails for the whole command is never one source: it is where things are to go or be
    // kept.
    const ExitCode side =
        exit_code_for(code.error(), {.source_is_store = false, .destination_is_store = true});
    co_return side == kExitSource ? kExitDestination : side;
  }
  if (!closed) reporter.note(closed.error().message);
  co_return *code;
}

}  // namespace

std::unique_ptr<Verb> make_cp() { return std::make_unique<Copy>(); }

}  // namespace telpher
