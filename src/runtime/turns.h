#pragma once
// Turns: for loops that may go on for long without waiting for anything (a walk through files that
// all match nothing). Without them nothing else runs meanwhile: no timer, no Ctrl-C.
//
//   if (turns.due()) CO_TRY_VOID(co_await take_turn());

#include "runtime/loop.h"

namespace telpher {

class Turns {
 public:
  /// One loop round costs a system call, about what looking at one file costs.
  static constexpr unsigned kEvery = 128;

  /// To be asked once a step.
  bool due() { return ++steps_ % kEvery == 0; }

 private:
  unsigned steps_ = 0;
};

/// Lets everything run that is ready or becomes so. Errors: kCancelled.
Task<Result<void>> take_turn();

}  // namespace telpher
