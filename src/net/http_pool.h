#pragma once
// Connections kept open between requests, by origin; the one used last is taken first. One loop.

#include "net/http_client.h"
#include "net/http_connection.h"
#include "net/tls.h"
#include "runtime/semaphore.h"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace telpher {

class ConnectionPool {
 public:
  ConnectionPool(Loop& loop, const HttpClientOptions& options, HttpClient::Stats& stats);
  ConnectionPool(const ConnectionPool&) = delete;

  class Site;

  /// A connection in use, and the room it takes. Without give_back() it is closed at the end.
  struct Lease {
    Site* site = nullptr;
    std::unique_ptr<HttpConnection> connection;
    Semaphore::Permit permit;
    bool reused = false;
  };

  /// The origin's place in the pool; lives as long as the pool.
  Site& site(const Origin& origin);
  /// A kept connection or a new one. `must_live`: asks the kernel whether a kept one is still open.
  /// Errors: kNetwork, kTimeout, kProtocol, kCancelled.
  Task<Result<Lease>> acquire(Site& site, bool must_live);
  /// A kept connection, without waiting.
  std::optional<Lease> try_acquire(Site& site, bool must_live);
  /// Replaces the lease's connection by a new one. Errors: as acquire().
  Task<Result<void>> renew(Lease& lease);
  void give_back(Lease lease);

 private:
  std::unique_ptr<HttpConnection> take_kept(Site& site, bool must_live);
  Task<Result<void>> look_up(Site& site, TimePoint deadline);
  Task<Result<std::vector<SocketAddress>>> addresses_of(Site& site, TimePoint deadline);
  Result<void> guard(std::vector<SocketAddress>& addresses) const;
  Task<Result<std::unique_ptr<Stream>>> connect(Site& site, TimePoint deadline);
  static void on_timer(Timer& timer);
  void close_unused();

  struct IdleTimer : Timer {
    using Timer::Timer;
    ConnectionPool* pool = nullptr;
    bool pool_waits = false;
  };

  Loop& loop_;
  const HttpClientOptions& options_;
  HttpClient::Stats& stats_;
  std::unique_ptr<TlsClientContext> tls_;  // made for the first origin that needs it
  std::map<Origin, std::unique_ptr<Site>> sites_;
  IdleTimer timer_;
};

class ConnectionPool::Site {
 public:
  Site(Origin site_origin, const HttpClientOptions& options);

  const Origin origin;
  const std::string host_field;  // "host" or "host:port", as the Host header wants it
  const std::string name;        // "host:port", for messages
  const HttpProxy* const proxy;  // of the client's options; nullptr = reached directly
  /// What requests to a proxy have more than others: "http://host:port" before the target, and a
  /// log-in. Empty where there is none, and within tunnels.
  const std::string target_prefix;
  const std::string proxy_fields;

 private:
  friend class ConnectionPool;
  struct Kept {
    std::unique_ptr<HttpConnection> connection;
    TimePoint since;
  };

  Semaphore room;
  std::vector<Kept> kept;  // the oldest first
  Semaphore lookup{1};     // one at a time: the others use its result
  std::uint64_t lookups = 0;
  std::optional<Error> lookup_error;  // of the last one
  std::vector<SocketAddress> addresses;
  TimePoint addresses_until{};
  TlsSessionSlot tls_session;
};

}  // namespace telpher
