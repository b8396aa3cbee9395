#include "tests/sim/simulation.h"

#include "base/units.h"
#include "tests/sim/process.h"

#include <algorithm>
#include <memory>
#include <utility>

namespace telpher::sim {
namespace {

using namespace std::chrono_literals;

constexpr auto kDeadline = 1h;  // virtual, for each process
constexpr auto kInterruptLimit = 60s;
constexpr long kEventsMost = 3'000'000;
constexpr int kRunsAgainMost = 3;  // after failures that say "run again"

class Simulation {
 public:
  Simulation(std::uint64_t seed, bool trace) : world_(make_scenario(seed)), luck_(seed * 3 + 1) {
    world_.trace = trace;
  }

  SeedResult run();

 private:
  /// A user at work: the command, and again after each crash.
  struct User {
    const CommandPlan* plan;
    TimePoint starts_at;
    std::size_t crashes = 0;
    int failures = 0;
    bool ended = false;
    bool succeeded = false;
    std::unique_ptr<Process> process;
  };

  void put_older_objects();
  /// The one whose next event comes first; null when all have ended.
  User* next_user();
  TimePoint next_event(const User& user) const;
  void start(User& user);
  void after_step(User& user, TimePoint now);
  void after_crash(User& user, TimePoint now);
  void after_end(User& user, TimePoint now);
  void sweep();
  void judge();
  bool is_version_of_source(const std::string& content) const;
  void fail(std::string what) {
    if (result_.failure.empty()) result_.failure = std::move(what);
  }
  void say(TimePoint now, const std::string& text) const { world_.say(now, text); }

