#pragma once
// IPv4 sockets on loopback for the bench programs. Failures end the program.

#include "base/bytes.h"

#include <string>

namespace telpher::bench {

/// "127.0.0.1:9000"; port 0 lets the kernel choose.
struct Endpoint {
  std::string host;
  int port = 0;
};
Endpoint parse_endpoint(const std::string& text);

/// A non-blocking listening socket; `endpoint.port` becomes the port it got.
int listen_on(Endpoint& endpoint);
/// A connected blocking socket with TCP_NODELAY.
int connect_to(const Endpoint& endpoint);
void set_nonblocking(int fd);
void set_nodelay(int fd);

/// Sends everything on a blocking socket.
void send_all(int fd, Bytes bytes);
/// One recv() of a blocking socket; 0 at the end of the stream.
std::size_t recv_some(int fd, MutableBytes buffer);

}  // namespace telpher::bench
