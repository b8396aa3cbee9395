#pragma once
// Trying a probe again: nobody above does it. One probe each.

#include "runtime/loop.h"

#include <chrono>

namespace telpher {

struct ProbePolicy {
  int attempts_max = 8;  // the first included
  std::chrono::milliseconds backoff_first{250};
  std::chrono::milliseconds backoff_max{20'000};
  std::chrono::milliseconds retry_after_max{120'000};  // a server that asks for more waits less
};

class ProbeBackoff {
 public:
  explicit ProbeBackoff(ProbePolicy policy) : policy_(policy), ceiling_(policy.backoff_first) {}

  /// Waits (full jitter, at least Retry-After) when `error` is temporary and attempts are left;
  /// else fails with it, kRetriedOut when they were used up. Errors also: kCancelled.
  Task<Result<void>> wait_after(Error error);

 private:
  const ProbePolicy policy_;
  std::chrono::milliseconds ceiling_;
  int attempts_ = 0;
};

}  // namespace telpher
