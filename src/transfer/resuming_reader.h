#pragma once
// ResumingReader: a source read front to back that survives broken connections. When a read fails
// temporarily it opens the source again at the byte where it broke; where the source knows no
// ranges but can be read again, it skips what it has read before.

#include "source/source.h"

#include <memory>
#include <optional>

namespace telpher {

struct ResumePolicy {
  int attempts_max = 8;  // failures in a row without a byte in between
  std::chrono::milliseconds backoff_base{100};
  std::chrono::milliseconds backoff_max{20'000};
  std::chrono::milliseconds retry_after_max{300'000};  // more than the server asked for is cut
};

class ResumingReader : public ByteReader {
 public:
  /// @param range  empty = everything
  /// `source` outlives this. `seen` is what its probe said.
  ResumingReader(Source& source, SourceInfo seen, std::optional<ByteRange> range,
                 ResumePolicy policy = {});

  /// Errors: the source's; once attempts are used up kRetriedOut, without a range with
  /// `Network interruption: x of y bytes transferred (p%)`. kSourceChanged when more or fewer bytes
  /// come than the probe announced.
  Task<Result<std::size_t>> read_some(MutableBytes buffer) override;

  /// How often the source had to be opened again.
  int reopened() const { return reopened_; }

 private:
  Task<Result<void>> reopen();
  Task<Result<void>> back_off(Error error);
  Task<Result<std::size_t>> read_once(MutableBytes buffer);
  Error interrupted(Error error) const;

  Source& source_;
  const SourceInfo seen_;
  const ByteCount start_;
  const std::optional<ByteCount> length_;  // empty: unknown until the end
  const bool whole_;
  const ResumePolicy policy_;
  std::unique_ptr<ByteReader> reader_;
  ByteCount done_ = 0;
  int failures_ = 0;
  int reopened_ = -1;
};

}  // namespace telpher
