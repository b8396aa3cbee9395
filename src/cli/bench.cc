// telpher bench: put a load on a store and tell what it costs.

#include "base/units.h"
#include "cli/bench/comparison.h"
#include "cli/bench/load_run.h"
#include "cli/bench/report.h"
#include "cli/bench/saved_run.h"
#include "cli/command_line.h"
#include "cli/progress_view.h"
#include "cli/store_options.h"
#include "cli/terminal.h"
#include "cli/time_text.h"
#include "cli/verbs.h"
#include "codec/text.h"
#include "runtime/task_group.h"
#include "session/exit_code.h"
#include "session/session.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <unistd.h>

namespace telpher {
namespace {

constexpr std::chrono::milliseconds kDrawEvery{500};
constexpr std::chrono::seconds kTidyLimit{60};

/// A number of things; kInvalid when it is none, or 0.
std::function<Result<void>(std::string_view)> count_setter(std::uint64_t& target) {
  return [&target](std::string_view text) -> Result<void> {
    const auto count = parse_decimal<std::uint64_t>(text);
    if (!count || *count == 0 || *count > 10'000'000'000) {
      return make_error(ErrorKind::kInvalid,
                        "must be a number from 1 to 10000000000, not '" + std::string(text) + "'");
    }
    target = *count;
    return {};
  };
}

Result<double> parse_operation_rate(std::string_view text) {
  double rate = 0;
  if (text.ends_with("/s")) text.remove_suffix(2);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), rate);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  if (!whole || !(rate >= 0.001) || rate > 10'000'000) {
    return make_error(
        ErrorKind::kInvalid,
        "must be operations a second, from 0.001 to 10000000, not '" + std::string(text) + "'");
  }
  return rate;
}

class LoadGenerator final : public Verb {
 public:
  void describe(CommandLine& line, const Settings& settings) override;
  Task<int> run(Command* command) override;

 private:
  void add_load_options(CommandLine& line);
  void add_measuring_options(CommandLine& line);
  void add_comparing_options(CommandLine& line);
  Result<void> settle(const std::vector<std::string>& arguments);
  Result<void> settle_comparing();
  Result<int> compare_files(const std::string& now_path);
  Task<Result<void>> measure(LoadRun* load, Session* session);
  Task<Result<void>> show(const LoadRun* load);
  std::string report(const LoadRun& load, bool interrupted, bool as_json) const;
  void print(const std::string& text);
  /// Saves it and compares it, as asked; an exit code.
  Result<int> conclude(const LoadRun& load, Loop& loop);
  int tell_comparison(const SavedRun& now, const std::string& now_path);
  CpuSpent cpu_spent() const;

  LoadSettings load_;
  StoreAccess access_;
  Address target_;
  bool is_seeded_ = false;
  bool has_duration_ = false;
  int connections_ = 0;
  int server_pid_ = 0;
  bool json_ = false;
  bool quiet_ = false;
  bool keep_ = false;
  bool allow_errors_ = false;
  std::string save_path_;
  std::string before_path_;
  std::optional<SavedRun> before_;

  std::optional<Terminal> terminal_;
  bool running_ = false;
  TimePoint begin_;
  double client_cpu_s_ = 0;
  std::optional<LoadReport::Server> server_;
};

void LoadGenerator::describe(CommandLine& line, const Settings&) {
  line.positionals = {.name = "BUCKET", .help = "", .min = 1, .max = 1};
  line.details =
      "BUCKET is s3://bucket[/prefix], on any service, or local://bucket[/prefix]. Objects are "
      "made below bench-SEED/ and deleted at the end. Each request is signed anew and has a key "
      "and bytes of its own; none is repeated when it fails.\n"
      "Without --rate a request is sent when the one before it is answered, so a server that "
      "stalls is not asked meanwhile and its latencies look better than users would find them. "
      "With --rate operations are due at fixed times, and latency counts from then.\n\n"
      "--save keeps a run, and --compare tells what is faster or slower than it was, and what "
      "could as well be chance; in place of BUCKET a second saved run may stand. The settings "
      "must be the same; docs/bench.md says how it is judged.\n\n"
      "Exit codes: 0 done, and nothing is worse; 1 operations failed, or --compare found "
      "something slower or dearer; 2 wrong usage, or no run to compare with; 4 the store refuses.";
  line.examples =
      "telpher bench s3://bucket --mix put --size 10KiB --duration 10s\n"
      "telpher bench s3://bucket/tmp/ --mix put=50,get=40,list=5,delete=5 --objects 10000\n"
      "telpher bench s3://bucket --mix get --objects 10000 --rate 5000 --concurrency 256\n"
      "telpher bench s3://bucket --mix put --size 1GiB --requests 4 --concurrency 1\n"
      "telpher bench local://demo --mix put=1,get=1 --size 1KiB..1MiB --requests 10000 --json\n"
      "telpher bench s3://bucket --mix put,get --duration 1m --save old.json\n"
      "telpher bench s3://bucket --mix put,get --duration 1m --compare old.json\n"
      "telpher bench --compare old.json new.json";
  add_load_options(line);
  add_measuring_options(line);
  add_comparing_options(line);
  add_store_options(line, access_);
}

