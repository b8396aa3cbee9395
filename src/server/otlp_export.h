#pragma once
// OtlpExport: sends spans and metrics to an OpenTelemetry collector (OTLP/HTTP, JSON), as
// OTEL_EXPORTER_OTLP_ENDPOINT says. What cannot be sent is dropped and counted; one line in the log
// says so. One loop.

#include "codec/uri.h"
#include "metrics/trace.h"
#include "monitor/otlp.h"
#include "net/http_client.h"
#include "server/monitor_service.h"

#include <functional>
#include <optional>
#include <string>

namespace telpher {

struct OtlpOptions {
  Uri traces;   // …/v1/traces
  Uri metrics;  // …/v1/metrics
  Headers headers;
  OtlpResource resource;
};

/// From OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_HEADERS, OTEL_SERVICE_NAME,
/// OTEL_RESOURCE_ATTRIBUTES. nullopt: no endpoint is named. Errors: kInvalid, naming the variable.
/// Source: opentelemetry.io/docs/specs/otel/protocol/exporter.
using Variables = std::function<std::optional<std::string>(const std::string&)>;
Result<std::optional<OtlpOptions>> otlp_options(const Variables& variables,
                                                std::string_view version);

class OtlpExport {
 public:
  /// All of them must outlive it.
  OtlpExport(HttpClient& http, SpanBuffer& spans, const MonitorService& monitor,
             OtlpOptions options)
      : http_(http), spans_(spans), monitor_(monitor), options_(std::move(options)) {}

  /// Until it is cancelled; then sends what there is. Never fails otherwise.
  Task<Result<void>> run();
  std::uint64_t failed() const { return failed_; }

 private:
  Task<Result<void>> send_spans();
  Task<Result<void>> send_metrics();
  Task<Result<void>> post(const Uri* to, std::string body);
  void note(const Result<void>& sent);

  HttpClient& http_;
  SpanBuffer& spans_;
  const MonitorService& monitor_;
  const OtlpOptions options_;
  std::uint64_t failed_ = 0;
  bool told_ = false;
};

}  // namespace telpher
