#include "tests/sim/process.h"

#include "tests/sim/step_journal.h"
#include "transfer/sweep.h"

#include <algorithm>
#include <cstdio>
#include <utility>

namespace telpher::sim {

using namespace std::chrono_literals;

World::World(Scenario plan)
    : scenario(std::move(plan)),
      store(scenario.capabilities),
      file(scenario),
      lateness(scenario.seed * 5 + 1) {}

void World::deliver(TimePoint now) {
  std::erase_if(late, [&](const LateRequest& request) {
    if (request.arrives > now) return false;
    say(request.arrives, "a late CreateMultipartUpload is carried out");
    Loop loop(Loop::Mode::kVirtual, 1);
    loop.start_at(request.arrives);
    (void)loop.run(store.create_upload(request.object, request.options)).value();
    return true;
  });
}

void World::say(TimePoint now, const std::string& text) const {
  if (!trace) return;
  std::printf("%9.3f s  %s\n", std::chrono::duration<double>(now.time_since_epoch()).count(),
              text.c_str());
}

Process::Process(World& world, Options options)
    : world_(world),
      options_(std::move(options)),
      loop_(Loop::Mode::kVirtual, options_.seed),
      vfs_(world.machine),
      wire_(world.store,
            [this](Operation operation, bool after) { return on_store_call(operation, after); }),
      injector_({.seed = options_.seed + 1,
                 .rules = options_.faulty ? world.scenario.faults : std::vector<FaultRule>()}),
      faults_seen_(injector_.acted()),
      chaos_(wire_, injector_),
      watched_(chaos_, [this] { on_faults(); }),
      late_(watched_,
            [this](ObjectAddress object, CreateUploadOptions create) {
              on_orphan(std::move(object), std::move(create));
            }),
      store_(late_, quota_, retry_stats_),
      buffers_(world.scenario.memory_budget),
      source_(world.file, options_.faulty && !world.scenario.faults.empty(), options_.seed + 2,
              passed_, world.tally) {
  loop_.start_at(options_.starts_at);
  world_.living.insert(options_.owner);
  run_.emplace(loop_, options_.sweeps ? sweep() : copy());
}

Process::~Process() { world_.living.erase(options_.owner); }

TimePoint Process::crash_time() const {
  if (options_.crash.at != CrashPlan::At::kTime || interrupted_at_ != kNever) return kNever;
  return options_.starts_at + options_.crash.delay;
}

TimePoint Process::next() const { return std::min(run_->next_step(), crash_time()); }

void Process::step() {
  if (crash_time() > run_->next_step()) {
    run_->step();
  } else if (options_.crash.ending == Ending::kInterrupt) {
    world_.say(crash_time(), options_.owner + " is interrupted");
    world_.tally.met(Fault::kInterrupted, passed_);
    interrupted_at_ = crash_time();
    loop_.start_at(interrupted_at_);
    run_->cancel();
  } else {
    die(true, passed_);
  }
}

void Process::kill() {
  dead_ = true;
  vfs_.kill();
  loop_.abandon();
  world_.living.erase(options_.owner);
}

void Process::die(bool after, Step at) {
  const bool killed = options_.crash.ending == Ending::kKill;
  world_.tally.met(killed ? (after ? Fault::kKilledAfter : Fault::kKilledBefore)
                          : (after ? Fault::kPowerCutAfter : Fault::kPowerCutBefore),
                   at);
  kill();
}

bool Process::on_journal_step(Step step, bool after) {
  if (dead_) return true;
  if (after) {
    passed_ = step;
    world_.say(loop_.now(), options_.owner + ": journal " +
                                std::string(kStepNames[static_cast<std::size_t>(step)]));
  }
  const CrashPlan& crash = options_.crash;
  if (crash.at != CrashPlan::At::kJournalStep || crash.step != step || crash.after != after) {
    return false;
  }
  if (++steps_seen_ != crash.occurrence) return false;
  die(after, step);
  return true;
}

bool Process::on_store_call(Operation operation, bool after) {
  if (dead_) return true;
  if (after) world_.say(loop_.now(), options_.owner + ": " + std::string(to_string(operation)));
  if (after && operation == Operation::kCreateUpload) late_.arrived();
  const CrashPlan& crash = options_.crash;
  if (crash.at != CrashPlan::At::kStoreCall || crash.after != after) return false;
  if (++store_calls_ != crash.occurrence) return false;
  die(after, passed_);
  return true;
}

void Process::on_faults() {
  const std::vector<std::uint64_t> acted = injector_.acted();
  for (std::size_t i = 0; i < acted.size(); ++i) {
    for (; faults_seen_[i] < acted[i]; ++faults_seen_[i]) {
      world_.tally.met(fault_of(world_.scenario.faults[i]), passed_);
    }
  }
}

void Process::on_orphan(ObjectAddress object, CreateUploadOptions options) {
  if (world_.lateness.chance(0.2)) return;  // it never arrives
  world_.tally.met(Fault::kLateRequest, passed_);
  const auto delay = std::chrono::milliseconds(world_.lateness.below(kLateArrival / 1ms));
  world_.late.push_back({std::move(object), std::move(options), loop_.now() + delay});
}

Task<Result<std::unique_ptr<Journal>>> Process::open_own_journal() {
  JournalOptions options{.path = "journal.db", .vfs = vfs_.name(), .owner = options_.owner};
  options.is_alive = [this](const std::string& owner) { return world_.living.contains(owner); };
  CO_TRY(std::unique_ptr<Journal> journal, co_await open_journal(std::move(options)));
  journal_opened_ = true;
  co_return std::move(journal);
}

Task<Result<TransferResult>> Process::copy() {
  CO_TRY(const std::unique_ptr<Journal> journal, co_await open_own_journal());
  StepJournal steps(*journal,
                    [this](Step step, bool after) { return on_journal_step(step, after); });
  Engine engine{buffers_, &steps, rate_, stats_};
  const Scenario& scenario = world_.scenario;
  TransferOptions options{
      .concurrency = scenario.concurrency,
      .source_connections = scenario.source_connections,
      .part_size = {PartSizePolicy::Kind::kFixed, scenario.part_size},
      .if_none_match = scenario.if_none_match,
  };
  Task<Result<TransferResult>> task =
      scenario.copies ? copy_within(engine, store_, world_.copied, world_.object,
                                    world_.destination, std::move(options), progress_)
                      : upload(engine, source_, store_, world_.object, world_.destination,
                               std::move(options), progress_);
  Result<TransferResult> result = co_await std::move(task);
  CO_TRY_VOID(co_await journal->close());
  co_return result;
}

Task<Result<TransferResult>> Process::sweep() {
  CO_TRY(const std::unique_ptr<Journal> journal, co_await open_own_journal());
  CO_TRY(const SweepResult swept, co_await sweep_journal(*journal, store_, "sim://store/bucket/"));
  CO_TRY_VOID(co_await journal->close());
  if (swept.busy > 0) {
    co_return make_error(ErrorKind::kConflict, "sweep found somebody at work after all had ended");
  }
  co_return TransferResult{};
}

std::string Process::leftovers() const {
  if (const ByteCount bytes = buffers_.stats().bytes_in_use; bytes > 0) {
    return std::to_string(bytes) + " bytes of the memory budget were not given back";
  }
  if (loop_.next_step() != kNever) return "something is still alive on its loop";
  return {};
}

}  // namespace telpher::sim
