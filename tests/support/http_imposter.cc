#include "tests/support/http_imposter.h"

#include "base/check.h"
#include "codec/byte_range.h"
#include "codec/crc.h"
#include "codec/entity_tag.h"
#include "codec/http_date.h"
#include "net/http_server.h"

#include <boost/json.hpp>

#include <algorithm>
#include <mutex>
#include <thread>

namespace telpher {
namespace {

constexpr std::string_view kRecordPath = "/_imposter/requests";
constexpr std::size_t kChunk = 64 * 1024;

/// SplitMix64 (Steele et al. 2014): any place of the content can be made by itself.
std::uint64_t mix(std::uint64_t x) {
  x += 0x9E3779B97F4A7C15;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
  return x ^ (x >> 31);
}

void add_little_endian(std::string& out, std::uint64_t value, int size) {
  for (int i = 0; i < size; ++i) out += static_cast<char>(value >> (8 * i));
}

/// gzip without compression (stored blocks): valid, and needs no library.
std::string gzip_stored(std::string_view text) {
  std::string out("\x1f\x8b\x08\0\0\0\0\0\0\x03", 10);
  std::size_t at = 0;
  do {
    const std::size_t size = std::min<std::size_t>(text.size() - at, 65535);
    out += at + size == text.size() ? '\1' : '\0';
    add_little_endian(out, size, 2);
    add_little_endian(out, ~size & 0xFFFF, 2);
    out += text.substr(at, size);
    at += size;
  } while (at < text.size());
  Crc32 crc;
  crc.update(as_bytes(text));
  add_little_endian(out, crc.value(), 4);
  add_little_endian(out, text.size(), 4);
  return out;
}

/// What a rule serves: literal or generated, as a whole or packed.
class Content {
 public:
  explicit Content(const ImposterRule& rule) : seed_(rule.seed), text_(rule.body) {
    size_ = rule.size.value_or(text_.size());
    generated_ = rule.size.has_value();
    if (rule.gzip) {
      text_ = gzip_stored(generated_ ? imposter_content(seed_, {0, size_}) : text_);
      size_ = text_.size();
      generated_ = false;
    }
  }
  ByteCount size() const { return size_; }
  void read(ByteCount offset, MutableBytes buffer) const {
    if (generated_) return imposter_content(seed_, offset, buffer);
    const Bytes bytes = as_bytes(text_).subspan(offset, buffer.size());
    std::copy(bytes.begin(), bytes.end(), buffer.begin());
  }

 private:
  std::uint64_t seed_;
  std::string text_;
  ByteCount size_ = 0;
  bool generated_ = false;
};

bool conditions_hold(const ImposterRule& rule, const Headers& request) {
  if (!rule.conditions) return true;
  if (const auto list = request.joined("If-Match")) {
    if (!if_match_holds(*list, parse_entity_tag(rule.etag))) return false;
  } else if (const auto date = request.find("If-Unmodified-Since")) {
    const auto limit = parse_http_date(*date);
    const auto modified = parse_http_date(rule.last_modified);
    if (limit && modified && *modified > *limit) return false;
  }
  return true;
}

std::string record_json(const std::vector<ImposterRequest>& requests) {
  boost::json::array list;
  for (const ImposterRequest& request : requests) {
    boost::json::object headers;
    for (const auto& [name, value] : request.headers) headers[name] = value;
    list.push_back(boost::json::object{
        {"method", request.method}, {"target", request.target}, {"headers", std::move(headers)}});
  }
  return boost::json::serialize(list);
}

class ImposterHandler final : public HttpHandler {
 public:
  explicit ImposterHandler(std::vector<ImposterRule> rules) {
    for (ImposterRule& rule : rules) rules_.push_back({std::move(rule), 0});
  }

  Task<Result<void>> handle(ServerRequest& request, ServerResponse& response) override;

  std::vector<ImposterRequest> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }
  void clear_requests() {
    const std::lock_guard lock(mutex_);
    requests_.clear();
  }

 private:
  struct CountedRule {
    ImposterRule rule;
    int seen;
  };
  void record(const ServerRequest& request);
  const ImposterRule* choose(const ServerRequest& request);
  static void add_fields(const ImposterRule& rule, ServerResponse& response);
  Task<Result<void>> answer(const ImposterRule& rule, ServerRequest& request,
                            ServerResponse& response);
  static Task<Result<void>> send_body(const ImposterRule& rule, const Content& content,
                                      ByteRange range, ServerResponse& response);

