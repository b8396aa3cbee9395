// Scripts of the imposter, written as JSON.

#include "base/units.h"
#include "tests/support/http_imposter.h"

#include <boost/json.hpp>

namespace telpher {
namespace {

namespace json = boost::json;

Error bad(std::string_view name, std::string_view wanted) {
  return make_error(ErrorKind::kInvalid,
                    "'" + std::string(name) + "' must be " + std::string(wanted));
}

Result<std::string> read_text(std::string_view name, const json::value& value) {
  if (!value.is_string()) return bad(name, "a string");
  return std::string(value.get_string());
}

Result<std::int64_t> read_number(std::string_view name, const json::value& value) {
  if (!value.is_int64()) return bad(name, "a whole number");
  return value.get_int64();
}

Result<bool> read_flag(std::string_view name, const json::value& value) {
  if (!value.is_bool()) return bad(name, "true or false");
  return value.get_bool();
}

Result<ByteCount> read_size(std::string_view name, const json::value& value) {
  if (value.is_string()) return parse_size(std::string_view(value.get_string()));
  if (!value.is_int64() || value.get_int64() < 0) return bad(name, "a size");
  return static_cast<ByteCount>(value.get_int64());
}

Result<void> read_headers(ImposterRule& rule, const json::value& value) {
  if (!value.is_object()) return bad("headers", "an object");
  for (const auto& [name, text] : value.get_object()) {
    TRY(std::string field, read_text(name, text));
    rule.headers.emplace_back(name, std::move(field));
  }
  return {};
}

using TextField = std::string ImposterRule::*;
using FlagField = bool ImposterRule::*;
using SizeField = std::optional<ByteCount> ImposterRule::*;

constexpr std::pair<std::string_view, TextField> kTexts[] = {
    {"path", &ImposterRule::path},         {"method", &ImposterRule::method},
    {"header", &ImposterRule::header},     {"body", &ImposterRule::body},
    {"etag", &ImposterRule::etag},         {"last_modified", &ImposterRule::last_modified},
    {"redirect", &ImposterRule::redirect}, {"content_type", &ImposterRule::content_type}};
constexpr std::pair<std::string_view, FlagField> kFlags[] = {
    {"ranges", &ImposterRule::ranges},
    {"conditions", &ImposterRule::conditions},
    {"gzip", &ImposterRule::gzip},
    {"chunked", &ImposterRule::chunked}};
constexpr std::pair<std::string_view, SizeField> kSizes[] = {{"size", &ImposterRule::size},
                                                             {"close_at", &ImposterRule::close_at},
                                                             {"reset_at", &ImposterRule::reset_at},
                                                             {"stall_at", &ImposterRule::stall_at}};

Result<void> read_field(ImposterRule& rule, std::string_view name, const json::value& value) {
  for (const auto& [field, member] : kTexts) {
    if (name == field) {
      TRY(rule.*member, read_text(name, value));
      return {};
    }
  }
  for (const auto& [field, member] : kFlags) {
    if (name == field) {
      TRY(rule.*member, read_flag(name, value));
      return {};
    }
  }
  for (const auto& [field, member] : kSizes) {
    if (name == field) {
      TRY(rule.*member, read_size(name, value));
      return {};
    }
  }
  if (name == "headers") return read_headers(rule, value);
  if (name == "rate") {
    TRY(rule.rate, read_size(name, value));
    return {};
  }
  TRY(const std::int64_t number, read_number(name, value));
  if (name == "after")
    rule.after = static_cast<int>(number);
  else if (name == "times")
    rule.times = static_cast<int>(number);
  else if (name == "status")
    rule.status = static_cast<int>(number);
  else if (name == "seed")
    rule.seed = static_cast<std::uint64_t>(number);
  else if (name == "content_range_shift")
    rule.content_range_shift = number;
  else if (name == "content_range_total")
    rule.content_range_total = number;
  else
    return make_error(ErrorKind::kInvalid, "no such field: '" + std::string(name) + "'");
  return {};
}

}  // namespace

Result<std::vector<ImposterRule>> parse_imposter_script(std::string_view text) {
  boost::system::error_code failed;
  const json::value script = json::parse(text, failed);
  if (failed) return make_error(ErrorKind::kInvalid, "not JSON: " + failed.message());
  const json::value* list = script.is_object() ? script.get_object().if_contains("rules") : nullptr;
  if (!list || !list->is_array()) return bad("rules", "an array");
  std::vector<ImposterRule> rules;
  for (const json::value& item : list->get_array()) {
    if (!item.is_object()) return bad("rules", "an array of objects");
    ImposterRule rule;
    for (const auto& [name, value] : item.get_object()) {
      TRY_VOID(read_field(rule, name, value));
    }
    rules.push_back(std::move(rule));
  }
  return rules;
}

}  // namespace telpher
