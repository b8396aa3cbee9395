#pragma once
// SourceConnections: how many connections read one source side by side.

#include "base/units.h"
#include "runtime/semaphore.h"

#include <algorithm>
#include <chrono>

namespace telpher {

/// Begins with two connections and doubles them, up to `limit`, as long as each gives less than
/// kEnough: a source that limits every connection soon serves `limit` of them, while a fast one is
/// read by few, so that a part is sent on before it has left the processor's caches. One loop.
class SourceConnections {
 public:
  static constexpr ByteCount kEnough = 256 * kMiB;  // a second, from each
  static constexpr std::chrono::milliseconds kWindow{50};

  /// @param limit  1..64
  explicit SourceConnections(int limit)
      : limit_(static_cast<std::uint64_t>(limit)), slots_(std::min<std::uint64_t>(2, limit_)) {}

  /// Waits for a connection to be allowed. Errors: kCancelled.
  Task<Result<Semaphore::Permit>> acquire() {
    if (slots_.in_use() == 0) start_window((co_await current_loop()).now());
    co_return co_await slots_.acquire();
  }

  /// Tells that `bytes` have come, over whichever connection.
  void received(ByteCount bytes, TimePoint now) {
    received_ += bytes;
    const std::chrono::duration<double> passed = now - window_start_;
    if (passed < kWindow) return;
    const double wanted =
        static_cast<double>(kEnough) * passed.count() * static_cast<double>(slots_.limit());
    if (static_cast<double>(received_) < wanted) {
      slots_.set_limit(std::min(limit_, 2 * slots_.limit()));
    }
    start_window(now);
  }

  std::uint64_t allowed() const { return slots_.limit(); }

 private:
  void start_window(TimePoint now) {
    window_start_ = now;
    received_ = 0;
  }

  const std::uint64_t limit_;
  Semaphore slots_;
  TimePoint window_start_{};
  ByteCount received_ = 0;
};

}  // namespace telpher
