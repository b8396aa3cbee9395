#pragma once
// Part buffers under a memory budget. A buffer is asked for before its bytes are read, so memory
// stays within the budget whatever the network does. Freed buffers are kept and handed out again,
// last used first (it is still in the cache); when another size is wanted they are unmapped first.
// One loop; a Buffer may be filled and read on another loop while its owner waits.

#include "base/bytes.h"
#include "runtime/semaphore.h"

#include <map>
#include <vector>

namespace telpher {

class BufferPool;

/// Owns `capacity` writable bytes until destroyed.
class Buffer {
 public:
  Buffer() = default;
  Buffer(Buffer&& other) noexcept;
  Buffer& operator=(Buffer&& other) noexcept;
  ~Buffer();

  MutableBytes bytes() { return {data_, size_}; }
  std::size_t size() const { return size_; }
  explicit operator bool() const { return data_ != nullptr; }

 private:
  friend class BufferPool;
  BufferPool* pool_ = nullptr;
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  Semaphore::Permit permit_;
};

class BufferPool {
 public:
  /// @param budget  bytes in use and idle together never exceed it
  explicit BufferPool(ByteCount budget) : room_(budget) {}
  ~BufferPool();

  /// Waits for room. Sizes are rounded up to whole pages. Errors: kLimit when `size` exceeds the
  /// budget, kIo (code "ENOMEM") when the system has no memory for it, kTimeout, kCancelled.
  Task<Result<Buffer>> acquire(std::size_t size, TimePoint deadline = kNever);
  /// At once or not at all.
  std::optional<Buffer> try_acquire(std::size_t size);

  struct Stats {
    std::uint64_t allocations = 0;
    std::uint64_t reuses = 0;
    std::uint64_t pauses = 0;  // acquire() had to wait
    ByteCount bytes_in_use = 0;
    ByteCount bytes_peak = 0;
  };
  Stats stats() const;
  ByteCount budget() const { return room_.limit(); }

 private:
  friend class Buffer;
  Result<Buffer> take(std::size_t size, Semaphore::Permit permit);
  void give_back(std::byte* data, std::size_t size);
  void drop_idle(ByteCount wanted);

  Semaphore room_;
  std::map<std::size_t, std::vector<std::byte*>> idle_;
  ByteCount idle_bytes_ = 0;
  Stats stats_;
};

}  // namespace telpher
