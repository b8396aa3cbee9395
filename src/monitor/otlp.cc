#include "monitor/otlp.h"

#include "codec/hex.h"
#include "monitor/buckets.h"

#include <boost/json.hpp>

namespace telpher {
namespace {

namespace json = boost::json;

// Numbers of 64 bits are strings in protobuf's JSON; ids are hexadecimal in OTLP's.
json::string number(std::uint64_t value) { return json::string(std::to_string(value)); }

json::string time_text(std::chrono::system_clock::time_point time) {
  const auto since = std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch());
  return number(static_cast<std::uint64_t>(since.count()));
}

json::object attribute(std::string_view key, std::string_view value) {
  return {{"key", key}, {"value", {{"stringValue", value}}}};
}

json::array attributes(const OtlpResource& pairs) {
  json::array out;
  for (const auto& [key, value] : pairs) out.push_back(attribute(key, value));
  return out;
}

/// Around what one library of one process tells.
std::string envelope(std::string_view kind, std::string_view scope_kind,
                     std::string_view items_name, const OtlpResource& resource, json::array items) {
  json::object scope{{"scope", {{"name", "telpher"}}}};
  scope[items_name] = std::move(items);
  json::object one{{"resource", {{"attributes", attributes(resource)}}}};
  one[scope_kind] = json::array{std::move(scope)};
  json::object body;
  body[kind] = json::array{std::move(one)};
  return json::serialize(body);
}

json::object span_json(const Span& span) {
  constexpr int kInternal = 1, kError = 2;
  json::object out{{"traceId", hex_encode(span.context.trace)},
                   {"spanId", hex_encode(span.context.span)},
                   {"name", span.name},
                   {"kind", kInternal},
                   {"startTimeUnixNano", time_text(span.start)},
                   {"endTimeUnixNano", time_text(span.start + span.duration)}};
  if (span.parent != SpanId{}) out["parentSpanId"] = hex_encode(span.parent);
  json::array pairs;
  for (const auto& [key, value] : span.attributes) pairs.push_back(attribute(key, value));
  if (span.error) pairs.push_back(attribute("error.type", to_string(*span.error)));
  if (!pairs.empty()) out["attributes"] = std::move(pairs);
  if (span.error) out["status"] = {{"code", kError}};
  return out;
}

/// A metric of cumulative points, one an operation.
class Metric {
 public:
  Metric(std::string_view name, std::string_view unit, std::string_view kind)
      : metric_{{"name", name}, {"unit", unit}}, kind_(kind) {}

  void add(json::object point) { points_.push_back(std::move(point)); }
  json::object take() {
    constexpr int kCumulative = 2;
    json::object data{{"aggregationTemporality", kCumulative}, {"dataPoints", std::move(points_)}};
    if (kind_ == "sum") data["isMonotonic"] = true;
    metric_[kind_] = std::move(data);
    return std::move(metric_);
  }

 private:
  json::object metric_;
  std::string_view kind_;
  json::array points_;
};

}  // namespace

std::string otlp_traces(const OtlpResource& resource, std::span<const Span> spans) {
  json::array items;
  for (const Span& span : spans) items.push_back(span_json(span));
  return envelope("resourceSpans", "scopeSpans", "spans", resource, std::move(items));
}

std::string otlp_metrics(const OtlpResource& resource, const std::vector<OperationReport>& reports,
                         std::chrono::system_clock::time_point start,
                         std::chrono::system_clock::time_point now) {
  const auto point = [&](const OperationReport& report, OtlpResource more = {}) {
    more.insert(more.begin(), {"operation", report.name});
    return json::object{{"attributes", attributes(more)},
                        {"startTimeUnixNano", time_text(start)},
                        {"timeUnixNano", time_text(now)}};
  };
  Metric operations("telpher.operations", "{operation}", "sum");
  Metric bytes("telpher.operation.bytes", "By", "sum");
  Metric durations("telpher.operation.duration", "s", "histogram");
  for (const OperationReport& report : reports) {
    const Statistics& total = report.total;
    for (const bool failed : {false, true}) {
      json::object one = point(report, {{"outcome", failed ? "error" : "success"}});
      const std::uint64_t succeeded = total.count - std::min(total.count, total.failed);
      one["asInt"] = number(failed ? total.failed : succeeded);
      operations.add(std::move(one));
    }
    json::object moved = point(report);
    moved["asInt"] = number(total.bytes);
    bytes.add(std::move(moved));
    const DurationBuckets buckets = bucket_durations(total.durations);
    json::object lasted = point(report);
    lasted["count"] = number(buckets.count);
    lasted["sum"] = static_cast<double>(total.duration_ns) / 1e9;
    json::array bounds, counts;
    for (const DurationBound& bound : kDurationBounds) {
      bounds.push_back(std::chrono::duration<double>(bound.at_most).count());
    }
    for (const std::uint64_t count : buckets.counts) counts.push_back(number(count));
    lasted["explicitBounds"] = std::move(bounds);
    lasted["bucketCounts"] = std::move(counts);
    durations.add(std::move(lasted));
  }
  return envelope("resourceMetrics", "scopeMetrics", "metrics", resource,
                  {operations.take(), bytes.take(), durations.take()});
}

}  // namespace telpher
