#pragma once
// Counts which fault was met at which step of the journal, over all seeds: a simulation that never
// meets a fault proves nothing about it.

#include "tests/sim/scenario.h"

#include <array>
#include <string>

namespace telpher::sim {

/// What can go wrong. The first ones are FaultRules by what they do.
enum class Fault {
  kError,
  kThrottle,
  kDelay,
  kLostAnswer,
  kLateError,
  kCorruption,
  kTruncation,
  kShortBody,
  kErrorIn200,
  kFakeSuccess,
  kPartition,
  kSourceBreak,
  kSourceRefuses,
  kSourceDelay,
  kSourceChanged,
  kRangeIgnored,
  kKilledBefore,
  kKilledAfter,
  kPowerCutBefore,
  kPowerCutAfter,
  kInterrupted,
  kLateRequest,
};
constexpr std::size_t kFaults = 22;

Fault fault_of(const FaultRule& rule);

class Tally {
 public:
  /// `passed` is the step of the journal that was passed last (for crashes: the step itself).
  void met(Fault fault, Step passed) {
    ++counts_[static_cast<std::size_t>(fault)][static_cast<std::size_t>(passed)];
  }
  void add(const Tally& other);
  std::string table() const;
  /// The pairs that can happen but were met fewer than `least` times; empty = none.
  std::string missing(int least) const;

 private:
  std::array<std::array<long, kSteps>, kFaults> counts_{};
};

}  // namespace telpher::sim
