#include "cli/bench/sectioning.h"

#include "base/check.h"

#include <algorithm>
#include <cmath>

namespace telpher {
namespace {

constexpr double kResemblanceMax = 0.8;

/// The value that a normal variable exceeds with chance `tail`.
double normal(double tail) {
  const double t = std::sqrt(-2 * std::log(tail));
  return t - (2.515517 + t * (0.802853 + t * 0.010328)) /
                 (1 + t * (1.432788 + t * (0.189269 + t * 0.001308)));
}

/// Of the whole's figure: its squared relative error.
double relative_variance(const SectionedFigure& figure) {
  DCHECK(figure.whole > 0 && figure.parts.size() > 1);
  const auto count = static_cast<double>(figure.parts.size());
  double squares = 0;
  double neighbours = 0;
  double last = 0;
  for (const double part : figure.parts) {
    const double off = part / figure.whole - 1;
    squares += off * off;
    neighbours += off * last;
    last = off;
  }
  if (squares == 0) return 0;
  // Sections that still resemble the one before tell less than so many would.
  const double resemblance = std::clamp(neighbours / squares, 0.0, kResemblanceMax);
  return squares / (count - 1) / count * (1 + resemblance) / (1 - resemblance);
}

}  // namespace

double student_t(double tail, double degrees) {
  const double z = normal(tail);
  const double z3 = z * z * z;
  const double z5 = z3 * z * z;
  const double z7 = z5 * z * z;
  const double z9 = z7 * z * z;
  const double d = degrees;
  return z + (z3 + z) / (4 * d) + (5 * z5 + 16 * z3 + 3 * z) / (96 * d * d) +
         (3 * z7 + 19 * z5 + 17 * z3 - 15 * z) / (384 * d * d * d) +
         (79 * z9 + 776 * z7 + 1482 * z5 - 1920 * z3 - 945 * z) / (92160 * d * d * d * d);
}

RatioInterval ratio_interval(const SectionedFigure& first, const SectionedFigure& second,
                             double doubt) {
  const double a = relative_variance(first);
  const double b = relative_variance(second);
  const double ratio = second.whole / first.whole;
  if (a + b <= 0) return {ratio, ratio, ratio};
  const double degrees = (a + b) * (a + b) /
                         (a * a / (static_cast<double>(first.parts.size()) - 1) +
                          b * b / (static_cast<double>(second.parts.size()) - 1));
  const double half = student_t(doubt / 2, std::max(degrees, 3.0)) * std::sqrt(a + b);
  return {ratio, ratio * std::exp(-half), ratio * std::exp(half)};
}

}  // namespace telpher
