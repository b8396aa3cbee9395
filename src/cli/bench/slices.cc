#include "cli/bench/slices.h"

#include <algorithm>
#include <cmath>

namespace telpher {
namespace {

constexpr std::chrono::milliseconds kLengthAtFirst{1};

void add(LatencyCounts& sum, const LatencyCounts& other) {
  LatencyCounts both;
  both.reserve(sum.size() + other.size());
  auto a = sum.begin();
  auto b = other.begin();
  while (a != sum.end() || b != other.end()) {
    if (b == other.end() || (a != sum.end() && a->first < b->first)) {
      both.push_back(*a++);
    } else if (a == sum.end() || b->first < a->first) {
      both.push_back(*b++);
    } else {
      both.emplace_back(a->first, a->second + b->second);
      ++a;
      ++b;
    }
  }
  sum = std::move(both);
}

}  // namespace

std::uint64_t count_of(const LatencyCounts& latencies) {
  std::uint64_t count = 0;
  for (const auto& [ns, times] : latencies) count += times;
  return count;
}

std::uint64_t quantile(const LatencyCounts& latencies, double q) {
  const auto rank =
      static_cast<std::uint64_t>(std::ceil(q * static_cast<double>(count_of(latencies))));
  std::uint64_t seen = 0;
  for (const auto& [ns, times] : latencies) {
    seen += times;
    if (seen >= rank) return ns;
  }
  return 0;
}

void add(LoadSlice& sum, const LoadSlice& slice) {
  for (std::size_t i = 0; i < kLoadOperations; ++i) {
    add(sum.operations[i].latency_ns, slice.operations[i].latency_ns);
    sum.operations[i].failed += slice.operations[i].failed;
    sum.operations[i].bytes += slice.operations[i].bytes;
  }
  sum.cpu.client += slice.cpu.client;
  sum.cpu.server += slice.cpu.server;
}

SliceRecorder::SliceRecorder(std::function<CpuSpent()> cpu)
    : cpu_(std::move(cpu)), cpu_begin_(cpu_()), length_(kLengthAtFirst) {}

void SliceRecorder::record(const Ended& ended) {
  close_until(ended.at);
  const auto index = static_cast<std::size_t>(ended.operation);
  LoadSlice::Operation& operation = current_.rest.operations[index];
  if (ended.failed) {
    ++operation.failed;
    return;
  }
  std::unique_ptr<Histogram>& latencies = current_.latency_ns[index];
  if (!latencies) latencies = std::make_unique<Histogram>();
  const auto ns = std::chrono::duration_cast<std::chrono::nanoseconds>(ended.took).count();
  latencies->record(static_cast<std::uint64_t>(std::max<std::int64_t>(ns, 0)));
  operation.bytes += ended.moved;
}

void SliceRecorder::finish(Duration at) { close_until(at); }

void SliceRecorder::close_until(Duration at) {
  while (length_ * (slices_.size() + 1) <= at) close();
}

void SliceRecorder::close() {
  LoadSlice& slice = slices_.emplace_back(std::move(current_.rest));
  for (std::size_t i = 0; i < kLoadOperations; ++i) {
    if (!current_.latency_ns[i]) continue;
    current_.latency_ns[i]->for_each([&](std::uint64_t ns, std::uint64_t times) {
      slice.operations[i].latency_ns.emplace_back(ns, times);
    });
  }
  current_ = {};
  const CpuSpent now = cpu_();
  slice.cpu = {now.client - cpu_begin_.client, now.server - cpu_begin_.server};
  cpu_begin_ = now;
  if (slices_.size() < kSlicesMax) return;
  for (std::size_t i = 0; i < kSlicesMax / 2; ++i) {
    if (i > 0) slices_[i] = std::move(slices_[2 * i]);
    add(slices_[i], slices_[2 * i + 1]);
  }
  slices_.resize(kSlicesMax / 2);
  length_ *= 2;
}

}  // namespace telpher
