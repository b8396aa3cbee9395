#include "metrics/operation_metrics.h"

#include <algorithm>
#include <atomic>

namespace telpher {
namespace {

/// One sample of the history. `turn` is written last: 0 while the slot is being written.
struct Slot {
  std::atomic<std::uint64_t> turn;
  std::atomic<std::int64_t> ended_ns;
  std::atomic<std::int64_t> duration_ns;
  std::atomic<std::uint64_t> bytes_and_success;  // bytes × 2 + (1 = succeeded)
};

unsigned this_thread_number() {
  static std::atomic<unsigned> threads = 0;
  thread_local const unsigned number = threads.fetch_add(1, std::memory_order_relaxed);
  return number;
}

}  // namespace

/// What a thread writes to, so that threads do not wait for each other's cache lines.
struct alignas(64) OperationMetrics::Shard {
  Histogram duration_ns;
  Counter failed;
  Counter bytes;
  Counter memory;
  std::array<Counter, kErrorKinds> errors;
  std::atomic<std::uint64_t> turns = 0;
  std::array<Slot, kHistoryMax> history{};
};

OperationMetrics::OperationMetrics(std::string name) : name_(std::move(name)) {
  for (std::unique_ptr<Shard>& shard : shards_) shard = std::make_unique<Shard>();
}

OperationMetrics::~OperationMetrics() = default;

OperationMetrics::Shard& OperationMetrics::shard() {
  return *shards_[this_thread_number() % kShards];
}

void OperationMetrics::record(const OperationSample& sample) {
  Shard& to = shard();
  to.duration_ns.record(
      static_cast<std::uint64_t>(std::max<std::int64_t>(0, sample.duration.count())));
  if (sample.bytes > 0) to.bytes.add(sample.bytes);
  if (sample.memory > 0) to.memory.add(sample.memory);
  if (sample.error) {
    to.failed.add();
    to.errors[static_cast<std::size_t>(*sample.error)].add();
  }
  const std::uint64_t turn = to.turns.fetch_add(1, std::memory_order_relaxed);
  Slot& slot = to.history[turn % kHistoryMax];
  slot.turn.store(0, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_release);
  slot.ended_ns.store(sample.ended.time_since_epoch().count(), std::memory_order_relaxed);
  slot.duration_ns.store(sample.duration.count(), std::memory_order_relaxed);
  slot.bytes_and_success.store(sample.bytes << 1 | (sample.error ? 0 : 1),
                               std::memory_order_relaxed);
  slot.turn.store(turn + 1, std::memory_order_release);
}

OperationMetrics::Totals OperationMetrics::totals() const {
  Totals totals;
  for (const std::unique_ptr<Shard>& shard : shards_) {
    totals.count += shard->duration_ns.count();
    totals.duration_ns += shard->duration_ns.sum();
    totals.failed += shard->failed.value();
    totals.bytes += shard->bytes.value();
    totals.memory += shard->memory.value();
    for (std::size_t i = 0; i < kErrorKinds; ++i) totals.errors[i] += shard->errors[i].value();
  }
  return totals;
}

HistogramCounts OperationMetrics::durations() const {
  HistogramCounts counts;
  for (const std::unique_ptr<Shard>& shard : shards_) {
    shard->duration_ns.for_each(
        [&](std::uint64_t value, std::uint32_t count) { counts[value] += count; });
  }
  return counts;
}

std::vector<OperationEvent> OperationMetrics::history() const {
  using std::chrono::nanoseconds;
  std::vector<OperationEvent> events;
  for (const std::unique_ptr<Shard>& shard : shards_) {
    for (const Slot& slot : shard->history) {
      const std::uint64_t turn = slot.turn.load(std::memory_order_acquire);
      if (turn == 0) continue;
      const std::uint64_t bytes = slot.bytes_and_success.load(std::memory_order_relaxed);
      const OperationEvent event{std::chrono::steady_clock::time_point(
                                     nanoseconds(slot.ended_ns.load(std::memory_order_relaxed))),
                                 nanoseconds(slot.duration_ns.load(std::memory_order_relaxed)),
                                 bytes >> 1, (bytes & 1) != 0};
      std::atomic_thread_fence(std::memory_order_acquire);
      // Written again meanwhile: its next reader has it.
      if (slot.turn.load(std::memory_order_relaxed) == turn) events.push_back(event);
    }
  }
  std::ranges::sort(events, {}, &OperationEvent::ended);
  if (events.size() > kHistoryMax) events.erase(events.begin(), events.end() - kHistoryMax);
  return events;
}

OperationMetrics& OperationRegistry::of(std::string_view name) {
  const std::lock_guard lock(mutex_);
  for (const std::unique_ptr<OperationMetrics>& operation : operations_) {
    if (operation->name() == name) return *operation;
  }
  return *operations_.emplace_back(std::make_unique<OperationMetrics>(std::string(name)));
}

void OperationRegistry::for_each(const std::function<void(const OperationMetrics&)>& visit) const {
  const std::lock_guard lock(mutex_);
  for (const std::unique_ptr<OperationMetrics>& operation : operations_) visit(*operation);
}

}  // namespace telpher
