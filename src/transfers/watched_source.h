#pragma once
// A source of strangers: its failures are noted, and it is held to the service's limits.

#include "source/source.h"
#include "transfers/failure.h"

#include <memory>

namespace telpher {

struct SourceLimits {
  ByteCount size_max = 0;              // 0 = any
  ByteCount bytes_per_second_min = 0;  // over half a minute of waiting for it; 0 = any
};

class WatchedSource final : public Source {
 public:
  /// `trail` outlives this and its readers.
  WatchedSource(std::unique_ptr<Source> inner, SourceLimits limits, FailureTrail& trail)
      : inner_(std::move(inner)), limits_(limits), trail_(trail) {}

  /// Errors also: kLimit (too large).
  Task<Result<SourceInfo>> probe() override;
  /// What it reads fails also with kLimit (too large after all), kTimeout (too slow; temporary).
  Task<Result<std::unique_ptr<ByteReader>>> open(std::optional<ByteRange> range,
                                                 SourceInfo seen) override;
  int fd() const override { return inner_->fd(); }
  Task<Result<void>> check_unchanged(SourceInfo seen) override;
  std::string redacted_address() const override { return inner_->redacted_address(); }
  std::string identity() const override { return inner_->identity(); }

 private:
  const std::unique_ptr<Source> inner_;
  const SourceLimits limits_;
  FailureTrail& trail_;
};

}  // namespace telpher
