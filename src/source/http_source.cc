#include "source/http_source.h"

#include "codec/base64.h"
#include "codec/byte_range.h"
#include "codec/content_disposition.h"
#include "codec/http_date.h"
#include "source/http_facts.h"
#include "source/source_error.h"

#include <algorithm>
#include <utility>

namespace telpher {
namespace {

constexpr ByteCount kDrainMax = 16 * 1024;         // of a redirect's body, to keep the connection
constexpr ByteCount kRangeProbeMin = 1024 * 1024;  // below, one stream will do

std::string ignored_message(std::string_view address) {
  return "the server of " + std::string(address) + " does not serve byte ranges";
}

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/// Passes an answer's body on and holds it to the length that the probe has seen.
class HttpReader : public ByteReader {
 public:
  HttpReader(std::unique_ptr<HttpResponse> response, std::optional<ByteCount> left)
      : response_(std::move(response)), left_(left) {}

  Task<Result<std::size_t>> read_some(MutableBytes buffer) override {
    CO_TRY(const std::size_t count, co_await response_->read_some(buffer));
    if (!left_) co_return count;
    if (count > *left_) {
      co_return make_source_changed_error("it is longer than announced");
    }
    if (count == 0 && *left_ > 0) {
      co_return make_temporary_error(ErrorKind::kNetwork, "the connection was closed early");
    }
    *left_ -= count;
    co_return count;
  }

 private:
  std::unique_ptr<HttpResponse> response_;
  std::optional<ByteCount> left_;
};

/// Where a request goes. Credentials are sent as long as no redirect has left the first origin.
struct Place {
  Uri uri;
  bool trusted = true;
};

struct Answer {
  std::unique_ptr<HttpResponse> response;
  Place place;
};

class HttpSource : public Source {
 public:
  HttpSource(HttpClient& client, Uri uri, HttpSourceOptions options)
      : client_(client),
        start_{std::move(uri), true},
        here_(start_),
        options_(std::move(options)) {}

  Task<Result<SourceInfo>> probe() override;
  Task<Result<std::unique_ptr<ByteReader>>> open(std::optional<ByteRange> range,
                                                 SourceInfo seen) override;
  std::string redacted_address() const override { return start_.uri.redacted(); }
  std::string identity() const override { return stable_address(start_.uri); }

 private:
  Task<Result<SourceInfo>> probe_once();
  Task<Result<SourceInfo>> probe_by_get();
  SourceInfo info_from(const HttpResponse& response, std::chrono::sys_seconds now) const;
  Result<SourceInfo> info_from_first_byte(const HttpResponse& response,
                                          std::chrono::sys_seconds now) const;
  HttpRequest make_request(std::string_view method, const Headers& fields,
                           const Place& place) const;
  Result<Place> follow(const Place& from, const HttpResponse& response) const;
  Task<Result<Answer>> ask(std::string method, Headers fields, Place place);
  Task<Result<std::unique_ptr<HttpResponse>>> get(Headers fields);
  Result<void> check_answer(const HttpResponse& response, std::optional<ByteRange> range,
                            const SourceInfo& seen, std::chrono::sys_seconds now) const;
  Result<void> check_range(const HttpResponse& response, ByteRange range,
                           const SourceInfo& seen) const;
  Error status_error(const HttpResponse& response, std::chrono::sys_seconds now) const {
    return make_status_error(response.status, response.headers, redacted_address(), now);
  }

