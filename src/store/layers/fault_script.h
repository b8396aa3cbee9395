#pragma once
// Faults on purpose, as a script: which operations are to fail, how often and how. Used by the
// chaos layer (what a store can do wrong) and by the S3 endpoint (that, and what a wire can do
// wrong). FaultScript is data; FaultInjector applies one and keeps the books. One loop.

#include "base/random.h"
#include "base/result.h"
#include "store/operation.h"

#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace telpher {

enum class FaultKind {
  // In the store.
  kStatus,       // an error before the operation runs
  kLoseAnswer,   // the operation runs, the answer is lost
  kErrorAfter,   // the operation runs, then an error
  kErrorIn200,   // Complete, Copy: 200 and an error in its body; nothing done
  kFakeSuccess,  // success is answered, nothing is stored
  kTruncate,     // the body ends early
  kCorrupt,      // one bit of the body flips
  kShort,        // the length lies: fewer bytes, as if they were all
  kDelay,        // the operation runs, the answer waits
  kPartition,    // everything fails until lifted
  // On the wire.
  kReset,
  kRefuse,
  kClose,
  kStall,
  kThrottle,
  kSkew,
  kExpireToken,
};

/// "status", "lose_answer" …
std::string_view to_string(FaultKind kind);
/// Whether the fault makes sense for the operation: a rule on "*" passes over the others.
bool applies(FaultKind kind, Operation operation);
/// Whether only something with sockets can do it.
bool is_wire_fault(FaultKind kind);

struct FaultRule {
  std::optional<Operation> on;                                      // empty = "*"
  std::string key;                                                  // only this key; empty = any
  std::uint64_t after = 0;                                          // matches let pass first
  std::uint64_t count = std::numeric_limits<std::uint64_t>::max();  // times it acts
  double probability = 1;
  FaultKind what = FaultKind::kStatus;

  int status = 500;
  std::string code;  // S3's; empty = by status
  std::optional<std::chrono::milliseconds> retry_after;
  std::chrono::milliseconds delay{};         // "ms": kDelay, kStall, how long a kPartition lasts
  std::chrono::milliseconds delay_max{};     // "ms_max": uniform between the two
  std::optional<std::uint64_t> after_bytes;  // kTruncate, kStall, kReset, kClose
  std::uint64_t bytes_per_second = 0;        // kThrottle
  std::chrono::minutes skew{};               // "minutes": kSkew

  // Which rule of which script it is: filled in by FaultInjector.
  std::uint64_t script = 0;
  std::size_t index = 0;
};

/// The semantics that people know from in-memory mocks.
enum class ScriptedOutcome { kOk, kTransient, kPermanent };
struct ScriptedAnswer {
  ScriptedOutcome outcome = ScriptedOutcome::kOk;
  std::string message;
};

struct FaultScript {
  std::uint64_t seed = 1;
  std::vector<FaultRule> rules;
  std::vector<ScriptedAnswer> sequence;  // consumed in order over all operations, before the rules
  double flaky = 0;                      // transient errors with this probability
  std::optional<ScriptedAnswer> always;  // "always_fail"
  std::chrono::milliseconds latency{};   // "latency_ms": of every operation
};

/// Reads the JSON of a script:
///   {"seed": 7, "rules": [{"on": "UploadPart", "after": 3, "count": 2, "do": "status",
///     "status": 503, "code": "SlowDown", "retry_after_s": 1}],
///    "sequence": ["ok", {"transient": "message"}, {"permanent": "message"}],
///    "flaky": 0.1, "always_fail": "transient", "latency_ms": 10}
/// A script with one of the shortcuts has a latency of 10 ms unless it says another.
/// Errors: kInvalid, naming the rule and field; unknown fields are errors.
Result<FaultScript> parse_fault_script(std::string_view json);

/// An error as a store would give it; kind and persistence follow from code and status.
Error make_fault_error(int status, std::string_view code, std::string_view message = {});

/// One operation as it went.
struct CallRecord {
  Operation operation;
  std::string key;
  bool success = false;
  std::chrono::steady_clock::time_point at;
};

class FaultInjector {
 public:
  explicit FaultInjector(FaultScript script = {});

  /// Starts anew with another script; lifts a partition, forgets history and counts.
  void reset(FaultScript script);

  /// What is to happen to an operation in the store.
  struct StoreFaults {
    std::chrono::milliseconds delay{};
    std::optional<Error> error;  // by the shortcuts, or a partition: answer it, run nothing
    std::optional<FaultRule> rule;
  };
  StoreFaults next_store_fault(Operation operation, std::string_view key,
                               std::chrono::steady_clock::time_point now);
  /// What is to happen on the wire.
  std::optional<FaultRule> next_wire_fault(Operation operation, std::string_view key);
  /// The rule was chosen and found nothing to act on (a body that ended, or was given up, before
  /// the byte it names): it does not count as met, and acts another time.
  void take_back(const FaultRule& rule);

  bool is_partitioned(std::chrono::steady_clock::time_point now) const {
    return partitioned_until_ && now < *partitioned_until_;
  }
  void lift_partition() { partitioned_until_.reset(); }
  Random& random() { return random_; }

  void record(CallRecord call);
  /// The latest 100,000 operations, oldest first.
  const std::deque<CallRecord>& history() const { return history_; }
  /// Over all time.
  std::uint64_t count(Operation operation, bool success) const {
    return counts_[static_cast<std::size_t>(operation)][success ? 1 : 0];
  }

  /// How often each rule has acted, in the order of the script.
  std::vector<std::uint64_t> acted() const;
  /// Every rule has acted (as often as its count says, if it has one) and the sequence is used up.
  bool all_met() const;
  /// {"rules": [{"do": …, "on": …, and the other fields as the script had them, "index": i,
  /// "acted": n, "met": true}], "sequence_left": n, "operations": {"PutObject": {"succeeded": n,
  /// "failed": n}}}
  std::string to_json() const;

 private:
  struct RuleState {
    std::uint64_t matched = 0;
    std::uint64_t acted = 0;
  };
  bool acts(std::size_t index, Operation operation, std::string_view key);
  bool is_met(std::size_t index) const;
  std::optional<Error> shortcut();

  FaultScript script_;
  std::uint64_t scripts_ = 0;  // so many there have been
  Random random_;
  std::vector<RuleState> states_;
  std::size_t sequence_next_ = 0;
  std::optional<std::chrono::steady_clock::time_point> partitioned_until_;
  std::deque<CallRecord> history_;
  std::array<std::array<std::uint64_t, 2>, kOperationCount> counts_{};
};

}  // namespace telpher
