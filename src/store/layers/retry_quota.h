#pragma once
// What all retries of a process share: when a store is down, tokens run out and calls fail at once
// instead of multiplying the load. Any thread.
// Source: AWS SDKs, "Retry behavior", standard mode.

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace telpher {

class RetryQuota {
 public:
  explicit RetryQuota(std::int64_t tokens_max = 500) : tokens_max_(tokens_max) {}

  /// Pays for one retry; false when there is too little left.
  bool take(std::int64_t cost) {
    std::int64_t now = tokens_.load(std::memory_order_relaxed);
    do {
      if (now < cost) return false;
    } while (!tokens_.compare_exchange_weak(now, now - cost, std::memory_order_relaxed));
    return true;
  }

  /// A success pays back what its last retry cost, or one token if there was none.
  void give_back(std::int64_t tokens) {
    std::int64_t now = tokens_.load(std::memory_order_relaxed);
    while (now < tokens_max_ &&
           !tokens_.compare_exchange_weak(now, std::min(now + tokens, tokens_max_),
                                          std::memory_order_relaxed)) {
    }
  }

  std::int64_t tokens() const { return tokens_.load(std::memory_order_relaxed); }

 private:
  const std::int64_t tokens_max_;
  std::atomic<std::int64_t> tokens_{tokens_max_};
};

}  // namespace telpher
