#pragma once
// The synthetic file that origin and sink serve: pseudo-random, any length, the same in every
// process. Byte o is block[(o + k * 1'000'003) mod 64 MiB] with k = o / 64 MiB: each repetition of
// the block is rotated differently, so that exchanged or repeated parts never pass for right ones,
// and a server can still send straight from the block.

#include "base/bytes.h"

#include <vector>

namespace telpher::bench {

class Pattern {
 public:
  Pattern();

  /// The longest contiguous piece that starts at `offset`, at most `limit` bytes.
  Bytes at(ByteCount offset, ByteCount limit) const;

 private:
  std::vector<std::uint64_t> block_;
};

}  // namespace telpher::bench