  HttpClient& client_;
  const Place start_;
  Place here_;  // where the last answer came from
  const HttpSourceOptions options_;
};

std::chrono::sys_seconds wall_seconds(const Loop& loop) {
  return std::chrono::floor<std::chrono::seconds>(loop.wall_now());
}

// --- asking -----------------------------------------------------------------------------------

HttpRequest HttpSource::make_request(std::string_view method, const Headers& fields,
                                     const Place& place) const {
  HttpRequest request;
  request.method = method;
  request.target = place.uri.target();
  request.headers.add("User-Agent", options_.user_agent);
  request.headers.add("Accept", "*/*");
  request.headers.add("Accept-Encoding", "identity");
  if (place.trusted && !start_.uri.user.empty()) {
    const std::string credentials = start_.uri.user + ":" + start_.uri.password;
    request.headers.add("Authorization", "Basic " + base64_encode(as_bytes(credentials)));
  }
  for (const Header field : options_.headers) {
    if (iequals(field.name, "User-Agent") || iequals(field.name, "Accept")) {
      request.headers.remove(field.name);
    }
    if (iequals(field.name, "Authorization") || iequals(field.name, "Cookie")) {
      if (!place.trusted) continue;
      request.headers.remove(field.name);
    }
    request.headers.add(field.name, field.value);
  }
  for (const Header field : fields) request.headers.add(field.name, field.value);
  return request;
}

Result<Place> HttpSource::follow(const Place& from, const HttpResponse& response) const {
  const auto location = response.headers.find("Location");
  if (!location) {
    return make_error(ErrorKind::kProtocol, "the source redirects without saying where to: HTTP " +
                                                std::to_string(response.status) + " (" +
                                                from.uri.redacted() + ")");
  }
  TRY(Uri target, resolve_uri(from.uri, *location));
  const bool plain = target.scheme == "http";
  if (!plain && target.scheme != "https") {
    return make_error(ErrorKind::kUnsupported, "the source redirects to " + target.redacted() +
                                                   ", which is neither http nor https");
  }
  if (plain && from.uri.scheme == "https") {
    return make_error(ErrorKind::kDenied, "the source redirects from https to " +
                                              target.redacted() +
                                              ", which is not encrypted: not followed");
  }
  const bool trusted = from.trusted && same_origin(from.uri, target);
  return Place{std::move(target), trusted};
}

Task<Result<Answer>> HttpSource::ask(std::string method, Headers fields, Place place) {
  for (int redirects = 0;; ++redirects) {
    const Origin origin{place.uri.scheme == "https", place.uri.host, place.uri.port};
    CO_TRY(std::unique_ptr<HttpResponse> response,
           co_await client_.send(origin, make_request(method, fields, place)));
    if (!is_redirect(response->status)) co_return Answer{std::move(response), std::move(place)};
    if (redirects == options_.redirects_max) {
      co_return make_error(
          ErrorKind::kProtocol,
          "the source redirects more than " + std::to_string(options_.redirects_max) + " times");
    }
    CO_TRY(place, follow(place, *response));
    if (response->length.value_or(kDrainMax + 1) <= kDrainMax) {
      (void)co_await response->read_all(kDrainMax);  // whether it worked does not matter
    }
  }
}

/// GET where the last answer came from, and through the start when that refuses.
Task<Result<std::unique_ptr<HttpResponse>>> HttpSource::get(Headers fields) {
  CO_TRY(Answer answer, co_await ask("GET", fields, here_));
  const int status = answer.response->status;
  const bool refused = status == 401 || status == 403 || status == 404 || status == 410;
  if (refused && here_.uri != start_.uri) {
    answer.response.reset();
    CO_TRY(answer, co_await ask("GET", std::move(fields), start_));
  }
  here_ = std::move(answer.place);
  co_return std::move(answer.response);
}

// --- probing ----------------------------------------------------------------------------------

Task<Result<SourceInfo>> HttpSource::probe() {
  Loop& loop = co_await current_loop();
  auto backoff = options_.backoff_first;
  for (int attempt = 1;; ++attempt) {
    Result<SourceInfo> info = co_await probe_once();
    if (info || !info.error().is_temporary()) co_return info;
    Error& error = info.error();
    error.context.attempts = attempt;
    if (attempt >= options_.attempts_max) {
      error.persistence = Persistence::kRetriedOut;
      co_return info;
    }
    const auto limit = static_cast<std::uint64_t>(backoff.count()) + 1;
    std::chrono::milliseconds wait(loop.random().below(limit));
    if (error.context.retry_after) {
      wait = std::max(wait, std::min(*error.context.retry_after, options_.retry_after_max));
    }
    CO_TRY_VOID(co_await sleep_for(wait));
    backoff = std::min(backoff * 2, options_.backoff_max);
  }
}

Task<Result<SourceInfo>> HttpSource::probe_once() {
  CO_TRY(Answer answer, co_await ask("HEAD", {}, start_));
  here_ = std::move(answer.place);
  const HttpResponse& head = *answer.response;
  if (head.status == 403 || head.status == 405 || head.status == 501) {
    answer.response.reset();
    co_return co_await probe_by_get();
  }
  const std::chrono::sys_seconds now = wall_seconds(co_await current_loop());
  if (head.status != 200) co_return status_error(head, now);
  SourceInfo info = info_from(head, now);
  CO_TRY(info.size, content_length(head.headers));
  // Servers that make up their answers often say 0 to HEAD: an empty object must not come of it.
  if (info.size.value_or(0) == 0) co_return co_await probe_by_get();
  if (info.validator.empty() || !info.metadata.content_encoding.empty() ||
      head.headers.has_token("Accept-Ranges", "none")) {
    co_return info;
  }
  info.ranges = head.headers.has_token("Accept-Ranges", "bytes");
  if (info.ranges || *info.size < kRangeProbeMin) co_return info;
  answer.response.reset();
  co_return co_await probe_by_get();
}

Task<Result<SourceInfo>> HttpSource::probe_by_get() {
  Headers fields;
  fields.add("Range", make_range_request({0, 1}));
  CO_TRY(std::unique_ptr<HttpResponse> response, co_await get(std::move(fields)));
  const std::chrono::sys_seconds now = wall_seconds(co_await current_loop());
  Result<SourceInfo> info = info_from_first_byte(*response, now);
  // One byte is read so that the connection can be used again; a whole file is not.
  if (response->length.value_or(kDrainMax + 1) <= kDrainMax) {
    (void)co_await response->read_all(kDrainMax);
  }
  co_return info;
}

Result<SourceInfo> HttpSource::info_from_first_byte(const HttpResponse& response,
                                                    std::chrono::sys_seconds now) const {
  SourceInfo info = info_from(response, now);
  const auto content_range = response.headers.find("Content-Range");
  if (response.status == 416 && content_range) {
    TRY(const ContentRange said, parse_content_range(*content_range));
    if (said.total == ByteCount{0}) {
      info.size = 0;
      return info;
    }
  }
  if (response.status == 200) {
    info.size = response.length;
    return info;
  }
  if (response.status != 206) return status_error(response, now);
  if (!content_range) {
    return make_error(ErrorKind::kProtocol,
                      "the source sends a part (HTTP 206) and does not say "
                      "which: no Content-Range");
  }
  TRY(const ContentRange said, parse_content_range(*content_range));
  info.size = said.total;
  info.ranges = said.total && said.range == ByteRange{0, 1} && !info.validator.empty() &&
                info.metadata.content_encoding.empty();
  return info;
}

SourceInfo HttpSource::info_from(const HttpResponse& response, std::chrono::sys_seconds now) const {
  const Headers& headers = response.headers;
  SourceInfo info;
  info.rereadable = true;
  info.validator = strong_validator(headers, now);
  info.metadata.content_encoding = content_encoding_in(headers);
  info.digest = digest_in(headers, response.status);
  info.metadata.content_type = headers.find("Content-Type").value_or("");
  if (const auto modified = headers.find("Last-Modified")) {
    info.last_modified = parse_http_date(*modified);
  }
  if (const auto disposition = headers.find("Content-Disposition")) {
    info.name = parse_content_disposition_name(*disposition).value_or("");
  }
  for (const Uri* uri : {&start_.uri, &here_.uri}) {
    if (info.name.empty()) info.name = safe_file_name(uri->last_segment());
  }
  if (info.name.empty()) info.name = "download";
  return info;
}

// --- reading ----------------------------------------------------------------------------------

Task<Result<std::unique_ptr<ByteReader>>> HttpSource::open(std::optional<ByteRange> range,
                                                           SourceInfo seen) {
  if (range && !seen.ranges) {
    co_return make_error(ErrorKind::kUnsupported, ignored_message(redacted_address()));
  }
  Headers fields;
  if (range) {
    if (range->length == 0) co_return make_error(ErrorKind::kInvalid, "an empty range");
    fields.add("Range", make_range_request(*range));
  }
  add_condition(fields, seen.validator);
  CO_TRY(std::unique_ptr<HttpResponse> response, co_await get(std::move(fields)));
  const std::chrono::sys_seconds now = wall_seconds(co_await current_loop());
  CO_TRY_VOID(check_answer(*response, range, seen, now));
  co_return std::make_unique<HttpReader>(std::move(response),
                                         range ? std::optional(range->length) : seen.size);
}

Result<void> HttpSource::check_answer(const HttpResponse& response, std::optional<ByteRange> range,
                                      const SourceInfo& seen, std::chrono::sys_seconds now) const {
  const Headers& headers = response.headers;
  if (response.status == 416) {
    return make_source_changed_error("it is shorter now (HTTP 416)");
  }
  if (response.status != 200 && response.status != 206) return status_error(response, now);
  const Likeness likeness = compare_validator(headers, seen.validator);
  if (likeness == Likeness::kOther) {
    return make_source_changed_error("its ETag or date is another one");
  }
  if (const std::string coding = content_encoding_in(headers);
      coding != seen.metadata.content_encoding) {
    return make_error(
        ErrorKind::kProtocol,
        "the server sends the content encoded as '" + coding +
            "' although it was asked not to (Accept-Encoding: identity): " + redacted_address());
  }
  if (response.status == 206 && range) {
    TRY_VOID(check_range(response, *range, seen));
    if (likeness == Likeness::kSame) return {};
    return make_error(ErrorKind::kUnsupported,
                      "the server tells no ETag or date with a range: " + redacted_address());
  }
  if (response.status == 206) {
    return make_error(ErrorKind::kProtocol,
                      "the server sends a part (HTTP 206) although it was asked for the whole: " +
                          redacted_address());
  }
  if (seen.size && response.length && *response.length != *seen.size) {
    return make_source_changed_error("it has " + std::to_string(*response.length) +
                                     " bytes, it had " + std::to_string(*seen.size));
  }
  const bool whole = !range || (range->offset == 0 && seen.size == range->length);
  if (!whole) return make_error(ErrorKind::kUnsupported, ignored_message(redacted_address()));
  return {};
}

Result<void> HttpSource::check_range(const HttpResponse& response, ByteRange range,
                                     const SourceInfo& seen) const {
  const auto value = response.headers.find("Content-Range");
  const Result<ContentRange> said =
      value ? parse_content_range(*value) : Result<ContentRange>(ContentRange{});
  if (said && said->total && said->total != seen.size) {
    return make_source_changed_error("it has " + std::to_string(*said->total) + " bytes, it had " +
                                     std::to_string(seen.size.value_or(0)));
  }
  if (!said || !said->range || *said->range != range ||
      (response.length && *response.length != range.length)) {
    return make_error(ErrorKind::kUnsupported,
                      "the server sends other bytes than it was asked for (Content-Range: " +
                          std::string(value.value_or("none")) + "): " + redacted_address());
  }
  return {};
}

}  // namespace

std::unique_ptr<Source> make_http_source(HttpClient& client, Uri uri, HttpSourceOptions options) {
  return std::make_unique<HttpSource>(client, std::move(uri), std::move(options));
}

}  // namespace telpher
