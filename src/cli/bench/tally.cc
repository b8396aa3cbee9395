#include "cli/bench/tally.h"

#include <algorithm>

namespace telpher {
namespace {

constexpr std::size_t kCodesMax = 64;  // a store may make up as many as it likes

std::uint64_t nanoseconds(Duration duration) {
  const auto count = std::chrono::duration_cast<std::chrono::nanoseconds>(duration).count();
  return static_cast<std::uint64_t>(std::max<std::int64_t>(count, 0));
}

}  // namespace

void LoadTally::succeed(Duration took, ByteCount moved) {
  const std::uint64_t ns = nanoseconds(took);
  latency_ns.record(ns);
  latency_max_ns = std::max(latency_max_ns, ns);
  bytes += moved;
}

void LoadTally::fail(Duration took, const Error& error) {
  ++failed;
  failed_max_ns = std::max(failed_max_ns, nanoseconds(took));
  std::string code = error.context.code;
  if (code.empty() && error.context.http_status != 0) {
    code = std::to_string(error.context.http_status);
  }
  if (code.empty()) code = to_string(error.kind);
  auto place = errors.find(code);
  if (place == errors.end()) {
    if (errors.size() >= kCodesMax) code = "others";
    place = errors.emplace(std::move(code), 0).first;
  }
  ++place->second;
}

double LoadTally::latency_ms(double q) const {
  // A bucket's end may lie behind all that is in it.
  return static_cast<double>(std::min(latency_ns.quantile(q), latency_max_ns)) / 1e6;
}

}  // namespace telpher
