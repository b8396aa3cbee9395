// Memory of connections that wait for their next request: opens many to our own server, has each
// answered once, and says what the process grew by. The clients are bare descriptors.
//
//   http_idle [connections, 10000 by default]

#include "net/http_server.h"

#include <arpa/inet.h>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <sys/resource.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace telpher {
namespace {

class Hello final : public HttpHandler {
 public:
  Task<Result<void>> handle(ServerRequest& request, ServerResponse& response) override {
    CO_TRY_VOID(co_await request.read_all(1 << 20));
    co_return co_await response.send_text("hello");
  }
};

std::size_t rss_kib() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    if (word == "VmRSS:") {
      std::size_t kib = 0;
      status >> kib;
      return kib;
    }
  }
  return 0;
}

/// One request, answered.
bool ask(int fd) {
  const std::string body(2000, 'x');
  const std::string request =
      "PUT /bucket/key HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2000\r\n\r\n" + body;
  char answer[4096];
  return send(fd, request.data(), request.size(), 0) == static_cast<ssize_t>(request.size()) &&
         recv(fd, answer, sizeof answer, 0) > 0;
}

int connect_to(std::uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{.sin_family = AF_INET, .sin_port = htons(port)};
  inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) return fd;
  close(fd);
  return -1;
}

int measure(std::size_t count) {
  rlimit limit{2 * count + 100, 2 * count + 100};
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    count = std::min<std::size_t>(count, (limit.rlim_max - 100) / 2);
  }
  Loop loop;
  Hello hello;
  HttpServerOptions options;
  options.connections_max = count + 1;
  const auto server = HttpServer::open(loop, hello, options).value();
  CancelSource cancel;
  std::thread thread([&] { (void)loop.run(server->serve(), cancel); });

  std::vector<int> clients{connect_to(server->port())};
  bool good = ask(clients.front());
  const std::size_t before = rss_kib();
  for (std::size_t i = 1; i < count && good; ++i) {
    clients.push_back(connect_to(server->port()));
    good = clients.back() >= 0 && ask(clients.back());
  }
  const std::size_t after = rss_kib();
  for (const int fd : clients) good = good && ask(fd);
  const std::size_t asked_again = rss_kib();
  std::printf("%zu idle connections: %.1f MiB, %.2f KiB each; asked again: %.1f MiB\n",
              clients.size(), static_cast<double>(after - before) / 1024,
              static_cast<double>(after - before) / static_cast<double>(clients.size()),
              static_cast<double>(asked_again - before) / 1024);
  for (const int fd : clients) close(fd);
  loop.post([&] { cancel.cancel(); });
  thread.join();
  return good ? 0 : 1;
}

}  // namespace
}  // namespace telpher

int main(int argc, char** argv) {
  return telpher::measure(argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 10'000);
}
