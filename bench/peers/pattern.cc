#include "peers/pattern.h"

#include "base/random.h"
#include "base/units.h"

#include <algorithm>

namespace telpher::bench {
namespace {

constexpr ByteCount kBlock = 64 * kMiB;
constexpr ByteCount kRotation = 1'000'003;

}  // namespace

Pattern::Pattern() : block_(kBlock / sizeof(std::uint64_t)) {
  Random random(20240229);
  for (std::uint64_t& word : block_) word = random.next();
}

Bytes Pattern::at(ByteCount offset, ByteCount limit) const {
  ByteCount repetition = offset / kBlock;
  ByteCount left_of_repetition = kBlock - offset % kBlock;
  ByteCount start = (offset + repetition * kRotation) % kBlock;
  ByteCount length = std::min({limit, left_of_repetition, kBlock - start});
  return Bytes(reinterpret_cast<const std::byte*>(block_.data()) + start, length);
}

}  // namespace telpher::bench
