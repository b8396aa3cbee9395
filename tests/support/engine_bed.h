#pragma once
// For tests of transfer/: an engine without a journal, in virtual time, and bytes to move.

#include "base/random.h"
#include "base/units.h"
#include "store/memory/memory_store.h"
#include "transfer/transfer.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <string>

namespace telpher {

inline std::string random_text(std::size_t size, std::uint64_t seed = 1) {
  Random random(seed);
  std::string text(size, '\0');
  for (char& c : text) c = static_cast<char>(random.next());
  return text;
}

struct EngineBed {
  explicit EngineBed(ByteCount budget = 4 * kMiB) : buffers(budget) {}

  Loop loop{Loop::Mode::kVirtual, 1};
  BufferPool buffers;
  RateLimiter rate{0};
  TransferStats stats;
  Engine engine{buffers, nullptr, rate, stats};
  TransferOptions options;
  TransferProgress progress;
};

/// With a store that has a bucket named "bucket".
struct StoreBed : EngineBed {
  StoreBed(Capabilities capabilities, ByteCount budget) : EngineBed(budget), store(capabilities) {
    EXPECT_TRUE(loop.run(store.create_bucket("bucket")));
  }
  std::size_t open_uploads() {
    return loop.run(store.list_uploads("bucket", {})).value().uploads.size();
  }
  /// Of the object "key".
  std::optional<std::string> content() { return store.content("bucket", "key"); }

  MemoryStore store;
};

}  // namespace telpher
