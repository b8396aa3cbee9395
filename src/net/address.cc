#include "net/address.h"

#include <arpa/inet.h>
#include <cerrno>
#include <cstring>
#include <memory>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>

namespace telpher {

SocketAddress::SocketAddress(const sockaddr* address, socklen_t size) : size_(size) {
  CHECK(size <= sizeof storage_);
  std::memcpy(&storage_, address, size);
}

std::optional<SocketAddress> SocketAddress::parse(std::string_view host, std::uint16_t port) {
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  std::string text(host);
  sockaddr_in v4{.sin_family = AF_INET, .sin_port = htons(port)};
  if (inet_pton(AF_INET, text.c_str(), &v4.sin_addr) == 1) {
    return SocketAddress(reinterpret_cast<const sockaddr*>(&v4), sizeof v4);
  }
  sockaddr_in6 v6{.sin6_family = AF_INET6, .sin6_port = htons(port)};
  if (const std::size_t zone = text.find('%'); zone != std::string::npos) {
    v6.sin6_scope_id = if_nametoindex(text.c_str() + zone + 1);
    text.resize(zone);
  }
  if (inet_pton(AF_INET6, text.c_str(), &v6.sin6_addr) == 1) {
    return SocketAddress(reinterpret_cast<const sockaddr*>(&v6), sizeof v6);
  }
  return std::nullopt;
}

std::uint16_t SocketAddress::port() const {
  if (family() == AF_INET) return ntohs(reinterpret_cast<const sockaddr_in*>(&storage_)->sin_port);
  if (family() == AF_INET6) {
    return ntohs(reinterpret_cast<const sockaddr_in6*>(&storage_)->sin6_port);
  }
  return 0;
}

std::string SocketAddress::to_string() const {
  char text[INET6_ADDRSTRLEN] = "?";
  if (family() == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(storage_);
    inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
    return std::string(text) + ":" + std::to_string(port());
  }
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(storage_);
  inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
  return "[" + std::string(text) + "]:" + std::to_string(port());
}

bool SocketAddress::operator==(const SocketAddress& other) const {
  return size_ == other.size_ && std::memcmp(&storage_, &other.storage_, size_) == 0;
}

namespace {

struct Lookup {
  std::vector<SocketAddress> addresses;
  int code = 0;
  int system_error = 0;      // of EAI_SYSTEM
  Waiter* waiter = nullptr;  // null once nobody waits any more; touched on the loop only
};

void look_up(const std::string& host, std::uint16_t port, Lookup& lookup) {
  addrinfo hints{.ai_flags = AI_ADDRCONFIG, .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
  addrinfo* list = nullptr;
  const std::string service = std::to_string(port);
  lookup.code = getaddrinfo(host.c_str(), service.c_str(), &hints, &list);
  if (lookup.code == EAI_SYSTEM) lookup.system_error = errno;
  for (const addrinfo* item = list; item; item = item->ai_next) {
    if (item->ai_family != AF_INET && item->ai_family != AF_INET6) continue;
    lookup.addresses.emplace_back(item->ai_addr, item->ai_addrlen);
  }
  if (list) freeaddrinfo(list);
}

// Not Offload: a resolver that hangs must not hold up whoever gave up waiting for it.
struct LookupWait {
  std::string host;
  std::uint16_t port;
  TimePoint deadline;
  std::shared_ptr<Lookup> lookup = std::make_shared<Lookup>();
  Waiter waiter = {};

  bool await_ready() { return false; }
  template <class P>
  bool await_suspend(std::coroutine_handle<P> task) {
    TaskContext& context = *task.promise().context;
    if (!waiter.arm(task, context, deadline)) return false;
    lookup->waiter = &waiter;
    Loop& loop = *context.loop;
    loop.offload([&loop, lookup = lookup, host = host, port = port] {
      look_up(host, port, *lookup);
      loop.post([lookup] {
        if (lookup->waiter) lookup->waiter->wake();
      });
    });
    return true;
  }
  Result<void> await_resume() {
    lookup->waiter = nullptr;
    return to_result(waiter.outcome());
  }
};

Error dns_error(const std::string& host, int code) {
  Error error = make_temporary_error(
      ErrorKind::kNetwork, "Unable to resolve URL: DNS lookup failed for '" + host + "'" +
                               (code == 0 ? "" : std::string(" (") + gai_strerror(code) + ")"));
  if (code == EAI_NONAME || code == EAI_NODATA) error.persistence = Persistence::kPermanent;
  error.context.code = "DNS";
  return error;
}

}  // namespace

Task<Result<std::vector<SocketAddress>>> resolve(std::string host, std::uint16_t port,
                                                 TimePoint deadline) {
  if (const auto literal = SocketAddress::parse(host, port)) {
    co_return std::vector<SocketAddress>{*literal};
  }
  LookupWait wait{host, port, deadline};
  CO_TRY_VOID(co_await wait);
  const int system_error = wait.lookup->system_error;
  if (system_error == EMFILE || system_error == ENFILE) {
    co_return make_errno_error(system_error, "look up '" + host + "'");
  }
  if (wait.lookup->addresses.empty()) co_return dns_error(host, wait.lookup->code);
  co_return std::move(wait.lookup->addresses);
}

}  // namespace telpher
