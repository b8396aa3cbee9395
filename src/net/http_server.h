#pragma once
// Building blocks of HTTP/1.1 servers: a listener, a task for each connection, a handler for each
// request. Bodies are streamed both ways. A handler may also misbehave on purpose (raw bytes,
// resets, lies about lengths), so that test doubles grow from it. One server, one loop.

#include "net/http_connection.h"
#include "net/tcp.h"
#include "runtime/task_group.h"

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace telpher {

class HttpServer;
class TlsServerContext;

struct HttpServerOptions {
  ListenOptions listen;
  std::chrono::milliseconds head_timeout{30'000};  // from a request's first byte to its head's end
  std::chrono::milliseconds idle_timeout{60'000};  // no byte moved while a message is under way
  std::chrono::milliseconds keep_alive{75'000};    // between two requests
  /// Who sends a body may be waited for so long in all, and longer by what has come at this rate.
  std::chrono::milliseconds body_grace{30'000};
  ByteCount body_bytes_per_second_min = 500;  // 0 = any
  std::size_t head_bytes_max = 64 * 1024;
  std::size_t connections_max = 10'000;  // more are closed at once
  TlsServerContext* tls = nullptr;       // https; must outlive the server
  bool any_target = false;  // targets go to the handler as they come, as proxies want them
};

/// A request as it arrives. Its head is complete, its body is read from here.
class ServerRequest final : public ByteReader {
 public:
  /// `options` outlive it.
  ServerRequest(HttpConnection& connection, RequestHead head, BodyFraming framing,
                SocketAddress peer, const HttpServerOptions& options);

  const std::string& method() const { return head_.method; }
  /// Path and query as received: "/bucket/key?x=y"; "*" with OPTIONS.
  const std::string& target() const { return head_.target; }
  const Headers& headers() const { return head_.headers; }
  const RequestHead& head() const { return head_; }
  const SocketAddress& peer() const { return peer_; }
  /// It came by https.
  bool is_secure() const { return options_.tls != nullptr; }
  /// Of the body; nullopt when it is chunked.
  std::optional<ByteCount> length() const;

  /// Answers "Expect: 100-continue" first, when the client waits for that. Errors: kNetwork,
  /// kProtocol, kTimeout (no byte for the idle time-out, or too few for long), kCancelled.
  Task<Result<std::size_t>> read_some(MutableBytes buffer) override;
  /// The whole body. Errors: kLimit past `size_max` bytes, and those of read_some().
  Task<Result<std::string>> read_all(std::size_t size_max);
  bool body_read() const { return body_.done(); }

 private:
  friend class ServerConnection;
  friend class ServerResponse;

  /// How long the client's next bytes may take.
  Duration patience() const;

  HttpConnection& connection_;
  const RequestHead head_;
  BodyReader body_;
  BusyTurn turn_;
  const SocketAddress peer_;
  const HttpServerOptions& options_;
  Duration waited_{};  // for the body's bytes
  bool owes_continue_;
  bool broken_ = false;  // the body could not be read
};

/// The answer to one request. Set status and headers, then either send() or begin() and write().
/// Content-Length, Transfer-Encoding, Date and Connection are added unless set. Errors of all
/// calls: kNetwork, kTimeout, kCancelled.
class ServerResponse {
 public:
  int status = 200;
  Headers headers;

  /// Head and body in one go; to HEAD, and with 204 and 304, the head alone. The body's bytes stay
  /// alive until the call has ended. Errors: also kIo, kSourceChanged (file bodies).
  Task<Result<void>> send(Body body = {});
  Task<Result<void>> send_text(std::string text);

  /// Sends the head; the body follows through write(): `length` bytes, or chunks when it is not
  /// known.
  Task<Result<void>> begin(std::optional<ByteCount> length);
  Task<Result<void>> write(Bytes bytes);
  /// The same for a stretch of a file, with a known length only.
  Task<Result<void>> write(Body body);
  /// Ends a body without a length; done by the server too, after the handler.
  Task<Result<void>> finish();

  /// The head has been sent, or raw bytes.
  bool begun() const { return begun_; }
  /// Announces and makes this the connection's last answer.
  void close_after() { close_ = true; }

  // Misbehaviour.

  /// Sends bytes as they are, before, instead of or within the answer. What is said about the body
  /// is then the handler's affair; the connection is closed after the handler.
  Task<Result<void>> write_raw(Bytes bytes);
  /// Closes the connection as it is when the handler returns, whatever was promised.
  void abandon() { abandoned_ = true; }
  bool abandoned() const { return abandoned_; }
  /// The same by a TCP reset: what was sent and not yet read may be lost to the client.
  void reset() { abandoned_ = reset_ = true; }
  /// The connection itself. Whoever uses it says abandon() too.
  HttpConnection& connection() { return connection_; }

 private:
  friend class ServerConnection;
  ServerResponse(HttpServer& server, HttpConnection& connection, const ServerRequest& request,
                 Duration idle)
      : server_(server), connection_(connection), request_(request), idle_(idle) {}

  Result<void> make_head(std::optional<ByteCount> length);
  bool has_body() const;

  HttpServer& server_;
  HttpConnection& connection_;
  const ServerRequest& request_;
  const Duration idle_;
  bool begun_ = false;
  bool chunked_ = false;
  bool chunk_open_ = false;
  bool finished_ = false;
  bool close_ = false;
  bool abandoned_ = false;
  bool reset_ = false;
  ByteCount promised_ = 0;  // body bytes announced and not yet sent
};

/// The answer to what is no proper request.
struct HttpRefusal {
  int status = 400;
  Headers headers;  // Content-Length and Connection are added
  std::string body;
};

/// Answers requests; called for many at a time, in any order.
class HttpHandler {
 public:
  virtual ~HttpHandler() = default;
  /// Both live until the task has ended. Without an answer, and with an error before it was begun,
  /// the client gets a 500; with an error in the middle of it, the connection is closed.
  virtual Task<Result<void>> handle(ServerRequest& request, ServerResponse& response) = 0;
  /// What is answered to a head that is malformed (400), too long (431), too slow (408) or of an
  /// unknown coding (501), and to a body that breaks off a request whose handler failed before it
  /// answered (400, 408). The connection is closed then.
  virtual HttpRefusal refusal(int status, const Error& error);
};

class HttpServer {
 public:
  struct Stats {
    std::uint64_t connections = 0;
    std::uint64_t requests = 0;
    std::uint64_t refused = 0;  // malformed, too long, too slow
    std::size_t connections_open = 0;
  };

  /// Listens at once; connections wait until serve(). Errors: as Listener::open().
  static Result<std::unique_ptr<HttpServer>> open(Loop& loop, HttpHandler& handler,
                                                  HttpServerOptions options);

  std::uint16_t port() const { return listener_->port(); }
  /// Serves until cancelled; then closes all connections and ends without an error.
  Task<Result<void>> serve();
  const Stats& stats() const { return stats_; }
  /// As Listener::refuse_for(); open connections stay.
  void refuse_connections(Duration time) { listener_->refuse_for(time); }

 private:
  friend class ServerConnection;
  friend class ServerResponse;
  HttpServer(Loop& loop, HttpHandler& handler, HttpServerOptions options,
             std::unique_ptr<Listener> listener)
      : loop_(loop),
        handler_(handler),
        options_(std::move(options)),
        listener_(std::move(listener)) {}

  Task<Result<void>> run_connection(std::unique_ptr<Socket> socket);
  /// The Date header's value, made once a second; use it at once.
  std::string_view date();

  Loop& loop_;
  HttpHandler& handler_;
  const HttpServerOptions options_;
  std::unique_ptr<Listener> listener_;
  HttpBufferPool buffers_;
  std::array<std::byte, 16 * 1024> scrap_;  // for bytes that nobody looks at
  Stats stats_;
  std::string date_text_;
  std::chrono::sys_seconds date_of_{};
};

}  // namespace telpher
