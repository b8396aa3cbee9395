// telpher cp, mv, sync: any source to any destination.

#include "base/units.h"
#include "cli/command_line.h"
#include "cli/copy_options.h"
#include "cli/copy_run.h"
#include "cli/saved_command.h"
#include "cli/store_options.h"
#include "cli/verbs.h"
#include "codec/text.h"
#include "runtime/task_group.h"

#include <algorithm>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>

namespace telpher {
namespace {

Result<void> set_compare(Compare& compare, std::string_view text) {
  if (text == "time") {
    compare = Compare::kTime;
  } else if (text == "size") {
    compare = Compare::kSize;
  } else if (text == "content") {
    compare = Compare::kContent;
  } else {
    return make_error(ErrorKind::kInvalid,
                      "must be time, size or content, not '" + std::string(text) + "'");
  }
  return {};
}

class Copy final : public Verb {
 public:
  explicit Copy(CopyVerb verb) : job_{.verb = verb} {}
  void describe(CommandLine& line, const Settings& settings) override;
  Task<int> run(Command* command) override;
  bool prints_results() const override { return output_.json; }

 private:
  Task<Result<int>> copy(Session* session, Reporter* reporter,
                         const std::vector<std::string>* arguments);
  Task<Result<int>> copy_list(Session* session, Reporter* reporter,
                              const std::vector<std::string>* arguments);

  void describe_cp(CommandLine& line);
  void describe_mv(CommandLine& line);
  void describe_sync(CommandLine& line);
  Result<void> check_sources(const std::vector<Address>& sources, const Address& to) const;

