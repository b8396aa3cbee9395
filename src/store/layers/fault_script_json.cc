// Fault scripts and their books as JSON.

#include "store/layers/fault_script.h"

#include <boost/json.hpp>

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
    TRY(const double status, as_number(value, place, 200, 599));
    rule.status = static_cast<int>(status);
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

Result<FaultRule> parse_rule(const json::value& value, std::size_t index) {
  const std::string place = "rule " + std::to_string(index + 1);
  if (!value.is_object()) return bad_script(place, "an object is expected");
  const json::object& object = value.get_object();
  if (!object.contains("do")) return bad_script(place, "\"do\" is missing");
  FaultRule rule;
  for (const auto& [name, field] : object) {
    TRY_VOID(set_field(rule, name, field, place + ", \"" + std::string(name) + "\""));
  }
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

std::string FaultInjector::to_json() const {
  json::array rules;
  for (std::size_t i = 0; i < script_.rules.size(); ++i) {
    const FaultRule& rule = script_.rules[i];
    rules.push_back(json::object{{"do", to_string(rule.what)},
                                 {"on", rule.on ? to_string(*rule.on) : "*"},
                                 {"acted", states_[i].acted},
                                 {"met", is_met(i)}});
  }
  json::object operations;
  for (std::size_t i = 0; i < kOperationCount; ++i) {
    if (counts_[i][0] + counts_[i][1] == 0) continue;
    operations[to_string(static_cast<Operation>(i))] =
        json::object{{"succeeded", counts_[i][1]}, {"failed", counts_[i][0]}};
  }
  return json::serialize(json::object{{"rules", std::move(rules)},
                                      {"sequence_left", script_.sequence.size() - sequence_next_},
                                      {"all_met", all_met()},
                                      {"partitioned", partitioned_until_.has_value()},
                                      {"operations", std::move(operations)}});
}

}  // namespace telpher