void LoadGenerator::add_load_options(CommandLine& line) {
  line.group("Load");
  line.add({.names = "--mix",
            .value = "SHARES",
            .help = "put, get, head, list, delete, or shares of them: put=50,get=40,list=10 "
                    "(default put)",
            .set = [this](std::string_view text) -> Result<void> {
              TRY(load_.mix, parse_mix(text));
              return {};
            }});
  line.add({.names = "--size",
            .value = "SIZE",
            .help = "of objects, or from..to: 1KiB..1MiB (default 10KiB)",
            .set = [this](std::string_view text) -> Result<void> {
              TRY(load_.sizes, parse_size_range(text));
              return {};
            }});
  line.add({.names = "--objects",
            .value = "N",
            .help = "made beforehand: so many to read or list, and so many to delete (default "
                    "1000)",
            .set = count_setter(load_.objects)});
  line.number("--concurrency", "operations in flight (default 64)", {1, 10'000}, load_.concurrency);
  line.number("--connections", "at most (default: as --concurrency)", {1, 10'000}, connections_);
  line.add({.names = "--duration",
            .value = "TIME",
            .help = "default 10s, without --requests",
            .set = [this](std::string_view text) -> Result<void> {
              TRY(const std::chrono::milliseconds time, parse_duration(text));
              if (time.count() <= 0) return make_error(ErrorKind::kInvalid, "must be above 0");
              load_.duration = time;
              has_duration_ = true;
              return {};
            }});
  line.add({.names = "--requests",
            .value = "N",
            .help = "ends after so many operations",
            .set = count_setter(load_.requests_max)});
  line.add({.names = "--rate",
            .value = "N/s",
            .help = "operations due each second, whatever the server does",
            .set = [this](std::string_view text) -> Result<void> {
              TRY(load_.rate, parse_operation_rate(text));
              return {};
            }});
  line.add({.names = "--part-size",
            .value = "SIZE",
            .help = "larger objects are put in parts of it (default 16MiB)",
            .set = [this](std::string_view text) -> Result<void> {
              TRY(load_.part_size, parse_size(text));
              if (load_.part_size < 5 * kMiB || load_.part_size > kGiB) {
                return make_error(ErrorKind::kInvalid, "must be from 5MiB to 1GiB");
              }
              return {};
            }});
  line.add({.names = "--checksum",
            .value = "ALGORITHM",
            .help = "sent with each body: crc64nvme, crc32c, sha256 … (default none)",
            .set = [this](std::string_view text) -> Result<void> {
              TRY(load_.checksum, parse_checksum_algorithm(text));
              return {};
            }});
  line.number("--list-keys", "asked for by each listing (default 1000)", {1, 1000},
              load_.list_keys);
  line.add({.names = "--seed",
            .value = "N",
            .help = "the same seed makes the same keys, bytes and order of operations",
            .set = [this](std::string_view text) -> Result<void> {
              const auto seed = parse_decimal<std::uint64_t>(text);
              if (!seed) return make_error(ErrorKind::kInvalid, "must be a number");
              load_.seed = *seed;
              is_seeded_ = true;
              return {};
            }});
}

void LoadGenerator::add_measuring_options(CommandLine& line) {
  line.group("Measuring");
  line.number("--server-pid", "process whose CPU time and memory are told too", {1, 1 << 30},
              server_pid_);
  line.flag("--verify", "compare what is read with what was put, byte by byte", load_.verify);
  line.flag("--keep", "leave the objects where they are", keep_);
  line.flag("--reuse", "the objects are there, by --keep and the same --seed", load_.reuse);
  line.flag("--allow-errors", "end with 0 although operations failed", allow_errors_);
  line.flag("--json", "the result as one JSON object (a second one: the comparison)", json_);
  line.flag("-q,--quiet", "no progress", quiet_);
}

void LoadGenerator::add_comparing_options(CommandLine& line) {
  line.group("Comparing");
  line.text("--save", "FILE", "keep the run there (JSON), when it has come to its end", save_path_);
  line.text("--compare", "FILE", "with the run kept there; 1 when something is worse",
            before_path_);
}

/// What options say together.
Result<void> LoadGenerator::settle(const std::vector<std::string>& arguments) {
  TRY(target_, parse_address(arguments.front()));
  if (!target_.in_store() || target_.object.bucket.empty()) {
    return make_error(ErrorKind::kInvalid, "'" + redacted(target_) +
                                               "' is no bucket: s3://NAME[/PREFIX] or "
                                               "local://NAME[/PREFIX]");
  }
  load_.bucket = target_.object.bucket;
  load_.prefix = target_.object.key;
  if (load_.mix.weights == OperationMix{}.weights) load_.mix = *parse_mix("put");
  if (load_.objects == 0) load_.objects = 1000;
  if (!has_duration_ && load_.requests_max == UINT64_MAX) load_.duration = std::chrono::seconds(10);
  if (load_.reuse && !is_seeded_) {
    return make_error(ErrorKind::kInvalid,
                      "--reuse needs the --seed that the objects were made by");
  }
  if (connections_ > load_.concurrency) {
    return make_error(ErrorKind::kInvalid, "--connections above --concurrency would stay unused");
  }
  if (connections_ == 0) connections_ = load_.concurrency;
  if (!is_seeded_) load_.seed = random_seed() & 0xffff'ffff;
  if (server_pid_ != 0) TRY_VOID(cost_of(server_pid_));
  return settle_comparing();
}

/// What would be in vain is found out before the run.
Result<void> LoadGenerator::settle_comparing() {
  if (!save_path_.empty()) TRY_VOID(check_savable(save_path_));
  if (before_path_.empty()) return {};
  TRY(before_, read_saved_run(before_path_));
  const std::string others = differing(before_->settings, comparable(load_, connections_));
  if (others.empty()) return {};
  return make_error(ErrorKind::kInvalid, "'" + before_path_ + "' is a run of other settings: " +
                                             others + ". Give the same ones");
}

/// `telpher bench --compare OLD NEW`.
Result<int> LoadGenerator::compare_files(const std::string& now_path) {
  const std::string others = differing(comparable({}, 0), comparable(load_, connections_));
  if (!others.empty() || !save_path_.empty() || has_duration_) {
    return make_error(ErrorKind::kInvalid,
                      "'" + now_path +
                          "' is a run that is over: --compare takes no options of a load with it. "
                          "To run one, name a bucket: s3://NAME");
  }
  TRY(before_, read_saved_run(before_path_));
  TRY(const SavedRun now, read_saved_run(now_path));
  const std::string differ = differing(before_->settings, now.settings);
  if (!differ.empty()) {
    return make_error(ErrorKind::kInvalid, "'" + before_path_ + "' and '" + now_path +
                                               "' are runs of different settings: " + differ);
  }
  return tell_comparison(now, now_path);
}

int LoadGenerator::tell_comparison(const SavedRun& now, const std::string& now_path) {
  RunComparison comparison = compare_runs(*before_, now);
  comparison.before.name = before_path_;
  comparison.now.name = now_path;
  print(json_ ? comparison_json(comparison) + '\n'
              : (now_path.empty() ? "\n" : "") + comparison_table(comparison));
  return comparison.has(Verdict::kWorse) ? kExitSomeFailed : kExitDone;
}

CpuSpent LoadGenerator::cpu_spent() const {
  const auto server = server_pid_ != 0 ? cost_of(server_pid_) : ProcessCost{};
  return {own_cpu_seconds(), server ? server->cpu_s : 0};
}

Task<Result<void>> LoadGenerator::measure(LoadRun* load, Session* session) {
  CO_TRY(ObjectStore * store, session->store(target_.kind));
  CO_TRY_VOID(co_await store->head_bucket(load_.bucket));
  CO_TRY_VOID(co_await load->prepare());
  double server_begin = 0;
  if (server_pid_ != 0) {
    CO_TRY(const ProcessCost cost, cost_of(server_pid_));
    server_begin = cost.cpu_s;
  }
  load->cpu_spent = [this] { return cpu_spent(); };
  const double client_begin = own_cpu_seconds();
  begin_ = session->loop().now();
  running_ = true;
  auto done = co_await load->run();
  running_ = false;
  client_cpu_s_ = own_cpu_seconds() - client_begin;
  if (server_pid_ != 0) {
    // The figures of the load are worth telling even when the server is gone.
    const auto cost = cost_of(server_pid_);
    if (cost) server_ = {server_pid_, cost->cpu_s - server_begin, *cost};
    if (!cost) std::fprintf(stderr, "telpher: %s any more\n", cost.error().message.c_str());
  }
  co_return done;
}

/// Draws until cancelled.
Task<Result<void>> LoadGenerator::show(const LoadRun* load) {
  Loop& loop = co_await current_loop();
  std::uint64_t finished = 0;
  ByteCount bytes = 0;
  TimePoint last = loop.now();
  for (;;) {
    CO_TRY_VOID(co_await sleep_for(kDrawEvery));
    const TimePoint now = loop.now();
    const double passed = std::chrono::duration<double>(now - last).count();
    if (!running_) {
      const std::string of = std::to_string(load->chores());
      if (load->chores() > 0) {
        terminal_->draw({(begin_ == TimePoint{} ? "preparing " : "deleting ") +
                         std::to_string(load->chores_done()) + " of " + of + " objects"});
      }
    } else {
      const LoadTally& all = load->tallies().all;
      const double seconds = std::chrono::duration<double>(now - begin_).count();
      terminal_->draw({load_progress(load->tallies(), seconds,
                                     static_cast<double>(all.finished() - finished) / passed,
                                     static_cast<double>(all.bytes - bytes) / passed)});
      finished = all.finished();
      bytes = all.bytes;
    }
    last = now;
  }
}

std::string LoadGenerator::report(const LoadRun& load, bool interrupted, bool as_json) const {
  const auto own = cost_of(::getpid());
  const LoadReport report{.target = target_.text,
                          .settings = load_,
                          .tallies = load.tallies(),
                          .elapsed = load.elapsed(),
                          .connections = target_.kind == Address::Kind::kS3 ? connections_ : 0,
                          .not_started = load.not_started(),
                          .ran_dry = load.ran_dry(),
                          .interrupted = interrupted,
                          .client_cpu_s = client_cpu_s_,
                          .client_rss_peak = own ? own->resident_peak : 0,
                          .server = server_};
  return as_json ? load_json(report) : load_table(report);
}

void LoadGenerator::print(const std::string& text) {
  if (terminal_) terminal_->clear();
  std::fputs(text.c_str(), stdout);
  std::fflush(stdout);
}

Result<int> LoadGenerator::conclude(const LoadRun& load, Loop& loop) {
  const SavedRun run{.target = target_.text,
                     .saved_at = time_text(loop.wall_now()),
                     .settings = comparable(load_, connections_),
                     .has_server_cpu = server_.has_value(),
                     .slice_length = load.slices().length(),
                     .slices = load.slices().slices()};
  if (!save_path_.empty()) {
    TRY_VOID(write_saved_run(save_path_, saved_run_json(run, report(load, false, true))));
  }
  return before_ ? tell_comparison(run, "") : kExitDone;
}

Task<int> LoadGenerator::run(Command* command) {
  const auto address = parse_address(command->arguments.front());
  if (!before_path_.empty() && address && !address->in_store()) {
    const auto compared = compare_files(command->arguments.front());
    if (!compared) (void)report_error(compared.error());
    co_return compared ? *compared : kExitUsage;
  }
  const auto settled = settle(command->arguments);
  if (!settled) {
    (void)report_error(settled.error());
    co_return kExitUsage;
  }
  Session session(command->loop, command->settings, access_);
  session.connections_max = connections_;
  session.calls_max = static_cast<std::uint64_t>(load_.concurrency);
  session.notice = [](std::string_view text) {
    std::fprintf(stderr, "telpher: %s\n", printable(text).c_str());
  };
  const auto patient = session.store(target_.kind);
  if (!patient) co_return report_error(patient.error());
  const auto bare = session.bare_store(target_.kind);
  if (!bare) co_return report_error(bare.error());
  LoadRun load(command->loop, **bare, **patient, load_);

  TaskContext& context = co_await current_context();
  CancelSource drawing_cancel;
  TaskContext drawing_context{context.loop, &drawing_cancel};
  TaskGroup drawing(drawing_context);
  if (!quiet_ && Terminal::is_capable(stderr)) {
    terminal_.emplace(stderr);
    drawing.spawn(show(&load));
  }
  const auto measured = co_await measure(&load, &session);
  const bool has_run = begin_ != TimePoint{};
  if (has_run) {
    print(report(load, context.cancel->cancelled(), json_) + (json_ ? "\n" : ""));
  }
  const Result<int> concluded = measured ? conclude(load, command->loop) : Result<int>(kExitDone);
  Task<Result<void>> tidy = keep_ ? load.end_uploads() : load.tidy();
  const Result<void> tidied = context.cancel->cancelled()
                                  ? co_await shielded(std::move(tidy), kTidyLimit)
                                  : co_await std::move(tidy);
  drawing.cancel();
  (void)co_await drawing.join();
  if (terminal_) terminal_->clear();
  if (!tidied && measured) {
    std::fprintf(stderr, "telpher: what is below '%s/%s' was not all tidied up\n",
                 load_.bucket.c_str(), load.plan().folder().c_str());
    co_return report_error(tidied.error());
  }
  if (!measured) co_return report_error(measured.error());
  if (!concluded) {
    (void)report_error(concluded.error());
    co_return kExitDestination;
  }
  if (*concluded != kExitDone) co_return *concluded;
  co_return load.tallies().all.failed > 0 && !allow_errors_ ? kExitSomeFailed : kExitDone;
}

}  // namespace

std::unique_ptr<Verb> make_bench() { return std::make_unique<LoadGenerator>(); }

}  // namespace telpher
