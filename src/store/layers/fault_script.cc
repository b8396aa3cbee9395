#include "store/layers/fault_script.h"

#include "store/rules.h"

#include <algorithm>

namespace telpher {
namespace {

struct StatusMeaning {
  ErrorKind kind;
  bool temporary;
  std::string_view code;
};

StatusMeaning meaning_of(int status) {
  switch (status) {
    case 400: return {ErrorKind::kInvalid, false, "InvalidRequest"};
    case 403: return {ErrorKind::kDenied, false, "AccessDenied"};
    case 404: return {ErrorKind::kNotFound, false, "NoSuchKey"};
    case 408: return {ErrorKind::kTimeout, true, "RequestTimeout"};
    case 409: return {ErrorKind::kConflict, true, "OperationAborted"};
    case 412: return {ErrorKind::kPrecondition, false, "PreconditionFailed"};
    case 416: return {ErrorKind::kInvalid, false, "InvalidRange"};
    case 429:
    case 503: return {ErrorKind::kThrottled, true, "SlowDown"};
    case 501: return {ErrorKind::kUnsupported, false, "NotImplemented"};
    default:
      if (status >= 500 || status < 300) return {ErrorKind::kServer, true, "InternalError"};
      return {ErrorKind::kInvalid, false, "InvalidRequest"};
  }
}

/// A store does not know which version of its listing a client asked for: one rule is about both.
bool is_about(const FaultRule& rule, Operation operation) {
  if (operation == Operation::kListObjectsV1) operation = Operation::kListObjects;
  return !rule.on || *rule.on == operation;
}

}  // namespace

bool applies(FaultKind kind, Operation operation) {
  switch (kind) {
    case FaultKind::kErrorIn200:
      return operation == Operation::kComplete || operation == Operation::kCopyObject ||
             operation == Operation::kCopyPart;
    case FaultKind::kFakeSuccess: return !is_read(operation);
    case FaultKind::kTruncate:
    case FaultKind::kCorrupt:
    case FaultKind::kShort:
      return operation == Operation::kGetObject || operation == Operation::kPutObject ||
             operation == Operation::kPutPart;
    default: return true;
  }
}

std::string_view to_string(FaultKind kind) {
  constexpr std::string_view kNames[] = {
      "status",  "lose_answer", "error_after", "error_in_200", "fake_success", "truncate",
      "corrupt", "short",       "delay",       "partition",    "reset",        "refuse",
      "close",   "stall",       "throttle",    "skew",         "expire_token"};
  return kNames[static_cast<std::size_t>(kind)];
}

bool is_wire_fault(FaultKind kind) { return kind >= FaultKind::kReset; }

Error make_fault_error(int status, std::string_view code, std::string_view message) {
  StatusMeaning meaning = meaning_of(status);
  if (code.empty()) code = meaning.code;
  if (code == "SlowDown" || code == "ThrottlingException" || code == "TooManyRequests") {
    meaning = {ErrorKind::kThrottled, true, code};
  } else if (code == "BadDigest" || code == "XAmzContentChecksumMismatch") {
    meaning = {ErrorKind::kCorrupt, true, code};
  } else if (code == "RequestTimeout") {
    meaning = {ErrorKind::kTimeout, true, code};
  } else if (code == "InternalError" || code == "ServiceUnavailable") {
    meaning = {code == "InternalError" ? ErrorKind::kServer : ErrorKind::kThrottled, true, code};
  }
  Error error =
      store_error(meaning.kind, code, status,
                  message.empty() ? "injected by the fault script" : std::string(message));
  if (meaning.temporary) error.persistence = Persistence::kTemporary;
  return error;
}

FaultInjector::FaultInjector(FaultScript script) : random_(script.seed) {
  reset(std::move(script));
}

void FaultInjector::reset(FaultScript script) {
  script_ = std::move(script);
  random_ = Random(script_.seed);
  states_.assign(script_.rules.size(), {});
  ++scripts_;
  for (std::size_t i = 0; i < script_.rules.size(); ++i) {
    script_.rules[i].script = scripts_;
    script_.rules[i].index = i;
  }
  sequence_next_ = 0;
  partitioned_until_.reset();
  history_.clear();
  counts_ = {};
}

bool FaultInjector::acts(std::size_t index, Operation operation, std::string_view key) {
  const FaultRule& rule = script_.rules[index];
  RuleState& state = states_[index];
  if (!is_about(rule, operation)) return false;
  if (!rule.key.empty() && rule.key != key) return false;
  if (!applies(rule.what, operation)) return false;
  if (state.acted >= rule.count) return false;
  if (++state.matched <= rule.after) return false;
  if (rule.probability < 1 && !random_.chance(rule.probability)) return false;
  ++state.acted;
  return true;
}

std::optional<Error> FaultInjector::shortcut() {
  const auto fail = [](const ScriptedAnswer& answer) {
    const bool transient = answer.outcome == ScriptedOutcome::kTransient;
    return make_fault_error(transient ? 500 : 403, "", answer.message);
  };
  if (sequence_next_ < script_.sequence.size()) {
    const ScriptedAnswer& answer = script_.sequence[sequence_next_++];
    if (answer.outcome == ScriptedOutcome::kOk) return std::nullopt;
    return fail(answer);
  }
  if (script_.always) return fail(*script_.always);
  if (script_.flaky > 0 && random_.chance(script_.flaky)) {
    return fail({ScriptedOutcome::kTransient, "flaky (injected)"});
  }
  return std::nullopt;
}

FaultInjector::StoreFaults FaultInjector::next_store_fault(
    Operation operation, std::string_view key, std::chrono::steady_clock::time_point now) {
  StoreFaults faults{.delay = script_.latency};
  if (partitioned_until_ && !is_partitioned(now)) lift_partition();
  if (partitioned_until_) {
    faults.error = make_temporary_error(ErrorKind::kNetwork, "partitioned (injected)");
    return faults;
  }
  faults.error = shortcut();
  if (faults.error) return faults;
  for (std::size_t i = 0; i < script_.rules.size(); ++i) {
    const FaultRule& rule = script_.rules[i];
    if (is_wire_fault(rule.what) || !acts(i, operation, key)) continue;
    if (rule.what == FaultKind::kDelay) {
      faults.delay += rule.delay;
      if (rule.delay_max > rule.delay) {
        const auto span = static_cast<std::uint64_t>((rule.delay_max - rule.delay).count());
        faults.delay += std::chrono::milliseconds(random_.below(span + 1));
      }
      continue;
    }
    if (rule.what == FaultKind::kPartition) {
      const bool for_ever = rule.delay == std::chrono::milliseconds::zero();
      partitioned_until_ =
          for_ever ? std::chrono::steady_clock::time_point::max() : now + rule.delay;
      faults.error = make_temporary_error(ErrorKind::kNetwork, "partitioned (injected)");
    } else {
      faults.rule = rule;
    }
    return faults;
  }
  return faults;
}

std::optional<FaultRule> FaultInjector::next_wire_fault(Operation operation, std::string_view key) {
  for (std::size_t i = 0; i < script_.rules.size(); ++i) {
    if (is_wire_fault(script_.rules[i].what) && acts(i, operation, key)) return script_.rules[i];
  }
  return std::nullopt;
}

void FaultInjector::take_back(const FaultRule& rule) {
  if (rule.script == scripts_) --states_[rule.index].acted;
}

void FaultInjector::record(CallRecord call) {
  constexpr std::size_t kHistoryMax = 100'000;
  ++counts_[static_cast<std::size_t>(call.operation)][call.success ? 1 : 0];
  history_.push_back(std::move(call));
  if (history_.size() > kHistoryMax) history_.pop_front();
}

std::vector<std::uint64_t> FaultInjector::acted() const {
  std::vector<std::uint64_t> acted;
  for (const RuleState& state : states_) acted.push_back(state.acted);
  return acted;
}

bool FaultInjector::is_met(std::size_t index) const {
  const std::uint64_t count = script_.rules[index].count;
  const bool endless = count == std::numeric_limits<std::uint64_t>::max();
  return states_[index].acted >= (endless ? 1 : count);
}

bool FaultInjector::all_met() const {
  for (std::size_t i = 0; i < states_.size(); ++i) {
    if (!is_met(i)) return false;
  }
  return sequence_next_ == script_.sequence.size();
}

}  // namespace telpher
