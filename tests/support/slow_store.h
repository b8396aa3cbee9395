#pragma once
// For tests of layers: a memory store whose calls take time or fail by script, in virtual time.

#include "runtime/task_group.h"
#include "store/layers/chaos.h"
#include "store/memory/memory_store.h"

#include <gtest/gtest.h>

#include <string>

namespace telpher {

/// With a bucket named "bucket".
struct SlowStore {
  Loop loop{Loop::Mode::kVirtual, 1};
  MemoryStore memory;
  FaultInjector faults;
  ChaosStore store{memory, faults};

  explicit SlowStore(FaultScript script = {.latency = std::chrono::seconds(1)}) {
    if (!loop.run(memory.create_bucket("bucket"))) ADD_FAILURE();
    faults.reset(std::move(script));
  }
};

inline Task<Result<void>> put_one(ObjectStore& store, int i) {
  const Result<PutResult> result =
      co_await store.put({"bucket", std::to_string(i)}, Body::of(as_bytes("x")), {});
  if (!result) co_return result.error();
  co_return Result<void>();
}

/// All at once; the first failure ends it.
inline Task<Result<void>> put_many(ObjectStore& store, int count) {
  TaskGroup group(co_await current_context());
  for (int i = 0; i < count; ++i) group.spawn(put_one(store, i));
  co_return co_await group.join();
}

}  // namespace telpher
