#pragma once
// What a MemoryStore holds. Only memory_*.cc include it.

#include "runtime/loop.h"
#include "store/memory/memory_store.h"

#include <atomic>
#include <unordered_map>

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
  void give_back(ByteCount count) { bytes.fetch_sub(count, std::memory_order_relaxed); }
  const ByteCount bytes_max;
  std::atomic<ByteCount> bytes = 0;
  std::atomic<ByteCount> claimed = 0;  // of these
};

/// Room for what is kept of an object, part or upload besides its bytes.
struct MemoryStore::Claim {
  Claim(std::shared_ptr<Room> of, ByteCount count) : room(std::move(of)), bytes(count) {
    room->claimed.fetch_add(bytes, std::memory_order_relaxed);
  }
  ~Claim() {
    room->claimed.fetch_sub(bytes, std::memory_order_relaxed);
    room->give_back(bytes);
  }
  Claim(const Claim&) = delete;

  const std::shared_ptr<Room> room;
  const ByteCount bytes;
};

/// Address space for bytes that are on their way or have come. It takes room as they come: who only
/// announces bytes takes nothing from others.
struct MemoryStore::Block {
  Block(std::shared_ptr<Room> of, std::unique_ptr<std::byte[]> space)
      : room(std::move(of)), data(std::move(space)) {}
  ~Block() { room->give_back(taken); }
  Block(const Block&) = delete;
  /// Room for `count` more. Errors: kLimit.
  Result<void> take(ByteCount count);

  const std::shared_ptr<Room> room;
  const std::unique_ptr<std::byte[]> data;
  ByteCount taken = 0;
};

/// Bytes that never change once stored; shared by objects, parts and readers.
struct MemoryStore::Chunk {
  std::shared_ptr<Block> block;
  std::size_t size = 0;
  Bytes bytes() const { return space(); }
  /// To be filled.
  MutableBytes space() const { return {block ? block->data.get() : nullptr, size}; }
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
  Tags tags;
  std::shared_ptr<const Claim> claim;
};

struct MemoryStore::Part {
  PartInfo info;
  Chunk chunk;
  std::shared_ptr<const Claim> claim;
};

struct MemoryStore::Upload {
  CreateUploadOptions options;
  WallTime initiated;
  std::map<PartNumber, Part> parts;
  std::shared_ptr<const Claim> claim;
};

/// Objects by key: in order for listings, hashed for everything else. Keys share long beginnings,
/// and a tree's look-up reads them again at each of its levels.
class MemoryStore::Objects {
 public:
  using Ordered = std::map<std::string, Object, std::less<>>;

  /// nullptr if there is none.
  Object* find(std::string_view key) const {
    const auto found = hashed_.find(key);
    return found == hashed_.end() ? nullptr : &found->second->second;
  }
  void set(std::string key, Object object) {
    const auto place = ordered_.insert_or_assign(std::move(key), std::move(object)).first;
    hashed_.try_emplace(place->first, place);
  }
  void erase(std::string_view key) {
    const auto found = hashed_.find(key);
    if (found == hashed_.end()) return;
    const Ordered::iterator place = found->second;
    hashed_.erase(found);
    ordered_.erase(place);
  }
  const Ordered& ordered() const { return ordered_; }

 private:
  Ordered ordered_;
  std::unordered_map<std::string_view, Ordered::iterator> hashed_;  // keys are those of ordered_
};

struct MemoryStore::Bucket {
  WallTime created;
  std::string owner;
  Objects objects;
  std::map<UploadKey, Upload> uploads;

  /// nullopt if there is no such object.
  std::optional<std::string_view> etag_of(std::string_view key) const {
    const Object* object = objects.find(key);
    if (!object) return std::nullopt;
    return object->info.etag;
  }
};

}  // namespace telpher
