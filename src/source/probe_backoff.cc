#include "source/probe_backoff.h"

#include <algorithm>

namespace telpher {

Task<Result<void>> ProbeBackoff::wait_after(Error error) {
  error.context.attempts = ++attempts_;
  if (!error.is_temporary()) co_return error;
  if (attempts_ >= policy_.attempts_max) {
    error.persistence = Persistence::kRetriedOut;
    co_return error;
  }
  Loop& loop = co_await current_loop();
  std::chrono::milliseconds wait(
      loop.random().below(static_cast<std::uint64_t>(ceiling_.count()) + 1));
  if (error.context.retry_after) {
    wait = std::max(wait, std::min(*error.context.retry_after, policy_.retry_after_max));
  }
  ceiling_ = std::min(ceiling_ * 2, policy_.backoff_max);
  co_return co_await sleep_for(wait);
}

}  // namespace telpher
