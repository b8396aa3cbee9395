// How S3Store sends a request and what it learns from answers. The operations are in
// client_store.cc.

#include "codec/http_date.h"
#include "codec/uri.h"
#include "s3/client_store.h"
#include "s3/response.h"

#include <algorithm>

namespace telpher {
namespace {

/// The keys were not taken; else they were, and may not do this.
bool is_about_keys(std::string_view code) {
  return code == "InvalidAccessKeyId" || code == "SignatureDoesNotMatch" ||
         code == "InvalidToken" || code == "ExpiredToken" || code == "TokenRefreshRequired";
}

bool is_printable(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7f; });
}

/// As part of a header's value.
bool is_sendable(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    return static_cast<unsigned char>(c) > 0x20 && static_cast<unsigned char>(c) != 0x7f;
  });
}

/// What cannot stand in a header, by where it came from. Errors: kInvalid.
Result<void> check_sendable(const Credentials& keys, std::string_view region) {
  const auto refuse = [](std::string_view what, const std::string& from) {
    return make_error(ErrorKind::kInvalid,
                      std::string(what) +
                          " has a blank, a line break or another character that cannot stand in "
                          "it" +
                          from);
  };
  const std::string from = ". The keys are of: " + keys.source;
  if (!is_sendable(keys.access_key)) {
    return refuse("The access key id (AWS_ACCESS_KEY_ID, aws_access_key_id)", from);
  }
  if (!is_sendable(keys.session_token)) {
    return refuse("The session token (AWS_SESSION_TOKEN, aws_session_token)", from);
  }
  if (!is_sendable(region)) {
    return refuse("The region (--region, AWS_REGION, AWS_DEFAULT_REGION, or a profile's 'region')",
                  "");
  }
  return {};
}

/// Options of a write that some stores do not know.
std::string special_options(const Headers& headers) {
  std::string options;
  for (const auto& [header, option] :
       {std::pair<std::string_view, std::string_view>{"x-amz-server-side-encryption", "--sse"},
        {"x-amz-storage-class", "--storage-class"},
        {"x-amz-acl", "--acl"}}) {
    if (!headers.find(header)) continue;
    if (!options.empty()) options += ", ";
    options += option;
  }
  return options;
}

bool does_not_implement(const Error& error) {
  const std::string& code = error.context.code;
  return code == "NotImplemented" || code == "XNotImplemented" || error.context.http_status == 501;
}

/// A redirect that is no store's: of a captive portal, a log-in page, a proxy.
bool is_foreign_redirect(const S3ErrorAnswer& answer) {
  return answer.status >= 300 && answer.status < 400 && answer.status != 304 &&
         answer.code.empty() && answer.request_id.empty() && answer.region.empty();
}

/// Permanent: repeating it would find the same server.
Error no_s3_service(const S3Target& target, std::string_view host, const std::string& instead) {
  Error error =
      make_error(ErrorKind::kProtocol,
                 "'" + std::string(host) + "' does not look like an S3 service: " + instead +
                     " (telpher doctor s3://" + std::string(target.bucket) + " tells more)");
  error.context.operation = target.operation;
  error.context.code = "NotS3";
  return error;
}

/// A web server in the place of the store (a wrong port, the log-in page of a network) may answer
/// anything with 200 and a page: what it never took would seem to be kept.
Result<void> check_is_s3(const S3Target& target, std::string_view host, const Headers& headers) {
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
  return no_s3_service(target, host, "it answers as a web server does");
}

/// Where it points, without what may be secret.
std::string redirect_text(int status, std::string_view location) {
  const std::string_view place = location.substr(0, location.find_first_of("?#"));
  const bool good = place.find('@') == std::string_view::npos && is_printable(place);
  return "it redirects " + (good && !place.empty() ? "to " + std::string(place) : "elsewhere") +
         " (HTTP " + std::to_string(status) + ")";
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
    CO_TRY_VOID(check_sendable(*keys, at->signer->region()));
    // Until the bucket has answered, the request may have to be sent elsewhere.
    const bool may_repeat = !at->settled && corrections < kCorrectionsMax;
    const bool is_head = request.http.method == "HEAD";
    const std::string special =
        request.target.is_write ? special_options(request.http.headers) : std::string();
    HttpRequest http = may_repeat || is_head ? request.http : std::move(request.http);
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
      CO_TRY_VOID(check_is_s3(request.target, authority_of(sent.origin), (*response)->headers));
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
    if (lesson == Lesson::kNothing && is_foreign_redirect(answer)) {
      const auto location = (*response)->headers.find("location").value_or("");
      co_return no_s3_service(request.target, authority_of(sent.origin),
                              redirect_text(status, location));
    }
    Error error = make_s3_error(request.target, answer);
    if (lesson == Lesson::kNothing && is_head && status == 403 && answer.code.empty()) {
      co_return co_await explain_refusal(std::move(request), at, std::move(error));
    }
    if (!special.empty() && does_not_implement(error)) {
      error.message += ". The store may not know what " + special + " asks for: leave it out";
    }
    if (is_about_keys(answer.code)) error.message += ". The keys are of: " + sent.keys->source;
    if (error.context.code == "ExpiredToken" || error.context.code == "RequestTimeTooSkewed" ||
        lesson != Lesson::kNothing) {
      error.persistence =
          lesson == Lesson::kNothing ? Persistence::kPermanent : Persistence::kTemporary;
    }
    co_return error;
  }
}

/// An answer to HEAD has no body, so it does not tell wrong keys from keys that may not do this. A
/// GET that asks for next to nothing does.
Task<Error> S3Store::explain_refusal(S3Request request, Place* at, Error refusal) {
  request.http.method = "GET";
  if (request.target.key.empty()) {
    request.http.target += "?location=";
  } else {
    request.http.headers.add("range", "bytes=0-0");
  }
  const auto answer = co_await exchange(std::move(request), at, {});
  if (answer) co_return refusal;
  const ErrorContext& context = answer.error().context;
  const bool tells = context.http_status == 403 || is_about_keys(context.code);
  co_return tells ? answer.error() : refusal;
}

Task<Result<S3Store::Document>> S3Store::exchange_document(S3Request request, Place* at) {
  const S3Target target = request.target;
  CO_TRY(const Response response, co_await exchange(std::move(request), at, {}));
  Document document;
  const std::string host = authority_of(at->route.origin);
  auto body = co_await response->read_all(s3_response::kDocumentBytesMax);
  if (!body && body.error().kind == ErrorKind::kLimit) {
    co_return no_s3_service(target, host, "its answer is longer than any of S3's");
  }
  CO_TRY(document.body, std::move(body));
  if (s3_response::is_no_document(document.body)) {
    const bool html = document.body.find('<') != std::string::npos;
    co_return no_s3_service(target, host,
                            html ? "it answers with a web page" : "it answers with no XML");
  }
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
