#include "s3/service/wire_fault.h"

#include "runtime/loop.h"

#include <algorithm>

namespace telpher {

std::size_t WireFault::limit(std::size_t wanted) const {
  if (!rule_) return wanted;
  if (rule_->what == FaultKind::kThrottle) {
    // Ten steps a second, so that a slow line looks like one.
    wanted =
        std::min<std::size_t>(wanted, std::max<std::uint64_t>(1, rule_->bytes_per_second / 10));
  }
  const bool acts_in_the_middle = rule_->after_bytes || rule_->what == FaultKind::kStall;
  const ByteCount at = rule_->after_bytes.value_or(0);
  if (acts_in_the_middle && moved_ < at) wanted = std::min<std::size_t>(wanted, at - moved_);
  return wanted;
}

Task<Result<void>> WireFault::moved(std::size_t count) {
  if (!rule_) co_return Result<void>();
  const ByteCount before = moved_;
  moved_ += count;
  if (rule_->what == FaultKind::kThrottle && rule_->bytes_per_second > 0) {
    acted_ = true;
    CO_TRY_VOID(
        co_await sleep_for(std::chrono::microseconds(count * 1'000'000 / rule_->bytes_per_second)));
  }
  const ByteCount at = rule_->after_bytes.value_or(0);
  const bool reached = moved_ >= at && (before < at || before == 0);
  if (rule_->what == FaultKind::kStall && reached) {
    acted_ = true;
    CO_TRY_VOID(co_await sleep_for(rule_->delay));
  }
  if (!rule_->after_bytes || moved_ < at) co_return Result<void>();
  if (rule_->what == FaultKind::kReset) {
    acted_ = true;
    response_->reset();
    co_return injected_cut();
  }
  if (rule_->what == FaultKind::kClose) {
    acted_ = true;
    response_->abandon();
    co_return injected_cut();
  }
  co_return Result<void>();
}

}  // namespace telpher
