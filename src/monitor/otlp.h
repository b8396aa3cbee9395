#pragma once
// OpenTelemetry's protocol as JSON (opentelemetry.io/docs/specs/otlp, OTLP/HTTP 1.x): the bodies of
// POST /v1/traces and /v1/metrics. Pure.

#include "metrics/trace.h"
#include "monitor/monitor.h"

#include <chrono>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace telpher {

/// Who tells: "service.name" and what else tells processes apart.
using OtlpResource = std::vector<std::pair<std::string, std::string>>;

std::string otlp_traces(const OtlpResource& resource, std::span<const Span> spans);

/// Totals since `start`, cumulative: operations by outcome, bytes, and a histogram of durations.
std::string otlp_metrics(const OtlpResource& resource, const std::vector<OperationReport>& reports,
                         std::chrono::system_clock::time_point start,
                         std::chrono::system_clock::time_point now);

}  // namespace telpher