  std::vector<CountedRule> rules_;
  mutable std::mutex mutex_;  // the record is read from the test's thread
  std::vector<ImposterRequest> requests_;
};

void ImposterHandler::record(const ServerRequest& request) {
  ImposterRequest seen{.method = request.method(), .target = request.target()};
  for (const Header header : request.headers()) {
    seen.headers.emplace_back(header.name, header.value);
  }
  const std::lock_guard lock(mutex_);
  requests_.push_back(std::move(seen));
}

const ImposterRule* ImposterHandler::choose(const ServerRequest& request) {
  std::string_view path = request.target();
  if (path.starts_with("http://")) {  // asked as a proxy: answer as if we were the server
    path.remove_prefix(std::min(path.find('/', 7), path.size()));
  }
  path = path.substr(0, path.find('?'));
  for (CountedRule& counted : rules_) {
    const ImposterRule& rule = counted.rule;
    if (!rule.path.empty() && rule.path != path) continue;
    if (!rule.method.empty() && rule.method != request.method()) continue;
    if (!rule.header.empty() && !request.headers().contains(rule.header)) continue;
    const int seen = counted.seen++;
    if (seen < rule.after) continue;
    if (rule.times >= 0 && seen >= rule.after + rule.times) continue;
    return &rule;
  }
  return nullptr;
}

Task<Result<void>> ImposterHandler::handle(ServerRequest& request, ServerResponse& response) {
  if (request.target() == kRecordPath) {
    if (request.method() == "DELETE") clear_requests();
    response.headers.set("Content-Type", "application/json");
    co_return co_await response.send_text(record_json(requests()));
  }
  record(request);
  const ImposterRule* rule = choose(request);
  if (!rule) {
    response.status = 404;
    co_return co_await response.send_text("no rule for this\n");
  }
  co_return co_await answer(*rule, request, response);
}

void ImposterHandler::add_fields(const ImposterRule& rule, ServerResponse& response) {
  if (!rule.etag.empty()) response.headers.set("ETag", rule.etag);
  if (!rule.last_modified.empty()) response.headers.set("Last-Modified", rule.last_modified);
  if (!rule.content_type.empty()) response.headers.set("Content-Type", rule.content_type);
  if (rule.gzip) response.headers.set("Content-Encoding", "gzip");
  if (rule.ranges && rule.status == 0) response.headers.set("Accept-Ranges", "bytes");
  if (!rule.redirect.empty()) response.headers.set("Location", rule.redirect);
  for (const auto& [name, value] : rule.headers) {
    value.empty() ? response.headers.remove(name) : response.headers.set(name, value);
  }
}

Task<Result<void>> ImposterHandler::answer(const ImposterRule& rule, ServerRequest& request,
                                           ServerResponse& response) {
  const Content content(rule);
  ByteRange range{0, content.size()};
  if (rule.status != 0 || !rule.redirect.empty()) {
    response.status = rule.status != 0 ? rule.status : 302;
  } else if (!conditions_hold(rule, request.headers())) {
    response.status = 412;
    range.length = 0;
  } else if (const auto text = request.headers().find("Range"); text && rule.ranges) {
    const std::optional<RangeRequest> asked = parse_range_request(*text);
    const std::optional<ByteRange> found =
        asked ? resolve_range(*asked, content.size()) : std::nullopt;
    response.status = found ? 206 : 416;
    range = found.value_or(ByteRange{0, 0});
    ContentRange said{.range = found, .total = content.size()};
    if (found) said.range->offset += static_cast<ByteCount>(rule.content_range_shift);
    *said.total += static_cast<ByteCount>(rule.content_range_total);
    response.headers.set("Content-Range", make_content_range(said));
  }
  add_fields(rule, response);
  if (request.method() == "HEAD") {
    if (!rule.chunked && !response.headers.contains("Content-Length")) {
      response.headers.set("Content-Length", std::to_string(range.length));
    }
    co_return co_await response.send();
  }
  co_return co_await send_body(rule, content, range, response);
}

Task<Result<void>> ImposterHandler::send_body(const ImposterRule& rule, const Content& content,
                                              ByteRange range, ServerResponse& response) {
  CO_TRY_VOID(co_await response.begin(rule.chunked ? std::nullopt : std::optional(range.length)));
  constexpr ByteCount kNowhere = ~ByteCount{0};
  const ByteCount fault =
      std::min({rule.close_at.value_or(kNowhere), rule.reset_at.value_or(kNowhere),
                rule.stall_at.value_or(kNowhere)});
  const ByteCount end = std::min(range.length, fault);
  Loop& loop = co_await current_loop();
  const TimePoint start = loop.now();
  std::vector<std::byte> buffer(rule.rate ? std::min<ByteCount>(kChunk, rule.rate / 20 + 1)
                                          : kChunk);
  for (ByteCount sent = 0; sent < end;) {
    const MutableBytes bytes =
        MutableBytes(buffer).first(std::min<ByteCount>(buffer.size(), end - sent));
    content.read(range.offset + sent, bytes);
    CO_TRY_VOID(co_await response.write(bytes));
    sent += bytes.size();
    if (rule.rate) {
      const std::chrono::duration<double> due(static_cast<double>(sent) /
                                              static_cast<double>(rule.rate));
      CO_TRY_VOID(co_await SleepUntil(start + std::chrono::duration_cast<Duration>(due)));
    }
  }
  if (fault > range.length) co_return Result<void>();
  if (rule.stall_at == fault) CO_TRY_VOID(co_await SleepUntil(kNever));
  rule.reset_at == fault ? response.reset() : response.abandon();
  co_return Result<void>();
}

}  // namespace

