#pragma once
// A small HTTP/1.1 server on one epoll loop and one thread: keep-alive, pipelining, chunked and
// plain bodies, Expect: 100-continue, TLS, a rate limit per connection. Bodies are handed to the
// service as they arrive and never kept; large answers are pieces of the Pattern.

#include "peers/arguments.h"
#include "peers/http.h"
#include "peers/pattern.h"
#include "peers/tls.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace telpher::bench {

struct Response {
  int status = 200;
  std::string headers;  // "Name: value\r\n" lines; Content-Length is added
  std::string body;
  /// When set, the body is this piece of the Pattern.
  std::optional<ByteRange> pattern;
  /// HEAD: announces the length of the body but sends none.
  bool head_only = false;
  bool close = false;
};

/// What a connection does with requests: one per connection, one request at a time.
class Service {
 public:
  virtual ~Service() = default;
  /// A head has arrived. `head` lives until finish() or cut().
  virtual void start(const Head& head) = 0;
  /// Bytes of the body, transfer coding removed.
  virtual void body(Bytes bytes) = 0;
  /// The body is complete.
  virtual Response finish() = 0;
  /// The connection ended in the middle of a request.
  virtual void cut() {}
};

struct ServerOptions {
  struct Listener {
    int fd;
    TlsContext tls;  // null: plain
  };
  std::vector<Listener> listeners;
  const Pattern* pattern = nullptr;
  /// Bytes per second of body to each connection; 0: no limit.
  ByteCount rate_per_connection = 0;
  std::function<std::unique_ptr<Service>()> make_service;
};

/// Listens as `--listen HOST:PORT` and `--listen-tls HOST:PORT --tls-cert PEM --tls-key PEM` say
/// (each may be repeated) and prints one line a listener: "http HOST:PORT", "https HOST:PORT".
void add_listeners(ServerOptions& options, const Arguments& arguments);

/// Serves until SIGTERM or SIGINT.
void serve(ServerOptions options);

}  // namespace telpher::bench
