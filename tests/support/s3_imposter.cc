#include "tests/support/s3_imposter.h"

#include "codec/byte_range.h"
#include "codec/entity_tag.h"
#include "codec/http_date.h"
#include "codec/text.h"
#include "tests/support/s3_imposter_exchange.h"

#include <cstdio>

namespace telpher {
namespace {

constexpr std::size_t kChunk = 256 * 1024;
constexpr ByteCount kBodyMax = 5ULL << 30;

Error coded(ErrorKind kind, std::string_view code, int status, std::string message) {
  Error error = make_error(kind, std::move(message));
  error.context.code = code;
  error.context.http_status = status;
  return error;
}

bool is_checksum_field(std::string_view name) {
  return istarts_with(name, "x-amz-checksum-") || istarts_with(name, "x-amz-sdk-checksum-");
}

MutableBytes writable(std::string& buffer) {
  return {reinterpret_cast<std::byte*>(buffer.data()), buffer.size()};
}

}  // namespace

S3Imposter::S3Imposter(Loop& loop, S3ImposterOptions options, FaultScript faults)
    : loop_(loop),
      options_(std::move(options)),
      memory_(options_.capabilities),
      injector_(std::move(faults)),
      store_(memory_, injector_),
      verifier_([this](std::string_view key) -> std::optional<std::string> {
        if (key != options_.access_key) return std::nullopt;
        return options_.secret_key;
      }) {}

std::uint64_t S3Imposter::requests(std::string_view operation) const {
  const auto found = stats_.requests.find(operation);
  return found == stats_.requests.end() ? 0 : found->second;
}

std::optional<StoredChecksum> S3Imposter::shown(
    const std::optional<StoredChecksum>& checksum) const {
  return offers_checksums() ? checksum : std::nullopt;
}

Task<Result<void>> S3Imposter::handle(ServerRequest& request, ServerResponse& response) {
  if (request.target().starts_with("/_imposter/")) {
    co_return co_await handle_admin(&request, &response);
  }
  Exchange exchange{request, response};
  char id[24];
  std::snprintf(id, sizeof id, "IMPOSTER%08llX", static_cast<unsigned long long>(++requests_made_));
  exchange.request_id = id;
  response.headers.add("x-amz-request-id", id);
  if (!options_.server.empty()) response.headers.add("server", options_.server);

  auto call = parse_s3_call(request.method(), request.target(), request.headers());
  if (!call) {
    ++stats_.requests["other"];
    co_return co_await send_error(&exchange, std::move(call).error());
  }
  exchange.call = *std::move(call);
  ++stats_.requests[std::string(to_string(exchange.call.operation))];
  exchange.fault = injector_.next_wire_fault(exchange.call.operation, exchange.call.object.key);
  if (exchange.faulty(FaultKind::kSkew)) skew_ += exchange.fault->skew;
  const bool cut = exchange.faulty(FaultKind::kReset) && !exchange.fault->after_bytes;
  if (cut || exchange.faulty(FaultKind::kRefuse)) {
    response.reset();
    co_return Result<void>();
  }
  if (auto admitted = admit(exchange); !admitted) {
    ++stats_.refused;
    // Answered at once, while the body may still be on its way.
    co_return co_await send_error(&exchange, std::move(admitted).error());
  }
  CO_TRY(const bool complete, co_await read_body(&exchange));
  if (!complete) co_return Result<void>();
  co_return co_await run(&exchange);
}

/// What is decided by the head alone.
Result<void> S3Imposter::admit(Exchange& exchange) {
  const ServerRequest& request = exchange.request;
  const auto now = std::chrono::floor<std::chrono::seconds>(loop_.wall_now()) + skew_;
  if (skew_.count() != 0) exchange.response.headers.set("Date", format_http_date(now));
  if (!options_.redirect_to.empty() && !exchange.call.object.bucket.empty()) {
    exchange.response.headers.add("location", options_.redirect_to + request.target());
    return coded(ErrorKind::kInvalid, "TemporaryRedirect", 307,
                 "Please re-send this request to the specified temporary endpoint.");
  }
  if (options_.checksums == S3ImposterOptions::Checksums::kRejected) {
    for (const Header header : request.headers()) {
      if (!is_checksum_field(header.name)) continue;
      return coded(
          ErrorKind::kInvalid, "InvalidArgument", 400,
          "Unsupported header '" + std::string(header.name) + "' received for this API call.");
    }
  }
  const bool unsigned_request =
      !request.headers().contains("authorization") && !is_signed_link(request.target());
  if (unsigned_request && options_.allow_unsigned) return {};
  TRY(const Signatory signatory,
      verifier_.verify({request.method(), request.target(), request.headers()}, now));
  const std::pair who(signatory.access_key, signatory.session_token);
  if (exchange.faulty(FaultKind::kExpireToken)) expired_.insert(who);
  if (expired_.contains(who)) {
    return coded(ErrorKind::kDenied, "ExpiredToken", 400, "The provided token has expired.");
  }
  if (!options_.region.empty() && signatory.region != options_.region) {
    exchange.response.headers.add("x-amz-bucket-region", options_.region);
    return coded(ErrorKind::kInvalid, "AuthorizationHeaderMalformed", 400,
                 "The authorization header is malformed; the region '" + signatory.region +
                     "' is wrong; expecting '" + options_.region + "'");
  }
  if (signatory.payload_hash.starts_with("STREAMING-")) {
    return coded(ErrorKind::kUnsupported, "NotImplemented", 501, "aws-chunked is not spoken here");
  }
  return {};
}

/// Waits or cuts when `*moved` bytes of the body and `count` more have travelled. False: the
/// connection is to be closed.
Task<Result<bool>> S3Imposter::disturb(Exchange* exchange, ByteCount* moved, std::size_t count) {
  const ByteCount before = *moved;
  *moved += count;
  if (!exchange->fault) co_return true;
  const FaultRule& fault = *exchange->fault;
  if (fault.what == FaultKind::kThrottle && fault.bytes_per_second > 0) {
    CO_TRY_VOID(
        co_await sleep_for(std::chrono::microseconds(count * 1'000'000 / fault.bytes_per_second)));
  }
  const ByteCount at = fault.after_bytes.value_or(0);
  if (fault.what == FaultKind::kStall && before <= at && at < *moved) {
    CO_TRY_VOID(co_await sleep_for(fault.delay));
  }
  if (fault.after_bytes && *moved >= at) {
    if (fault.what == FaultKind::kReset) {
      exchange->response.reset();
      co_return false;
    }
    if (fault.what == FaultKind::kClose) {
      exchange->response.abandon();
      co_return false;
    }
  }
  co_return true;
}

/// False: the connection is to be closed.
Task<Result<bool>> S3Imposter::read_body(Exchange* exchange) {
  if (exchange->request.length().value_or(0) > kBodyMax) co_return false;
  exchange->body.reserve(exchange->request.length().value_or(0));
  std::string chunk(std::min<ByteCount>(kChunk, exchange->request.length().value_or(kChunk)), '\0');
  if (chunk.empty()) co_return true;
  ByteCount moved = 0;
  while (!exchange->request.body_read()) {
    CO_TRY(const std::size_t count, co_await exchange->request.read_some(writable(chunk)));
    if (count == 0) break;
    exchange->body.append(chunk, 0, count);
    stats_.body_bytes_received += count;
    CO_TRY(const bool go_on, co_await disturb(exchange, &moved, count));
    if (!go_on) co_return false;
  }
  co_return true;
}

Task<Result<void>> S3Imposter::send(Exchange* exchange, int status, std::string body) {
  ServerResponse& response = exchange->response;
  response.status = status;
  if (!body.empty()) response.headers.set("content-type", "application/xml");
  stats_.body_bytes_sent += body.size();
  CO_TRY_VOID(co_await response.send_text(std::move(body)));
  // A promise to keep the connection that is not kept.
  if (exchange->faulty(FaultKind::kClose) && !exchange->fault->after_bytes) response.abandon();
  co_return Result<void>();
}

Task<Result<void>> S3Imposter::send_error(Exchange* exchange, Error error) {
  if (error.kind == ErrorKind::kNetwork) {
    exchange->response.abandon();
    co_return Result<void>();
  }
  const int status = http_status_of(error);
  if (error.context.retry_after) {
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(*error.context.retry_after);
    exchange->response.headers.add("retry-after", std::to_string(seconds.count()));
  }
  std::string document = error_document(error, exchange->request_id, options_.region);
  // Blanks come first while the service works; then it fails.
  if (status == 200) document.insert(document.find('\n') + 1, "  \n");
  co_return co_await send(exchange, status, std::move(document));
}

Task<Result<void>> S3Imposter::send_stream(Exchange* exchange, int status, ByteCount length,
                                           ByteReader* body) {
  ServerResponse& response = exchange->response;
  response.status = status;
  CO_TRY_VOID(co_await response.begin(length));
  std::string chunk(kChunk, '\0');
  ByteCount moved = 0;
  for (;;) {
    const std::size_t limit = exchange->fault ? 4096 : chunk.size();
    auto count = co_await body->read_some(writable(chunk).first(limit));
    if (!count || *count == 0) break;  // a store that breaks off leaves the answer short
    CO_TRY_VOID(co_await response.write(as_bytes(chunk).first(*count)));
    stats_.body_bytes_sent += *count;
    CO_TRY(const bool go_on, co_await disturb(exchange, &moved, *count));
    if (!go_on) co_return Result<void>();
  }
  if (moved < length) {
    response.abandon();
    co_return Result<void>();
  }
  CO_TRY_VOID(co_await response.finish());
  if (exchange->faulty(FaultKind::kClose)) response.abandon();
  co_return Result<void>();
}

Task<Result<void>> S3Imposter::run(Exchange* exchange) {
  Result<void> done;
  if (exchange->call.object.key.empty()) {
    done = co_await run_bucket(exchange);
  } else if (exchange->call.has_parameter("uploadId") || exchange->call.has_parameter("uploads")) {
    done = co_await run_upload(exchange);
  } else {
    done = co_await run_object(exchange);
  }
  if (done || exchange->response.begun()) co_return done;
  co_return co_await send_error(exchange, std::move(done).error());
}

Task<Result<void>> S3Imposter::run_object(Exchange* exchange) {
  const S3Call& call = exchange->call;
  switch (call.operation) {
    case Operation::kGetObject: co_return co_await get_object(exchange);
    case Operation::kHeadObject: co_return co_await head_object(exchange);
    case Operation::kPutObject: co_return co_await put_object(exchange);
    case Operation::kCopyObject: co_return co_await copy_object(exchange);
    case Operation::kDeleteObject:
      CO_TRY_VOID(co_await store_.remove(call.object));
      co_return co_await send(exchange, 204, "");
    case Operation::kGetTags: {
      CO_TRY(const auto tags, co_await store_.tags(call.object));
      co_return co_await send(exchange, 200, tagging_document(tags));
    }
    default: {
      CO_TRY(auto tags, parse_tagging(exchange->body));
      CO_TRY_VOID(co_await store_.set_tags(call.object, std::move(tags)));
      co_return co_await send(exchange, 200, "");
    }
  }
}

Task<Result<void>> S3Imposter::put_object(Exchange* exchange) {
  CO_TRY(PutOptions options, parse_put_options(exchange->request.headers()));
  if (!offers_checksums()) options.checksum.reset();
  CO_TRY(const PutResult result,
         co_await store_.put(exchange->call.object, Body::of(as_bytes(exchange->body)), options));
  Headers& headers = exchange->response.headers;
  headers.add("etag", result.etag);
  add_checksum_headers(headers, shown(result.checksum));
  co_return co_await send(exchange, 200, "");
}

Task<Result<void>> S3Imposter::head_object(Exchange* exchange) {
  CO_TRY(ObjectInfo info, co_await store_.head(exchange->call.object));
  Headers& headers = exchange->response.headers;
  add_object_headers(headers, info);
  if (exchange->request.headers().contains("x-amz-checksum-mode")) {
    add_checksum_headers(headers, shown(info.checksum));
  }
  headers.set("content-length", std::to_string(info.size));
  exchange->response.status = 200;
  co_return co_await exchange->response.send();
}

Task<Result<void>> S3Imposter::get_object(Exchange* exchange) {
  const Headers& asked = exchange->request.headers();
  GetOptions options;
  options.if_match = asked.find("if-match").value_or("");
  std::optional<ByteRange> range;
  if (const auto text = asked.find("range")) {
    if (const auto wanted = parse_range_request(*text)) {
      CO_TRY(const ObjectInfo info, co_await memory_.head(exchange->call.object));
      range = resolve_range(*wanted, info.size);
      if (!range) {
        co_return coded(ErrorKind::kInvalid, "InvalidRange", 416,
                        "The requested range is not satisfiable");
      }
      options.range = range;
    }
  }
  CO_TRY(GetResult result, co_await store_.get(exchange->call.object, options));
  const auto none_match = asked.find("if-none-match");
  if (none_match && !if_none_match_holds(*none_match, parse_entity_tag(result.info.etag))) {
    co_return co_await send(exchange, 304, "");
  }
  Headers& headers = exchange->response.headers;
  add_object_headers(headers, result.info);
  if (range) {
    headers.add("content-range",
                make_content_range({ByteRange{range->offset, result.length}, result.info.size}));
  } else if (asked.contains("x-amz-checksum-mode")) {
    add_checksum_headers(headers, shown(result.info.checksum));
  }
  co_return co_await send_stream(exchange, range ? 206 : 200, result.length, result.body.get());
}

Task<Result<void>> S3Imposter::copy_object(Exchange* exchange) {
  const Headers& headers = exchange->request.headers();
  CO_TRY(const ObjectAddress from,
         parse_copy_source(headers.find("x-amz-copy-source").value_or("")));
  CopyOptions options;
  if (iequals(headers.find("x-amz-metadata-directive").value_or(""), "REPLACE")) {
    options.metadata = parse_metadata(headers);
  }
  if (iequals(headers.find("x-amz-tagging-directive").value_or(""), "REPLACE")) {
    CO_TRY(options.tags, parse_tagging_header(headers));
  }
  const auto algorithm =
      parse_checksum_algorithm(headers.find("x-amz-checksum-algorithm").value_or("none"));
  if (algorithm) options.algorithm = *algorithm;
  options.condition = parse_condition(headers);
  options.storage.storage_class = headers.find("x-amz-storage-class").value_or("");
  options.source_if_match = headers.find("x-amz-copy-source-if-match").value_or("");
  CO_TRY(const PutResult result, co_await store_.copy(from, exchange->call.object, options));
  co_return co_await send(exchange, 200,
                          write_document("CopyObjectResult", exchange->call.object, result.etag,
                                         shown(result.checksum)));
}

Task<Result<void>> S3Imposter::run_upload(Exchange* exchange) {
  const S3Call& call = exchange->call;
  const std::string upload_id(call.parameter("uploadId"));
  switch (call.operation) {
    case Operation::kCreateUpload: {
      CO_TRY(CreateUploadOptions options, parse_create_options(exchange->request.headers()));
      if (!offers_checksums()) options.checksum = ChecksumAlgorithm::kNone;
      const std::string_view algorithm = checksum_s3_name(options.checksum);
      CO_TRY(const std::string id, co_await store_.create_upload(call.object, options));
      if (!algorithm.empty()) {
        exchange->response.headers.add("x-amz-checksum-algorithm", algorithm);
      }
      Xml xml("InitiateMultipartUploadResult");
      xml.element("Bucket", call.object.bucket).element("Key", call.object.key);
      co_return co_await send(exchange, 200, xml.element("UploadId", id).finish());
    }
    case Operation::kPutPart: co_return co_await put_part(exchange);
    case Operation::kCopyPart: co_return co_await copy_part(exchange);
    case Operation::kComplete: co_return co_await complete(exchange);
    case Operation::kAbort:
      CO_TRY_VOID(co_await store_.abort(call.object, upload_id));
      co_return co_await send(exchange, 204, "");
    default: {
      const auto marker = parse_decimal<unsigned>(call.parameter("part-number-marker"));
      CO_TRY(PartsPage page, co_await store_.list_parts(call.object, upload_id,
                                                        static_cast<int>(marker.value_or(0))));
      if (page.parts.size() > options_.page_size) {
        page.parts.resize(options_.page_size);
        page.continuation = page.parts.back().number;
      }
      if (!offers_checksums()) {
        for (PartInfo& part : page.parts) part.checksum.reset();
      }
      co_return co_await send(exchange, 200, parts_document(call.object, upload_id, page));
    }
  }
}

Task<Result<void>> S3Imposter::put_part(Exchange* exchange) {
  const S3Call& call = exchange->call;
  CO_TRY(PutOptions options, parse_put_options(exchange->request.headers()));
  if (!offers_checksums()) options.checksum.reset();
  const auto number = parse_decimal<unsigned>(call.parameter("partNumber"));
  CO_TRY(const PartInfo part,
         co_await store_.put_part(call.object, std::string(call.parameter("uploadId")),
                                  static_cast<int>(std::min(number.value_or(0), 100'000u)),
                                  Body::of(as_bytes(exchange->body)),
                                  {options.checksum, options.content_md5}));
  exchange->response.headers.add("etag", part.etag);
  // What was not sent is not shown, as by the real one.
  if (options.checksum && part.checksum) {
    add_checksum_headers(exchange->response.headers, shown(StoredChecksum{*part.checksum, 0}));
  }
  co_return co_await send(exchange, 200, "");
}

Task<Result<void>> S3Imposter::copy_part(Exchange* exchange) {
  const S3Call& call = exchange->call;
  const Headers& headers = exchange->request.headers();
  CO_TRY(const ObjectAddress from,
         parse_copy_source(headers.find("x-amz-copy-source").value_or("")));
  CO_TRY(const ObjectInfo source, co_await memory_.head(from));
  ByteRange range{0, source.size};
  if (const auto text = headers.find("x-amz-copy-source-range")) {
    const auto wanted = parse_range_request(*text);
    if (!wanted || !wanted->first || !wanted->last || *wanted->last < *wanted->first) {
      co_return coded(ErrorKind::kInvalid, "InvalidArgument", 400, "The range is not valid");
    }
    range = {*wanted->first, *wanted->last - *wanted->first + 1};
  }
  const auto number = parse_decimal<unsigned>(call.parameter("partNumber"));
  CO_TRY(const PartInfo part,
         co_await store_.copy_part(
             from, range, call.object, std::string(call.parameter("uploadId")),
             static_cast<int>(std::min(number.value_or(0), 100'000u)),
             std::string(headers.find("x-amz-copy-source-if-match").value_or(""))));
  std::optional<StoredChecksum> checksum;
  if (part.checksum) checksum = StoredChecksum{*part.checksum, 0};
  co_return co_await send(
      exchange, 200, write_document("CopyPartResult", call.object, part.etag, shown(checksum)));
}

Task<Result<void>> S3Imposter::complete(Exchange* exchange) {
  const S3Call& call = exchange->call;
  const Headers& headers = exchange->request.headers();
  CO_TRY(std::vector<PartInfo> parts, parse_part_list(exchange->body));
  CompleteOptions options;
  options.condition = parse_condition(headers);
  if (offers_checksums()) {
    CO_TRY(options.checksum, parse_checksum_header(headers));
    options.size = parse_decimal<ByteCount>(headers.find("x-amz-mp-object-size").value_or(""));
  } else {
    for (PartInfo& part : parts) part.checksum.reset();
  }
  CO_TRY(const PutResult result,
         co_await store_.complete(call.object, std::string(call.parameter("uploadId")),
                                  std::move(parts), options));
  co_return co_await send(exchange, 200,
                          write_document("CompleteMultipartUploadResult", call.object, result.etag,
                                         shown(result.checksum)));
}

}  // namespace telpher
