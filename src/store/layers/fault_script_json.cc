// Fault scripts and their books as JSON.

#include "codec/plain_numbers.h"
#include "store/layers/fault_script.h"

#include <boost/json.hpp>

#include <algorithm>
#include <span>

namespace telpher {
namespace {

namespace json = boost::json;

/// What mocks in memory pretend.
constexpr std::chrono::milliseconds kShortcutLatency{10};

Error bad_script(std::string_view place, std::string_view what) {
  return make_error(ErrorKind::kInvalid,
                    "fault script, " + std::string(place) + ": " + std::string(what));
}

Result<std::string> as_string(const json::value& value, std::string_view place) {
  if (!value.is_string()) return bad_script(place, "a string is expected");
  return std::string(value.get_string());
}

Result<double> as_number(const json::value& value, std::string_view place, double min, double max) {
  if (!value.is_number()) return bad_script(place, "a number is expected");
  const double number = value.to_number<double>();
  if (!(number >= min && number <= max)) return bad_script(place, "the number is out of range");
  return number;
}

Result<std::uint64_t> as_count(const json::value& value, std::string_view place) {
  boost::system::error_code error;
  const auto number = value.to_number<std::uint64_t>(error);
  if (error) return bad_script(place, "a whole number of 0 or more is expected");
  return number;
}

Result<std::chrono::milliseconds> as_duration(const json::value& value, std::string_view place,
                                              double unit_ms) {
  TRY(const double number, as_number(value, place, 0, 1e9));
  return std::chrono::milliseconds(static_cast<std::int64_t>(number * unit_ms));
}

Result<FaultKind> parse_kind(const std::string& name, std::string_view place) {
  for (int i = 0; i <= static_cast<int>(FaultKind::kExpireToken); ++i) {
    const auto kind = static_cast<FaultKind>(i);
    if (to_string(kind) == name) return kind;
  }
  return bad_script(place, "nothing can be done by the name of '" + name + "'");
}

Result<std::optional<Operation>> parse_operation(const std::string& name, std::string_view place) {
  if (name == "*") return std::nullopt;
  if (name == "ListObjects") return Operation::kListObjects;
  for (std::size_t i = 0; i < kOperationCount; ++i) {
    const auto operation = static_cast<Operation>(i);
    if (to_string(operation) == name) return operation;
  }
  return bad_script(place, "there is no operation '" + name + "'");
}

Result<void> set_field(FaultRule& rule, std::string_view name, const json::value& value,
                       std::string_view place) {
  if (name == "on") {
    TRY(const std::string text, as_string(value, place));
    TRY(rule.on, parse_operation(text, place));
  } else if (name == "do") {
    TRY(const std::string text, as_string(value, place));
    TRY(rule.what, parse_kind(text, place));
  } else if (name == "key") {
    TRY(rule.key, as_string(value, place));
  } else if (name == "code") {
    TRY(rule.code, as_string(value, place));
  } else if (name == "after") {
    TRY(rule.after, as_count(value, place));
  } else if (name == "count") {
    TRY(rule.count, as_count(value, place));
  } else if (name == "probability") {
    TRY(rule.probability, as_number(value, place, 0, 1));
  } else if (name == "status") {
    TRY(const double status, as_number(value, place, 300, 599));
    rule.status = static_cast<int>(status);
    if (rule.status != status) return bad_script(place, "a status from 300 to 599 is expected");
  } else if (name == "retry_after_s") {
    TRY(rule.retry_after, as_duration(value, place, 1000));
  } else if (name == "ms") {
    TRY(rule.delay, as_duration(value, place, 1));
  } else if (name == "ms_max") {
    TRY(rule.delay_max, as_duration(value, place, 1));
  } else if (name == "after_bytes") {
    TRY(rule.after_bytes, as_count(value, place));
  } else if (name == "bytes_per_second") {
    TRY(rule.bytes_per_second, as_count(value, place));
  } else if (name == "minutes") {
    TRY(const double minutes, as_number(value, place, -1e6, 1e6));
    rule.skew = std::chrono::minutes(static_cast<std::int64_t>(minutes));
  } else {
    return bad_script(place, "unknown field");
  }
  return {};
}

/// The fields of each fault beside those of all rules.
std::span<const std::string_view> fields_of(FaultKind kind) {
  static constexpr std::string_view kError[] = {"status", "code", "retry_after_s"};
  static constexpr std::string_view kErrorIn200[] = {"code"};
  static constexpr std::string_view kDelay[] = {"ms", "ms_max"};
  static constexpr std::string_view kTime[] = {"ms"};
  static constexpr std::string_view kPlace[] = {"after_bytes"};
  static constexpr std::string_view kTimeAtPlace[] = {"ms", "after_bytes"};
  static constexpr std::string_view kRate[] = {"bytes_per_second"};
  static constexpr std::string_view kClock[] = {"minutes"};
  switch (kind) {
    case FaultKind::kStatus:
    case FaultKind::kErrorAfter: return kError;
    case FaultKind::kErrorIn200: return kErrorIn200;
    case FaultKind::kDelay: return kDelay;
    case FaultKind::kPartition:
    case FaultKind::kRefuse: return kTime;
    case FaultKind::kTruncate:
    case FaultKind::kCorrupt:
    case FaultKind::kShort:
    case FaultKind::kReset:
    case FaultKind::kClose: return kPlace;
    case FaultKind::kStall: return kTimeAtPlace;
    case FaultKind::kThrottle: return kRate;
    case FaultKind::kSkew: return kClock;
    default: return {};
  }
}

/// A rule that could never do anything, or not what its author thinks, is refused.
Result<void> check_rule(const FaultRule& rule, const json::object& object,
                        const std::string& place) {
  constexpr std::string_view kCommon[] = {"do", "on", "key", "after", "count", "probability"};
  const std::span<const std::string_view> fields = fields_of(rule.what);
  const std::string fault = "\"" + std::string(to_string(rule.what)) + "\"";
  for (const auto& [name, field] : object) {
    const std::string_view text(name.data(), name.size());
    if (std::ranges::find(kCommon, text) == std::end(kCommon) &&
        std::ranges::find(fields, text) == fields.end()) {
      return bad_script(place, fault + " has no \"" + std::string(text) + "\"");
    }
  }
  if (rule.on && !applies(rule.what, *rule.on)) {
    return bad_script(place, fault + " cannot happen to " + std::string(to_string(*rule.on)));
  }
  std::string_view missing;
  const bool lasts = rule.what == FaultKind::kDelay || rule.what == FaultKind::kStall ||
                     rule.what == FaultKind::kRefuse;
  if (lasts && rule.delay.count() == 0 && rule.delay_max.count() == 0) missing = "ms";
  if (rule.what == FaultKind::kThrottle && rule.bytes_per_second == 0) missing = "bytes_per_second";
  if (rule.what == FaultKind::kSkew && !object.contains("minutes")) missing = "minutes";
  if (!missing.empty()) {
    return bad_script(place, fault + " needs \"" + std::string(missing) + "\"");
  }
  if (rule.count == 0) {
    return bad_script(place + ", \"count\"", "with 0 it would never act: leave the rule out");
  }
  if (rule.delay_max.count() > 0 && rule.delay_max < rule.delay) {
    return bad_script(place, "\"ms_max\" is less than \"ms\"");
  }
  return {};
}

Result<FaultRule> parse_rule(const json::value& value, std::size_t index) {
  const std::string place = "rule " + std::to_string(index + 1);
  if (!value.is_object()) return bad_script(place, "an object is expected");
  const json::object& object = value.get_object();
  if (!object.contains("do")) return bad_script(place, "\"do\" is missing");
  FaultRule rule;
  for (const auto& [name, field] : object) {
    TRY_VOID(set_field(rule, name, field, place + ", \"" + std::string(name) + "\""));
  }
  TRY_VOID(check_rule(rule, object, place));
  return rule;
}

Result<ScriptedOutcome> parse_outcome(std::string_view name, std::string_view place) {
  if (name == "ok") return ScriptedOutcome::kOk;
  if (name == "transient") return ScriptedOutcome::kTransient;
  if (name == "permanent") return ScriptedOutcome::kPermanent;
  return bad_script(place, "\"ok\", \"transient\" or \"permanent\" is expected");
}

Result<ScriptedAnswer> parse_answer(const json::value& value, std::string_view place) {
  ScriptedAnswer answer;
  if (value.is_object() && value.get_object().size() == 1) {
    const auto& [name, message] = *value.get_object().begin();
    TRY(answer.outcome, parse_outcome(name, place));
    TRY(answer.message, as_string(message, place));
    return answer;
  }
  TRY(const std::string name, as_string(value, place));
  TRY(answer.outcome, parse_outcome(name, place));
  return answer;
}

Result<void> set_field(FaultScript& script, std::string_view name, const json::value& value) {
  if (name == "seed") {
    TRY(script.seed, as_count(value, name));
  } else if (name == "flaky") {
    TRY(script.flaky, as_number(value, name, 0, 1));
  } else if (name == "latency_ms") {
    TRY(script.latency, as_duration(value, name, 1));
  } else if (name == "always_fail") {
    TRY(script.always, parse_answer(value, name));
  } else if (name == "sequence") {
    if (!value.is_array()) return bad_script(name, "a list is expected");
    for (const json::value& answer : value.get_array()) {
      TRY(ScriptedAnswer parsed, parse_answer(answer, name));
      script.sequence.push_back(std::move(parsed));
    }
  } else if (name == "rules") {
    if (!value.is_array()) return bad_script(name, "a list is expected");
    for (const json::value& rule : value.get_array()) {
      TRY(FaultRule parsed, parse_rule(rule, script.rules.size()));
      script.rules.push_back(std::move(parsed));
    }
  } else {
    return bad_script(name, "unknown field");
  }
  return {};
}

}  // namespace

Result<FaultScript> parse_fault_script(std::string_view text) {
  boost::system::error_code error;
  const json::value value = json::parse(text, error);
  if (error) return make_error(ErrorKind::kInvalid, "fault script: " + error.message());
  if (!value.is_object()) return make_error(ErrorKind::kInvalid, "fault script: no JSON object");
  FaultScript script;
  for (const auto& [name, field] : value.get_object()) TRY_VOID(set_field(script, name, field));
  const bool shortcuts = !script.sequence.empty() || script.always || script.flaky > 0;
  if (shortcuts && !value.get_object().contains("latency_ms")) script.latency = kShortcutLatency;
  return script;
}

namespace {

/// A rule as it was written.
json::object written(const FaultRule& rule) {
  constexpr auto kNoEnd = std::numeric_limits<std::uint64_t>::max();
  const auto seconds = [](std::chrono::milliseconds time) -> json::value {
    if (time.count() % 1000 == 0) return time.count() / 1000;
    return static_cast<double>(time.count()) / 1000;
  };
  json::object object{{"do", to_string(rule.what)}, {"on", rule.on ? to_string(*rule.on) : "*"}};
  if (!rule.key.empty()) object["key"] = rule.key;
  if (rule.after > 0) object["after"] = rule.after;
  if (rule.count != kNoEnd) object["count"] = rule.count;
  if (rule.probability < 1) object["probability"] = rule.probability;
  for (const std::string_view name : fields_of(rule.what)) {
    if (name == "status") object[name] = rule.status;
    if (name == "code" && !rule.code.empty()) object[name] = rule.code;
    if (name == "retry_after_s" && rule.retry_after) object[name] = seconds(*rule.retry_after);
    if (name == "ms" && rule.delay.count() > 0) object[name] = rule.delay.count();
    if (name == "ms_max" && rule.delay_max.count() > 0) object[name] = rule.delay_max.count();
    if (name == "after_bytes" && rule.after_bytes) object[name] = *rule.after_bytes;
    if (name == "bytes_per_second") object[name] = rule.bytes_per_second;
    if (name == "minutes") object[name] = rule.skew.count();
  }
  return object;
}

}  // namespace

std::string FaultInjector::to_json() const {
  json::array rules;
  for (std::size_t i = 0; i < script_.rules.size(); ++i) {
    json::object rule = written(script_.rules[i]);
    rule["index"] = i;
    rule["acted"] = states_[i].acted;
    rule["met"] = is_met(i);
    rules.push_back(std::move(rule));
  }
  json::object operations;
  for (std::size_t i = 0; i < kOperationCount; ++i) {
    if (counts_[i][0] + counts_[i][1] == 0) continue;
    operations[to_string(static_cast<Operation>(i))] =
        json::object{{"succeeded", counts_[i][1]}, {"failed", counts_[i][0]}};
  }
  return plain_numbers(
      json::serialize(json::object{{"rules", std::move(rules)},
                                   {"sequence_left", script_.sequence.size() - sequence_next_},
                                   {"all_met", all_met()},
                                   {"partitioned", partitioned_until_.has_value()},
                                   {"operations", std::move(operations)}}));
}

}  // namespace telpher
