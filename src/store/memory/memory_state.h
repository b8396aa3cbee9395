#pragma once
// What a MemoryStore holds. Only memory_*.cc include it.

#include "runtime/loop.h"
#include "store/memory/memory_store.h"

#include <atomic>

namespace telpher {

/// What there is room for. Chunks give theirs back when the last who holds them lets go.
struct MemoryStore::Room {
  explicit Room(ByteCount most) : bytes_max(most) {}
  bool take(ByteCount count) {
    ByteCount held = bytes.load(std::memory_order_relaxed);
    do {
      if (count > bytes_max - held) return false;
    } while (!bytes.compare_exchange_weak(held, held + count, std::memory_order_relaxed));
    return true;
  }
  const ByteCount bytes_max;
  std::atomic<ByteCount> bytes = 0;
};

/// Bytes that never change once stored; shared by objects, parts and readers.
struct MemoryStore::Chunk {
  std::shared_ptr<std::byte[]> data;
  std::size_t size = 0;
  Bytes bytes() const { return {data.get(), size}; }
};

/// A body that has been read.
struct MemoryStore::Taken {
  Chunk chunk;
  ContentDigester::Digests digests;
};

struct MemoryStore::Content {
  std::vector<Chunk> chunks;
};

struct MemoryStore::Object {
  ObjectInfo info;
  Content content;
  std::map<std::string, std::string> tags;
};

struct MemoryStore::Part {
  PartInfo info;
  Chunk chunk;
};

struct MemoryStore::Upload {
  CreateUploadOptions options;
  WallTime initiated;
  std::map<PartNumber, Part> parts;
};

struct MemoryStore::Bucket {
  WallTime created;
  std::string owner;
  std::map<std::string, Object, std::less<>> objects;
  std::map<UploadKey, Upload> uploads;
};

}  // namespace telpher
