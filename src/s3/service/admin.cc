// S3Service: its own pages below /_telpher/, and what browsers ask before they ask.

#include "codec/http_date.h"
#include "codec/plain_numbers.h"
#include "s3/service/exchange.h"
#include "store/rules.h"

#include <boost/json.hpp>
#include <openssl/crypto.h>

#include <algorithm>

namespace telpher {
namespace {

namespace json = boost::json;

constexpr std::size_t kScriptBytesMax = 4 * 1024 * 1024;

bool is_bearer(std::string_view authorization, std::string_view key) {
  constexpr std::string_view kScheme = "Bearer ";
  if (!authorization.starts_with(kScheme)) return false;
  authorization.remove_prefix(kScheme.size());
  return authorization.size() == key.size() &&
         CRYPTO_memcmp(authorization.data(), key.data(), key.size()) == 0;
}

}  // namespace

Task<Result<void>> S3Service::handle_admin(Exchange* exchange) {
  ServerRequest& request = exchange->request;
  ServerResponse& response = exchange->response;
  response.headers.add("Content-Type", "application/json");
  const std::string_view what = std::string_view(request.target()).substr(10);
  const std::string_view method = request.method();
  if (options_.admin_key.empty() ||
      !is_bearer(request.headers().find("authorization").value_or(""), options_.admin_key)) {
    response.status = 403;
    response.headers.add("WWW-Authenticate", "Bearer");
    co_return co_await response.send_text(
        "{\"error\": \"the admin key is wanted: Authorization: Bearer KEY\"}\n");
  }
  if (what == "stats" && method == "GET") {
    CO_TRY(std::string text, co_await stats_json());
    co_return co_await response.send_text(std::move(text));
  }
  if (what == "history" && method == "GET") {
    co_return co_await response.send_text(history_json());
  }
  if (what == "faults" && method == "GET") {
    co_return co_await response.send_text(faults_.to_json() + "\n");
  }
  if (what == "faults" && (method == "PUT" || method == "DELETE")) {
    Result<FaultScript> script = FaultScript();
    if (method == "PUT") {
      CO_TRY(const std::string text, co_await request.read_all(kScriptBytesMax));
      script = parse_fault_script(text);
    }
    if (!script) {
      response.status = 400;
      co_return co_await response.send_text(
          json::serialize(json::object{{"error", script.error().message}}) + "\n");
    }
    faults_.reset(*std::move(script));
    expired_.clear();
    skew_ = {};
    stats_.under_way_max = stats_.under_way;
    co_return co_await response.send_text("{}\n");
  }
  response.status = 404;
  co_return co_await response.send_text(
      "{\"error\": \"GET /_telpher/stats, GET /_telpher/history, GET PUT DELETE "
      "/_telpher/faults\"}\n");
}

Task<Result<std::string>> S3Service::stats_json() {
  json::object requests;
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < kOperationCount; ++i) {
    if (stats_.requests[i] == 0) continue;
    requests[to_string(static_cast<Operation>(i))] = stats_.requests[i];
    total += stats_.requests[i];
  }
  std::uint64_t open_uploads = 0;
  CO_TRY(const auto buckets, co_await base_.list_buckets());
  for (const BucketInfo& bucket : buckets) {
    ListUploadsOptions next;
    do {
      CO_TRY(const UploadsPage page, co_await base_.list_uploads(bucket.name, next));
      open_uploads += page.uploads.size();
      next.key_marker = page.key_marker;
      next.upload_id_marker = page.upload_id_marker;
    } while (!next.key_marker.empty());
  }
  const json::object stats{{"requests", std::move(requests)},
                           {"requests_total", total},
                           {"refused", stats_.refused},
                           {"body_bytes_received", stats_.body_bytes_received},
                           {"body_bytes_sent", stats_.body_bytes_sent},
                           {"under_way_max", stats_.under_way_max},
                           {"open_uploads", open_uploads},
                           {"faults", json::parse(faults_.to_json())},
                           {"faults_all_met", faults_.all_met()}};
  co_return plain_numbers(json::serialize(stats)) + "\n";
}

std::string S3Service::history_json() const {
  json::array calls;
  const auto loop_now = loop_.now();
  const auto wall_now = loop_.wall_now();
  for (const CallRecord& call : faults_.history()) {
    const auto at =
        wall_now - std::chrono::duration_cast<std::chrono::milliseconds>(loop_now - call.at);
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(at.time_since_epoch());
    calls.push_back(json::object{{"operation", to_string(call.operation)},
                                 {"key", call.key},
                                 {"success", call.success},
                                 {"at", static_cast<double>(ms.count()) / 1000}});
  }
  const auto puts = [this](bool success) { return faults_.count(Operation::kPutObject, success); };
  return plain_numbers(json::serialize(json::object{{"successful_puts", puts(true)},
                                                    {"failed_puts", puts(false)},
                                                    {"calls", std::move(calls)}})) +
         "\n";
}

// Cross-origin resource sharing: source Fetch standard, "CORS protocol".

void S3Service::add_cors_headers(Exchange& exchange) {
  const auto origin = exchange.headers().find("origin");
  if (!origin) return;
  const std::vector<std::string>& origins = options_.cors.origins;
  const bool any = std::ranges::find(origins, "*") != origins.end();
  if (!any && std::ranges::find(origins, *origin) == origins.end()) return;
  Headers& headers = exchange.response.headers;
  headers.add("Access-Control-Allow-Origin", any ? "*" : *origin);
  if (!any) headers.add("Vary", "Origin");
  headers.add("Access-Control-Expose-Headers",
              "ETag, Content-Range, Accept-Ranges, x-amz-request-id, x-amz-id-2, "
              "x-amz-checksum-crc32, x-amz-checksum-crc32c, x-amz-checksum-crc64nvme, "
              "x-amz-checksum-sha1, x-amz-checksum-sha256, x-amz-mp-parts-count");
}

Task<Result<void>> S3Service::answer_preflight(Exchange* exchange) {
  const Headers& asked = exchange->headers();
  Headers& headers = exchange->response.headers;
  if (!asked.contains("origin") || !asked.contains("access-control-request-method")) {
    co_return store_error(ErrorKind::kInvalid, "BadRequest", 400,
                          "Insufficient information. Origin request header needed.");
  }
  if (!headers.contains("access-control-allow-origin")) {
    co_return store_error(ErrorKind::kDenied, "AccessForbidden", 403,
                          "CORSResponse: This CORS request is not allowed.");
  }
  headers.add("Access-Control-Allow-Methods", "GET, HEAD, PUT, POST, DELETE");
  if (const auto names = asked.joined("access-control-request-headers")) {
    headers.add("Access-Control-Allow-Headers", *names);
  }
  headers.add("Access-Control-Max-Age", "3000");
  co_return co_await send(exchange, 200, "");
}

}  // namespace telpher
