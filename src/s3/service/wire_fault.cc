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

Task<Result<void>> WireFault::before_more() {
  if (!rule_ || acted_ || moved_ < rule_->after_bytes.value_or(0)) co_return Result<void>();
  if (rule_->what == FaultKind::kStall) {
    acted_ = true;
    co_return co_await sleep_for(rule_->delay);
  }
  if (!rule_->after_bytes) co_return Result<void>();
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

Task<Result<void>> WireFault::moved(std::size_t count) {
  moved_ += count;
  if (!is(FaultKind::kThrottle) || rule_->bytes_per_second == 0) co_return Result<void>();
  acted_ = true;
  co_return co_await sleep_for(
      std::chrono::microseconds(count * 1'000'000 / rule_->bytes_per_second));
}

}  // namespace telpher