  CopyJob job_;
  bool recursive_ = false;
  bool size_only_ = false;
  std::string list_;        // --from-file
  std::string version_id_;  // of the one source
  CopySettings copy_;
  StoreAccess access_;
  OutputOptions output_;
};

constexpr std::string_view kAddresses =
    "Addresses: https:// http:// ftp:// ftps:// sftp:// · s3://bucket/key · local://bucket/key "
    "(the embedded store) · files and directories · - for standard input and output. A trailing / "
    "on the destination means below it. Quote patterns (*, **, ?, […]) so that the shell leaves "
    "them alone.";

void Copy::describe_cp(CommandLine& line) {
  line.positionals = {.name = "SOURCE… DESTINATION", .help = "", .min = 1, .max = -1};
  line.details =
      "An object that appears at the destination is byte for byte the source, or it does not "
      "appear. Interrupted, the same command continues where it stopped.\n" +
      std::string(kAddresses) +
      "\nA list (--from-file) is CSV with a header line, or JSON Lines: url, and if you like key, "
      "size, sha256 / md5 / crc64nvme, content_type, header.NAME. Each row has its own outcome; "
      "run again, only what is missing is copied.";
  line.examples =
      "telpher cp https://example.com/big.iso s3://bucket/isos/\n"
      "telpher cp ./photos s3://bucket/photos/ --exclude '*.tmp'\n"
      "telpher cp 's3://bucket/logs/**/*.gz' ./logs/\n"
      "telpher cp s3://bucket/a s3://other/b\n"
      "telpher cp --from-file urls.csv s3://bucket/dataset/\n"
      "pg_dump db | telpher cp - s3://bucket/db.sql\n"
      "telpher cp local://demo/file - | sha256sum\n"
      "telpher cp https://example.com/f s3://bucket/f --expect sha256:9f86d081884c7d65…";
  line.group("What to copy, and proof");
  line.flag("-r,--recursive", "a key that is named stands for all below it (directories do anyway)",
            recursive_);
  line.text("--from-file", "LIST",
            "instead of SOURCE: rows of a CSV or JSON Lines file, - for stdin", list_);
  line.text("--version-id", "ID", "this version of the object that is the source", version_id_);
  add_expect_option(line, copy_);
}

void Copy::describe_mv(CommandLine& line) {
  line.positionals = {.name = "SOURCE… DESTINATION", .help = "", .min = 2, .max = -1};
  line.details =
      "Each source is removed once its copy is there and proven, and only if it has not changed "
      "meanwhile. Folders below SOURCE that become empty go, too.\n"
      "Addresses: s3://bucket/key · local://bucket/key (the embedded store) · files and "
      "directories. "
      "A trailing / on the destination means below it. Quote patterns (*, **, ?, […]) so that the "
      "shell leaves them alone.";
  line.examples =
      "telpher mv ./finished s3://bucket/finished/\n"
      "telpher mv s3://bucket/old-name s3://bucket/new-name\n"
      "telpher mv 's3://bucket/inbox/*.csv' ./inbox/";
  line.group("What to copy, and proof");
  line.flag("-r,--recursive", "a key that is named stands for all below it (directories do anyway)",
            recursive_);
  add_expect_option(line, copy_);
}

void Copy::describe_sync(CommandLine& line) {
  line.positionals = {.name = "SOURCE DESTINATION", .help = "", .min = 2, .max = 2};
  line.details =
      "Makes DESTINATION (a directory or prefix) hold what SOURCE (a directory or prefix) holds: "
      "copies what is missing or different. Files of the same size are the same when the "
      "destination is younger; where times leave a doubt, their content decides. (A "
      "file that was replaced by an older one of the same size is not noticed: --compare "
      "content.)\n"
      "With --delete, what only the destination has is removed: never when the source is empty or "
      "could not be read, and never what --include and --exclude leave out.";
  line.examples =
      "telpher sync ./site s3://bucket/site/ --delete\n"
      "telpher sync s3://bucket/site/ ./site\n"
      "telpher sync s3://bucket/a/ s3://other/b/ --dry-run\n"
      "telpher sync ./photos s3://bucket/photos --compare content --exclude '*.tmp'";
  line.group("What to copy, and proof");
  line.flag("--delete", "remove from the destination what the source does not have",
            job_.remove_extra);
  line.add({.names = "--max-delete",
            .value = "N",
            .help = "remove at most so many",
            .set = [this](std::string_view text) -> Result<void> {
              const auto number = parse_decimal<std::uint64_t>(text);
              if (!number) return make_error(ErrorKind::kInvalid, "must be a number");
              job_.removals_max = *number;
              return {};
            }});
  line.add({.names = "--compare",
            .value = "time|size|content",
            .help = "what tells files of one size apart (default time, and content in doubt)",
            .set = [this](std::string_view text) { return set_compare(job_.compare, text); }});
  line.flag("--size-only", "the same as --compare size", size_only_);
}

void Copy::describe(CommandLine& line, const Settings& settings) {
  switch (job_.verb) {
    case CopyVerb::kCopy: describe_cp(line); break;
    case CopyVerb::kMove: describe_mv(line); break;
    case CopyVerb::kSync: describe_sync(line); break;
  }
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

Result<void> Copy::check_sources(const std::vector<Address>& sources, const Address& to) const {
  const auto usage = [](std::string text) {
    return make_error(ErrorKind::kInvalid, std::move(text));
  };
  using Kind = Address::Kind;
  for (const Address& from : sources) {
    if (job_.verb == CopyVerb::kCopy) break;
    if (from.kind == Kind::kUrl || from.kind == Kind::kStdio) {
      return usage(job_.verb == CopyVerb::kMove
                       ? "cannot remove '" + redacted(from) + "' once it is copied: use cp"
                       : "sync compares directories and prefixes, '" + redacted(from) +
                             "' is none");
    }
    if (to.kind == Kind::kStdio) return usage("standard output is no place to keep files: use cp");
  }
  if (job_.verb == CopyVerb::kMove) {
    for (const Address& from : sources) {
      if (is_same_place(from, to)) return usage("cannot move '" + from.text + "' onto itself");
    }
  }
  if (!version_id_.empty() &&
      (sources.size() != 1 || !sources[0].in_store() || sources[0].is_prefix())) {
    return usage("--version-id is about one object as the source");
  }
  return {};
}

Task<Result<int>> Copy::copy(Session* session, Reporter* reporter,
                             const std::vector<std::string>* arguments) {
  CO_TRY_VOID(check_copy_settings(copy_));
  if (job_.verb == CopyVerb::kMove && copy_.transfer.checksum == ChecksumAlgorithm::kNone) {
    co_return make_error(ErrorKind::kInvalid,
                         "--checksum none proves nothing, and mv removes the source: use cp");
  }
  if (size_only_) job_.compare = Compare::kSize;
  if (!list_.empty()) co_return co_await copy_list(session, reporter, arguments);
  if (arguments->size() < 2) {
    co_return make_error(ErrorKind::kInvalid,
                         "telpher cp needs SOURCE… DESTINATION; see: telpher cp --help");
  }
  std::vector<Address> sources;
  int stdin_count = 0;
  for (std::size_t i = 0; i + 1 < arguments->size(); ++i) {
    CO_TRY(Address source, parse_address((*arguments)[i]));
    stdin_count += source.kind == Address::Kind::kStdio;
    const bool plain = source.in_store() && !source.is_prefix() && !is_glob(source.object.key);
    if (recursive_ && plain) source.object.key += '/';
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
  CO_TRY_VOID(check_sources(sources, destination));
  CO_TRY_VOID(check_not_onto_itself(sources, destination, copy_.transfer));
  sources.front().object.version_id = version_id_;
  CopyRun run(*session, *reporter, copy_, job_);
  co_return co_await run.run(std::move(sources), std::move(destination));
}

Task<Result<int>> Copy::copy_list(Session* session, Reporter* reporter,
                                  const std::vector<std::string>* arguments) {
  if (arguments->size() != 1) {
    co_return make_error(ErrorKind::kInvalid,
                         "with --from-file the only argument is DESTINATION: the list names the "
                         "sources");
  }
  CO_TRY(Address destination, parse_address(arguments->back()));
  // A row that is there already, as far as can be told, is done.
  if (!copy_.overwrite_given) {
    copy_.transfer.overwrite = OverwritePolicy::kIfDifferent;
    copy_.transfer.same_size_suffices = true;
  }
  CopyRun run(*session, *reporter, copy_, job_);
  co_return co_await run.run_list(list_, std::move(destination));
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

/// Whether `telpher jobs` lists something that this command has begun.
Task<Result<bool>> has_left_jobs(Session* session) {
  CO_TRY(Journal * journal, co_await session->journal());
  CO_TRY(const std::vector<JournalEntry> entries, co_await journal->unfinished());
  co_return std::ranges::any_of(
      entries, [&](const JournalEntry& entry) { return entry.command == session->command; });
}

/// What the last line says after Ctrl-C.
std::string interruption_text(const Reporter& reporter, bool has_jobs, bool skips_done) {
  std::string text = "interrupted";
  if (reporter.several()) {
    text += " after " + std::to_string(reporter.copies_done()) + " files";
  } else if (const auto& cut = reporter.cut_off()) {
    text += " at " + format_size(cut->bytes_done);
    if (cut->size) text += " of " + format_size(*cut->size);
  }
  if (has_jobs) {
    return text + ". The same command continues where it stopped (telpher jobs lists it).";
  }
  if (reporter.several() && skips_done) return text + ". The same command copies what is left.";
  return text + ". The same command starts anew.";
}

Task<int> Copy::run(Command* command) {
  output_.results_to_stderr = is_standard_output(command->arguments.back());
  output_.continues = std::ranges::find(command->arguments, "-") == command->arguments.end();
  Session session(command->loop, command->settings, access_);
  Reporter reporter(output_, command->loop);
  session.notice = [&reporter](std::string_view text) { reporter.note(text); };
  reporter.watch_retries(session.retries());
  std::error_code gone;  // a folder that is no more: nothing relative can be resumed
  session.command = to_json(save_command(command->typed, command->settings.environment,
                                         std::filesystem::current_path(gone).string()));
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
  if (output_.stats) stats = session.stats(copy_, reporter.figures());
  bool has_jobs = false;
  if (interrupted && resumable) {
    const Result<bool> left = co_await shielded(has_left_jobs(&session), std::chrono::seconds(10));
    has_jobs = left && *left;
  }
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
    const bool skips_done =
        job_.verb != CopyVerb::kCopy || copy_.transfer.overwrite != OverwritePolicy::kAlways;
    reporter.error_line(interruption_text(reporter, has_jobs, skips_done));
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

std::unique_ptr<Verb> make_cp() { return std::make_unique<Copy>(CopyVerb::kCopy); }
std::unique_ptr<Verb> make_mv() { return std::make_unique<Copy>(CopyVerb::kMove); }
std::unique_ptr<Verb> make_sync() { return std::make_unique<Copy>(CopyVerb::kSync); }

}  // namespace telpher
