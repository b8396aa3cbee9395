#pragma once
// Traces: who asked for what, and what that took. A context goes with a request (W3C Trace Context,
// w3.org/TR/trace-context), spans are kept until somebody takes them.

#include "base/error.h"
#include "base/random.h"

#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace telpher {

/// Zero = there is none.
using TraceId = std::array<std::byte, 16>;
using SpanId = std::array<std::byte, 8>;

struct TraceContext {
  TraceId trace{};
  SpanId span{};  // the parent of what is begun under it
  bool sampled = true;

  bool is_set() const { return trace != TraceId{}; }
};

/// A new trace, or a new span of the same.
TraceContext begin_trace(Random& random);
TraceContext begin_span(const TraceContext& parent, Random& random);

/// The header of that name: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".
std::string traceparent(const TraceContext& context);
/// nullopt: malformed, or all zeros; a later version is read as far as it is known.
std::optional<TraceContext> parse_traceparent(std::string_view text);

/// One thing that was done.
struct Span {
  TraceContext context;
  SpanId parent{};
  std::string name;  // of the operation: "transfer", "part"
  std::chrono::system_clock::time_point start;
  std::chrono::nanoseconds duration{};
  std::optional<ErrorKind> error = {};
  std::vector<std::pair<std::string, std::string>> attributes = {};
};

/// Spans that have ended and nobody has taken yet. When there are too many the newest are dropped,
/// and counted. Any thread.
class SpanBuffer {
 public:
  explicit SpanBuffer(std::size_t spans_max = 4'096) : spans_max_(spans_max) {}

  void add(Span span);
  /// The oldest, at most so many.
  std::vector<Span> take(std::size_t count);
  std::uint64_t dropped() const;

 private:
  const std::size_t spans_max_;
  mutable std::mutex mutex_;
  std::deque<Span> spans_;
  std::uint64_t dropped_ = 0;
};

}  // namespace telpher
