#pragma once
// A source in memory that breaks, dawdles, and changes, as its plan says.

#include "base/random.h"
#include "source/source.h"
#include "tests/sim/scenario.h"
#include "tests/sim/tally.h"

#include <string>

namespace telpher::sim {

/// The file behind the source: what it is, and what it becomes.
struct SourceFile {
  explicit SourceFile(const Scenario& scenario);
  const std::string& content_at(TimePoint time) const {
    return plan.changes_at && time >= *plan.changes_at ? after : before;
  }

  SourcePlan plan;
  std::string before;
  std::string after;
};

class SimSource : public Source {
 public:
  /// `phase` is the journal step that was passed last, for the tally. All outlive this.
  SimSource(const SourceFile& file, bool faulty, std::uint64_t seed, const Step& phase,
            Tally& tally)
      : file_(file), faulty_(faulty), random_(seed), phase_(phase), tally_(tally) {}

  Task<Result<SourceInfo>> probe() override;
  Task<Result<std::unique_ptr<ByteReader>>> open(std::optional<ByteRange> range,
                                                 SourceInfo seen) override;
  Task<Result<void>> check_unchanged(SourceInfo seen) override;
  std::string redacted_address() const override { return "sim://source"; }
  std::string identity() const override { return "sim://source?secret"; }

 private:
  class Reader;
  bool strikes(double probability, Fault fault);
  std::string validator_at(TimePoint time) const;

  const SourceFile& file_;
  const bool faulty_;
  Random random_;
  const Step& phase_;
  Tally& tally_;
  int opened_ = 0;
};

}  // namespace telpher::sim
