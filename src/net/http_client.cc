#include "net/http_client.h"

#include "codec/http_syntax.h"
#include "net/http_connection.h"
#include "net/http_pool.h"

#include <algorithm>
#include <charconv>

namespace telpher {
namespace {

constexpr std::chrono::seconds kContinueWait{1};
constexpr int kInterimAnswersMax = 64;

/// Whether sending it twice is as good as once. A conditional write is not repeated behind the
/// caller's back: the second would meet the first one's work, and only the caller can tell.
bool is_repeatable(const HttpRequest& request) {
  const std::string_view method = request.method;
  if (method == "GET" || method == "HEAD" || method == "OPTIONS") return true;
  return (method == "PUT" || method == "DELETE") && !request.headers.contains("if-match") &&
         !request.headers.contains("if-none-match");
}

bool expects_body(std::string_view method) {
  return method == "PUT" || method == "POST" || method == "PATCH";
}

bool is_target(std::string_view target) {
  bool good = !target.empty();
  for (const char c : target) good &= c > 0x20 && c < 0x7f;
  return good;
}

Result<void> append_request_head(std::string& out, const ConnectionPool::Site& site,
                                 const HttpRequest& request) {
  if (!is_token(request.method) || !is_target(request.target)) {
    return make_error(ErrorKind::kInvalid,
                      "a request line cannot hold '" + request.method + " " + request.target + "'");
  }
  out.append(request.method).append(" ").append(site.target_prefix).append(request.target);
  out.append(" HTTP/1.1\r\nHost: ").append(site.host_field).append("\r\n");
  out.append(site.proxy_fields);
  for (const Header header : request.headers) {
    if (!is_valid_field(header.name, header.value)) {
      return make_error(ErrorKind::kInvalid,
                        "header '" + std::string(header.name) + "' cannot be sent as it is");
    }
    out.append(header.name).append(": ").append(header.value).append("\r\n");
  }
  if (request.body.size > 0 || expects_body(request.method)) {
    char digits[20];
    const auto end = std::to_chars(digits, digits + sizeof digits, request.body.size).ptr;
    out.append("Content-Length: ").append(digits, end).append("\r\n");
  }
  if (request.expect_continue) out.append("Expect: 100-continue\r\n");
  out.append("\r\n");
  return {};
}

// One request on one connection, and how far it came.
struct Exchange {
  HttpConnection& connection;
  const HttpRequest& request;
  const ConnectionPool::Site& site;
  const HttpClientOptions& options;
  HttpClient::Stats& stats;  // counted as it moves: progress is read from it

