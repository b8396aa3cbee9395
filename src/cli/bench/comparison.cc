#include "cli/bench/comparison.h"

#include "base/units.h"
#include "cli/bench/sectioning.h"

#include <algorithm>
#include <cmath>
#include <optional>

namespace telpher {
namespace {

/// Sections of less than a twentieth of a second resemble each other for too many reasons.
constexpr double kSecondsMin = 0.5;

enum class Figure { kRate, kThroughput, kLatency, kClientCpu, kServerCpu };

struct Question {
  std::optional<LoadOperation> operation;  // none = all of them
  Figure figure = Figure::kRate;
  double quantile = 0;  // of kLatency
  std::string name;

  bool is_cost() const { return figure == Figure::kClientCpu || figure == Figure::kServerCpu; }
  bool more_is_better() const { return figure == Figure::kRate || figure == Figure::kThroughput; }
  /// In each section, for its figure to say anything: of a quantile so many lie behind it.
  double operations_min() const { return figure == Figure::kLatency ? 5 / (1 - quantile) : 1; }
};

std::uint64_t operations_in(const LoadSlice& slice, const Question& question) {
  std::uint64_t count = 0;
  for (std::size_t i = 0; i < kLoadOperations; ++i) {
    const auto operation = static_cast<LoadOperation>(i);
    if (question.operation.value_or(operation) != operation) continue;
    count += count_of(slice.operations[i].latency_ns);
    if (question.is_cost()) count += slice.operations[i].failed;
  }
  return count;
}

/// Of one question's operations in one stretch of a run.
double figure_of(const LoadSlice& slice, double seconds, const Question& question) {
  const auto count = static_cast<double>(operations_in(slice, question));
  switch (question.figure) {
    case Figure::kRate: return count / seconds;
    case Figure::kThroughput:
      return static_cast<double>(slice.of(*question.operation).bytes) / static_cast<double>(kMiB) /
             seconds;
    case Figure::kLatency:
      return static_cast<double>(
                 quantile(slice.of(*question.operation).latency_ns, question.quantile)) /
             1e6;
    case Figure::kClientCpu: return count > 0 ? slice.cpu.client * 1e6 / count : 0;
    case Figure::kServerCpu: return count > 0 ? slice.cpu.server * 1e6 / count : 0;
  }
  return 0;
}

/// A run cut into sections.
struct CutRun {
  explicit CutRun(const SavedRun& run) : seconds(run.seconds()) {
    for (const LoadSlice& slice : run.slices) add(whole, slice);
    const std::size_t slices = run.slices.size();
    if (slices < kSections || seconds < kSecondsMin) return;
    for (std::size_t i = 0; i < kSections; ++i) {
      LoadSlice& section = sections.emplace_back();
      const std::size_t begin = i * slices / kSections;
      const std::size_t end = (i + 1) * slices / kSections;
      for (std::size_t k = begin; k < end; ++k) add(section, run.slices[k]);
      section_seconds.push_back(run.slice_length.count() * static_cast<double>(end - begin));
    }
  }

  double figure(const Question& question) const {
    return seconds > 0 ? figure_of(whole, seconds, question) : 0;
  }
  SectionedFigure sectioned(const Question& question) const {
    SectionedFigure all{.whole = figure(question), .parts = {}};
    for (std::size_t i = 0; i < sections.size(); ++i) {
      all.parts.push_back(figure_of(sections[i], section_seconds[i], question));
    }
    return all;
  }
  /// How many times as long it should have run for its sections to hold operations enough; 1 when
  /// they do.
  double lacking(const Question& question) const {
    const double wanted = question.operations_min() * kSections;
    const auto there = static_cast<double>(operations_in(whole, question));
    if (there < wanted) return wanted / std::max(there, 1.0);
    const bool gap = std::any_of(sections.begin(), sections.end(), [&](const LoadSlice& section) {
      return operations_in(section, question) == 0;
    });
    return gap ? 2 : 1;
  }

