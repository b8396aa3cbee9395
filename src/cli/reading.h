#pragma once
// What verbs that only read need of the engine: nothing is resumed, so there is no journal.

#include "transfer/transfer.h"

namespace telpher {

struct Reading {
  /// @param memory  budget of buffers
  explicit Reading(ByteCount memory) : buffers(memory) {}

  BufferPool buffers;
  RateLimiter rate{0};
  TransferStats stats;
  Engine engine{buffers, nullptr, rate, stats};
};

}  // namespace telpher
