#include "net/http_pool.h"

#include "net/tcp.h"

#include <algorithm>

namespace telpher {
namespace {

constexpr std::size_t kInputBytes = 8 * 1024;       // head and small answers
constexpr std::chrono::seconds kAddressesKept{10};  // a store moves its names about

// IPv6 addresses are written in brackets in URLs and in Host.
std::string bracketed(const std::string& host) {
  const bool bare_v6 = host.find(':') != std::string::npos && !host.starts_with('[');
  return bare_v6 ? "[" + host + "]" : host;
}

std::string host_field_of(const Origin& origin) {
  const bool usual_port = origin.port == (origin.tls ? 443 : 80);
  return bracketed(origin.host) + (usual_port ? "" : ":" + std::to_string(origin.port));
}

const HttpProxy* proxy_of(const Origin& origin, const HttpClientOptions& options) {
  return options.proxies.find(origin.tls, origin.host, origin.port);
}

std::string proxy_fields_of(const HttpProxy& proxy) {
  return proxy.authorization.empty() ? "" : "Proxy-Authorization: " + proxy.authorization + "\r\n";
}

}  // namespace

ConnectionPool::Site::Site(Origin site_origin, const HttpClientOptions& options)
    : origin(std::move(site_origin)),
      host_field(host_field_of(origin)),
      name(bracketed(origin.host) + ":" + std::to_string(origin.port)),
      proxy(proxy_of(origin, options)),
      target_prefix(proxy && !origin.tls ? "http://" + host_field : ""),
      proxy_fields(proxy && !origin.tls ? proxy_fields_of(*proxy) : ""),
      room(static_cast<std::uint64_t>(std::max(1, options.connections_per_origin_max))) {}

ConnectionPool::ConnectionPool(Loop& loop, const HttpClientOptions& options,
                               HttpClient::Stats& stats)
    : loop_(loop), options_(options), stats_(stats), timer_(on_timer) {
  timer_.pool = this;
}

ConnectionPool::Site& ConnectionPool::site(const Origin& origin) {
  std::unique_ptr<Site>& site = sites_[origin];
  if (!site) site = std::make_unique<Site>(origin, options_);
  return *site;
}

std::unique_ptr<HttpConnection> ConnectionPool::take_kept(Site& site, bool must_live) {
  while (!site.kept.empty()) {
    std::unique_ptr<HttpConnection> connection = std::move(site.kept.back().connection);
    site.kept.pop_back();
    if (connection->stream().socket().disturbed(must_live)) continue;
    ++stats_.connections_reused;
    return connection;
  }
  return nullptr;
}

std::optional<ConnectionPool::Lease> ConnectionPool::try_acquire(Site& site, bool must_live) {
  if (site.kept.empty()) return std::nullopt;
  std::optional<Semaphore::Permit> permit = site.room.try_acquire();
  if (!permit) return std::nullopt;
  std::unique_ptr<HttpConnection> connection = take_kept(site, must_live);
  if (!connection) return std::nullopt;
  return Lease{&site, std::move(connection), *std::move(permit), true};
}

Task<Result<ConnectionPool::Lease>> ConnectionPool::acquire(Site& site, bool must_live) {
  Lease lease{.site = &site};
  CO_TRY(lease.permit, co_await site.room.acquire());
  lease.connection = take_kept(site, must_live);
  lease.reused = lease.connection != nullptr;
  if (!lease.reused) CO_TRY_VOID(co_await renew(lease));
  co_return lease;
}

Task<Result<void>> ConnectionPool::renew(Lease& lease) {
  lease.connection.reset();
  const TimePoint start = loop_.now();
  Result<std::unique_ptr<Stream>> stream =
      co_await connect(*lease.site, start + options_.connect_timeout);
  if (!stream) {
    lease.site->addresses_until = {};
    Error error = std::move(stream).error();
    if (error.kind == ErrorKind::kTimeout) {
      error.message = "no connection to " + lease.site->name +
                      (lease.site->proxy ? " by the proxy " + lease.site->proxy->name() : "") +
                      " within " + std::to_string(options_.connect_timeout.count()) + " ms";
    }
    co_return error;
  }
  const auto taken = std::chrono::ceil<std::chrono::milliseconds>(loop_.now() - start);
  ++stats_.connections_opened;
  stats_.connect_ms_total += static_cast<std::uint64_t>(taken.count());
  lease.connection = std::make_unique<HttpConnection>(*std::move(stream), kInputBytes);
  lease.reused = false;
  co_return Result<void>();
}

Task<Result<void>> ConnectionPool::look_up(Site& site, TimePoint deadline) {
  const std::uint64_t lookups_before = site.lookups;
  CO_TRY(Semaphore::Permit alone, co_await site.lookup.acquire(1, deadline));
  if (site.lookups == lookups_before) {
    Result<std::vector<SocketAddress>> found =
        co_await options_.resolver(site.proxy ? site.proxy->host : site.origin.host,
                                   site.proxy ? site.proxy->port : site.origin.port, deadline);
    if (!found && site.proxy) {
      found.error().message = "the proxy " + site.proxy->name() + ": " + found.error().message;
    }
    if (!found && found.error().kind != ErrorKind::kNetwork) co_return std::move(found).error();
    ++site.lookups;
    site.lookup_error.reset();
    if (found) {
      site.addresses = *std::move(found);
      site.addresses_until = loop_.now() + kAddressesKept;
    } else {
      site.lookup_error = std::move(found).error();
    }
  }
  if (site.lookup_error) co_return *site.lookup_error;
  co_return Result<void>();
}

Task<Result<std::vector<SocketAddress>>> ConnectionPool::addresses_of(Site& site,
                                                                      TimePoint deadline) {
  if (loop_.now() >= site.addresses_until) CO_TRY_VOID(co_await look_up(site, deadline));
  // Each connection starts with another address of the preferred family: a store spreads its load
  // over many.
  std::vector<SocketAddress> addresses = site.addresses;
  std::size_t alike = 1;
  while (alike < addresses.size() && addresses[alike].family() == addresses[0].family()) ++alike;
  const auto first = static_cast<std::ptrdiff_t>(stats_.connections_opened % alike);
  std::rotate(addresses.begin(), addresses.begin() + first,
              addresses.begin() + static_cast<std::ptrdiff_t>(alike));
  co_return addresses;
}

/// Leaves those that may be connected to. Errors: kDenied when there are none.
Result<void> ConnectionPool::guard(std::vector<SocketAddress>& addresses) const {
  if (!options_.guard) return {};
  const Result<void> first = options_.guard->check(addresses.front());
  std::erase_if(addresses,
                [&](const SocketAddress& address) { return !options_.guard->check(address); });
  if (addresses.empty()) return first;
  return {};
}

Task<Result<std::unique_ptr<Stream>>> ConnectionPool::connect(Site& site, TimePoint deadline) {
  CO_TRY(std::vector<SocketAddress> addresses, co_await addresses_of(site, deadline));
  CO_TRY_VOID(guard(addresses));
  auto connected = co_await connect_tcp(std::move(addresses), deadline);
  if (!connected && site.proxy && connected.error().kind == ErrorKind::kNetwork) {
    connected.error().message =
        "the proxy " + site.proxy->name() + ": " + connected.error().message;
  }
  CO_TRY(std::unique_ptr<Socket> socket, std::move(connected));
  if (site.proxy && site.origin.tls) {
    CO_TRY_VOID(co_await open_tunnel(socket.get(), site.proxy, site.name, deadline));
  }
  if (!site.origin.tls) co_return std::make_unique<PlainStream>(std::move(socket));
  if (!tls_) {
    CO_TRY(tls_, TlsClientContext::make({options_.ca_bundle, options_.verify_tls}));
  }
  co_return co_await connect_tls(*tls_, std::move(socket), site.origin.host, site.tls_session,
                                 deadline);
}

void ConnectionPool::give_back(Lease lease) {
  const TimePoint now = loop_.now();
  lease.site->kept.push_back({std::move(lease.connection), now});
  if (timer_.pool_waits) return;
  timer_.pool_waits = true;
  timer_.start(loop_, now + options_.pool_idle);
}

void ConnectionPool::on_timer(Timer& timer) { static_cast<IdleTimer&>(timer).pool->close_unused(); }

void ConnectionPool::close_unused() {
  const TimePoint kept_since = loop_.now() - options_.pool_idle;
  TimePoint oldest = kNever;
  for (auto& [origin, site] : sites_) {
    std::erase_if(site->kept, [&](const Site::Kept& kept) { return kept.since <= kept_since; });
    if (!site->kept.empty()) oldest = std::min(oldest, site->kept.front().since);
  }
  timer_.pool_waits = oldest != kNever;
  if (timer_.pool_waits) timer_.start(loop_, oldest + options_.pool_idle);
}

}  // namespace telpher