std::string_view ImposterRequest::header(std::string_view name) const {
  for (const auto& [field, value] : headers) {
    if (iequals(field, name)) return value;
  }
  return {};
}

void imposter_content(std::uint64_t seed, ByteCount offset, MutableBytes buffer) {
  for (std::size_t i = 0; i < buffer.size();) {
    const std::uint64_t word = mix(seed * 0xD6E8FEB86659FD93 + (offset + i) / 8);
    for (ByteCount byte = (offset + i) % 8; byte < 8 && i < buffer.size(); ++byte, ++i) {
      buffer[i] = static_cast<std::byte>(word >> (8 * byte));
    }
  }
}

std::string imposter_content(std::uint64_t seed, ByteRange range) {
  std::string text(range.length, '\0');
  imposter_content(seed, range.offset, std::as_writable_bytes(std::span(text)));
  return text;
}

struct HttpImposter::Impl {
  explicit Impl(std::vector<ImposterRule> rules) : handler(std::move(rules)) {}
  Loop loop;
  CancelSource cancel;
  ImposterHandler handler;
  std::unique_ptr<HttpServer> server;
  std::string host;
  std::thread thread;
};

HttpImposter::HttpImposter(std::vector<ImposterRule> rules, std::string host, std::uint16_t port)
    : impl_(std::make_unique<Impl>(std::move(rules))) {
  impl_->host = host;
  HttpServerOptions options;
  options.listen.host = std::move(host);
  options.listen.port = port;
  options.any_target = true;  // it is asked as a proxy, too
  Result<std::unique_ptr<HttpServer>> server =
      HttpServer::open(impl_->loop, impl_->handler, std::move(options));
  if (!server) std::fprintf(stderr, "http_imposter: %s\n", server.error().message.c_str());
  CHECK(server.has_value());
  impl_->server = *std::move(server);
  impl_->thread = std::thread([impl = impl_.get()] {
    const Result<void> served = impl->loop.run(impl->server->serve(), impl->cancel);
    if (!served) std::fprintf(stderr, "http_imposter: %s\n", served.error().message.c_str());
  });
}

HttpImposter::~HttpImposter() {
  impl_->loop.post([impl = impl_.get()] { impl->cancel.cancel(); });
  impl_->thread.join();
}

std::uint16_t HttpImposter::port() const { return impl_->server->port(); }

std::string HttpImposter::url(std::string_view path) const {
  return "http://" + impl_->host + ":" + std::to_string(port()) + std::string(path);
}

std::vector<ImposterRequest> HttpImposter::requests() const { return impl_->handler.requests(); }

void HttpImposter::clear_requests() { impl_->handler.clear_requests(); }

}  // namespace telpher
