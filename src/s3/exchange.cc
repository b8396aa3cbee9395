// How S3Store sends a request and what it learns from answers. The operations are in
// client_store.cc.

#include "codec/http_date.h"
#include "codec/uri.h"
#include "s3/client_store.h"
#include "s3/response.h"

namespace telpher {
namespace {

/// The keys were not taken; else they were, and may not do this.
bool is_about_keys(std::string_view code) {
  return code == "InvalidAccessKeyId" || code == "SignatureDoesNotMatch" ||
         code == "InvalidToken" || code == "ExpiredToken" || code == "TokenRefreshRequired";
}

/// A web server in the place of the store (a wrong port, the log-in page of a network) may answer
/// anything with 200 and a page: what it never took would seem to be kept.
Result<void> check_is_s3(const S3Target& target, const Headers& headers) {
  const std::string_view operation = target.operation;
  const auto has = [&](std::string_view name) { return !headers.find(name).value_or("").empty(); };
  bool plausible = true;
  if (operation == "PutObject" || operation == "UploadPart") {
    plausible = has("etag");
  } else if (operation == "GetObject" || operation == "HeadObject") {
    plausible = has("etag") || has("last-modified") || has("x-amz-request-id");
  } else {
    plausible = has("x-amz-request-id") ||
                !istarts_with(headers.find("content-type").value_or(""), "text/html");
  }
  if (plausible) return {};
  Error error = make_error(ErrorKind::kProtocol,
                           "this is no answer of an S3 service: is the endpoint the right one? "
                           "telpher doctor s3://" +
                               std::string(target.bucket) + " tells more");
  error.context.operation = operation;
  error.context.code = "NotS3";
  return error;
}

}  // namespace

S3Store::S3Store(Loop& loop, HttpClient& http, S3StoreOptions options)
    : loop_(loop),
      http_(http),
      endpoint_(std::move(options.endpoint)),
      provider_(options.provider ? options.provider : &provider_of_host(endpoint_.origin.host)),
      region_(std::move(options.region)),
      capabilities_(provider_->capabilities),
      list_version_(provider_->list_version),
      credentials_(std::move(options.credentials)),
      notice_(std::move(options.notice)) {
  capabilities_.counts_bodies = true;
  provider_learned_ = provider_ != &unknown_provider();
  if (region_.empty()) region_ = region_of_host(*provider_, endpoint_.origin.host);
}

S3Store::~S3Store() = default;

void S3Store::notice(const std::string& text) const {
  if (notice_) notice_(text);
}

SigV4Signer& S3Store::signer(std::string_view region) {
  auto found = signers_.find(region);
  if (found == signers_.end()) {
    found =
        signers_.emplace(std::string(region), std::make_unique<SigV4Signer>(std::string(region)))
            .first;
  }
  return *found->second;
}

S3Store::Place& S3Store::place(std::string_view bucket) {
  if (last_place_ && last_place_->route.bucket == bucket) return *last_place_;
  auto found = places_.find(bucket);
  if (found == places_.end()) {
    auto made = std::make_unique<Place>();
    made->route = make_route(endpoint_, bucket);
    made->signer = &signer(region_);
    found = places_.emplace(std::string(bucket), std::move(made)).first;
  }
  last_place_ = found->second.get();
  return *last_place_;
}

std::chrono::sys_seconds S3Store::now() const {
  return std::chrono::floor<std::chrono::seconds>(loop_.wall_now()) + clock_offset_;
}

Task<Result<S3Store::Response>> S3Store::exchange(S3Request request, Place* at, Body body) {
  constexpr int kCorrectionsMax = 3;
  if (!request.payload.empty()) body = Body::of(as_bytes(request.payload));
  for (int corrections = 0;; ++corrections) {
    CredentialsCache::Pointer keys = credentials_.ready(loop_.wall_now());
    if (!keys) {
      CO_TRY(keys, co_await credentials_.refresh());
    }
    // Until the bucket has answered, the request may have to be sent elsewhere.
    const bool may_repeat = !at->settled && corrections < kCorrectionsMax;
    HttpRequest http = may_repeat ? request.http : std::move(request.http);
    http.headers.add("user-agent", "telpher");
    const Sent sent{std::move(keys), at->signer, at->route.origin, now()};
    if (!sent.keys->anonymous()) {
      at->signer->sign(*sent.keys, sent.at, http.method, at->route.host, http.target,
                       kUnsignedPayload, http.headers);
    }
    http.body = body;
    auto response = co_await http_.send(sent.origin, std::move(http));
    if (!response) {
      Error error = std::move(response).error();
      error.context.operation = request.target.operation;
      if (error.context.code == "DNS" && provider_of_host(sent.origin.host).name == "AWS") {
        // Who has a service of their own has forgotten to name it.
        error.message += "; without --endpoint-url or AWS_ENDPOINT_URL requests go to AWS";
      }
      co_return error;
    }
    const int status = (*response)->status;
    if (!provider_learned_) learn_provider((*response)->headers);
    if (status >= 200 && status < 300) {
      CO_TRY_VOID(check_is_s3(request.target, (*response)->headers));
      at->settled = true;
      co_return *std::move(response);
    }
    // A body that cannot be read tells nothing; the status still does.
    const auto text = co_await (*response)->read_all(s3_response::kErrorBytesMax);
    const S3ErrorAnswer answer = s3_response::parse_error(status, (*response)->headers,
                                                          text ? *text : std::string_view(), now());
    const Lesson lesson = co_await learn(&answer, &(*response)->headers, at, sent);
    // An answer to HEAD does not say what was wrong.
    const bool unexplained = answer.code.empty() && (status == 400 || status == 501);
    const bool may_not_know_checksums = provider_->checksums_unproven && !checksums_proven_;
    if (lesson == Lesson::kNothing && request.sends_checksum && may_not_know_checksums &&
        (unexplained || rejects_checksum_headers(answer))) {
      give_up_checksums("rejects");
    }
    if (lesson == Lesson::kRepeatNow && may_repeat) continue;
    Error error = make_s3_error(request.target, answer);
    if (is_about_keys(answer.code)) error.message += ". The keys are of: " + sent.keys->source;
    if (error.context.code == "ExpiredToken" || error.context.code == "RequestTimeTooSkewed" ||
        lesson != Lesson::kNothing) {
      error.persistence =
          lesson == Lesson::kNothing ? Persistence::kPermanent : Persistence::kTemporary;
    }
    co_return error;
  }
}

Task<Result<S3Store::Document>> S3Store::exchange_document(S3Request request, Place* at) {
  const S3Target target = request.target;
  CO_TRY(const Response response, co_await exchange(std::move(request), at, {}));
  Document document;
  CO_TRY(document.body, co_await response->read_all(s3_response::kDocumentBytesMax));
  document.headers = std::move(response->headers);
  if (s3_response::is_error_document(document.body)) {
    co_return make_s3_error(
        target, s3_response::parse_error(response->status, document.headers, document.body, now()));
  }
  co_return document;
}

Task<Result<void>> S3Store::exchange_empty(S3Request request, Place* at) {
  CO_TRY(const Response response, co_await exchange(std::move(request), at, {}));
  if (response->length != 0u) {
    CO_TRY_VOID(co_await response->read_all(s3_response::kErrorBytesMax));
  }
  co_return Result<void>();
}

/// HEAD of an object in a bucket that has not answered yet: which of the two is missing?
Task<Result<void>> S3Store::explain_missing(Place* at) {
  if (at->settled) co_return Result<void>();
  auto bucket = co_await exchange_empty(s3_request::head_bucket(at->route), at);
  if (!bucket && bucket.error().context.code == "NoSuchBucket") co_return bucket;
  co_return Result<void>();
}

void S3Store::learn_provider(const Headers& headers) {
  provider_learned_ = true;
  const Provider* found = provider_of_answer(headers);
  if (!found) return;
  const bool knew_checksums = capabilities_.checksums;
  provider_ = found;
  capabilities_ = found->capabilities;
  list_version_ = found->list_version;
  capabilities_.checksums = capabilities_.checksums && knew_checksums;
}

Task<S3Store::Lesson> S3Store::learn(const S3ErrorAnswer* answer, const Headers* headers, Place* at,
                                     Sent sent) {
  if (learn_region(*answer, *headers, *at, sent)) co_return Lesson::kRepeatNow;
  if (learn_clock(*answer, *headers, sent.at)) co_return Lesson::kRepeatLater;
  if (answer->code == "ExpiredToken" || answer->code == "TokenRefreshRequired" ||
      answer->code == "RequestExpired") {
    const auto replaced = co_await credentials_.replace(std::move(sent.keys));
    if (replaced && *replaced) co_return Lesson::kRepeatLater;
    if (!replaced) notice("No new credentials: " + replaced.error().message);
  }
  co_return Lesson::kNothing;
}

/// 301, 307, "AuthorizationHeaderMalformed", or 400 to a HEAD, when they name another region or
/// address than the request was made for. It may have been learned meanwhile.
bool S3Store::learn_region(const S3ErrorAnswer& answer, const Headers& headers, Place& at,
                           const Sent& sent) {
  const bool misdirected = answer.status == 301 || answer.status == 307 ||
                           answer.code == "AuthorizationHeaderMalformed" ||
                           answer.code == "PermanentRedirect" ||
                           (answer.status == 400 && answer.code.empty());
  if (!misdirected) return false;
  if (!answer.region.empty() && answer.region != sent.signer->region()) {
    if (answer.region == at.signer->region()) return true;
    at.signer = &signer(answer.region);
    if (provider_of_host(endpoint_.origin.host).name == "AWS") {
      at.route = make_route(aws_endpoint(answer.region, aws_variant_of(endpoint_.origin.host)),
                            at.route.bucket);
    }
    at.settled = false;
    notice("Bucket '" + at.route.bucket + "' is in region " + answer.region + ", not " + region_ +
           ": using that. Say so with --region " + answer.region);
    return true;
  }
  // Another address, for this bucket only; never from https to http.
  const auto location = headers.find("location");
  if ((answer.status != 301 && answer.status != 307) || !location) return false;
  const auto uri = parse_uri(*location);
  if (!uri || (uri->scheme != "https" && uri->scheme != "http")) return false;
  const Origin origin{uri->scheme == "https", uri->host, uri->port};
  if (origin == sent.origin || (sent.origin.tls && !origin.tls)) return false;
  if (origin == at.route.origin) return true;
  at.route.origin = origin;
  at.route.host = authority_of(origin);
  at.settled = false;
  notice("Bucket '" + at.route.bucket + "' is at " + at.route.host + ": using that");
  return true;
}

/// Signatures are valid for 15 minutes around the store's clock, which its Date tells.
bool S3Store::learn_clock(const S3ErrorAnswer& answer, const Headers& headers,
                          std::chrono::sys_seconds signed_at) {
  using namespace std::chrono_literals;
  const bool said = answer.code == "RequestTimeTooSkewed" || answer.code == "RequestExpired";
  const bool possible = answer.status == 403 && answer.code.empty();  // HEAD has no code
  if (!said && !possible) return false;
  const auto date = headers.find("date");
  const auto theirs = date ? parse_http_date(*date) : std::nullopt;
  if (!theirs) return false;
  // Requests that were under way when another one learned the clock need only be repeated.
  if (std::chrono::abs(*theirs - signed_at) < (said ? 1min : 10min)) return false;
  const std::chrono::seconds wrong = *theirs - now();
  if (std::chrono::abs(wrong) >= 1min) {
    clock_offset_ += wrong;
    notice("This machine's clock differs from the store's by " +
           std::to_string(-clock_offset_.count()) + " s: signing with the store's time");
  }
  return true;
}

void S3Store::give_up_checksums(std::string_view why) {
  if (!capabilities_.checksums) return;
  capabilities_.checksums = false;
  notice("The store " + std::string(why) + " checksum headers: sending Content-MD5 instead");
}

}  // namespace telpher