  ResponseHead head = {};
  bool answered = false;   // head is the final one
  bool continued = false;  // the server asked for the body
  bool all_sent = false;
  bool heard_anything = false;
  ByteCount bytes_sent = 0;
  int interim_answers = 0;
};

Error closed_early() {
  Error error = make_temporary_error(ErrorKind::kNetwork,
                                     "the server closed the connection without an answer");
  error.context.code = "EOF";
  return error;
}

// Takes what has come of the answer; sets `answered` once its head is complete.
Result<void> take_answer(Exchange& exchange) {
  HttpConnection& connection = exchange.connection;
  const HeadLimits limits{.bytes_max = exchange.options.head_bytes_max};
  while (!exchange.answered) {
    if (!connection.input().empty()) {
      exchange.heard_anything = true;
      TRY(std::optional<Parsed<ResponseHead>> parsed,
          parse_response_head(as_text(connection.input()), limits));
      if (parsed) {
        connection.consume(parsed->consumed);
        const int status = parsed->head.status;
        if (status >= 200) {
          exchange.head = std::move(parsed->head);
          exchange.answered = true;
          continue;
        }
        if (status == 101 || ++exchange.interim_answers > kInterimAnswersMax) {
          return make_temporary_error(ErrorKind::kProtocol, "unexpected 1xx answers");
        }
        exchange.continued |= status == 100;
        continue;
      }
    }
    TRY(const IoStep step, connection.fill());
    if (step.blocked) return {};
    if (step.bytes == 0) return closed_early();
  }
  return {};
}

// A server that answers early may reset the connection while the body is still under way; the
// answer is then already here.
Result<void> answer_before_reset(Exchange& exchange, Error error) {
  if (error.kind != ErrorKind::kNetwork) return error;
  const Result<void> taken = take_answer(exchange);
  if (taken && exchange.answered) return {};
  return error;
}

// Sends the request, or the part of it the server wants to see before it answers.
Task<Result<void>> send_request(Exchange& exchange, std::string_view head, Body body) {
  Loop& loop = co_await current_loop();
  Stream& stream = exchange.connection.stream();
  MessageWriter writer(exchange.connection, head, body);
  for (bool waited = false;; waited = true) {
    const ByteCount before = writer.bytes_sent();
    const Result<MessageWriter::State> state = writer.step();
    exchange.bytes_sent += writer.bytes_sent() - before;
    exchange.stats.bytes_sent += writer.bytes_sent() - before;
    if (!state) co_return answer_before_reset(exchange, state.error());
    if (*state == MessageWriter::State::kDone) co_return Result<void>();
    if (*state == MessageWriter::State::kBusy) {
      co_await Yield{};
      continue;
    }
    if (waited && writer.bytes_sent() == before) {
      CO_TRY_VOID(take_answer(exchange));
      if (exchange.answered) co_return Result<void>();
    }
    CO_TRY_VOID(co_await stream.wait(FdWatch::kRead | FdWatch::kWrite,
                                     loop.now() + exchange.options.idle_timeout));
  }
}

// Sends the head alone and gives the server a moment to refuse it.
Task<Result<void>> ask_for_continue(Exchange& exchange) {
  Loop& loop = co_await current_loop();
  HttpConnection& connection = exchange.connection;
  CO_TRY_VOID(co_await send_request(exchange, connection.head_text, {}));
  const TimePoint deadline = loop.now() + kContinueWait;
  while (!exchange.answered && !exchange.continued) {
    CO_TRY_VOID(take_answer(exchange));
    if (exchange.answered || exchange.continued) break;
    Result<void> waited = co_await connection.stream().wait(FdWatch::kRead, deadline);
    if (!waited && waited.error().kind == ErrorKind::kTimeout) break;
    CO_TRY_VOID(std::move(waited));
  }
  co_return Result<void>();
}

Task<Result<void>> run_exchange(Exchange& exchange) {
  Loop& loop = co_await current_loop();
  HttpConnection& connection = exchange.connection;
  connection.head_text.clear();
  CO_TRY_VOID(append_request_head(connection.head_text, exchange.site, exchange.request));
  std::string_view head = connection.head_text;
  if (exchange.request.expect_continue) {
    CO_TRY_VOID(co_await ask_for_continue(exchange));
    head = {};
  }
  if (!exchange.answered) {
    CO_TRY_VOID(co_await send_request(exchange, head, exchange.request.body));
    exchange.all_sent = !exchange.answered;
  }
  for (;;) {
    CO_TRY_VOID(take_answer(exchange));
    if (exchange.answered) co_return Result<void>();
    CO_TRY_VOID(co_await connection.stream().wait(FdWatch::kRead,
                                                  loop.now() + exchange.options.idle_timeout));
  }
}

// --- response ---------------------------------------------------------------------------------

class Client;

class PooledResponse final : public HttpResponse {
 public:
  PooledResponse(Client& client, ConnectionPool::Lease lease, BodyReader body, bool reusable)
      : client_(client), lease_(std::move(lease)), body_(std::move(body)), reusable_(reusable) {}

  Task<Result<std::size_t>> read_some(MutableBytes buffer) override;
  Task<Result<std::string>> read_all(std::size_t size_max) override;
  /// Lets the connection go once the body has ended.
  void release_if_done();

 private:
  Error explain(Error error) const;

  Client& client_;
  ConnectionPool::Lease lease_;
  BodyReader body_;
  BusyTurn turn_;
  bool reusable_;
};

class Client final : public HttpClient {
 public:
  Client(Loop& loop, HttpClientOptions options)
      : loop_(loop), options_(std::move(options)), pool_(loop, options_, stats_) {}

  Task<Result<std::unique_ptr<HttpResponse>>> send(Origin origin, HttpRequest request) override;
  const Stats& stats() const override { return stats_; }

 private:
  friend class PooledResponse;
  Result<std::unique_ptr<HttpResponse>> make_response(ConnectionPool::Lease lease,
                                                      Exchange& exchange);
  Error explain(Error error, const std::string& name) const;

