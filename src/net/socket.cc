#include "net/socket.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <unistd.h>

namespace telpher {

Error make_network_error(int errno_value, std::string_view what) {
  if (errno_value == EMFILE || errno_value == ENFILE) return make_errno_error(errno_value, what);
  const char* name = strerrorname_np(errno_value);
  Error error = make_temporary_error(ErrorKind::kNetwork,
                                     std::string(what) + ": " + std::strerror(errno_value));
  error.context.code = name ? name : std::to_string(errno_value);
  return error;
}

Result<IoStep> Socket::receive(MutableBytes buffer) {
  if (drained_ && !watch_.readable()) return IoStep{0, true};
  for (;;) {
    const ssize_t count = recv(fd_.get(), buffer.data(), buffer.size(), 0);
    if (count >= 0) {
      // A short read emptied the socket: whatever comes next is announced by a new event.
      drained_ = static_cast<std::size_t>(count) < buffer.size() && count > 0;
      return IoStep{static_cast<std::size_t>(count), false};
    }
    if (errno == EINTR) continue;
    if (errno == EAGAIN) {
      drained_ = true;
      return IoStep{0, true};
    }
    return make_network_error(errno, "connection lost while receiving");
  }
}

Result<IoStep> Socket::send(std::span<const Bytes> pieces) {
  constexpr std::size_t kPiecesMax = 8;
  std::array<iovec, kPiecesMax> parts;
  std::size_t wanted = 0;
  std::size_t used = 0;
  for (Bytes piece : pieces) {
    if (piece.empty()) continue;
    if (used == kPiecesMax) break;
    parts[used++] = {const_cast<std::byte*>(piece.data()), piece.size()};
    wanted += piece.size();
  }
  if (wanted == 0) return IoStep{};
  const msghdr message{.msg_iov = parts.data(), .msg_iovlen = used};
  for (;;) {
    const ssize_t count = sendmsg(fd_.get(), &message, MSG_NOSIGNAL);
    if (count >= 0) {
      const auto sent = static_cast<std::size_t>(count);
      return IoStep{sent, sent < wanted};
    }
    if (errno == EINTR) continue;
    if (errno == EAGAIN) return IoStep{0, true};
    return make_network_error(errno, "connection lost while sending");
  }
}

Result<IoStep> Socket::send_file(int file, ByteCount offset, std::size_t size) {
  for (;;) {
    auto position = static_cast<off_t>(offset);
    const ssize_t count = sendfile(fd_.get(), file, &position, size);
    // Unlike send(), a short count may mean the end of the file as well: ask again.
    if (count > 0) return IoStep{static_cast<std::size_t>(count), false};
    if (count == 0) {
      if (size == 0) return IoStep{};
      return make_error(ErrorKind::kSourceChanged, "the file is shorter than it was");
    }
    if (errno == EINTR) continue;
    if (errno == EAGAIN) return IoStep{0, true};
    if (errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN || errno == ETIMEDOUT) {
      return make_network_error(errno, "connection lost while sending");
    }
    return make_errno_error(errno, "read the file to send");
  }
}

int Socket::connect_error() const {
  int error = 0;
  socklen_t size = sizeof error;
  if (getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) return errno;
  return error;
}

bool Socket::disturbed(bool ask) {
  if (watch_.hung_up()) return true;
  if (!ask && !watch_.readable()) return false;
  char byte;
  return recv(fd_.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 || errno != EAGAIN;
}

void Socket::shut_down_write() { shutdown(fd_.get(), SHUT_WR); }

void Socket::reset_on_close() {
  const linger now{.l_onoff = 1, .l_linger = 0};
  setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

SocketAddress Socket::peer() const {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (getpeername(fd_.get(), reinterpret_cast<sockaddr*>(&storage), &size) != 0) return {};
  return {reinterpret_cast<const sockaddr*>(&storage), size};
}

}  // namespace telpher
