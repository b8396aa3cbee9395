#pragma once
// The two shapes in which bytes travel between modules: ByteReader, a stream read once, front to
// back; Body, bytes that can be sent again and again.

#include "base/bytes.h"
#include "base/result.h"
#include "runtime/task.h"

#include <optional>

namespace telpher {

class ByteReader;

/// A sum that somebody watches, and what one piece of work has added to it: taken back when the
/// work begins again, and when it ends, as whoever ends it well adds the whole.
class BodyCount {
 public:
  /// @param share  this work is one of so many that all count for the same bytes: reading, sending
  explicit BodyCount(ByteCount& sum, ByteCount share = 1) : sum_(sum), share_(share) {}
  BodyCount(const BodyCount&) = delete;
  BodyCount& operator=(const BodyCount&) = delete;
  ~BodyCount() { set(0); }
  /// So many bytes are done.
  void set(ByteCount done) {
    sum_ = sum_ - counted_ + done / share_;
    counted_ = done / share_;
  }

 private:
  ByteCount& sum_;
  const ByteCount share_;
  ByteCount counted_ = 0;
};

/// Bytes to be sent, again from the start at every attempt: memory, or a range of an open file
/// (sent without passing through user space where the transport can); or, for stores that take
/// them as they come, a stream that can be read once. The caller keeps them alive until the call
/// has ended.
struct Body {
  Bytes memory;
  int fd = -1;  // ≥ 0: the bytes are [file_offset, file_offset + size) of it
  ByteCount file_offset = 0;
  ByteCount size = 0;
  ByteReader* stream = nullptr;  // set: the bytes are what it delivers, exactly `size` of them
  BodyCount* count = nullptr;    // told how many have left, where Capabilities::counts_bodies

  static Body of(Bytes bytes) { return {bytes, -1, 0, bytes.size()}; }
  static Body of_file(int fd, ByteRange range) { return {{}, fd, range.offset, range.length}; }
  static Body of_stream(ByteReader& stream, ByteCount size) { return {{}, -1, 0, size, &stream}; }
};

class ByteReader {
 public:
  virtual ~ByteReader() = default;
  /// Reads 1..buffer.size() bytes; 0 = the end, which is only reported when the length that was
  /// announced has been delivered (else kNetwork, temporary). Cancel: the reader is dead after.
  virtual Task<Result<std::size_t>> read_some(MutableBytes buffer) = 0;
  /// The next bytes where they lie, to be sent without a copy: a stretch of memory or of a file,
  /// empty at the end, good until the next call. nullopt: not offered here, use read_some().
  virtual std::optional<Body> next_in_place() { return std::nullopt; }
};

/// Fills `buffer` or reads to the end; returns what was read.
inline Task<Result<std::size_t>> read_full(ByteReader& reader, MutableBytes buffer) {
  std::size_t filled = 0;
  while (filled < buffer.size()) {
    CO_TRY(const std::size_t count, co_await reader.read_some(buffer.subspan(filled)));
    if (count == 0) break;
    filled += count;
  }
  co_return filled;
}

}  // namespace telpher
