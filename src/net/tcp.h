#pragma once
// TCP connections: made and accepted. One loop.

#include "net/socket.h"
#include "runtime/task.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace telpher {

/// Connects to the first of `addresses` that answers. They are tried in turn, each a short while
/// after the one before or as soon as that has failed, so that a dead one costs little (RFC 8305).
/// Errors: kNetwork (of the first that failed), kTimeout, kCancelled.
Task<Result<std::unique_ptr<Socket>>> connect_tcp(std::vector<SocketAddress> addresses,
                                                  TimePoint deadline);

struct ListenOptions {
  std::string host = "127.0.0.1";  // an address, not a name
  std::uint16_t port = 0;          // 0 = any that is free
  int backlog = 1024;
  bool reuse_port = false;  // several listeners (one a loop) share the port
};

class Listener {
 public:
  /// Errors: kInvalid (no address), kIo / kDenied (address in use, no permission).
  static Result<std::unique_ptr<Listener>> open(Loop& loop, ListenOptions options);

  /// The address listened at, with its real port.
  const SocketAddress& address() const { return address_; }
  std::uint16_t port() const { return address_.port(); }
  /// Waits for a connection. Errors: kCancelled; kIo (temporary) when descriptors have run out.
  Task<Result<std::unique_ptr<Socket>>> accept();
  /// Whoever connects in the next `time` is refused, by the kernel: nobody listens. Those that have
  /// not been accepted yet are reset. For test doubles.
  void refuse_for(Duration time);

 private:
  Listener(Loop& loop, UniqueFd fd, SocketAddress address, ListenOptions options)
      : loop_(loop), options_(std::move(options)), address_(address) {
    watch(std::move(fd));
  }
  void watch(UniqueFd fd);

  Loop& loop_;
  const ListenOptions options_;
  const SocketAddress address_;
  UniqueFd fd_;
  std::optional<FdWatch> watch_;  // of fd_
  std::optional<TimePoint> refused_until_;
};

}  // namespace telpher
