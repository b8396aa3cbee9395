#include "cli/json_event.h"

#include "codec/utf8.h"

#include <boost/json.hpp>

#include <charconv>
#include <cmath>

namespace telpher {
namespace {

namespace json = boost::json;

json::string text_of(std::string_view text) {
  return is_utf8(text) ? json::string(text) : json::string(latin1_to_utf8(text));
}

json::object event(std::string_view name) {
  json::object object;
  object["event"] = json::string(name);
  return object;
}

json::object event(std::string_view name, const CopyNames& names) {
  json::object object = event(name);
  object["source"] = text_of(names.source);
  object["destination"] = text_of(names.destination);
  return object;
}

/// Numbers as people and every program read them: 0.094, never 9.4E-2.
std::string decimal(double value) {
  if (!std::isfinite(value)) return "0";
  char text[400];
  const double rounded = std::round(value * 1e6) / 1e6;
  const auto end = std::to_chars(text, text + sizeof text, rounded, std::chars_format::fixed).ptr;
  return {text, end};
}

std::string line_of(const json::object& object) {
  std::string line = "{";
  for (const auto& [name, value] : object) {
    if (line.size() > 1) line += ',';
    line += json::serialize(name) + ':';
    if (value.is_object()) {
      line += line_of(value.get_object());
    } else {
      line += value.is_double() ? decimal(value.get_double()) : json::serialize(value);
    }
  }
  return line + '}';
}

double seconds_of(Duration duration) { return std::chrono::duration<double>(duration).count(); }

}  // namespace

std::string json_started(const CopyNames& names) { return line_of(event("started", names)); }

std::string json_progress(const ProgressView& view) {
  json::object object = event("progress");
  object["bytes"] = view.bytes_done;
  if (view.size) {
    object["size"] = *view.size;
    object["percent"] = *view.size == 0 ? 100.0
                                        : static_cast<double>(view.bytes_done) * 100 /
                                              static_cast<double>(*view.size);
  }
  object["bytes_per_second"] = view.speed;
  object["bytes_per_second_average"] = view.speed_average;
  int parts = 0;
  for (const FileView& file : view.active) parts += file.parts_in_flight;
  object["parts_in_flight"] = parts;
  object["files_done"] = view.files_done;
  object["files_failed"] = view.files_failed;
  if (view.files_total) object["files"] = *view.files_total;
  return line_of(object);
}

std::string json_done(const CopyNames& names, const TransferResult& result,
                      std::optional<Duration> took) {
  json::object object = event("done", names);
  object["mode"] = json::string(to_string(result.mode));
  object["bytes"] = result.size;
  object["parts"] = result.parts;
  object["parts_resumed"] = result.parts_resumed;
  if (!result.etag.empty()) object["etag"] = text_of(result.etag);
  if (!result.version_id.empty()) object["version_id"] = text_of(result.version_id);
  if (!result.digest.empty()) {
    object["checksum"] = json::string(std::string(to_string(result.digest.algorithm())) + ":" +
                                      result.digest.to_hex());
  }
  if (!result.verified_by.empty()) object["verified_by"] = text_of(result.verified_by);
  if (!result.note.empty()) object["note"] = text_of(result.note);
  if (took) object["seconds"] = seconds_of(*took);
  return line_of(object);
}

std::string json_failed(const CopyNames& names, const Error& error, ExitCode code) {
  json::object object = event("failed", names);
  object["kind"] = json::string(to_string(error.kind));
  object["message"] = text_of(error.message);
  if (!error.context.operation.empty()) object["operation"] = text_of(error.context.operation);
  if (!error.context.code.empty()) object["code"] = text_of(error.context.code);
  if (error.context.http_status) object["http_status"] = error.context.http_status;
  if (error.context.attempts) object["attempts"] = error.context.attempts;
  if (!error.context.request_id.empty()) object["request_id"] = text_of(error.context.request_id);
  object["exit_code"] = static_cast<int>(code);
  return line_of(object);
}

std::string json_planned(const CopyNames& names, const CopyPlan& plan) {
  json::object object = event("planned", names);
  object["skipped"] = plan.skipped;
  if (plan.size) object["bytes"] = *plan.size;
  object["how"] = text_of(plan.how);
  return line_of(object);
}

std::string json_removed(std::string_view name) {
  json::object object = event("removed");
  object["destination"] = text_of(name);
  return line_of(object);
}

std::string json_would_remove(std::string_view name) {
  json::object object = event("planned");
  object["destination"] = text_of(name);
  object["how"] = "remove";
  return line_of(object);
}

std::string json_retry(const RetryNotice& notice) {
  json::object object = event("retry");
  object["attempt"] = notice.attempt;
  object["attempts"] = notice.attempts_max;
  object["cause"] = text_of(notice.cause);
  return line_of(object);
}

std::string json_summary(const Totals& totals, const std::vector<StatsGroup>& stats) {
  json::object object = event("summary");
  object["done"] = totals.done;
  object["skipped"] = totals.skipped;
  object["failed"] = totals.failed;
  if (totals.removed > 0) object["removed"] = totals.removed;
  if (totals.unchanged > 0) object["unchanged"] = totals.unchanged;
  object["bytes"] = totals.bytes;
  object["bytes_resumed"] = totals.bytes_resumed;
  object["seconds"] = totals.seconds;
  if (totals.dry_run) object["dry_run"] = true;
  if (!stats.empty()) {
    json::object groups;
    for (const StatsGroup& group : stats) {
      json::object values;
      for (const StatsGroup::Value& value : group.values) values[value.name] = value.number;
      groups[group.name] = std::move(values);
    }
    object["stats"] = std::move(groups);
  }
  return line_of(object);
}

std::string json_string(std::string_view text) {
  return json::serialize(json::value(text_of(text)));
}

}  // namespace telpher
