#include "peers/floor_put_small.h"

#include "base/units.h"
#include "peers/socket.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <string>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

namespace telpher::bench {
namespace {

constexpr std::size_t kHeadRoom = 512;
constexpr std::size_t kBodyMax = kMiB;

class PutLoop {
 public:
  PutLoop(const std::string& dir, const Endpoint& to)
      : dir_(open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)), to_(to) {
    if (dir_ < 0) die("open " + dir);
    DIR* entries = opendir(dir.c_str());
    while (dirent* entry = readdir(entries)) {
      if (entry->d_name[0] != '.') names_.emplace_back(entry->d_name);
    }
    closedir(entries);
  }

  std::size_t run(std::size_t connections) {
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
    for (std::size_t i = 0; i < std::min(connections, names_.size()); ++i) {
      int fd = connect_to(to_);
      set_nonblocking(fd);
      epoll_event event{.events = EPOLLIN, .data = {.fd = fd}};
      epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
      put_next(fd);
    }
    epoll_event events[64];
    while (done_ < names_.size()) {
      int count = epoll_wait(epoll_, events, 64, -1);
      for (int i = 0; i < count; ++i) take_answer(events[i].data.fd);
    }
    return done_;
  }

 private:
  void put_next(int fd) {
    if (next_ == names_.size()) return;
    const std::string& name = names_[next_++];
    int file = openat(dir_, name.c_str(), O_RDONLY | O_CLOEXEC);
    ssize_t size = file < 0 ? -1 : read(file, buffer_.data() + kHeadRoom, kBodyMax);
    if (size < 0) die("read " + name);
    close(file);
    char head[kHeadRoom];
    int head_size = std::snprintf(head, sizeof head,
                                  "PUT /bench/small/%s HTTP/1.1\r\nHost: %s\r\n"
                                  "Content-Length: %zd\r\n\r\n",
                                  name.c_str(), to_.host.c_str(), size);
    char* start = buffer_.data() + kHeadRoom - head_size;
    std::memcpy(start, head, static_cast<std::size_t>(head_size));
    // A body that fits the socket's send buffer leaves in one call; a larger one is waited for.
    std::size_t left = static_cast<std::size_t>(head_size) + static_cast<std::size_t>(size);
    while (left > 0) {
      ssize_t sent = send(fd, start, left, MSG_NOSIGNAL);
      if (sent < 0 && errno != EAGAIN) die("send");
      if (sent < 0) continue;
      start += sent;
      left -= static_cast<std::size_t>(sent);
    }
  }

  void take_answer(int fd) {
    char answer[4096];
    ssize_t got = recv(fd, answer, sizeof answer, 0);
    if (got <= 0) die("recv");
    errno = 0;
    if (std::memcmp(answer, "HTTP/1.1 200", 12) != 0 || got < 16 ||
        std::memcmp(answer + got - 4, "\r\n\r\n", 4) != 0) {
      die("not a whole answer with status 200");
    }
    ++done_;
    put_next(fd);
  }

  int dir_;
  Endpoint to_;
  int epoll_ = -1;
  std::vector<std::string> names_;
  std::vector<char> buffer_ = std::vector<char>(kHeadRoom + kBodyMax);
  std::size_t next_ = 0;
  std::size_t done_ = 0;
};

}  // namespace

void put_small(const Arguments& arguments) {
  PutLoop loop(arguments.text("--dir"), parse_endpoint(arguments.text("--to")));
  std::size_t objects = loop.run(arguments.size("--connections", "64"));
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  double micros = static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
                  static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
  std::printf(
      "{\"floor\": \"put-small\", \"objects\": %zu, \"cpu_s\": %.4f, "
      "\"cpu_us_per_object\": %.2f}\n",
      objects, micros / 1e6, micros / static_cast<double>(objects));
}

}  // namespace telpher::bench
