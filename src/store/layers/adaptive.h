#pragma once
// As many calls at once as the store bears: fewer when it throttles, slowly more while it does not
// (additive increase, multiplicative decrease, as TCP does). Belongs inside the retry layer, so
// that every attempt counts and a call that backs off holds no slot.

#include "runtime/semaphore.h"
#include "store/layers/forwarding_store.h"

#include <algorithm>

namespace telpher {

class AdaptiveStore final : public AroundStore<AdaptiveStore> {
 public:
  /// @param calls_max  ≥ 1: where it begins and what it returns to
  AdaptiveStore(ObjectStore& inner, std::uint64_t calls_max)
      : AroundStore(inner), calls_max_(calls_max), slots_(calls_max) {}

  std::uint64_t calls_allowed() const { return slots_.limit(); }
  std::uint64_t calls_in_flight() const { return slots_.in_use(); }

  template <class T>
  Task<Result<T>> around(Call, Task<Result<T>> call) {
    std::optional<Semaphore::Permit> slot = slots_.try_acquire();
    if (!slot) {
      CO_TRY(slot, co_await slots_.acquire());
    }
    const std::uint64_t round = round_;
    Result<T> result = co_await std::move(call);
    if (!result && result.error().kind == ErrorKind::kThrottled) {
      // One burst of answers is one piece of news: calls begun before the last decrease are stale.
      if (round == round_) decrease();
    } else if (result && slots_.limit() < calls_max_) {
      increase();
    }
    co_return std::move(result);
  }

 private:
  void decrease() {
    ++round_;
    successes_ = 0;
    slots_.set_limit(std::max<std::uint64_t>(1, slots_.limit() * 7 / 10));
  }
  void increase() {
    if (++successes_ < slots_.limit()) return;
    successes_ = 0;
    slots_.set_limit(slots_.limit() + 1);
  }

  const std::uint64_t calls_max_;
  Semaphore slots_;
  std::uint64_t round_ = 0;      // decreases so far
  std::uint64_t successes_ = 0;  // since the limit changed
};

}  // namespace telpher