  Loop& loop_;
  const HttpClientOptions options_;
  Stats stats_;
  ConnectionPool pool_;
};

Error Client::explain(Error error, const std::string& name) const {
  if (error.kind == ErrorKind::kTimeout) {
    error.message = "nothing moved between here and " + name + " for " +
                    std::to_string(options_.idle_timeout.count()) + " ms";
  } else if (error.kind == ErrorKind::kNetwork || error.kind == ErrorKind::kProtocol) {
    error.message = name + ": " + error.message;
    if (error.kind == ErrorKind::kProtocol) error.persistence = Persistence::kTemporary;
  }
  return error;
}

Task<Result<std::unique_ptr<HttpResponse>>> Client::send(Origin origin, HttpRequest request) {
  ConnectionPool::Site& site = pool_.site(origin);
  const bool repeatable = is_repeatable(request);
  ConnectionPool::Lease lease;
  if (auto kept = pool_.try_acquire(site, !repeatable)) {
    lease = *std::move(kept);
  } else {
    CO_TRY(lease, co_await pool_.acquire(site, !repeatable));
  }
  for (;;) {
    Exchange exchange{*lease.connection, request, site, options_, stats_};
    Result<void> done = co_await run_exchange(exchange);
    if (done) co_return make_response(std::move(lease), exchange);
    const bool stale = lease.reused && !exchange.heard_anything &&
                       done.error().kind == ErrorKind::kNetwork &&
                       (repeatable || exchange.bytes_sent == 0);
    if (!stale) co_return explain(std::move(done).error(), site.name);
    ++stats_.stale_connections;
    CO_TRY_VOID(co_await pool_.renew(lease));
  }
}

Result<std::unique_ptr<HttpResponse>> Client::make_response(ConnectionPool::Lease lease,
                                                            Exchange& exchange) {
  const std::string& name = lease.site->name;
  if (exchange.head.status == 407 && lease.site->proxy) {
    return proxy_log_in_error(*lease.site->proxy);
  }
  Result<BodyFraming> framing = response_framing(exchange.head, exchange.request.method);
  if (!framing) return explain(std::move(framing).error(), name);
  const bool reusable = exchange.all_sent &&
                        keeps_connection(exchange.head.version_minor, exchange.head.headers) &&
                        framing->kind != BodyFraming::Kind::kUntilClose;
  auto response =
      std::make_unique<PooledResponse>(*this, std::move(lease), BodyReader(*framing), reusable);
  response->status = exchange.head.status;
  if (framing->kind == BodyFraming::Kind::kLength) {
    response->length = framing->length;
  } else if (framing->kind == BodyFraming::Kind::kNone) {
    Result<std::optional<ByteCount>> announced = content_length(exchange.head.headers);
    if (!announced) return explain(std::move(announced).error(), name);
    response->length = *announced;
  }
  response->headers = std::move(exchange.head.headers);
  response->release_if_done();
  return response;
}

void PooledResponse::release_if_done() {
  if (!body_.done() || !lease_.connection) return;
  if (reusable_ && lease_.connection->input().empty()) {
    client_.pool_.give_back(std::move(lease_));
  }
  lease_ = {};
}

Error PooledResponse::explain(Error error) const {
  return client_.explain(std::move(error), lease_.site->name);
}

Task<Result<std::size_t>> PooledResponse::read_some(MutableBytes buffer) {
  if (body_.done() || buffer.empty()) co_return std::size_t{0};
  for (;;) {
    const Result<IoStep> step = body_.try_read(*lease_.connection, buffer);
    if (!step) co_return explain(step.error());
    client_.stats_.bytes_received += step->bytes;
    release_if_done();
    if (!step->blocked) {
      if (turn_.is_over(step->bytes)) co_await Yield{};
      co_return step->bytes;
    }
    Result<void> waited = co_await lease_.connection->stream().wait(
        FdWatch::kRead, client_.loop_.now() + client_.options_.idle_timeout);
    if (!waited) co_return explain(std::move(waited).error());
  }
}

Task<Result<std::string>> PooledResponse::read_all(std::size_t size_max) {
  constexpr std::size_t kStep = 16 * 1024;
  std::string text;
  while (!body_.done()) {
    const ByteCount left = length ? *length - text.size() : kStep;
    if (text.size() + (length ? left : 0) > size_max) break;
    const std::size_t filled = text.size();
    text.resize(filled + static_cast<std::size_t>(std::min<ByteCount>(left, kStep)));
    const std::span<char> room = std::span(text).subspan(filled);
    CO_TRY(const std::size_t count, co_await read_some(std::as_writable_bytes(room)));
    text.resize(filled + count);
    if (text.size() > size_max) break;
  }
  if (text.size() > size_max || !body_.done()) {
    co_return make_error(ErrorKind::kLimit,
                         "the answer is longer than " + std::to_string(size_max) + " bytes");
  }
  co_return text;
}

}  // namespace

std::unique_ptr<HttpClient> make_http_client(Loop& loop, HttpClientOptions options) {
  return std::make_unique<Client>(loop, std::move(options));
}

}  // namespace telpher
