// S3Imposter: operations on buckets, and its own pages below /_imposter/.

#include "codec/text.h"
#include "tests/support/s3_imposter_exchange.h"

#include <boost/json.hpp>

#include <algorithm>

namespace telpher {

Task<Result<void>> S3Imposter::run_bucket(Exchange* exchange) {
  const S3Call& call = exchange->call;
  const std::string& bucket = call.object.bucket;
  if (call.is_location) {
    CO_TRY_VOID(co_await store_.head_bucket(bucket));
    co_return co_await send(exchange, 200, Xml("LocationConstraint").finish());
  }
  switch (call.operation) {
    case Operation::kListBuckets: {
      CO_TRY(const auto buckets, co_await store_.list_buckets());
      co_return co_await send(exchange, 200, buckets_document(buckets));
    }
    case Operation::kCreateBucket:
      CO_TRY_VOID(co_await store_.create_bucket(bucket));
      exchange->response.headers.add("location", "/" + bucket);
      co_return co_await send(exchange, 200, "");
    case Operation::kHeadBucket:
      CO_TRY_VOID(co_await store_.head_bucket(bucket));
      co_return co_await send(exchange, 200, "");
    case Operation::kDeleteBucket:
      CO_TRY_VOID(co_await store_.remove_bucket(bucket));
      co_return co_await send(exchange, 204, "");
    case Operation::kDeleteObjects: {
      CO_TRY(auto keys, parse_delete(exchange->body));
      CO_TRY(const auto failures, co_await store_.remove_many(bucket, std::move(keys)));
      co_return co_await send(exchange, 200, delete_document(failures));
    }
    case Operation::kListUploads: {
      ListUploadsOptions options{std::string(call.parameter("prefix")),
                                 std::string(call.parameter("key-marker")),
                                 std::string(call.parameter("upload-id-marker"))};
      const auto most = parse_decimal<unsigned>(call.parameter("max-uploads"));
      options.max_uploads = static_cast<int>(std::clamp(most.value_or(1000), 1U, 1000U));
      CO_TRY(UploadsPage page, co_await store_.list_uploads(bucket, options));
      if (page.uploads.size() > options_.page_size) {
        page.uploads.resize(options_.page_size);
        page.key_marker = page.uploads.back().key;
        page.upload_id_marker = page.uploads.back().upload_id;
      }
      co_return co_await send(exchange, 200, uploads_document(bucket, page));
    }
    default: {
      ListOptions options;
      options.prefix = call.parameter("prefix");
      options.delimiter = call.parameter("delimiter");
      options.start_after = call.parameter("start-after");
      options.continuation = call.parameter("continuation-token");
      const auto max_keys = parse_decimal<unsigned>(call.parameter("max-keys"));
      options.max_keys =
          static_cast<int>(std::min<std::size_t>(max_keys.value_or(1000), options_.page_size));
      CO_TRY(const ListPage page, co_await store_.list(bucket, options));
      co_return co_await send(exchange, 200, list_document(bucket, options, page));
    }
  }
}

Task<Result<void>> S3Imposter::handle_admin(ServerRequest* request, ServerResponse* response) {
  response->headers.add("content-type", "application/json");
  if (request->target() == "/_imposter/stats" && request->method() == "GET") {
    CO_TRY(std::string json, co_await stats_json());
    co_return co_await response->send_text(std::move(json));
  }
  if (request->target() == "/_imposter/faults" && request->method() == "PUT") {
    CO_TRY(const std::string text, co_await request->read_all(1024 * 1024));
    auto script = parse_fault_script(text);
    if (!script) {
      response->status = 400;
      co_return co_await response->send_text(script.error().message + "\n");
    }
    injector_.reset(*std::move(script));
    expired_.clear();
    skew_ = {};
    co_return co_await response->send_text("{}\n");
  }
  response->status = 404;
  co_return co_await response->send_text("{}\n");
}

Task<Result<std::string>> S3Imposter::stats_json() {
  boost::json::object requests;
  std::uint64_t total = 0;
  for (const auto& [operation, count] : stats_.requests) {
    requests[operation] = count;
    total += count;
  }
  std::uint64_t open_uploads = 0;
  CO_TRY(const auto buckets, co_await memory_.list_buckets());
  for (const BucketInfo& bucket : buckets) {
    CO_TRY(const UploadsPage page, co_await memory_.list_uploads(bucket.name, {}));
    open_uploads += page.uploads.size();
  }
  boost::json::object stats;
  stats["requests"] = requests;
  stats["requests_total"] = total;
  stats["refused"] = stats_.refused;
  stats["body_bytes_received"] = stats_.body_bytes_received;
  stats["body_bytes_sent"] = stats_.body_bytes_sent;
  stats["open_uploads"] = open_uploads;
  stats["faults"] = boost::json::parse(injector_.to_json());
  stats["faults_all_met"] = injector_.all_met();
  co_return boost::json::serialize(stats) + "\n";
}

}  // namespace telpher
