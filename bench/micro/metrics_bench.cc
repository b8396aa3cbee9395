// What one record costs: alone, and with four threads at once on one operation. Allocations are
// counted: there must be none.

#include "metrics/operation_metrics.h"

#include <atomic>
#include <benchmark/benchmark.h>
#include <cstdlib>
#include <new>

namespace {
std::atomic<std::uint64_t> allocated = 0;  // bytes
}

void* operator new(std::size_t size) {
  allocated.fetch_add(size, std::memory_order_relaxed);
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace telpher {
namespace {

void record(benchmark::State& state) {
  static OperationMetrics* const operation = new OperationMetrics("upload");
  OperationSample sample{
      .duration = std::chrono::microseconds(40), .bytes = 10'240, .memory = 4'096};
  const std::uint64_t before = allocated.load();
  for (auto _ : state) {
    sample.ended += std::chrono::microseconds(1);
    sample.duration += std::chrono::nanoseconds(13);
    operation->record(sample);
  }
  if (state.thread_index() == 0) {
    state.counters["allocated_bytes"] = static_cast<double>(allocated.load() - before);
  }
}
BENCHMARK(record)->Threads(1)->Threads(4)->UseRealTime();

}  // namespace
}  // namespace telpher

BENCHMARK_MAIN();
