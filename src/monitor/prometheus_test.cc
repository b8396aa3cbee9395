#include "monitor/prometheus.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace telpher {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(Prometheus, WritesOperations) {
  OperationRegistry registry;
  Monitor monitor(registry, {}, TimePoint(1h));
  OperationMetrics& upload = registry.of("upload");
  for (const auto duration : {1us, 2000us, 70'000us, 400'000'000us}) {
    upload.record({.ended = TimePoint(1h), .duration = duration, .bytes = 1000});
  }
  upload.record({.ended = TimePoint(1h), .duration = 3ms, .error = ErrorKind::kThrottled});
  upload.in_flight.add(2);
  monitor.tick(TimePoint(1h + 5s));
  PrometheusText exposition;
  add_operations(exposition, monitor.operations());
  for (const char* line : {
           "# TYPE telpher_operations_total counter\n",
           "\ntelpher_operations_total{operation=\"upload\",outcome=\"success\"} 4\n",
           "\ntelpher_operations_total{operation=\"upload\",outcome=\"error\"} 1\n",
           "\ntelpher_operation_errors_total{operation=\"upload\",kind=\"throttled\"} 1\n",
           "\ntelpher_operation_duration_seconds_bucket{operation=\"upload\",le=\"0.001\"} 1\n",
           "\ntelpher_operation_duration_seconds_bucket{operation=\"upload\",le=\"0.0025\"} 2\n",
           "\ntelpher_operation_duration_seconds_bucket{operation=\"upload\",le=\"0.1\"} 4\n",
           "\ntelpher_operation_duration_seconds_bucket{operation=\"upload\",le=\"300\"} 4\n",
           "\ntelpher_operation_duration_seconds_bucket{operation=\"upload\",le=\"+Inf\"} 5\n",
           "\ntelpher_operation_duration_seconds_count{operation=\"upload\"} 5\n",
           "\ntelpher_operation_duration_seconds_sum{operation=\"upload\"} 400.075001\n",
           "\ntelpher_operation_bytes_total{operation=\"upload\"} 4000\n",
           "\ntelpher_operations_in_flight{operation=\"upload\"} 2\n",
       }) {
    EXPECT_THAT(exposition.text(), HasSubstr(line));
  }
  EXPECT_THAT(exposition.text(), Not(HasSubstr("kind=\"timeout\"")));
}

TEST(Prometheus, LabelsAreEscaped) {
  PrometheusText exposition;
  exposition.family("x", PrometheusText::Type::kGauge, "X.");
  exposition.add({{"a", "\"\\\n"}}, 0.5);
  EXPECT_THAT(exposition.text(), HasSubstr("telpher_x{a=\"\\\"\\\\\\n\"} 0.5\n"));
}

}  // namespace
}  // namespace telpher
