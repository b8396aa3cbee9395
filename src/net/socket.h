#pragma once
// Socket: a connected, non-blocking TCP socket on one loop. Its calls never wait: they move what
// can be moved and say whether more has to wait. One owner; one reader and one writer at a time.

#include "base/bytes.h"
#include "base/unique_fd.h"
#include "net/address.h"
#include "runtime/loop.h"

#include <memory>
#include <span>
#include <utility>

namespace telpher {

/// What a call that does not wait got done.
struct IoStep {
  std::size_t bytes = 0;
  bool blocked = false;  // wait for the direction of the call before the next one
};

class Socket {
 public:
  /// Takes a connected or connecting non-blocking socket.
  Socket(Loop& loop, UniqueFd fd) : fd_(std::move(fd)), watch_(loop, fd_.get()) {}

  /// 0 bytes and not blocked: the other side has ended its stream. Does not ask the kernel when it
  /// is known that nothing has come. Errors: kNetwork, temporary.
  Result<IoStep> receive(MutableBytes buffer);
  /// Sends the pieces as if they were one. Errors: kNetwork, temporary.
  Result<IoStep> send(std::span<const Bytes> pieces);
  /// Sends a range of a file. Errors: kNetwork; kIo; kSourceChanged when the file ends before it.
  Result<IoStep> send_file(int file, ByteCount offset, std::size_t size);

  /// Waits for any of `directions` (FdWatch::kRead, kWrite). Errors: kTimeout, kCancelled.
  FdWatch::Wait wait(unsigned directions, TimePoint deadline) {
    if (directions & FdWatch::kRead) drained_ = false;
    return watch_.wait(directions, deadline);
  }
  /// The pending error of a connection attempt (SO_ERROR); 0 = connected.
  int connect_error() const;
  /// The other side closed, or sent something while nothing was due. For connections at rest; asks
  /// the kernel only when an event came or `ask` is set.
  bool disturbed(bool ask);

  /// Nothing more will be sent; receiving goes on.
  void shut_down_write();
  /// The other side gets a reset instead of an orderly end when this is destroyed.
  void reset_on_close();
  SocketAddress peer() const;
  int fd() const { return fd_.get(); }

 private:
  UniqueFd fd_;
  FdWatch watch_;
  bool drained_ = true;  // the last receive() left nothing behind
};

/// kNetwork, temporary, with the errno's name ("ECONNRESET") as code; kIo, permanent, when there
/// are no descriptors left.
Error make_network_error(int errno_value, std::string_view what);

}  // namespace telpher
