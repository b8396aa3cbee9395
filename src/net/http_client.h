#pragma once
// HttpClient: HTTP/1.1 over pooled connections, plain or TLS. One client, one loop. It neither
// retries nor follows redirects: the layers above decide that. Every wait has a deadline.

#include "codec/http_head.h"
#include "net/address_guard.h"
#include "net/proxy.h"
#include "runtime/body.h"
#include "runtime/loop.h"

#include <chrono>
#include <memory>
#include <optional>
#include <string>

namespace telpher {

/// scheme://host:port; connections are shared within one origin only.
struct Origin {
  bool tls = false;
  std::string host;
  std::uint16_t port = 0;
  auto operator<=>(const Origin&) const = default;
};

struct HttpClientOptions {
  std::chrono::milliseconds connect_timeout{60'000};  // DNS, TCP and TLS together
  std::chrono::milliseconds idle_timeout{60'000};     // no byte moved in either direction
  std::chrono::milliseconds pool_idle{20'000};        // unused connections are closed after this
  int connections_per_origin_max = 256;               // in use at once; others wait their turn
  std::size_t head_bytes_max = 64 * 1024;
  std::string ca_bundle;  // file; empty = the system's
  bool verify_tls = true;
  ProxyRules proxies;  // https goes through them by CONNECT
  /// Asked for each address before a socket is connected to it, proxies' included.
  std::optional<AddressGuard> guard = {};
  Resolver resolver = resolve;
};

struct HttpRequest {
  std::string method;
  std::string target;            // origin form, already encoded: "/a%20b?c=d"
  Headers headers;               // Host, Content-Length and Connection are the client's
  Body body;                     // sent by sendfile on plain connections when it is a file range
  bool expect_continue = false;  // waits up to 1 s for 100 before sending the body
};

/// The connection goes back to the pool when the body has been read to its end, else it is closed.
/// The client outlives its responses.
class HttpResponse {
 public:
  virtual ~HttpResponse() = default;
  int status = 0;
  Headers headers;
  std::optional<ByteCount> length;  // of the body, when announced; to HEAD: of what GET would send
  /// As ByteReader::read_some. Errors: kNetwork (temporary) when the body ends early, kTimeout.
  virtual Task<Result<std::size_t>> read_some(MutableBytes buffer) = 0;
  /// Reads the rest; kLimit past `size_max` bytes.
  virtual Task<Result<std::string>> read_all(std::size_t size_max) = 0;
};

class HttpClient {
 public:
  struct Stats {
    std::uint64_t connections_opened = 0;
    std::uint64_t connections_reused = 0;
    std::uint64_t stale_connections =
        0;  // a kept connection turned out closed; asked again on a new one
    std::uint64_t connect_ms_total = 0;
    ByteCount bytes_sent = 0;
    ByteCount bytes_received = 0;
  };
  virtual ~HttpClient() = default;

  /// Sends the request and reads the response head. An answer that arrives while the body is still
  /// being sent (403, 307) is returned, and the connection is not used again. A kept connection
  /// that the server closed before any byte of an answer is replaced once, without counting as an
  /// error, when nothing or only an idempotent, unconditional request was sent; for any other the
  /// kept connection is asked first whether it still lives. 1xx answers are skipped. Errors:
  /// kNetwork (DNS: code "DNS", message `Unable to resolve URL: DNS lookup failed`; refused;
  /// reset), kTimeout, kProtocol (TLS, malformed head): temporary but for certificate errors and
  /// names that do not exist; kIo when a file body cannot be read, kSourceChanged when it is
  /// shorter than announced; kDenied when a proxy refuses.
  virtual Task<Result<std::unique_ptr<HttpResponse>>> send(Origin origin, HttpRequest request) = 0;
  virtual const Stats& stats() const = 0;
};

/// On the loop of the calling task; destroy it on the same loop.
std::unique_ptr<HttpClient> make_http_client(Loop& loop, HttpClientOptions options);

}  // namespace telpher
