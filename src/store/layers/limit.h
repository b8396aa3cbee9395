#pragma once
// At most so many calls at once, whoever makes them. The bodies of get() are read after the call
// has ended and do not count: else a copy from a store to itself could wait for its own slot.

#include "runtime/semaphore.h"
#include "store/layers/forwarding_store.h"

namespace telpher {

class LimitStore final : public AroundStore<LimitStore> {
 public:
  /// @param calls_max  ≥ 1
  LimitStore(ObjectStore& inner, std::uint64_t calls_max) : AroundStore(inner), slots_(calls_max) {}

  std::uint64_t calls_in_flight() const { return slots_.in_use(); }
  std::uint64_t calls_peak() const { return slots_.peak(); }

  template <class T>
  Task<Result<T>> around(Call, Task<Result<T>> call) {
    std::optional<Semaphore::Permit> slot = slots_.try_acquire();
    if (!slot) {
      CO_TRY(slot, co_await slots_.acquire());
    }
    co_return co_await std::move(call);
  }

 private:
  Semaphore slots_;
};

}  // namespace telpher
