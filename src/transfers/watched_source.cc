#include "transfers/watched_source.h"

#include "base/units.h"
#include "runtime/loop.h"

#include <utility>

namespace telpher {
namespace {

constexpr std::chrono::seconds kRateWindow{30};

Error too_large(ByteCount size_max) {
  return make_error(ErrorKind::kLimit,
                    "the source is larger than the " + format_size(size_max) + " taken here");
}

class WatchedReader final : public ByteReader {
 public:
  WatchedReader(std::unique_ptr<ByteReader> inner, SourceLimits limits, FailureTrail& trail)
      : inner_(std::move(inner)), limits_(limits), trail_(trail) {}

  Task<Result<std::size_t>> read_some(MutableBytes buffer) override {
    const Loop& loop = co_await current_loop();
    const TimePoint asked = loop.now();
    Result<std::size_t> count = co_await inner_->read_some(buffer);
    if (count) {
      read_ += *count;
      if (const Result<void> kept = check(*count, loop.now() - asked); !kept) count = kept.error();
    }
    if (!count) trail_.note(FailedSide::kStream, count.error());
    co_return count;
  }

 private:
  /// Time that it was not asked in does not count.
  Result<void> check(std::size_t count, Duration waited) {
    if (limits_.size_max > 0 && read_ > limits_.size_max) return too_large(limits_.size_max);
    if (limits_.bytes_per_second_min == 0) return {};
    in_window_ += count;
    window_ += waited;
    if (window_ < kRateWindow) return {};
    const double seconds = std::chrono::duration<double>(std::exchange(window_, {})).count();
    const auto bytes = static_cast<double>(std::exchange(in_window_, 0));
    if (bytes >= seconds * static_cast<double>(limits_.bytes_per_second_min)) return {};
    return make_temporary_error(
        ErrorKind::kTimeout,
        "the source is too slow: less than " + format_size(limits_.bytes_per_second_min) + "/s");
  }

  const std::unique_ptr<ByteReader> inner_;
  const SourceLimits limits_;
  FailureTrail& trail_;
  ByteCount read_ = 0;
  ByteCount in_window_ = 0;
  Duration window_{};
};

}  // namespace

Task<Result<SourceInfo>> WatchedSource::probe() {
  Result<SourceInfo> seen = co_await inner_->probe();
  if (seen && limits_.size_max > 0 && seen->size.value_or(0) > limits_.size_max) {
    seen = too_large(limits_.size_max);
  }
  if (!seen) trail_.note(FailedSide::kFetch, seen.error());
  co_return seen;
}

Task<Result<std::unique_ptr<ByteReader>>> WatchedSource::open(std::optional<ByteRange> range,
                                                              SourceInfo seen) {
  Result<std::unique_ptr<ByteReader>> reader = co_await inner_->open(range, std::move(seen));
  if (!reader) {
    trail_.note(FailedSide::kFetch, reader.error());
    co_return reader;
  }
  co_return std::make_unique<WatchedReader>(*std::move(reader), limits_, trail_);
}

Task<Result<void>> WatchedSource::check_unchanged(SourceInfo seen) {
  Result<void> same = co_await inner_->check_unchanged(std::move(seen));
  if (!same) trail_.note(FailedSide::kStream, same.error());
  co_return same;
}

}  // namespace telpher
