#include "server/object_routes.h"

#include "codec/byte_range.h"
#include "codec/content_disposition.h"
#include "codec/entity_tag.h"
#include "codec/http_date.h"
#include "store/rules.h"

#include <array>
#include <utility>

namespace telpher {
namespace {

namespace json = boost::json;

struct Objects {
  ObjectStore& store;
  std::string default_bucket;
  OperationMetrics& downloads;
};

Error out_of_reach(std::string_view place) {
  return api_error(403, "FORBIDDEN", "this key does not reach '" + std::string(place) + "'");
}

Result<ObjectAddress> object_of(const ApiCall& call) {
  ObjectAddress object{call.captured[0], call.captured[1]};
  TRY_VOID(check_bucket_name(object.bucket));
  TRY_VOID(check_key(object.key));
  if (!call.caller.reaches(object.bucket, object.key)) {
    return out_of_reach(object.bucket + "/" + object.key);
  }
  return object;
}

Task<Result<void>> list_buckets(ApiCall& call, const Objects& objects) {
  Result<std::vector<BucketInfo>> asked = co_await objects.store.list_buckets();
  // Keys of a store often reach one bucket, and may not list what else there is.
  if (!asked && asked.error().kind == ErrorKind::kDenied) {
    asked = std::vector<BucketInfo>{{.name = objects.default_bucket}};
  }
  CO_TRY(const std::vector<BucketInfo> buckets, std::move(asked));
  json::array list;
  for (const BucketInfo& bucket : buckets) {
    if (!call.caller.reaches_some_of(bucket.name)) continue;
    const bool dated = bucket.created != std::chrono::system_clock::time_point{};
    list.push_back({{"name", bucket.name},
                    {"created", dated ? json::value(api_time(bucket.created)) : json::value()}});
  }
  co_return co_await call.send_success(
      {{"buckets", std::move(list)}, {"defaultBucket", objects.default_bucket}});
}

Task<Result<void>> list_objects(ApiCall& call, const Objects& objects) {
  std::string bucket(call.parameter("bucket"));
  if (bucket.empty()) bucket = objects.default_bucket;
  CO_TRY_VOID(check_bucket_name(bucket));
  CO_TRY(const std::uint64_t limit, call.number("limit", 100, 1, 1000));
  ListOptions options;
  options.prefix = call.parameter("prefix");
  options.delimiter = call.query.contains("delimiter") ? call.parameter("delimiter") : "/";
  options.continuation = call.parameter("cursor");
  options.max_keys = static_cast<int>(limit);
  if (!call.caller.reaches(bucket, options.prefix)) {
    co_return out_of_reach(bucket + "/" + options.prefix);
  }
  CO_TRY(const ListPage page, co_await objects.store.list(bucket, options));
  json::array entries;
  for (const ListEntry& entry : page.objects) {
    entries.push_back({{"key", entry.key},
                       {"size", entry.size},
                       {"lastModified", api_time(entry.last_modified)},
                       {"etag", entry.etag}});
  }
  json::array prefixes;
  for (const std::string& prefix : page.prefixes) prefixes.emplace_back(prefix);
  co_return co_await call.send_success(
      {{"bucket", bucket},
       {"prefix", options.prefix},
       {"prefixes", std::move(prefixes)},
       {"objects", std::move(entries)},
       {"nextCursor", page.continuation.empty() ? json::value() : json::value(page.continuation)}});
}

/// What a browser is told of bytes that strangers may have brought: never to run them.
void add_headers(Headers& headers, const ObjectInfo& info, const ApiCall& call) {
  headers.set("Content-Type", info.metadata.content_type.empty() ? "application/octet-stream"
                                                                 : info.metadata.content_type);
  headers.set("Content-Security-Policy", "sandbox; default-src 'none'");
  headers.set("Cache-Control", "private, no-cache");
  headers.set("Accept-Ranges", "bytes");
  if (!info.etag.empty()) headers.set("ETag", info.etag);
  headers.set("Last-Modified",
              format_http_date(std::chrono::floor<std::chrono::seconds>(info.last_modified)));
  if (call.parameter("download") == "1") {
    const std::string& key = call.captured[1];
    headers.set("Content-Disposition",
                make_content_disposition(safe_file_name(key.substr(key.rfind('/') + 1))));
  }
}

/// 304, 412, or 0: go on.
int failed_condition(const Headers& asked, const ObjectInfo& info) {
  const std::optional<EntityTag> tag = parse_entity_tag(info.etag);
  if (const auto match = asked.joined("if-match"); match && !if_match_holds(*match, tag))
    return 412;
  const auto none_match = asked.joined("if-none-match");
  return none_match && !if_none_match_holds(*none_match, tag) ? 304 : 0;
}

Task<Result<void>> send_body(ApiCall& call, GetResult* content) {
  CO_TRY_VOID(co_await call.response.begin(content->length));
  std::array<std::byte, 64 * 1024> buffer;
  for (;;) {
    CO_TRY(const std::size_t count, co_await content->body->read_some(buffer));
    if (count == 0) co_return Result<void>();
    CO_TRY_VOID(co_await call.response.write(Bytes(buffer.data(), count)));
  }
}

Task<Result<void>> read_object(ApiCall& call, const Objects& objects) {
  CO_TRY(const ObjectAddress object, object_of(call));
  CO_TRY(const ObjectInfo info, co_await objects.store.head(object));
  Headers& headers = call.response.headers;
  const Headers& asked = call.request.headers();
  add_headers(headers, info, call);
  if (const int status = failed_condition(asked, info); status == 304) {
    co_return co_await call.send_nothing(304);
  } else if (status == 412) {
    co_return make_error(ErrorKind::kPrecondition, "the object is another one now");
  }
  GetOptions options{.range = std::nullopt, .if_match = info.etag};
  const auto range = asked.find("range");
  const auto if_range = asked.find("if-range");
  if (range && (!if_range || *if_range == info.etag)) {
    if (const auto request = parse_range_request(*range)) {
      options.range = resolve_range(*request, info.size);
      if (!options.range) {
        headers.set("Content-Range", make_content_range({.range = {}, .total = info.size}));
        co_return api_error(416, "VALIDATION_ERROR", "the object has no such bytes");
      }
      headers.set("Content-Range", make_content_range({options.range, info.size}));
    }
  }
  call.response.status = options.range ? 206 : 200;
  if (call.request.method() == "HEAD") {
    headers.set("Content-Length",
                std::to_string(options.range ? options.range->length : info.size));
    co_return co_await call.response.send();
  }
  CO_TRY(GetResult content, co_await objects.store.get(object, options));
  const Loop& loop = co_await current_loop();
  const TimePoint began = loop.now();
  Result<void> sent = co_await send_body(call, &content);
  OperationSample sample{.ended = loop.now(), .duration = loop.now() - began};
  if (sent) {
    sample.bytes = content.length;
  } else {
    sample.error = sent.error().kind;
  }
  objects.downloads.record(sample);
  co_return sent;
}

Task<Result<void>> remove_object(ApiCall& call, const Objects& objects) {
  CO_TRY(const ObjectAddress object, object_of(call));
  CO_TRY_VOID(co_await objects.store.remove(object));
  co_return co_await call.send_nothing(204);
}

}  // namespace

std::vector<Route> object_routes(ObjectStore& store, std::string default_bucket,
                                 OperationMetrics& downloads) {
  const Objects objects{store, std::move(default_bucket), downloads};
  return {
      {"GET", "/buckets", Role::kReader,
       [objects](ApiCall& call) { return list_buckets(call, objects); }},
      {"GET", "/objects", Role::kReader,
       [objects](ApiCall& call) { return list_objects(call, objects); }},
      {"GET", "/objects/{bucket}/{key...}", Role::kReader,
       [objects](ApiCall& call) { return read_object(call, objects); }},
      {"DELETE", "/objects/{bucket}/{key...}", Role::kOperator,
       [objects](ApiCall& call) { return remove_object(call, objects); }},
  };
}

}  // namespace telpher
