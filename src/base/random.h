#pragma once
// Seeded randomness (xoshiro256**, Blackman and Vigna 2018). Handed in where chance is needed, so
// that a seed fixes a whole run. Not for secrets. One owner, one thread.

#include <cstdint>

namespace telpher {

class Random {
 public:
  explicit Random(std::uint64_t seed);

  std::uint64_t next();
  /// Uniform in [0, limit); limit > 0.
  std::uint64_t below(std::uint64_t limit);
  /// Uniform in [0, 1).
  double unit();
  /// True with probability `p`.
  bool chance(double p) { return unit() < p; }

 private:
  std::uint64_t state_[4];
};

/// A seed from the kernel, for production use.
std::uint64_t random_seed();

}  // namespace telpher