  World world_;
  Random luck_;
  std::string older_object_;
  std::vector<User> users_;
  TimePoint last_event_{};
  SeedResult result_;
};

/// The object that is to be copied, by parts: the store takes none of its size at once.
Task<Result<void>> put_source(World* world) {
  CreateUploadOptions options;
  if (world->store.capabilities().checksums) options.checksum = ChecksumAlgorithm::kCrc64Nvme;
  CO_TRY(const std::string id, co_await world->store.create_upload(world->copied, options));
  std::vector<PartInfo> parts;
  std::string_view rest = world->file.before;
  do {
    const std::string_view piece = rest.substr(0, world->scenario.part_size);
    const PartNumber number = static_cast<PartNumber>(parts.size()) + 1;
    CO_TRY(PartInfo part, co_await world->store.put_part(world->copied, id, number,
                                                         Body::of(as_bytes(piece)), {}));
    parts.push_back(std::move(part));
    rest.remove_prefix(piece.size());
  } while (!rest.empty());
  CO_TRY([[maybe_unused]] const PutResult stored,
         co_await world->store.complete(world->copied, id, std::move(parts), {}));
  co_return Result<void>();
}

void Simulation::put_older_objects() {
  Loop loop(Loop::Mode::kVirtual, 1);
  (void)loop.run(world_.store.create_bucket(world_.object.bucket)).value();
  if (world_.scenario.copies) {
    if (const Result<void> put = loop.run(put_source(&world_)); !put) fail(put.error().message);
  }
  if (!world_.scenario.object_exists) return;
  older_object_ = "an older object";
  (void)loop.run(world_.store.put(world_.object, Body::of(as_bytes(older_object_)), {})).value();
}

TimePoint Simulation::next_event(const User& user) const {
  if (user.ended) return kNever;
  return user.process ? user.process->next() : user.starts_at;
}

Simulation::User* Simulation::next_user() {
  User* next = nullptr;
  for (User& user : users_) {
    if (!user.ended && (!next || next_event(user) < next_event(*next))) next = &user;
  }
  return next;
}

void Simulation::start(User& user) {
  const int number = ++result_.processes;
  Process::Options options{
      .owner = "process " + std::to_string(number),
      .starts_at = user.starts_at,
      .seed = world_.scenario.seed * 1000 + static_cast<std::uint64_t>(number)};
  if (user.crashes < user.plan->crashes.size()) options.crash = user.plan->crashes[user.crashes];
  say(user.starts_at, options.owner + " begins");
  user.process = std::make_unique<Process>(world_, std::move(options));
}

void Simulation::after_crash(User& user, TimePoint now) {
  const Ending ending = user.process->options().crash.ending;
  const bool power_cut = ending != Ending::kKill;
  say(now, user.process->options().owner + (power_cut ? ": power cut" : " is killed"));
  for (User& other : users_) {
    if (!other.process || (&other != &user && !power_cut)) continue;
    other.process->kill();
    other.process.reset();
    ++other.crashes;
    // A machine takes longer to start than a request to arrive; a user may be very quick.
    const std::uint64_t within_ms = luck_.chance(0.5) ? 2'000 : 30'000;
    other.starts_at =
        now + std::chrono::milliseconds(luck_.below(within_ms)) + (power_cut ? 3s : 0s);
  }
  if (power_cut) {
    world_.machine.power_cut(ending == Ending::kPowerCutWithLuck ? &luck_ : nullptr);
  }
}

void Simulation::after_end(User& user, TimePoint now) {
  Process& process = *user.process;
  if (std::string left = process.leftovers(); !left.empty()) fail(std::move(left));
  Result<TransferResult>& result = process.result();
  if (result) {
    say(now, process.options().owner + " has copied: " + std::string(to_string(result->mode)) +
                 ", " + std::to_string(result->parts_resumed) + " of " +
                 std::to_string(result->parts) + " parts resumed, " + result->verified_by);
    ++result_.outcomes[std::string(to_string(result->mode))];
    result_.parts += result->parts;
    user.succeeded = user.ended = true;
  } else {
    const Error& error = result.error();
    say(now, process.options().owner + " failed: " + error.message);
    ++result_.outcomes["failed: " + std::string(to_string(error.kind))];
    if (error.message.empty()) fail("a failure without a message");
    if (!process.journal_opened()) fail("the journal could not be opened: " + error.message);
    const bool interrupted = process.interrupted_at() != kNever;
    if (error.kind == ErrorKind::kCancelled && !interrupted) {
      fail("nobody cancelled, yet it says so");
    }
    const bool run_again = interrupted || error.persistence != Persistence::kPermanent;
    user.ended = !run_again || (!interrupted && ++user.failures > kRunsAgainMost);
    user.starts_at = now + 1s;
    ++user.crashes;
  }
  user.process.reset();
}

void Simulation::after_step(User& user, TimePoint now) {
  if (user.process->dead()) return after_crash(user, now);
  if (user.process->done()) return after_end(user, now);
  const TimePoint interrupted_at = user.process->interrupted_at();
  if (interrupted_at != kNever && now - interrupted_at > kInterruptLimit) {
    fail(user.process->options().owner + " did not end within a minute of Ctrl-C");
  }
  if (now - user.process->options().starts_at > kDeadline) {
    fail(user.process->options().owner + " did not end within its virtual hour");
  }
}

void Simulation::sweep() {
  users_.clear();
  Process process(world_, {.owner = "sweeper",
                           .starts_at = last_event_ + (luck_.chance(0.5) ? 1ms : 1min),
                           .seed = world_.scenario.seed,
                           .crash = {},
                           .faulty = false,
                           .sweeps = true});
  while (!process.done() && process.next() != kNever) {
    world_.deliver(process.next());
    process.step();
  }
  world_.deliver(kNever);
  if (!process.done()) return fail("the sweep does not end");
  if (!process.result()) return fail("the sweep failed: " + process.result().error().message);
  Loop loop(Loop::Mode::kVirtual, 1);
  const auto uploads = loop.run(world_.store.list_uploads(world_.object.bucket, {})).value();
  if (!uploads.uploads.empty()) {
    fail(std::to_string(uploads.uploads.size()) + " uploads are still open after the sweep");
  }
}

bool Simulation::is_version_of_source(const std::string& content) const {
  return content == world_.file.before ||
         (world_.scenario.source.changes_at && content == world_.file.after);
}

void Simulation::judge() {
  bool succeeded = false;
  for (const User& user : users_) succeeded |= user.succeeded;
  const auto content = world_.store.content(world_.object.bucket, world_.object.key);
  if (succeeded) {
    if (!content) return fail("it says that it has copied, and there is no object");
    if (!is_version_of_source(*content)) return fail("the object's bytes are not the source's");
  } else if (content && !is_version_of_source(*content) && *content != older_object_) {
    return fail("it failed, and left an object whose bytes are not the source's");
  }
  if (world_.scenario.object_exists && !content) fail("the older object has vanished");
  const bool undisturbed = world_.scenario.faults.empty() && result_.processes == 1 &&
                           !world_.scenario.source.changes_at;
  if (undisturbed && !succeeded) fail("nothing went wrong, and yet it failed");
}

SeedResult Simulation::run() {
  put_older_objects();
  say(TimePoint(), describe(world_.scenario));
  for (const CommandPlan& plan : world_.scenario.commands) {
    users_.push_back({.plan = &plan, .starts_at = plan.starts_at});
  }
  long events = 0;
  while (User* user = next_user()) {
    const TimePoint now = next_event(*user);
    if (now == kNever) fail(user->process->options().owner + " waits for what cannot come");
    if (++events > kEventsMost) fail("it goes on and on");
    if (!result_.failure.empty()) break;
    last_event_ = std::max(last_event_, now);
    world_.deliver(now);
    if (!user->process) {
      start(*user);
    } else {
      user->process->step();
      after_step(*user, now);
    }
  }
  if (result_.failure.empty()) judge();
  if (result_.failure.empty()) sweep();
  users_.clear();
  result_.tally = world_.tally;
  return std::move(result_);
}

}  // namespace

SeedResult run_seed(std::uint64_t seed, bool trace) { return Simulation(seed, trace).run(); }

}  // namespace telpher::sim
