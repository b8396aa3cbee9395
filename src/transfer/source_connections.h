#pragma once
// SourceConnections: how many connections read one source side by side.

#include "base/units.h"
#include "runtime/body.h"
#include "runtime/semaphore.h"

#include <algorithm>
#include <chrono>

namespace telpher {

/// Begins with two connections and doubles them, up to `limit`, as long as each gives less than
/// kEnough while it is read from: a source that limits every connection soon serves `limit` of
/// them, while a fast one is read by few, so that a part is sent on before it has left the
/// processor's caches. One loop.
class SourceConnections {
 public:
  static constexpr ByteCount kEnough = 256 * kMiB;  // a second, from each
  static constexpr std::chrono::milliseconds kWindow{50};

  /// @param limit  1..64
  explicit SourceConnections(int limit)
      : limit_(static_cast<std::uint64_t>(limit)), slots_(std::min<std::uint64_t>(2, limit_)) {}

  /// Waits for a connection to be allowed. Errors: kCancelled.
  Task<Result<Semaphore::Permit>> acquire() { return slots_.acquire(); }

  /// Tells that one connection has given `bytes` after `waited`. What else the program waits for,
  /// a buffer or a slow store, says nothing about the source.
  void received(ByteCount bytes, Duration waited) {
    bytes_ += bytes;
    waited_ += waited;
    const std::chrono::duration<double> seconds = waited_;
    if (seconds < kWindow * slots_.limit()) return;
    if (static_cast<double>(bytes_) < static_cast<double>(kEnough) * seconds.count()) {
      slots_.set_limit(std::min(limit_, 2 * slots_.limit()));
    }
    bytes_ = 0;
    waited_ = {};
  }

  std::uint64_t allowed() const { return slots_.limit(); }

 private:
  const std::uint64_t limit_;
  Semaphore slots_;
  ByteCount bytes_ = 0;
  Duration waited_{};
};

/// Reads from `reader` and tells `connections` how fast it goes; both outlive this.
class MeasuredReader : public ByteReader {
 public:
  MeasuredReader(ByteReader& reader, SourceConnections& connections)
      : reader_(reader), connections_(connections) {}

  Task<Result<std::size_t>> read_some(MutableBytes buffer) override {
    const Loop& loop = co_await current_loop();
    const TimePoint asked = loop.now();
    CO_TRY(const std::size_t count, co_await reader_.read_some(buffer));
    connections_.received(count, loop.now() - asked);
    co_return count;
  }

 private:
  ByteReader& reader_;
  SourceConnections& connections_;
};

}  // namespace telpher
