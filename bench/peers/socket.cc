#include "peers/socket.h"

#include "peers/arguments.h"

#include <arpa/inet.h>
#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace telpher::bench {
namespace {

sockaddr_in to_address(const Endpoint& endpoint) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(endpoint.port));
  errno = 0;
  if (inet_pton(AF_INET, endpoint.host.c_str(), &address.sin_addr) != 1) {
    die("not an IPv4 address: " + endpoint.host);
  }
  return address;
}

}  // namespace

Endpoint parse_endpoint(const std::string& text) {
  std::size_t colon = text.rfind(':');
  errno = 0;
  if (colon == std::string::npos) die("not HOST:PORT: " + text);
  return {text.substr(0, colon), std::atoi(text.c_str() + colon + 1)};
}

void set_nonblocking(int fd) { fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK); }

void set_nodelay(int fd) {
  int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

int listen_on(Endpoint& endpoint) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) die("socket");
  int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address = to_address(endpoint);
  socklen_t length = sizeof address;
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), length) != 0) {
    die("bind " + endpoint.host + ":" + std::to_string(endpoint.port));
  }
  if (listen(fd, 1024) != 0) die("listen");
  getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length);
  endpoint.port = ntohs(address.sin_port);
  return fd;
}

int connect_to(const Endpoint& endpoint) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) die("socket");
  sockaddr_in address = to_address(endpoint);
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    die("connect " + endpoint.host + ":" + std::to_string(endpoint.port));
  }
  set_nodelay(fd);
  return fd;
}

void send_all(int fd, Bytes bytes) {
  while (!bytes.empty()) {
    ssize_t sent = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) die("send");
    bytes = bytes.subspan(static_cast<std::size_t>(sent));
  }
}

std::size_t recv_some(int fd, MutableBytes buffer) {
  for (;;) {
    ssize_t got = recv(fd, buffer.data(), buffer.size(), 0);
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno != EINTR) die("recv");
  }
}

}  // namespace telpher::bench
