#pragma once
// A token bucket over bytes, shared by all parts of a run. One loop.

#include "base/bytes.h"
#include "runtime/loop.h"

namespace telpher {

class RateLimiter {
 public:
  /// @param bytes_per_second  0 = unlimited
  explicit RateLimiter(ByteCount bytes_per_second) : bytes_per_second_(bytes_per_second) {}

  /// Waits until `bytes` may pass; a burst of a quarter of a second is free. Errors: kCancelled.
  Task<Result<void>> pass(ByteCount bytes) {
    if (bytes_per_second_ == 0) co_return Result<void>();
    Loop& loop = co_await current_loop();
    const TimePoint now = loop.now();
    const auto cost = std::chrono::duration_cast<Duration>(std::chrono::duration<double>(
        static_cast<double>(bytes) / static_cast<double>(bytes_per_second_)));
    free_at_ = std::max(free_at_, now - std::chrono::milliseconds(250)) + cost;
    if (free_at_ <= now) co_return Result<void>();
    co_return co_await SleepUntil(free_at_);
  }
  bool limited() const { return bytes_per_second_ != 0; }

 private:
  const ByteCount bytes_per_second_;
  TimePoint free_at_ = TimePoint::min();
};

}  // namespace telpher
