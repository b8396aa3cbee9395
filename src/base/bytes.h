#pragma once
// Views of raw bytes. They never own: whoever passes one keeps the bytes alive until the call (or
// the awaited task) has ended.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace telpher {

/// A count or offset of bytes.
using ByteCount = std::uint64_t;

using Bytes = std::span<const std::byte>;
using MutableBytes = std::span<std::byte>;

inline Bytes as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

inline std::string_view as_text(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Bytes [offset, offset + length).
struct ByteRange {
  ByteCount offset = 0;
  ByteCount length = 0;

  ByteCount end() const { return offset + length; }
  bool operator==(const ByteRange&) const = default;
};

}  // namespace telpher
