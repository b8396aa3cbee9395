#include "tests/sim/tally.h"

#include <cstdio>

namespace telpher::sim {
namespace {

constexpr std::array<std::string_view, kFaults> kNames = {
    "error",         "throttle",      "delay",          "lost answer",      "late error",
    "corruption",    "truncation",    "short body",     "error in 200",     "fake success",
    "partition",     "source breaks", "source refuses", "source delays",    "source changed",
    "range ignored", "killed before", "killed after",   "power cut before", "power cut after",
    "interrupted",   "late request"};

/// Whether a fault can meet a transfer whose last step was `passed`.
bool can_happen(Fault fault, Step passed) {
  const bool parts_move = passed == Step::kSetUploadId || passed == Step::kPartDone;
  switch (fault) {
    case Fault::kKilledBefore:
    case Fault::kKilledAfter:
    case Fault::kPowerCutBefore:
    case Fault::kPowerCutAfter: return true;
    case Fault::kError:
    case Fault::kThrottle:
    case Fault::kDelay:
    case Fault::kLostAnswer:
    case Fault::kLateError: return passed != Step::kFinish;  // nothing is asked of the store then
    case Fault::kErrorIn200: return passed == Step::kCompleting;
    case Fault::kFakeSuccess: return passed == Step::kPartDone;
    case Fault::kCorruption:
    case Fault::kTruncation:
    case Fault::kShortBody:
    case Fault::kSourceBreak:
    case Fault::kSourceRefuses:
    case Fault::kSourceDelay: return parts_move;
    case Fault::kSourceChanged: return passed == Step::kPartDone;
    case Fault::kRangeIgnored: return passed == Step::kSetUploadId;
    case Fault::kLateRequest: return passed == Step::kBegin;
    case Fault::kInterrupted:
    case Fault::kPartition: return passed == Step::kPartDone;
  }
  return false;
}

}  // namespace

Fault fault_of(const FaultRule& rule) {
  switch (rule.what) {
    case FaultKind::kStatus: return rule.status == 503 ? Fault::kThrottle : Fault::kError;
    case FaultKind::kDelay: return Fault::kDelay;
    case FaultKind::kLoseAnswer: return Fault::kLostAnswer;
    case FaultKind::kErrorAfter: return Fault::kLateError;
    case FaultKind::kCorrupt: return Fault::kCorruption;
    case FaultKind::kTruncate: return Fault::kTruncation;
    case FaultKind::kShort: return Fault::kShortBody;
    case FaultKind::kErrorIn200: return Fault::kErrorIn200;
    case FaultKind::kFakeSuccess: return Fault::kFakeSuccess;
    default: return Fault::kPartition;
  }
}

void Tally::add(const Tally& other) {
  for (std::size_t fault = 0; fault < kFaults; ++fault) {
    for (std::size_t step = 0; step < kSteps; ++step) {
      counts_[fault][step] += other.counts_[fault][step];
    }
  }
}

std::string Tally::table() const {
  std::string text;
  char cell[32];
  std::snprintf(cell, sizeof cell, "%-18s", "fault \\ last step");
  text += cell;
  for (const std::string_view name : kStepNames) {
    std::snprintf(cell, sizeof cell, "%15.*s", static_cast<int>(name.size()), name.data());
    text += cell;
  }
  text += '\n';
  for (std::size_t fault = 0; fault < kFaults; ++fault) {
    std::snprintf(cell, sizeof cell, "%-18.*s", static_cast<int>(kNames[fault].size()),
                  kNames[fault].data());
    text += cell;
    for (std::size_t step = 0; step < kSteps; ++step) {
      const long count = counts_[fault][step];
      const bool possible = can_happen(static_cast<Fault>(fault), static_cast<Step>(step));
      if (count == 0 && !possible) {
        std::snprintf(cell, sizeof cell, "%15s", "-");
      } else {
        std::snprintf(cell, sizeof cell, "%15ld", count);
      }
      text += cell;
    }
    text += '\n';
  }
  return text;
}

std::string Tally::missing(int least) const {
  std::string text;
  for (std::size_t fault = 0; fault < kFaults; ++fault) {
    for (std::size_t step = 0; step < kSteps; ++step) {
      if (!can_happen(static_cast<Fault>(fault), static_cast<Step>(step))) continue;
      if (counts_[fault][step] >= least) continue;
      text += "  " + std::string(kNames[fault]) + " at " + std::string(kStepNames[step]) +
              ": met " + std::to_string(counts_[fault][step]) + " times\n";
    }
  }
  return text;
}

}  // namespace telpher::sim
