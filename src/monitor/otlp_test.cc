#include "monitor/otlp.h"

#include <boost/json.hpp>
#include <gtest/gtest.h>

namespace telpher {
namespace {

using namespace std::chrono_literals;
namespace json = boost::json;

TEST(Otlp, SpansKnowTheirParents) {
  Random random(1);
  const TraceContext transfer = begin_trace(random);
  const TraceContext part = begin_span(transfer, random);
  const std::chrono::system_clock::time_point start(1'700'000'000s);
  const std::vector<Span> spans = {
      {.context = transfer, .name = "transfer", .start = start, .duration = 2s},
      {.context = part,
       .parent = transfer.span,
       .name = "part",
       .start = start + 1s,
       .duration = 1ms,
       .error = ErrorKind::kTimeout,
       .attributes = {{"part.number", "3"}}}};
  const json::value body = json::parse(otlp_traces({{"service.name", "telpher"}}, spans));
  const json::value& told = body.at("resourceSpans").at(0);
  EXPECT_EQ(told.at("resource").at("attributes").at(0).at("value").at("stringValue"), "telpher");
  const json::value& first = told.at("scopeSpans").at(0).at("spans").at(0);
  const json::value& second = told.at("scopeSpans").at(0).at("spans").at(1);
  EXPECT_EQ(first.at("startTimeUnixNano"), "1700000000000000000");
  EXPECT_EQ(first.at("endTimeUnixNano"), "1700000002000000000");
  EXPECT_FALSE(first.as_object().contains("parentSpanId"));
  EXPECT_EQ(first.at("traceId").as_string().size(), 32u);
  EXPECT_EQ(second.at("traceId"), first.at("traceId"));
  EXPECT_EQ(second.at("parentSpanId"), first.at("spanId"));
  EXPECT_EQ(second.at("status").at("code"), 2);
  EXPECT_EQ(second.at("attributes").at(1).at("value").at("stringValue"), "timeout");
}

TEST(Otlp, MetricsAreCumulative) {
  OperationReport report{.name = "upload"};
  report.total.count = 4;
  report.total.failed = 1;
  report.total.bytes = 1ULL << 60;
  report.total.duration_ns = 2'500'000'000;
  report.total.durations = {{500'000, 3}, {400'000'000'000, 1}};
  const std::chrono::system_clock::time_point start(1'700'000'000s);
  const json::value body = json::parse(otlp_metrics({}, {report}, start, start + 60s));
  const json::value& metrics =
      body.at("resourceMetrics").at(0).at("scopeMetrics").at(0).at("metrics");
  const json::value& failed = metrics.at(0).at("sum").at("dataPoints").at(1);
  EXPECT_EQ(failed.at("asInt"), "1");
  EXPECT_EQ(failed.at("attributes").at(1).at("value").at("stringValue"), "error");
  EXPECT_EQ(metrics.at(0).at("sum").at("isMonotonic"), true);
  EXPECT_EQ(metrics.at(1).at("sum").at("dataPoints").at(0).at("asInt"), "1152921504606846976");
  const json::value& durations = metrics.at(2).at("histogram").at("dataPoints").at(0);
  EXPECT_EQ(durations.at("count"), "4");
  EXPECT_EQ(durations.at("sum"), 2.5);
  EXPECT_EQ(durations.at("bucketCounts").as_array().size(),
            durations.at("explicitBounds").as_array().size() + 1);
  EXPECT_EQ(durations.at("bucketCounts").at(0), "3");
  EXPECT_EQ(durations.at("bucketCounts").as_array().back(), "1");
}

}  // namespace
}  // namespace telpher
