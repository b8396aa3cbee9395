#include "metrics/trace.h"

#include "base/bytes.h"
#include "codec/hex.h"

#include <algorithm>
#include <cstring>

namespace telpher {
namespace {

constexpr std::size_t kTraceEnd = 3 + 32;  // behind "00-" and the trace's id
constexpr std::size_t kSpanEnd = kTraceEnd + 1 + 16;
constexpr std::size_t kSize = kSpanEnd + 3;

template <std::size_t kCount>
std::array<std::byte, kCount> random_id(Random& random) {
  std::array<std::byte, kCount> id{};
  while (id == std::array<std::byte, kCount>{}) {
    for (std::byte& byte : id) byte = static_cast<std::byte>(random.next());
  }
  return id;
}

/// Lower case only, as the format wants it; nullopt when all is zero.
template <std::size_t kCount>
std::optional<std::array<std::byte, kCount>> parse_id(std::string_view text) {
  const bool lower = std::ranges::none_of(text, [](char c) { return c >= 'A' && c <= 'F'; });
  const Result<std::string> raw = hex_decode(text);
  if (!lower || !raw || raw->size() != kCount) return std::nullopt;
  std::array<std::byte, kCount> id;
  std::memcpy(id.data(), raw->data(), kCount);
  if (id == std::array<std::byte, kCount>{}) return std::nullopt;
  return id;
}

}  // namespace

TraceContext begin_trace(Random& random) {
  return {.trace = random_id<16>(random), .span = random_id<8>(random)};
}

TraceContext begin_span(const TraceContext& parent, Random& random) {
  return {.trace = parent.trace, .span = random_id<8>(random), .sampled = parent.sampled};
}

std::string traceparent(const TraceContext& context) {
  return "00-" + hex_encode(context.trace) + '-' + hex_encode(context.span) +
         (context.sampled ? "-01" : "-00");
}

std::optional<TraceContext> parse_traceparent(std::string_view text) {
  if (text.size() < kSize || text[2] != '-' || text[kTraceEnd] != '-' || text[kSpanEnd] != '-') {
    return std::nullopt;
  }
  const Result<std::string> version = hex_decode(text.substr(0, 2));
  const Result<std::string> flags = hex_decode(text.substr(kSpanEnd + 1, 2));
  if (!version || !flags || *version == "\xFF") return std::nullopt;
  // Only a version to come may go on behind the flags.
  const bool longer = text.size() > kSize;
  if (longer && (*version == std::string(1, '\0') || text[kSize] != '-')) return std::nullopt;
  const auto trace = parse_id<16>(text.substr(3, 32));
  const auto span = parse_id<8>(text.substr(kTraceEnd + 1, 16));
  if (!trace || !span) return std::nullopt;
  return TraceContext{*trace, *span, (flags->front() & 1) != 0};
}

void SpanBuffer::add(Span span) {
  const std::lock_guard lock(mutex_);
  if (spans_.size() >= spans_max_) {
    ++dropped_;
    return;
  }
  spans_.push_back(std::move(span));
}

std::vector<Span> SpanBuffer::take(std::size_t count) {
  const std::lock_guard lock(mutex_);
  const auto end = spans_.begin() + static_cast<std::ptrdiff_t>(std::min(count, spans_.size()));
  std::vector<Span> taken(std::make_move_iterator(spans_.begin()), std::make_move_iterator(end));
  spans_.erase(spans_.begin(), end);
  return taken;
}

std::uint64_t SpanBuffer::dropped() const {
  const std::lock_guard lock(mutex_);
  return dropped_;
}

}  // namespace telpher
