#include "net/tcp.h"

#include "runtime/semaphore.h"
#include "runtime/task_group.h"

#include <cerrno>
#include <cstdint>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <optional>

namespace telpher {
namespace {

constexpr std::chrono::milliseconds kStagger{250};  // RFC 8305 §5

void set_option(int fd, int level, int option) {
  const int on = 1;
  setsockopt(fd, level, option, &on, sizeof on);
}

// A peer on this host or beside it needs little under way: more only means that bytes are copied
// into memory which has left the caches, and out of it again. Measured on loopback: 0.66 CPU-s for
// a GiB passed on with the kernel's own limit (4 MiB), 0.45 with this one. To farther peers the
// kernel's tuning stays as it is.
void keep_little_under_way_to_near_peer(int fd) {
  constexpr std::uint32_t kNearUs = 500;   // 256 KiB in such a round trip are 500 MiB/s
  constexpr int kSendBuffer = 256 * 1024;  // the kernel doubles it for its own overhead
  tcp_info info{};
  socklen_t size = sizeof info;
  if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return;
  if (info.tcpi_rtt == 0 || info.tcpi_rtt > kNearUs) return;  // 0 = not measured
  setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &kSendBuffer, sizeof kSendBuffer);
}

Task<Result<std::unique_ptr<Socket>>> connect_one(SocketAddress address, TimePoint deadline) {
  UniqueFd fd(socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const std::string what = "connect to " + address.to_string();
  if (!fd) co_return make_network_error(errno, what);
  set_option(fd.get(), IPPROTO_TCP, TCP_NODELAY);
  const bool connected = connect(fd.get(), address.get(), address.size()) == 0;
  if (!connected && errno != EINPROGRESS) co_return make_network_error(errno, what);
  auto result = std::make_unique<Socket>(co_await current_loop(), std::move(fd));
  if (!connected) {
    CO_TRY_VOID(co_await result->wait(FdWatch::kWrite, deadline));
    if (const int error = result->connect_error()) co_return make_network_error(error, what);
  }
  keep_little_under_way_to_near_peer(result->fd());
  co_return result;
}

struct Race {
  std::unique_ptr<Socket> winner;
  std::optional<Error> error;  // of the first that failed
  std::size_t running = 0;
  WaitQueue changed;
};

Task<Result<void>> run_attempt(Race* race, SocketAddress address, TimePoint deadline) {
  Result<std::unique_ptr<Socket>> socket = co_await connect_one(address, deadline);
  --race->running;
  if (!socket) {
    if (!race->error) race->error = std::move(socket).error();
  } else if (!race->winner) {
    race->winner = *std::move(socket);
  }
  race->changed.wake_all();
  co_return Result<void>();
}

}  // namespace

Task<Result<std::unique_ptr<Socket>>> connect_tcp(std::vector<SocketAddress> addresses,
                                                  TimePoint deadline) {
  CHECK(!addresses.empty());
  if (addresses.size() == 1) co_return co_await connect_one(addresses.front(), deadline);
  Loop& loop = co_await current_loop();
  Race race;
  Result<void> waited;
  TaskGroup group(co_await current_context());
  for (std::size_t next = 0; !race.winner && (next < addresses.size() || race.running > 0);) {
    TimePoint wake_at = deadline;
    if (next < addresses.size()) {
      ++race.running;
      group.spawn(run_attempt(&race, addresses[next++], deadline));
      wake_at = std::min(deadline, loop.now() + kStagger);
    }
    waited = co_await race.changed.wait(wake_at);
    if (!waited && (waited.error().kind == ErrorKind::kCancelled || loop.now() >= deadline)) break;
  }
  group.cancel();
  const Result<void> joined = co_await group.join();
  if (race.winner) co_return std::move(race.winner);
  if (!waited && waited.error().kind == ErrorKind::kCancelled) co_return waited.error();
  CO_TRY_VOID(joined);
  if (race.error && race.error->kind != ErrorKind::kCancelled) co_return *std::move(race.error);
  co_return to_result(WaitOutcome::kTimeout).error();
}

namespace {

Result<UniqueFd> listen_at(const SocketAddress& address, const ListenOptions& options) {
  const std::string what = "listen at " + address.to_string();
  UniqueFd fd(socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return make_errno_error(errno, what);
  set_option(fd.get(), SOL_SOCKET, SO_REUSEADDR);
  if (options.reuse_port) set_option(fd.get(), SOL_SOCKET, SO_REUSEPORT);
  set_option(fd.get(), IPPROTO_TCP, TCP_NODELAY);  // accepted sockets inherit it
  if (bind(fd.get(), address.get(), address.size()) != 0 ||
      listen(fd.get(), options.backlog) != 0) {
    return make_errno_error(errno, what);
  }
  return fd;
}

}  // namespace

Result<std::unique_ptr<Listener>> Listener::open(Loop& loop, ListenOptions options) {
  const auto wanted = SocketAddress::parse(options.host, options.port);
  if (!wanted) {
    return make_error(ErrorKind::kInvalid,
                      "'" + options.host + "' is not an address to listen at (127.0.0.1, ::)");
  }
  TRY(UniqueFd fd, listen_at(*wanted, options));
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  CHECK(getsockname(fd.get(), reinterpret_cast<sockaddr*>(&storage), &size) == 0);
  const SocketAddress address(reinterpret_cast<const sockaddr*>(&storage), size);
  return std::unique_ptr<Listener>(new Listener(loop, std::move(fd), address, std::move(options)));
}

void Listener::watch(UniqueFd fd) {
  watch_.reset();
  fd_ = std::move(fd);
  watch_.emplace(loop_, fd_.get());
}

void Listener::refuse_for(Duration time) {
  refused_until_ = loop_.now() + time;
  ::shutdown(fd_.get(), SHUT_RDWR);  // ends the listening, and wakes accept()
}

Task<Result<std::unique_ptr<Socket>>> Listener::accept() {
  for (;;) {
    if (refused_until_) {
      CO_TRY_VOID(co_await SleepUntil(*refused_until_));
      refused_until_.reset();
      CO_TRY(UniqueFd again, listen_at(address_, options_));
      watch(std::move(again));
    }
    UniqueFd fd(accept4(fd_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (fd) co_return std::make_unique<Socket>(loop_, std::move(fd));
    if (errno == EAGAIN) {
      CO_TRY_VOID(co_await watch_->wait(FdWatch::kRead, kNever));
      continue;
    }
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      Error error = make_errno_error(errno, "accept a connection");
      error.persistence = Persistence::kTemporary;
      co_return error;
    }
    if (errno == EINVAL && refused_until_) continue;
    if (errno == EBADF || errno == EINVAL || errno == ENOTSOCK) {
      co_return make_errno_error(errno, "accept a connection");
    }
    // EINTR, ECONNABORTED and network errors concern one connection that is gone already.
  }
}

}  // namespace telpher
