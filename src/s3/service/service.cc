#include "s3/service/service.h"

#include "base/random.h"
#include "codec/http_date.h"
#include "codec/percent.h"
#include "codec/text.h"
#include "s3/service/exchange.h"
#include "s3/service/refusals.h"
#include "s3/service/request_options.h"
#include "s3/service/system_error.h"
#include "s3/service/xml_answer.h"
#include "store/rules.h"

#include <algorithm>
#include <charconv>

namespace telpher {
namespace {

constexpr std::size_t kCopyBytes = 256 * 1024;

/// Counts one more of something while it lives, and the most there have been.
class UnderWay {
 public:
  UnderWay(std::uint64_t& count, std::uint64_t& most) : count_(count) {
    most = std::max(most, ++count_);
  }
  ~UnderWay() { --count_; }
  UnderWay(const UnderWay&) = delete;

 private:
  std::uint64_t& count_;
};

/// The condition that a 412 is about, as far as the headers tell.
ErrorDetails failed_condition(const S3Call& call, const Headers& headers) {
  if (call.is_read) {
    return {{"Condition", headers.contains("if-match") ? "If-Match" : "If-Unmodified-Since"}};
  }
  if (headers.contains("if-none-match")) return {{"Condition", "If-None-Match"}};
  if (headers.contains("if-match")) return {{"Condition", "If-Match"}};
  return {};
}

/// Whether an error keeps a header that was set before it was one: those about the request, and
/// with 304 the object's validators. All others are about an object that is not sent.
bool stays_with_error(std::string_view name, int status) {
  constexpr std::string_view kKept[] = {
      "x-amz-request-id", "x-amz-id-2", "Server", "Date", "Vary", "x-amz-bucket-region"};
  constexpr std::string_view kKeptBy304[] = {"ETag", "Last-Modified", "Cache-Control", "Expires"};
  const auto is_name = [&](std::string_view kept) { return iequals(kept, name); };
  return istarts_with(name, "Access-Control-") || std::ranges::any_of(kKept, is_name) ||
         (status == 304 && std::ranges::any_of(kKeptBy304, is_name));
}

bool takes_body(Operation operation) {
  switch (operation) {
    case Operation::kPutObject:
    case Operation::kPutPart:
    case Operation::kComplete:
    case Operation::kDeleteObjects:
    case Operation::kSetTags:
    case Operation::kCreateBucket: return true;
    default: return false;
  }
}

/// x-amz-content-sha256 of a request whose body nobody reads. Of others RequestBody sees to it.
Result<void> check_payload_hash(const ServerRequest& request, Operation operation,
                                const Signatory& signatory) {
  const std::string& hash = signatory.payload_hash;
  TRY(const PayloadForm form, parse_payload_form(hash));
  if (takes_body(operation)) return {};
  if (is_aws_chunked(form)) {
    return store_error(
        ErrorKind::kInvalid, "InvalidArgument", 400,
        "x-amz-content-sha256 must be UNSIGNED-PAYLOAD or a valid sha256 value for a "
        "request without a body in chunks.");
  }
  if (form == PayloadForm::kUnsigned || request.length() != ByteCount{0}) return {};
  return PayloadCheck(hash).finish();
}

bool is_checksum_field(std::string_view name) {
  return istarts_with(name, "x-amz-checksum-") || istarts_with(name, "x-amz-sdk-checksum-");
}

}  // namespace

void add_checksum_headers(Headers& headers, const std::optional<StoredChecksum>& checksum) {
  if (!checksum || checksum->digest.empty()) return;
  headers.add(checksum_header(checksum->digest.algorithm()), checksum_text(*checksum));
  headers.add("x-amz-checksum-type", checksum_type(*checksum));
}

S3Service::S3Service(Loop& loop, ObjectStore& store, FaultInjector& faults,
                     S3ServiceOptions options)
    : loop_(loop),
      base_(store, options.completed_remembered),
      faults_(faults),
      options_(std::move(options)),
      store_(base_, faults),
      verifier_([this](std::string_view key) -> std::optional<std::string> {
        const S3User* user = find_user(key);
        if (!user) return std::nullopt;
        return user->secret_key;
      }),
      request_base_(random_seed()) {}

const S3User* S3Service::find_user(std::string_view access_key) const {
  const auto found = std::ranges::find(options_.users, access_key, &S3User::access_key);
  return found == options_.users.end() ? nullptr : &*found;
}

const S3User& S3Service::owner_of(const Exchange& exchange) const {
  static const S3User kNobody{.id = "anonymous", .display_name = "anonymous"};
  if (exchange.user) return *exchange.user;
  return options_.users.empty() ? kNobody : options_.users.front();
}

std::string S3Service::new_request_id() {
  // 16 characters of the usual kind; the odd factor spreads the counter over all of them.
  const std::uint64_t number = request_base_ + ++request_number_ * 0x9E3779B97F4A7C15ULL;
  char id[17] = "0000000000000000";
  char digits[17];
  const auto end = std::to_chars(digits, digits + 16, number, 16).ptr;
  std::transform(digits, end, id + (16 - (end - digits)),
                 [](char c) { return c >= 'a' ? static_cast<char>(c - 'a' + 'A') : c; });
  return std::string(id, 16);
}

std::chrono::sys_seconds S3Service::now() const {
  return std::chrono::floor<std::chrono::seconds>(loop_.wall_now()) + skew_;
}

Task<Result<void>> S3Service::handle(ServerRequest& request, ServerResponse& response) {
  const TimePoint began = loop_.now();
  Exchange exchange(request, response);
  exchange.request_id = new_request_id();
  response.headers.reserve(16, 768);
  response.headers.add("x-amz-request-id", exchange.request_id);
  response.headers.add("x-amz-id-2", exchange.request_id);
  if (!options_.server.empty()) response.headers.add("Server", options_.server);
  if (!options_.cors.origins.empty()) add_cors_headers(exchange);
  Result<void> done;
  const auto is_of_bucket = [&] {
    return !bucket_of_host(request.headers().find("host").value_or(""), options_.domains).empty();
  };
  const bool is_own_page = request.target().starts_with("/_telpher/") && !is_of_bucket();
  std::optional<UnderWay> under_way;
  if (!is_own_page) under_way.emplace(stats_.under_way, stats_.under_way_max);
  if (is_own_page) {
    done = co_await handle_admin(&exchange);
  } else if (request.method() == "OPTIONS") {
    done = co_await answer_preflight(&exchange);
  } else {
    done = co_await serve(&exchange);
  }
  if (exchange.body) stats_.body_bytes_received += exchange.body->bytes_received();
  if (!done && done.error().kind != ErrorKind::kCancelled && !response.begun()) {
    done = co_await send_error(&exchange, std::move(done).error());
  }
  if (exchange.fault && !exchange.fault.has_acted()) faults_.take_back(exchange.fault.rule());
  if (on_answer) {
    const bool answered = response.begun() && !response.abandoned();
    on_answer({exchange.call.operation, exchange.call.object, answered ? response.status : 0,
               loop_.now() - began});
  }
  if (exchange.fault.closes_after_answer()) response.abandon();
  co_return done;
}

Result<void> S3Service::Exchange::take_headers_from_query() {
  constexpr std::string_view kPrefix = "x-amz-";
  constexpr std::array<std::string_view, 9> kOfSignature = {
      "x-amz-algorithm",      "x-amz-credential",     "x-amz-date",
      "x-amz-expires",        "x-amz-signedheaders",  "x-amz-signature",
      "x-amz-content-sha256", "x-amz-security-token", "x-amz-user-agent"};
  std::string_view query = query_of(request.target());
  while (const auto parameter = take_query_parameter(query)) {
    if (!istarts_with(parameter->name, kPrefix)) continue;
    TRY(const std::string name, form_decode(parameter->name));
    TRY(const std::string value, form_decode(parameter->value));
    if (std::ranges::find(kOfSignature, to_lower(name)) != kOfSignature.end()) continue;
    // S3 does not look at these: presigners put the checksum of the empty body there.
    if (is_checksum_field(name)) continue;
    if (!is_valid_field(name, value)) {
      return store_error(ErrorKind::kInvalid, "InvalidArgument", 400,
                         "The value of the query parameter '" + name + "' is no header's.");
    }
    if (!with_query) with_query = request.headers();
    with_query->add(name, value);
  }
  return {};
}

HttpRefusal S3Service::refusal(int status, const Error& error) {
  std::string_view code = "BadRequest";
  if (status == 408) code = "RequestTimeout";
  if (status == 431) code = "RequestHeaderSectionTooLarge";
  if (status == 501) code = "NotImplemented";
  const Error refused = store_error(error.kind, code, status, error.message);
  const std::string id = new_request_id();
  HttpRefusal refusal{.status = status,
                      .headers = {},
                      .body = error_document({refused, {}, "", ObjectAddress(), id, ""})};
  refusal.headers.add("x-amz-request-id", id);
  refusal.headers.add("x-amz-id-2", id);
  if (!options_.server.empty()) refusal.headers.add("Server", options_.server);
  refusal.headers.add("Content-Type", "application/xml");
  ++stats_.refused;
  return refusal;
}

Task<Result<void>> S3Service::serve(Exchange* exchange) {
  CO_TRY_VOID(exchange->take_headers_from_query());
  CO_TRY(exchange->call, parse_s3_call(exchange->request.method(), exchange->request.target(),
                                       exchange->headers(), options_.domains));
  const S3Call& call = exchange->call;
  ++stats_.requests[static_cast<std::size_t>(call.operation)];
  if (faults_.is_partitioned(loop_.now())) {
    faults_.record({call.operation, call.object.key, false, loop_.now()});
    co_return injected_cut();
  }
  if (Result<void> admitted = admit(*exchange); !admitted) {
    ++stats_.refused;
    co_return admitted;  // answered at once, while the body may still be on its way
  }
  // Strangers use up no faults: the script is asked about whom it may concern.
  exchange->fault =
      WireFault(faults_.next_wire_fault(call.operation, call.object.key), exchange->response);
  WireFault& fault = exchange->fault;
  if (Result<void> still = change_times(*exchange); !still) {
    ++stats_.refused;
    co_return still;
  }
  if (fault.is(FaultKind::kRefuse) && refuse_connections) refuse_connections(fault.rule().delay);
  if (fault.cuts_at_once()) {
    exchange->response.reset();
    co_return Result<void>();
  }
  if (!call.object.bucket.empty() && call.operation != Operation::kCreateBucket) {
    Result<void> owned =
        co_await check_owner(exchange, call.object.bucket, &exchange->bucket_owner);
    if (!owned) co_return co_await fail(exchange, std::move(owned).error());
  }
  co_return co_await run(exchange);
}

/// The faults that last concern the very request that meets them: it is looked at anew.
Result<void> S3Service::change_times(Exchange& exchange) {
  WireFault& fault = exchange.fault;
  if (fault.is(FaultKind::kSkew)) {
    skew_ = fault.rule().skew;
    return admit(exchange);
  }
  if (!fault.is(FaultKind::kExpireToken)) return {};
  if (!exchange.signatory) {  // nobody's keys
    fault.miss();
    return {};
  }
  expired_.emplace(exchange.signatory->access_key, exchange.signatory->session_token);
  return admit(exchange);
}

/// What is decided by the head alone.
Result<void> S3Service::admit(Exchange& exchange) {
  if (skew_.count() != 0) exchange.response.headers.set("Date", format_http_date(now()));
  if (options_.checksums == S3ServiceOptions::Checksums::kRejected) {
    for (const Header header : exchange.headers()) {
      if (!is_checksum_field(header.name)) continue;
      return store_error(
          ErrorKind::kInvalid, "InvalidArgument", 400,
          "Unsupported header '" + std::string(header.name) + "' received for this API call.");
    }
  }
  return authenticate(exchange);
}

Result<void> S3Service::authenticate(Exchange& exchange) {
  const ServerRequest& request = exchange.request;
  const bool is_signed =
      request.headers().contains("authorization") || is_signed_link(request.target());
  if (!is_signed && options_.allow_unsigned) return {};
  TRY(exchange.signatory, verifier_.verify({request.method(), request.target(), request.headers()},
                                           now(), &exchange.details));
  const Signatory& signatory = *exchange.signatory;
  exchange.user = find_user(signatory.access_key);
  const std::pair who(signatory.access_key, signatory.session_token);
  if (expired_.contains(who)) {
    return store_error(ErrorKind::kDenied, "ExpiredToken", 400, "The provided token has expired.");
  }
  if (!exchange.user->session_token.empty() &&
      exchange.user->session_token != signatory.session_token) {
    return store_error(ErrorKind::kDenied, "InvalidToken", 400,
                       "The provided token is malformed or otherwise invalid.");
  }
  if (!options_.region.empty() && signatory.region != options_.region) {
    exchange.response.headers.add("x-amz-bucket-region", options_.region);
    return store_error(ErrorKind::kInvalid, "AuthorizationHeaderMalformed", 400,
                       "The authorization header is malformed; the region '" + signatory.region +
                           "' is wrong; expecting '" + options_.region + "'");
  }
  TRY_VOID(check_payload_hash(request, exchange.call.operation, signatory));
  const auto expected_owner = request.headers().find("x-amz-expected-bucket-owner");
  if (expected_owner && *expected_owner != exchange.user->id) {
    return access_denied();
  }
  return {};
}

bool S3Service::serves(std::string_view owner, const S3User& user) const {
  if (options_.users.size() < 2) return true;
  return owner.empty() ? user.id == options_.users.front().id : user.id == owner;
}

Task<Result<void>> S3Service::check_owner(Exchange* exchange, std::string bucket,
                                          std::optional<std::string>* seen_owner) {
  if (options_.users.size() < 2 || !exchange->user) co_return Result<void>();
  constexpr std::chrono::seconds kBelieved{1};
  const TimePoint time = loop_.now();
  auto seen = owners_.find(bucket);
  if (seen == owners_.end() || seen->second.at + kBelieved < time) {
    Result<BucketInfo> info = co_await base_.head_bucket(bucket);
    if (!info) {
      owners_.erase(bucket);
      co_return std::move(info).error();
    }
    if (owners_.size() > 10'000) owners_.clear();
    seen = owners_.insert_or_assign(bucket, OwnerSeen{std::move(info->owner), time}).first;
  }
  const std::string& owner = seen->second.owner;
  if (seen_owner) *seen_owner = owner;
  if (!serves(owner, *exchange->user)) co_return access_denied();
  co_return Result<void>();
}

Task<Result<void>> S3Service::fail(Exchange* exchange, Error error) {
  co_return co_await store_.fail(exchange->call.operation, exchange->call.object.key,
                                 std::move(error));
}

Task<Result<void>> S3Service::run(Exchange* exchange) {
  switch (exchange->call.operation) {
    case Operation::kGetObject: return get_object(exchange);
    case Operation::kHeadObject: return head_object(exchange);
    case Operation::kPutObject: return put_object(exchange);
    case Operation::kCopyObject: return copy_object(exchange);
    case Operation::kDeleteObject: return delete_object(exchange);
    case Operation::kDeleteObjects: return delete_objects(exchange);
    case Operation::kGetAttributes: return get_attributes(exchange);
    case Operation::kGetTags:
    case Operation::kSetTags:
    case Operation::kDeleteTags: return run_tags(exchange);
    case Operation::kCreateUpload: return create_upload(exchange);
    case Operation::kPutPart: return put_part(exchange);
    case Operation::kCopyPart: return copy_part(exchange);
    case Operation::kComplete: return complete(exchange);
    case Operation::kAbort: return abort(exchange);
    case Operation::kListParts: return list_parts(exchange);
    case Operation::kListUploads: return list_uploads(exchange);
    case Operation::kListBuckets: return list_buckets(exchange);
    case Operation::kCreateBucket: return create_bucket(exchange);
    case Operation::kHeadBucket: return head_bucket(exchange);
    case Operation::kDeleteBucket: return delete_bucket(exchange);
    case Operation::kGetBucketLocation: return get_location(exchange);
    case Operation::kListObjects:
    case Operation::kListObjectsV1:
    case Operation::kListObjectVersions: return list_objects(exchange);
    case Operation::kOther: return answer_in_passing(exchange);
  }
  return answer_in_passing(exchange);
}

Task<Result<RequestBody*>> S3Service::open_body(Exchange* exchange) {
  CO_TRY(exchange->body, RequestBody::open(exchange->request, exchange->fault,
                                           exchange->signatory ? &*exchange->signatory : nullptr));
  if (exchange->body->size() == 0) CO_TRY_VOID(co_await exchange->body->finish());
  co_return exchange->body.get();
}

Task<Result<std::string>> S3Service::read_xml(Exchange* exchange, std::size_t size_max,
                                              Proof proof) {
  CO_TRY(const PutPartOptions announced, parse_part_options(exchange->headers()));
  if (proof == Proof::kRequired && !announced.checksum && announced.content_md5.empty() &&
      announced.algorithm == ChecksumAlgorithm::kNone) {
    co_return invalid_request(
        "Missing required header for this request: Content-MD5 OR x-amz-checksum-*");
  }
  CO_TRY(RequestBody * body, co_await open_body(exchange));
  CO_TRY(std::string text, co_await body->read_text(size_max));
  for (const std::optional<Digest>& digest : {announced.checksum, body->trailer()}) {
    if (!digest || !offers_checksums()) continue;
    if (checksum_of(digest->algorithm(), as_bytes(text)) != *digest) {
      co_return bad_digest(to_string(digest->algorithm()));
    }
  }
  if (!announced.content_md5.empty() &&
      checksum_of(ChecksumAlgorithm::kMd5, as_bytes(text)).to_base64() != announced.content_md5) {
    co_return bad_digest("Content-MD5");
  }
  co_return text;
}

Task<Result<void>> S3Service::send(Exchange* exchange, int status, std::string body) {
  ServerResponse& response = exchange->response;
  response.status = status;
  if (!body.empty()) response.headers.set("Content-Type", "application/xml");
  stats_.body_bytes_sent += body.size();
  co_return co_await response.send_text(std::move(body));
}

Task<Result<void>> S3Service::send_error(Exchange* exchange, Error error) {
  ServerResponse& response = exchange->response;
  if (error.kind == ErrorKind::kNetwork) {  // whoever asked is gone, or is to think that we are
    response.abandon();
    co_return Result<void>();
  }
  if (std::optional<Error> told = told_to_clients(error)) {
    if (on_trouble) on_trouble(exchange->call, error);
    error = *std::move(told);
  } else if (error.kind == ErrorKind::kCorrupt && http_status_of(error) == 500 && on_trouble) {
    on_trouble(exchange->call, error);
  }
  const int status = http_status_of(error);
  Headers kept;
  for (const Header header : response.headers) {
    if (stays_with_error(header.name, status)) kept.add(header.name, header.value);
  }
  response.headers = std::move(kept);
  if (error.context.retry_after) {
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(*error.context.retry_after);
    response.headers.add("Retry-After", std::to_string(seconds.count()));
  }
  if (error.kind == ErrorKind::kTimeout) response.close_after();
  if (status == 304) co_return co_await send(exchange, status, "");
  if (status == 412 && exchange->details.empty()) {
    exchange->details = failed_condition(exchange->call, exchange->headers());
  }
  const std::string_view code = s3_code_of(error);
  if (code == "NoSuchUpload" && exchange->details.empty()) {
    exchange->details = {{"UploadId", std::string(exchange->call.parameter("uploadId"))}};
  }
  if (code == "MethodNotAllowed") {
    exchange->details = {{"Method", std::string(exchange->request.method())},
                         {"ResourceType", resource_type(exchange->request.target(),
                                                        exchange->headers(), options_.domains)}};
  }
  const std::string_view target = exchange->request.target();
  std::string document = error_document(
      {error, exchange->details, target.substr(0, target.find('?')), exchange->call.object,
       exchange->request_id, response.headers.find("x-amz-bucket-region").value_or("")});
  // Blanks come first while the service works; then it fails.
  if (status == 200) document.insert(document.find('\n') + 1, "  \n");
  co_return co_await send(exchange, status, std::move(document));
}

Task<Result<void>> S3Service::send_content(Exchange* exchange, int status, GetResult* content) {
  ServerResponse& response = exchange->response;
  response.status = status;
  // What lies in one piece leaves with its head.
  if (!exchange->fault) {
    std::optional<Body> piece = content->body->next_in_place();
    if (piece && piece->size == content->length) {
      stats_.body_bytes_sent += piece->size;
      co_return co_await response.send(*piece);
    }
    if (piece) {
      CO_TRY_VOID(co_await response.begin(content->length));
      for (; piece && piece->size > 0; piece = content->body->next_in_place()) {
        CO_TRY_VOID(co_await response.write(*piece));
        stats_.body_bytes_sent += piece->size;
      }
      co_return Result<void>();
    }
  }
  CO_TRY_VOID(co_await response.begin(content->length));
  const std::size_t capacity =
      std::min<ByteCount>(kCopyBytes, std::max<ByteCount>(content->length, 1));
  const auto buffer = std::make_unique_for_overwrite<std::byte[]>(capacity);
  for (ByteCount left = content->length; left > 0;) {
    if (!co_await exchange->fault.before_more()) co_return Result<void>();
    const std::size_t limit = exchange->fault.limit(capacity);
    const Result<std::size_t> count = co_await content->body->read_some({buffer.get(), limit});
    if (!count && count.error().kind == ErrorKind::kCorrupt && on_trouble) {
      on_trouble(exchange->call, count.error());
    }
    // A store that breaks off leaves the answer short, and the client knows by its length.
    if (!count || *count == 0) co_return Result<void>();
    CO_TRY_VOID(co_await response.write({buffer.get(), *count}));
    stats_.body_bytes_sent += *count;
    left -= std::min<ByteCount>(left, *count);
    CO_TRY_VOID(co_await exchange->fault.moved(*count));
  }
  co_return Result<void>();
}

}  // namespace telpher
