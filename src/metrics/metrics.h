#pragma once
// Counters, gauges and histograms that every module records into: no lock, no allocation, no I/O.
// Whoever owns a handle keeps it for as long as it records; readers see relaxed values. Any thread.

#include <array>
#include <atomic>
#include <bit>
#include <cstdint>

namespace telpher {

class Counter {
 public:
  void add(std::uint64_t count = 1) { value_.fetch_add(count, std::memory_order_relaxed); }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_ = 0;
};

/// A level with its highest value.
class Gauge {
 public:
  void add(std::int64_t change) {
    const std::int64_t now = value_.fetch_add(change, std::memory_order_relaxed) + change;
    std::int64_t peak = peak_.load(std::memory_order_relaxed);
    while (now > peak && !peak_.compare_exchange_weak(peak, now, std::memory_order_relaxed)) {
    }
  }
  std::int64_t value() const { return value_.load(std::memory_order_relaxed); }
  std::int64_t peak() const { return peak_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> value_ = 0;
  std::atomic<std::int64_t> peak_ = 0;
};

/// Log-linear buckets, 128 to a power of two: quantiles err by less than 1 %.
class Histogram {
 public:
  void record(std::uint64_t value) {
    buckets_[index(value)].fetch_add(1, std::memory_order_relaxed);
    count_.add();
    sum_.add(value);
  }
  std::uint64_t count() const { return count_.value(); }
  std::uint64_t sum() const { return sum_.value(); }
  /// The value below which a share `q` in [0, 1] of the records lie; 0 without records.
  std::uint64_t quantile(double q) const;
  /// Calls `visit(value, count)` for each bucket that holds something, the smallest first; `value`
  /// is the largest that falls into it.
  template <typename Visit>
  void for_each(Visit visit) const {
    for (std::size_t i = 0; i < kBuckets; ++i) {
      const std::uint32_t count = buckets_[i].load(std::memory_order_relaxed);
      if (count > 0) visit(upper_bound(i), count);
    }
  }

 private:
  static constexpr int kSubBits = 7;
  static constexpr std::size_t kBuckets = (64 - kSubBits + 1) << kSubBits;
  static std::size_t index(std::uint64_t value) {
    if (value < (1ULL << kSubBits)) return value;
    const int shift = 63 - std::countl_zero(value) - kSubBits;
    return (static_cast<std::size_t>(shift + 1) << kSubBits) +
           ((value >> shift) & ((1u << kSubBits) - 1));
  }
  static std::uint64_t upper_bound(std::size_t index);

  std::array<std::atomic<std::uint32_t>, kBuckets> buckets_{};
  Counter count_;
  Counter sum_;
};

}  // namespace telpher
