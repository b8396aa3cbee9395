#include "runtime/semaphore.h"

#include <algorithm>
#include <string>

namespace telpher {

void Semaphore::take(std::uint64_t units) {
  in_use_ += units;
  peak_ = std::max(peak_, in_use_);
}

std::optional<Semaphore::Permit> Semaphore::try_acquire(std::uint64_t units) {
  if (!requests_.empty() || in_use_ + units > limit_) return std::nullopt;
  take(units);
  return Permit(*this, units);
}

Task<Result<Semaphore::Permit>> Semaphore::acquire(std::uint64_t units, TimePoint deadline) {
  if (units > limit_) {
    co_return make_error(ErrorKind::kLimit, "asked for " + std::to_string(units) + " units of " +
                                                std::to_string(limit_));
  }
  if (std::optional<Permit> permit = try_acquire(units)) co_return *std::move(permit);
  Request request(*this, units);
  requests_.push_back(request);
  Result<void> waited = co_await request.queue.wait(deadline);
  if (request.granted) {
    if (waited) {
      request.granted = false;
      co_return Permit(*this, units);
    }
    // Granted and cancelled in the same turn: the request gives it back.
  } else {
    request.unlink();
    grant();  // whoever stood behind may fit
  }
  co_return std::move(waited).error();
}

void Semaphore::give_back(std::uint64_t units) {
  CHECK(units <= in_use_);
  in_use_ -= units;
  grant();
}

void Semaphore::set_limit(std::uint64_t limit) {
  limit_ = limit;
  grant();
}

void Semaphore::grant() {
  // A limit lowered below a waiting request must not block it for ever: alone, it may pass.
  while (!requests_.empty()) {
    Request& request = requests_.front();
    if (in_use_ + request.units > limit_ && in_use_ > 0) return;
    take(request.units);
    request.granted = true;
    request.unlink();
    request.queue.wake_one();
  }
}

}  // namespace telpher
