#pragma once
// One transfer that runs; of TransferRuns only.

#include "transfers/transfer_runs.h"

namespace telpher {

struct TransferRuns::Running {
  explicit Running(Job claimed) : job(std::move(claimed)) {}

  Job job;
  TransferSpec spec;
  TransferState state;  // as it was when it began
  TransferProgress progress;
  FailureTrail trail;
  std::optional<CancelSource> cancel;  // set once it runs
  bool stopped = false;                // its state is another's affair now
  bool moving = false;                 // in progress
  TraceContext trace;                  // its own span
  TimePoint began{};
  WallTime wall_began{};

  // For watchers.
  Transfer view;
  ByteCount bytes_seen = 0;  // at the last tick
  double bytes_per_second = 0;
  std::optional<TransferNumbers> told;
  int ticks = 0;

  TransferNumbers numbers() const;
};

}  // namespace telpher
