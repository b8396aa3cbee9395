// telpher verify: are two things, or all below two addresses, the same bytes?

#include "cli/command_line.h"
#include "cli/name_rules.h"
#include "cli/object_walk.h"
#include "cli/reading.h"
#include "cli/store_options.h"
#include "cli/verbs.h"
#include "cli/verify_run.h"

namespace telpher {
namespace {

class Verification final : public Verb {
 public:
  void describe(CommandLine& line, const Settings& settings) override;

  Task<int> run(Command* command) override {
    std::vector<Address> ends;
    for (const std::string& text : command->arguments) {
      Result<Address> address = parse_address(text);
      if (!address) co_return report_error(address.error());
      ends.push_back(*std::move(address));
    }
    std::vector<Address> first{ends[0]};
    Result<void> usable = choose_version(first, version_id_);
    Result<NameFilter> filter = NameFilter::make(rules_);
    if (usable && !filter) usable = filter.error();
    if (!usable) co_return report_error(usable.error());
    options_.filter = *std::move(filter);

    Session session(command->loop, command->settings, access_);
    Reading reading(command->settings.memory);
    ItemReport report(kReads, options_.json);
    VerifyRun run(session, reading.engine, options_, report);
    const Result<void> done = co_await run.run(first[0], ends[1]);
    if (!done && done.error().kind == ErrorKind::kInvalid) co_return report_error(done.error());
    if (!done) report.failed(redacted(first[0]) + " and " + redacted(ends[1]), done.error());
    // That something differs is what was asked; the rest has been said.
    co_return run.found_differences() ? kExitIntegrity : report.exit_code();
  }

 private:
  StoreAccess access_;
  VerifyOptions options_;
  std::string version_id_;
  std::vector<NameRule> rules_;
};

void Verification::describe(CommandLine& line, const Settings& settings) {
  options_.concurrency = settings.concurrency;
  line.positionals = {.name = "A B", .help = "", .min = 2, .max = 2};
  line.details =
      "Compares objects, files, URLs and standard input (-), or all below two prefixes or "
      "directories, name by name. Checksums and MD5 ETags that stores keep are believed; where one "
      "end has none it is read, where neither has, both are. Says what proved it.\n"
      "Exit codes: 0 the same · 6 something differs or is missing, each named · 3 an address that "
      "is not there.";
  line.examples =
      "telpher verify big.iso s3://bucket/isos/\ntelpher verify ./photos s3://bucket/photos/\n"
      "telpher verify s3://bucket/logs/ local://backup/logs/ --exclude '*.tmp'\n"
      "telpher verify https://example.com/f s3://bucket/f --read";
  line.group("What to compare");
  add_filter_options(line, rules_);
  add_link_option(line, options_.follow_links);
  line.text("--version-id", "ID", "of A this version", version_id_);
  line.flag("--deep,--read", "read both ends whole, whatever their checksums say",
            options_.read_both);
  line.number("--concurrency", "pairs at once (default 10)", {1, 256}, options_.concurrency);
  line.group("Output");
  line.flag("--json", "one JSON object per line and event", options_.json);
  line.flag("-q,--quiet", "only what differs or is missing", options_.quiet);
  add_store_options(line, access_);
}

}  // namespace

std::unique_ptr<Verb> make_verify() { return std::make_unique<Verification>(); }

}  // namespace telpher
