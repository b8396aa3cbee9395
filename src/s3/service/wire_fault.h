#pragma once
// What a fault script does to the bytes of one exchange while they travel, in either direction:
// stall, throttle, reset or close in the middle.

#include "net/http_server.h"
#include "store/layers/fault_script.h"

#include <optional>

namespace telpher {

class WireFault {
 public:
  WireFault(std::optional<FaultRule> rule, ServerResponse& response)
      : rule_(std::move(rule)), response_(&response) {}

  /// Whether it has done anything: a body may end before the byte at which it was to act, and a
  /// request without keys has none to expire.
  bool has_acted() const { return acted_ || (!missed_ && !acts_on_body()); }
  void miss() { missed_ = true; }

  explicit operator bool() const { return rule_.has_value(); }
  const FaultRule& rule() const { return *rule_; }
  bool is(FaultKind kind) const { return rule_ && rule_->what == kind; }
  /// Cuts the connection before the operation runs.
  bool cuts_at_once() const {
    return is(FaultKind::kRefuse) || (is(FaultKind::kReset) && !rule_->after_bytes);
  }
  /// Closes the connection after the whole answer, though it promised to keep it.
  bool closes_after_answer() const { return is(FaultKind::kClose) && !rule_->after_bytes; }
  bool acts_on_body() const {
    if (is(FaultKind::kStall) || is(FaultKind::kThrottle)) return true;
    return (is(FaultKind::kReset) || is(FaultKind::kClose)) && rule_->after_bytes;
  }

  /// How many of `wanted` bytes may travel in one go, so that it acts at the right byte.
  std::size_t limit(std::size_t wanted) const;
  /// Waits or cuts before the next bytes travel: there must be some. Errors: kNetwork: the
  /// connection is to be closed, as `response` has been told; kCancelled.
  Task<Result<void>> before_more();
  /// `count` more bytes have travelled: throttles. Errors: kCancelled.
  Task<Result<void>> moved(std::size_t count);

 private:
  std::optional<FaultRule> rule_;
  ServerResponse* response_;
  ByteCount moved_ = 0;
  bool acted_ = false;
  bool missed_ = false;
};

/// Not a failure of the client's or ours: a script's.
inline Error injected_cut() {
  return make_error(ErrorKind::kNetwork, "the connection was cut (injected)");
}

}  // namespace telpher
