#include "net/http_server_connection.h"

#include "net/tls.h"

#include <algorithm>

namespace telpher {
namespace {

constexpr std::size_t kInputBytes = 16 * 1024;  // a head and a small body in one read
constexpr ByteCount kDrainBytesMax = 256 * 1024;
constexpr std::chrono::seconds kLinger{2};

int status_of(const Error& error) {
  switch (error.kind) {
    case ErrorKind::kLimit: return 431;
    case ErrorKind::kTimeout: return 408;
    case ErrorKind::kUnsupported: return 501;
    default: return 400;
  }
}

}  // namespace

Task<void> ServerConnection::run() {
  peer_ = socket_->peer();
  std::unique_ptr<Stream> stream;
  if (server_.options_.tls) {
    Result<std::unique_ptr<Stream>> accepted =
        co_await accept_tls(*server_.options_.tls, std::move(socket_),
                            server_.loop_.now() + server_.options_.head_timeout);
    if (!accepted) {
      ++server_.stats_.refused;
      co_return;
    }
    stream = *std::move(accepted);
  } else {
    stream = std::make_unique<PlainStream>(std::move(socket_));
  }
  connection_ = std::make_unique<HttpConnection>(std::move(stream), kInputBytes);
  for (;;) {
    std::optional<RequestHead> head = co_await next_head();
    if (!head || !co_await answer(*std::move(head))) co_return;
  }
}

Task<std::optional<RequestHead>> ServerConnection::next_head() {
  const HttpServerOptions& options = server_.options_;
  const HeadLimits limits{.bytes_max = options.head_bytes_max};
  bool begun = false;
  TimePoint deadline = server_.loop_.now() + options.keep_alive;
  for (;;) {
    if (!connection_->input().empty()) {
      if (!begun) deadline = server_.loop_.now() + options.head_timeout;
      begun = true;
      Result<std::optional<Parsed<RequestHead>>> parsed =
          parse_request_head(as_text(connection_->input()), limits);
      if (!parsed) {
        const bool to_head = as_text(connection_->input()).starts_with("HEAD ");
        co_await refuse(parsed.error(), to_head);
        co_return std::nullopt;
      }
      if (*parsed) {
        connection_->consume((*parsed)->consumed);
        co_return std::move((*parsed)->head);
      }
    }
    connection_->wake(server_.buffers_);
    const Result<IoStep> step = connection_->fill();
    if (!step || (step->bytes == 0 && !step->blocked)) co_return std::nullopt;
    if (!step->blocked) continue;
    if (!begun) connection_->rest(server_.buffers_);
    const Result<void> waited = co_await connection_->stream().wait(FdWatch::kRead, deadline);
    if (waited) continue;
    if (begun && waited.error().kind == ErrorKind::kTimeout) {
      co_await refuse(waited.error(), as_text(connection_->input()).starts_with("HEAD "));
    }
    co_return std::nullopt;
  }
}

Task<bool> ServerConnection::answer(RequestHead head) {
  ++server_.stats_.requests;
  const Result<void> target = server_.options_.any_target ? Result<void>() : to_origin_form(head);
  const Result<BodyFraming> framing = request_framing(head);
  if (!target || !framing) {
    co_await refuse(!target ? target.error() : framing.error(), head.method == "HEAD");
    co_return false;
  }
  ServerRequest request(*connection_, std::move(head), *framing, peer_, server_.options_);
  ServerResponse response(server_, *connection_, request, server_.options_.idle_timeout);
  if (!keeps_connection(request.head().version_minor, request.headers())) response.close_after();
  Result<void> handled = co_await server_.handler_.handle(request, response);
  co_return co_await finish_answer(std::move(handled), request, response);
}

Task<bool> ServerConnection::finish_answer(Result<void> handled, ServerRequest& request,
                                           ServerResponse& response) {
  if (response.abandoned_) {
    if (response.reset_) connection_->stream().socket().reset_on_close();
    co_return false;
  }
  if (!handled && handled.error().kind == ErrorKind::kCancelled) co_return false;
  if (!response.begun_ && !handled && request.broken_) {
    co_await refuse(std::move(handled).error(), request.method() == "HEAD");
    co_return false;
  }
  if (!response.begun_) {
    response.headers.clear();
    response.status = 500;
    response.close_after();
    handled = co_await response.send_text("Internal Server Error\n");
  } else if (handled) {
    handled = co_await response.finish();
  }
  if (!handled || response.promised_ > 0) co_return false;
  if (!response.close_ && !request.body_read()) {
    for (ByteCount drained = 0; !request.body_read() && drained < kDrainBytesMax;) {
      const Result<std::size_t> count = co_await request.read_some(server_.scrap_);
      if (!count) co_return false;
      drained += *count;
    }
  }
  if (!response.close_ && request.body_read()) co_return true;
  co_await linger();
  co_return false;
}

Task<void> ServerConnection::refuse(Error error, bool to_head) {
  ++server_.stats_.refused;
  HttpRefusal refusal = server_.handler_.refusal(status_of(error), error);
  ResponseHead head{.status = refusal.status, .reason = std::string(reason_of(refusal.status))};
  head.headers = std::move(refusal.headers);
  if (!head.headers.contains("date")) head.headers.add("Date", server_.date());
  head.headers.add("Content-Length", std::to_string(refusal.body.size()));
  head.headers.add("Connection", "close");
  const Result<std::string> bytes = make_response_head(head);
  if (!bytes) co_return;
  if (to_head) refusal.body.clear();
  const Result<void> sent = co_await write_message(
      *connection_, *bytes, Body::of(as_bytes(refusal.body)), server_.options_.idle_timeout);
  if (sent) co_await linger();
}

Task<void> ServerConnection::linger() {
  Stream& stream = connection_->stream();
  stream.end_output();
  const TimePoint deadline = server_.loop_.now() + kLinger;
  for (;;) {
    const Result<IoStep> step = stream.try_read(server_.scrap_);
    if (!step || (step->bytes == 0 && !step->blocked)) co_return;
    if (server_.loop_.now() >= deadline) co_return;
    if (step->blocked && !co_await stream.wait(FdWatch::kRead, deadline)) co_return;
  }
}

}  // namespace telpher
