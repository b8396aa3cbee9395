#include "server/otlp_export.h"

#include "codec/percent.h"
#include "codec/text.h"
#include "runtime/task_group.h"

#include <cstdio>

namespace telpher {
namespace {

using namespace std::chrono_literals;

constexpr Duration kStep = 2s;
constexpr Duration kMetricsEvery = 60s;
constexpr Duration kPatience = 10s;
constexpr std::size_t kSpansAtOnce = 512;

Result<Uri> uri_in(const std::string& variable, const std::string& text) {
  Result<Uri> uri = parse_uri(text);
  if (uri && (uri->scheme == "http" || uri->scheme == "https")) return uri;
  return make_error(ErrorKind::kInvalid, variable + ": '" + text + "' is no http(s) URL");
}

/// "a=b,c=d", percent-encoded. Source: W3C Baggage, as OpenTelemetry uses it.
Result<std::vector<std::pair<std::string, std::string>>> pairs_in(const std::string& variable,
                                                                  const std::string& text) {
  std::vector<std::pair<std::string, std::string>> pairs;
  bool good = true;
  for_each_list_item(text, [&](std::string_view item) {
    const std::size_t equals = item.find('=');
    Result<std::string> value = percent_decode(
        equals == std::string_view::npos ? item : trim_blanks(item.substr(equals + 1)));
    good = good && equals != std::string_view::npos && value;
    if (good) pairs.emplace_back(trim_blanks(item.substr(0, equals)), *std::move(value));
  });
  if (good) return pairs;
  return make_error(ErrorKind::kInvalid, variable + ": is to be NAME=VALUE,NAME=VALUE");
}

}  // namespace

Result<std::optional<OtlpOptions>> otlp_options(const Variables& variables,
                                                std::string_view version) {
  const auto value = [&](const char* name) { return variables(name).value_or(""); };
  std::string base = value("OTEL_EXPORTER_OTLP_ENDPOINT");
  if (base.empty()) return std::optional<OtlpOptions>();
  while (base.ends_with('/')) base.pop_back();
  OtlpOptions options;
  TRY(options.traces, uri_in("OTEL_EXPORTER_OTLP_ENDPOINT", base + "/v1/traces"));
  TRY(options.metrics, uri_in("OTEL_EXPORTER_OTLP_ENDPOINT", base + "/v1/metrics"));
  TRY(const auto headers,
      pairs_in("OTEL_EXPORTER_OTLP_HEADERS", value("OTEL_EXPORTER_OTLP_HEADERS")));
  for (const auto& [name, text] : headers) {
    if (!is_valid_field(name, text)) {
      return make_error(ErrorKind::kInvalid,
                        "OTEL_EXPORTER_OTLP_HEADERS: '" + name + "' cannot be sent");
    }
    options.headers.add(name, text);
  }
  TRY(options.resource, pairs_in("OTEL_RESOURCE_ATTRIBUTES", value("OTEL_RESOURCE_ATTRIBUTES")));
  const std::string name = value("OTEL_SERVICE_NAME");
  options.resource.emplace_back("service.name", name.empty() ? "telpher" : name);
  options.resource.emplace_back("service.version", version);
  return std::optional(std::move(options));
}

Task<Result<void>> OtlpExport::run() {
  Loop& loop = co_await current_loop();
  TimePoint metrics_sent = loop.now();
  for (;;) {
    const Result<void> slept = co_await sleep_for(kStep);
    if (!slept) break;
    note(co_await send_spans());
    if (loop.now() - metrics_sent < kMetricsEvery) continue;
    metrics_sent = loop.now();
    note(co_await send_metrics());
  }
  (void)co_await shielded(send_spans(), kPatience);
  co_return co_await shielded(send_metrics(), kPatience);
}

void OtlpExport::note(const Result<void>& sent) {
  if (sent || sent.error().kind == ErrorKind::kCancelled) {
    told_ = told_ && !sent;
    return;
  }
  ++failed_;
  if (std::exchange(told_, true)) return;
  std::fprintf(stderr, "telpher: OTEL_EXPORTER_OTLP_ENDPOINT: %s\n", sent.error().message.c_str());
}

Task<Result<void>> OtlpExport::send_spans() {
  for (;;) {
    const std::vector<Span> spans = spans_.take(kSpansAtOnce);
    if (spans.empty()) co_return Result<void>();
    CO_TRY_VOID(co_await post(&options_.traces, otlp_traces(options_.resource, spans)));
  }
}

Task<Result<void>> OtlpExport::send_metrics() {
  const WallClock clock = monitor_.clock();
  co_return co_await post(&options_.metrics,
                          otlp_metrics(options_.resource, monitor_.operations_now(),
                                       clock.of(monitor_.started()), clock.wall));
}

Task<Result<void>> OtlpExport::post(const Uri* to, std::string body) {
  HttpRequest request{.method = "POST", .target = to->target(), .headers = options_.headers};
  request.headers.set("Content-Type", "application/json");
  request.body = Body::of(as_bytes(body));
  Loop& loop = co_await current_loop();
  CO_TRY(const std::unique_ptr<HttpResponse> response,
         co_await with_deadline(
             http_.send({to->scheme == "https", to->host, to->port}, std::move(request)),
             loop.now() + kPatience));
  (void)co_await response->read_all(64 * 1024);
  if (response->status / 100 == 2) co_return Result<void>();
  co_return make_error(ErrorKind::kServer,
                       to->redacted() + " answered HTTP " + std::to_string(response->status));
}

}  // namespace telpher
