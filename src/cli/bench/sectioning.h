#pragma once
// Whether two measured runs differ, or whether chance would explain it. The method is sectioning
// (Asmussen and Glynn, Stochastic Simulation, 2007, chapter III.5): a run is cut into a few long
// sections; a figure of the whole run errs by about as much as the sections' figures scatter around
// it, divided by the root of their number. What follows one another within a run resembles each
// other, so single operations are no independent samples; long sections nearly are (Schmeiser,
// Batch Size Effects in the Analysis of Simulation Output, 1982: 10 to 30 of them are enough), and
// what they still resemble each other widens the interval (Tafazzoli, Steiger and Wilson, N-Skart,
// 2011). It holds for means, ratios and quantiles alike. Pure.

#include <span>
#include <vector>

namespace telpher {

constexpr int kSections = 10;

/// One figure of one run.
struct SectionedFigure {
  double whole = 0;           // of all of the run, above 0
  std::vector<double> parts;  // of each section; two at least
};

/// How many times the second is the first, and between what that lies with some confidence.
struct RatioInterval {
  double ratio = 1;
  double low = 1;
  double high = 1;
  /// The interval reaches from ratio / (1 + wide) to ratio * (1 + wide).
  double width() const { return high / ratio - 1; }
};

/// @param doubt  chance in (0, 0.5) that the true ratio lies outside the interval
/// Source: Welch's t (1947) on logarithms, whose errors are the figures' relative errors.
RatioInterval ratio_interval(const SectionedFigure& first, const SectionedFigure& second,
                             double doubt);

/// The value that Student's t with `degrees` (≥ 3) of freedom exceeds with chance `tail` in
/// (0, 0.5). Within 1 % down to a tail of 1/2000. Source: Abramowitz and Stegun, 26.2.23 and
/// 26.7.5.
double student_t(double tail, double degrees);

}  // namespace telpher
