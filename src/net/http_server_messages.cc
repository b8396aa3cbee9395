// The request a handler reads and the response it writes.

#include "net/http_server.h"
#include "net/http_server_connection.h"

#include <algorithm>
#include <charconv>

namespace telpher {
namespace {

void append_number(std::string& out, ByteCount number) {
  char digits[20];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
}

}  // namespace

std::string_view reason_of(int status) {
  switch (status) {
    case 200: return "OK";
    case 201: return "Created";
    case 204: return "No Content";
    case 206: return "Partial Content";
    case 207: return "Multi-Status";
    case 301: return "Moved Permanently";
    case 302: return "Found";
    case 304: return "Not Modified";
    case 307: return "Temporary Redirect";
    case 400: return "Bad Request";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 409: return "Conflict";
    case 408: return "Request Timeout";
    case 410: return "Gone";
    case 411: return "Length Required";
    case 412: return "Precondition Failed";
    case 413: return "Content Too Large";
    case 415: return "Unsupported Media Type";
    case 416: return "Range Not Satisfiable";
    case 423: return "Locked";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 460: return "Checksum Mismatch";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 507: return "Insufficient Storage";
    default: return "Status";
  }
}

// --- request ----------------------------------------------------------------------------------

ServerRequest::ServerRequest(HttpConnection& connection, RequestHead head, BodyFraming framing,
                             SocketAddress peer, const HttpServerOptions& options)
    : connection_(connection),
      head_(std::move(head)),
      body_(framing),
      peer_(peer),
      options_(options),
      owes_continue_(head_.version_minor > 0 && head_.headers.has_token("expect", "100-continue")) {
}

std::optional<ByteCount> ServerRequest::length() const {
  if (body_.framing().kind == BodyFraming::Kind::kChunked) return std::nullopt;
  return body_.framing().length;
}

// Only the time spent waiting counts: a handler that is slow does not make its client late.
Duration ServerRequest::patience() const {
  const Duration idle = options_.idle_timeout;
  if (options_.body_bytes_per_second_min == 0) return idle;
  const std::chrono::duration<double> earned(
      static_cast<double>(body_.bytes()) / static_cast<double>(options_.body_bytes_per_second_min));
  if (earned > waited_ + idle) return idle;
  return std::min(idle,
                  options_.body_grace + std::chrono::duration_cast<Duration>(earned) - waited_);
}

Task<Result<std::size_t>> ServerRequest::read_some(MutableBytes buffer) {
  if (body_.done() || buffer.empty()) co_return std::size_t{0};
  if (owes_continue_) {
    owes_continue_ = false;
    if (connection_.input().empty()) {
      CO_TRY_VOID(co_await write_message(connection_, "HTTP/1.1 100 Continue\r\n\r\n", {},
                                         options_.idle_timeout));
    }
  }
  Loop& loop = co_await current_loop();
  for (;;) {
    Result<IoStep> step = body_.try_read(connection_, buffer);
    if (step && !step->blocked) {
      if (turn_.is_over(step->bytes)) co_await Yield{};
      co_return step->bytes;
    }
    Result<void> waited;
    if (step) {
      const TimePoint start = loop.now();
      waited = co_await connection_.stream().wait(FdWatch::kRead, start + patience());
      waited_ += loop.now() - start;
    }
    broken_ = !step || !waited;
    if (!step) co_return std::move(step).error();
    if (!waited) co_return std::move(waited).error();
  }
}

Task<Result<std::string>> ServerRequest::read_all(std::size_t size_max) {
  constexpr std::size_t kStep = 16 * 1024;
  const Error too_long = make_error(
      ErrorKind::kLimit, "the request body is longer than " + std::to_string(size_max) + " bytes");
  if (length() && *length() > size_max) co_return too_long;
  std::string text;
  while (!body_.done()) {
    const std::size_t filled = text.size();
    text.resize(filled + kStep);
    CO_TRY(const std::size_t count,
           co_await read_some(std::as_writable_bytes(std::span(text).subspan(filled))));
    text.resize(filled + count);
    if (text.size() > size_max) co_return too_long;
  }
  co_return text;
}

// --- response ---------------------------------------------------------------------------------

bool ServerResponse::has_body() const {
  return status >= 200 && status != 204 && status != 304 && request_.method() != "HEAD";
}

Result<void> ServerResponse::make_head(std::optional<ByteCount> length) {
  DCHECK(!begun_);
  const bool old = request_.head().version_minor == 0;
  const bool bodiless_status = status < 200 || status == 204;
  if (!length && old) close_ = true;  // the end of the body is the end of the connection
  std::string& out = connection_.head_text;
  out.clear();
  if (request_.owes_continue_) {
    if (request_.body_read()) {
      // There is no body to wait for; but clients have been built on getting their 100 even so.
      out.append("HTTP/1.1 100 Continue\r\n\r\n");
    } else {
      close_ = true;  // whether the body comes now is anybody's guess
    }
  }
  out.append("HTTP/1.1 ");
  append_number(out, static_cast<ByteCount>(status));
  out.append(" ").append(reason_of(status)).append("\r\n");
  for (const Header header : headers) {
    if (!is_valid_field(header.name, header.value)) {
      return make_error(ErrorKind::kInvalid,
                        "header '" + std::string(header.name) + "' cannot be sent as it is");
    }
    out.append(header.name).append(": ").append(header.value).append("\r\n");
  }
  if (!headers.contains("date")) out.append("Date: ").append(server_.date()).append("\r\n");
  if (length && !bodiless_status && !headers.contains("content-length")) {
    out.append("Content-Length: ");
    append_number(out, *length);
    out.append("\r\n");
  }
  if (!length && !old && !bodiless_status) out.append("Transfer-Encoding: chunked\r\n");
  if (!headers.contains("connection")) {
    if (close_) out.append("Connection: close\r\n");
    if (!close_ && old) out.append("Connection: keep-alive\r\n");
  }
  out.append("\r\n");
  begun_ = true;
  chunked_ = !length && !old && has_body();
  promised_ = length && has_body() ? *length : 0;
  return {};
}

Task<Result<void>> ServerResponse::send(Body body) {
  CO_TRY_VOID(make_head(body.size));
  if (!has_body()) body = {};
  CO_TRY_VOID(co_await write_message(connection_, connection_.head_text, body, idle_));
  promised_ = 0;
  finished_ = true;
  co_return Result<void>();
}

Task<Result<void>> ServerResponse::send_text(std::string text) {
  co_return co_await send(Body::of(as_bytes(text)));
}

Task<Result<void>> ServerResponse::begin(std::optional<ByteCount> length) {
  CO_TRY_VOID(make_head(length));
  co_return co_await write_message(connection_, connection_.head_text, {}, idle_);
}

Task<Result<void>> ServerResponse::write(Bytes bytes) {
  DCHECK(begun_);
  if (!has_body() || bytes.empty()) co_return Result<void>();
  if (!chunked_) {
    promised_ -= std::min<ByteCount>(promised_, bytes.size());
    co_return co_await write_message(connection_, {}, Body::of(bytes), idle_);
  }
  // The line break that ends a chunk goes out with the next one: one call to the kernel, not two.
  const std::string head = (chunk_open_ ? "\r\n" : "") + make_chunk_head(bytes.size());
  chunk_open_ = true;
  co_return co_await write_message(connection_, head, Body::of(bytes), idle_);
}

Task<Result<void>> ServerResponse::write(Body body) {
  DCHECK(begun_ && !chunked_);
  if (!has_body() || body.size == 0) co_return Result<void>();
  promised_ -= std::min<ByteCount>(promised_, body.size);
  co_return co_await write_message(connection_, {}, body, idle_);
}

Task<Result<void>> ServerResponse::finish() {
  if (!begun_ || finished_) co_return Result<void>();
  finished_ = true;
  if (!chunked_) co_return Result<void>();
  const std::string_view end = chunk_open_ ? "\r\n0\r\n\r\n" : "0\r\n\r\n";
  co_return co_await write_message(connection_, end, {}, idle_);
}

Task<Result<void>> ServerResponse::write_raw(Bytes bytes) {
  begun_ = finished_ = true;
  close_ = true;
  co_return co_await write_message(connection_, {}, Body::of(bytes), idle_);
}

}  // namespace telpher
