#include "tests/sim/scenario.h"

#include "base/units.h"

#include <algorithm>

namespace telpher::sim {
namespace {

using namespace std::chrono_literals;

constexpr ByteCount kPartSize = 16 * kKiB;
constexpr std::uint64_t kPartsMost = 60;
constexpr std::uint64_t kCrashCells = kSteps * 2 * 2;  // step × before/after × kill/power cut

FaultRule rule(FaultKind what, double probability, std::optional<Operation> on = std::nullopt) {
  return {.on = on, .probability = probability, .what = what};
}

/// The standard rates of the specification, and what else a store and the way to it can do.
std::vector<FaultRule> standard_faults(Random& random) {
  FaultRule error = rule(FaultKind::kStatus, 0.10);
  error.status = 500;
  FaultRule throttle = rule(FaultKind::kStatus, 0.05);
  throttle.status = 503;
  throttle.code = "SlowDown";
  FaultRule delay = rule(FaultKind::kDelay, 0.10);
  delay.delay = 1ms;
  delay.delay_max = 2s;
  FaultRule late_error = rule(FaultKind::kErrorAfter, 0.03);
  late_error.status = 500;
  std::vector<FaultRule> rules = {
      delay,
      error,
      throttle,
      rule(FaultKind::kCorrupt, 0.01),
      rule(FaultKind::kLoseAnswer, 0.04),
      late_error,
      rule(FaultKind::kTruncate, 0.02),
      rule(FaultKind::kShort, 0.02),
      rule(FaultKind::kErrorIn200, 0.10, Operation::kComplete),
      rule(FaultKind::kErrorIn200, 0.05, Operation::kCopyPart),
  };
  if (random.chance(0.2)) {
    // The very first part, which chance alone meets too seldom.
    constexpr std::array kKinds = {FaultKind::kCorrupt, FaultKind::kTruncate, FaultKind::kShort};
    FaultRule early = rule(kKinds[random.below(kKinds.size())], 1, Operation::kPutPart);
    early.count = 1;
    rules.insert(rules.begin(), early);
  }
  // Promises that are not kept are found out, but not mended by trying again: now and then.
  if (random.chance(0.1)) {
    FaultRule lie = rule(FaultKind::kFakeSuccess, 0.5, Operation::kPutPart);
    lie.after = random.below(20);
    lie.count = 1;
    if (random.chance(0.5)) lie.on = Operation::kComplete;
    rules.push_back(lie);
  }
  if (random.chance(0.1)) {
    FaultRule partition = rule(FaultKind::kPartition, 1);
    partition.after = random.below(60);
    partition.count = 1;
    partition.delay = std::chrono::milliseconds(1 + random.below(30'000));
    rules.push_back(partition);
  }
  return rules;
}

Ending random_ending(Random& random) {
  if (random.chance(0.5)) return Ending::kKill;
  return random.chance(0.5) ? Ending::kPowerCut : Ending::kPowerCutWithLuck;
}

/// Seeds walk through all places at which a crash may happen, so that a thousand of them meet each.
CrashPlan crash_of_cell(std::uint64_t cell, Random& random) {
  CrashPlan plan{.at = CrashPlan::At::kJournalStep};
  plan.step = static_cast<Step>(cell % kSteps);
  plan.after = cell / kSteps % 2 == 1;
  plan.ending = cell / kSteps / 2 % 2 == 0 ? Ending::kKill
                : random.chance(0.5)       ? Ending::kPowerCut
                                           : Ending::kPowerCutWithLuck;
  if (plan.step == Step::kPartDone) plan.occurrence = 1 + static_cast<int>(random.below(20));
  return plan;
}

CrashPlan random_crash(Random& random) {
  if (random.chance(0.4)) return crash_of_cell(random.below(kCrashCells), random);
  CrashPlan plan{.after = random.chance(0.5), .ending = random_ending(random)};
  if (random.chance(0.5)) {
    plan.at = CrashPlan::At::kStoreCall;
    plan.occurrence = 1 + static_cast<int>(random.below(60));
  } else {
    plan.at = CrashPlan::At::kTime;
    plan.delay = std::chrono::milliseconds(random.below(random.chance(0.7) ? 4'000 : 20'000));
    if (random.chance(0.5)) plan.ending = Ending::kInterrupt;
  }
  return plan;
}

CommandPlan make_command(std::uint64_t seed, Random& random) {
  CommandPlan command;
  if (random.chance(0.1)) {
    command.crashes.push_back({.at = CrashPlan::At::kTime,
                               .delay = std::chrono::milliseconds(random.below(4'000)),
                               .ending = Ending::kInterrupt});
  }
  if (random.chance(0.1)) {
    // During the first call to the store, which most often is CreateMultipartUpload.
    command.crashes.push_back({.at = CrashPlan::At::kStoreCall, .ending = random_ending(random)});
  }
  if (random.chance(0.8)) {
    command.crashes.push_back(crash_of_cell(seed % kCrashCells, random));
    while (command.crashes.size() < 4 && random.chance(0.4)) {
      command.crashes.push_back(random_crash(random));
    }
  }
  return command;
}

SourcePlan make_source(Random& random) {
  SourcePlan source;
  // Mostly large enough for parts; some single PUTs and empty ones.
  source.size = random.chance(0.85) ? kPartSize + random.below(kPartsMost * kPartSize)
                                    : random.below(kPartSize + 1) * random.below(2);
  const std::uint64_t shape = random.below(10);
  source.ranges = shape < 6;
  source.size_known = shape < 8;
  source.rereadable = shape != 8;  // 8: a pipe
  source.validator = source.rereadable && (source.ranges || random.chance(0.5));
  source.ignores_ranges = source.ranges && random.chance(0.1);
  if (random.chance(0.5)) {
    const std::uint64_t within_ms = random.chance(0.8) ? 3'000 : 20'000;
    source.changes_at = TimePoint(std::chrono::milliseconds(random.below(within_ms)));
    source.size_after_change =
        random.chance(0.5) ? source.size : random.below(kPartsMost * kPartSize);
  }
  return source;
}

Capabilities make_capabilities(Random& random) {
  Capabilities capabilities;
  capabilities.part_size_min = kPartSize;
  capabilities.part_size_max = 64 * kPartSize;
  capabilities.put_size_max = kPartSize;
  capabilities.checksums = random.chance(0.8);
  capabilities.equal_parts = random.chance(0.1);
  return capabilities;
}

}  // namespace

Scenario make_scenario(std::uint64_t seed) {
  Random random(seed);
  Scenario scenario;
  scenario.seed = seed;
  scenario.source = make_source(random);
  scenario.capabilities = make_capabilities(random);
  scenario.part_size = kPartSize;
  scenario.concurrency = 1 + static_cast<int>(random.below(12));
  scenario.source_connections = 1 + static_cast<int>(random.below(8));
  scenario.memory_budget = kPartSize * (2 + random.below(20));
  scenario.object_exists = random.chance(0.2);
  scenario.if_none_match = !scenario.object_exists && random.chance(0.1);
  if (random.chance(0.9)) scenario.faults = standard_faults(random);
  if (random.chance(0.1)) {
    scenario.copies = true;
    scenario.source.changes_at.reset();
    scenario.capabilities.part_size_max = kPartSize;
  }
  scenario.commands.push_back(make_command(seed, random));
  if (random.chance(0.2)) {
    CommandPlan second = make_command(random.below(kCrashCells), random);
    second.starts_at = TimePoint(std::chrono::milliseconds(random.below(10'000)));
    scenario.commands.push_back(std::move(second));
  }
  return scenario;
}

std::string describe(const Scenario& scenario) {
  const SourcePlan& source = scenario.source;
  std::string text = std::to_string(source.size) + " bytes in parts of " +
                     std::to_string(scenario.part_size) + ", " +
                     std::to_string(scenario.concurrency) + " at once, budget " +
                     std::to_string(scenario.memory_budget);
  if (scenario.copies) text += ", copied within the store";
  if (!source.size_known) text += ", size unknown";
  if (source.ranges) text += ", ranges";
  if (source.ignores_ranges) text += " that it ignores";
  if (!source.rereadable) text += ", a pipe";
  if (source.validator) text += ", validator";
  if (source.changes_at) {
    text += ", changes after " +
            std::to_string(
                std::chrono::duration<double>(source.changes_at->time_since_epoch()).count()) +
            " s to " + std::to_string(source.size_after_change) + " bytes";
  }
  if (!scenario.capabilities.checksums) text += ", store without checksums";
  if (scenario.capabilities.equal_parts) text += ", equal parts";
  if (scenario.object_exists) text += ", object exists";
  if (scenario.if_none_match) text += ", if-none-match";
  if (scenario.faults.empty()) text += ", no faults";
  text += ", " + std::to_string(scenario.commands.size()) + " command(s)";
  return text;
}

}  // namespace telpher::sim
