#pragma once
// What one seed means: the source, the store's abilities, the faults and the crashes. Data, made
// from the seed alone.

#include "runtime/loop.h"
#include "store/layers/fault_script.h"
#include "store/types.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace telpher::sim {

/// The journal's calls during a transfer, in their order.
enum class Step { kAcquire, kBegin, kSetUploadId, kPartDone, kCompleting, kFinish };
constexpr std::size_t kSteps = 6;
constexpr std::array<std::string_view, kSteps> kStepNames = {
    "acquire", "begin", "set_upload_id", "part_done", "completing", "finish"};

/// How a process ends before its time.
enum class Ending {
  kKill,              // kill -9: the disk keeps what was written
  kPowerCut,          // of the machine: nothing that was not synced is left
  kPowerCutWithLuck,  // some of it is
  kInterrupt,         // Ctrl-C: it tidies up and ends by itself (only CrashPlan::At::kTime)
};

struct CrashPlan {
  enum class At { kNever, kJournalStep, kStoreCall, kTime } at = At::kNever;
  Step step = Step::kAcquire;  // kJournalStep
  int occurrence = 1;          // of the step, or of calls to the store
  bool after = false;          // it was done, and nobody heard of it
  Duration delay{};            // kTime: since the process began
  Ending ending = Ending::kKill;
};

struct SourcePlan {
  ByteCount size = 0;
  bool size_known = true;
  bool ranges = true;
  bool rereadable = true;
  bool validator = true;
  bool ignores_ranges = false;          // promises ranges and does not keep it
  std::optional<TimePoint> changes_at;  // other bytes from then on
  ByteCount size_after_change = 0;
};

/// One user's command: it is run again after every crash, the last time without one.
struct CommandPlan {
  TimePoint starts_at{};
  std::vector<CrashPlan> crashes;
};

struct Scenario {
  std::uint64_t seed = 0;
  SourcePlan source;
  Capabilities capabilities;
  ByteCount part_size = 0;
  int concurrency = 1;
  int source_connections = 1;
  ByteCount memory_budget = 0;
  bool copies = false;  // the source is an object of the store, which copies by itself
  bool if_none_match = false;
  bool object_exists = false;  // an older one, before all this
  std::vector<FaultRule> faults;
  std::vector<CommandPlan> commands;  // one, or two at once for the same destination
};

Scenario make_scenario(std::uint64_t seed);

/// A line for people.
std::string describe(const Scenario& scenario);

}  // namespace telpher::sim