  double seconds;
  LoadSlice whole;
  std::vector<LoadSlice> sections;
  std::vector<double> section_seconds;
};

/// A length to ask for: no odd numbers, some seconds at least; 0 when nobody would wait so long.
double asked_for(double seconds) {
  if (seconds > 3600) return 0;
  const double step = seconds > 60 ? 60 : 5;
  return std::max(std::ceil(seconds / step) * step, 10.0);
}

Difference judge(const CutRun& before, const CutRun& now, const Question& question, double doubt) {
  Difference difference{
      .operation = question.operation ? std::string(to_string(*question.operation)) : "all",
      .figure = question.name,
      .before = before.figure(question),
      .now = now.figure(question),
      .is_cost = question.is_cost()};
  const double shorter_s = std::min(before.seconds, now.seconds);
  const double lacking = std::max(before.lacking(question), now.lacking(question));
  if (before.sections.empty() || now.sections.empty() || lacking > 1) {
    difference.verdict = Verdict::kTooShort;
    // A fifth more: the next run may be a little slower.
    difference.needed_s = asked_for(shorter_s * lacking * 1.2);
    return difference;
  }
  if (difference.before <= 0 || difference.now <= 0) return difference;  // nothing was moved
  const RatioInterval interval =
      ratio_interval(before.sectioned(question), now.sectioned(question), doubt);
  difference.has_interval = true;
  difference.change = interval.ratio - 1;
  difference.low = interval.low - 1;
  difference.high = interval.high - 1;
  const bool excludes_none = interval.low > 1 || interval.high < 1;
  if (excludes_none && std::abs(difference.change) >= kChangeMin) {
    const bool better = (difference.change > 0) == question.more_is_better();
    difference.verdict = better ? Verdict::kBetter : Verdict::kWorse;
  } else if (interval.width() > kWidthMax) {
    difference.verdict = Verdict::kTooShort;
    // Intervals shrink with the root of the length.
    const double times = interval.width() / kWidthMax;
    difference.needed_s = asked_for(shorter_s * times * times * 1.2);
  } else {
    difference.verdict = Verdict::kNone;
  }
  return difference;
}

std::vector<Question> questions_for(const SavedRun& before, const SavedRun& now,
                                    const CutRun& cut_before, const CutRun& cut_now) {
  std::vector<Question> questions;
  for (std::size_t i = 0; i < kLoadOperations; ++i) {
    const auto operation = static_cast<LoadOperation>(i);
    const LoadSlice::Operation& a = cut_before.whole.of(operation);
    const LoadSlice::Operation& b = cut_now.whole.of(operation);
    if (a.latency_ns.empty() && b.latency_ns.empty()) continue;
    questions.push_back({operation, Figure::kRate, 0, "ops_per_s"});
    if (a.bytes > 0 || b.bytes > 0) {
      questions.push_back({operation, Figure::kThroughput, 0, "mib_per_s"});
    }
    questions.push_back({operation, Figure::kLatency, 0.5, "p50_ms"});
    questions.push_back({operation, Figure::kLatency, 0.95, "p95_ms"});
    questions.push_back({operation, Figure::kLatency, 0.99, "p99_ms"});
  }
  questions.push_back({std::nullopt, Figure::kClientCpu, 0, "client_cpu_us_per_op"});
  if (before.has_server_cpu && now.has_server_cpu) {
    questions.push_back({std::nullopt, Figure::kServerCpu, 0, "server_cpu_us_per_op"});
  }
  return questions;
}

RunComparison::Run described(const SavedRun& run, const LoadSlice& whole) {
  RunComparison::Run described{
      .name = {}, .target = run.target, .saved_at = run.saved_at, .seconds = run.seconds()};
  for (const LoadSlice::Operation& operation : whole.operations) {
    described.failed += operation.failed;
  }
  return described;
}

}  // namespace

std::string_view to_string(Verdict verdict, bool is_cost) {
  switch (verdict) {
    case Verdict::kBetter: return is_cost ? "cheaper" : "faster";
    case Verdict::kWorse: return is_cost ? "dearer" : "slower";
    case Verdict::kNone: return "no difference";
    case Verdict::kTooShort: return "too short";
    case Verdict::kMissing: return "not measured";
  }
  return "";
}

bool RunComparison::has(Verdict verdict) const {
  return std::any_of(differences.begin(), differences.end(),
                     [&](const Difference& one) { return one.verdict == verdict; });
}

RunComparison compare_runs(const SavedRun& before, const SavedRun& now) {
  const CutRun a(before);
  const CutRun b(now);
  const std::vector<Question> questions = questions_for(before, now, a, b);
  RunComparison comparison{
      .before = described(before, a.whole), .now = described(now, b.whole), .differences = {}};
  // Bonferroni: the more is asked, the surer each answer must be.
  const double doubt = kDoubt / static_cast<double>(questions.size());
  for (const Question& question : questions) {
    comparison.differences.push_back(judge(a, b, question, doubt));
  }
  return comparison;
}

}  // namespace telpher
