// floor: what the kernel (and OpenSSL) alone charge for the same job, by loops as plain as can be.
//
//   floor read-send  --file FILE --to HOST:PORT              one PUT of a file
//   floor recv-send  --from HOST:PORT --to HOST:PORT         a GET passed on as a PUT
//   floor tls-relay  --from HOST:PORT --to HOST:PORT --ca PEM    the same with TLS on both legs
//   floor recv-write --from HOST:PORT[/path] --file FILE     a GET into a file
//   floor put-small  --dir DIR --to HOST:PORT [--connections 64]   one PUT a file, see its source
//
// Each prints a line of JSON: CPU seconds (user + system) of this process, bytes, seconds/GiB.
// --buffer SIZE fixes the buffer; without it each size is tried --rounds times (3) in a process of
// its own and the size with the smallest median is printed last, as "best".
// Blocking sockets, one thread, HTTP heads as short as they may be, nothing is signed or summed.

#include "base/units.h"
#include "codec/text.h"
#include "peers/arguments.h"
#include "peers/floor_put_small.h"
#include "peers/socket.h"
#include "peers/tls.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <functional>
#include <map>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace telpher;
using namespace telpher::bench;

namespace {

/// One side of a floor: a blocking socket, with TLS when there is a context.
class Peer {
 public:
  Peer(const std::string& address, const TlsContext& context) {
    std::size_t slash = address.find('/');
    Endpoint endpoint = parse_endpoint(address.substr(0, slash));
    path_ = slash == std::string::npos ? "/bench/floor" : address.substr(slash);
    host_ = endpoint.host;
    fd_ = connect_to(endpoint);
    if (!context) return;
    tls_ = std::make_unique<TlsStream>(context, endpoint.host);
    wire_.resize(256 * kKiB);
    while (!tls_->handshake()) {
      flush();
      receive_wire();
      if (wire_used_ == 0) die("TLS handshake");
    }
    flush();
  }

  void set_wire(ByteCount size) { wire_.resize(std::max<ByteCount>(size, 32 * kKiB)); }

  void send(Bytes bytes) {
    if (!tls_) return send_all(fd_, bytes);
    if (!tls_->write(bytes)) die("TLS write");
    flush();
  }

  /// At least one byte unless the stream has ended.
  std::size_t receive(MutableBytes buffer) {
    if (!tls_) return recv_some(fd_, buffer);
    for (;;) {
      std::ptrdiff_t got = tls_->read(buffer);
      if (got > 0) return static_cast<std::size_t>(got);
      if (got < 0) return 0;
      receive_wire();
      if (wire_used_ == 0) return 0;
    }
  }

  void send_head(const std::string& method, ByteCount length) {
    std::string head = method + " " + path_ + " HTTP/1.1\r\nHost: " + host_ + "\r\n";
    if (method == "PUT") head += "Content-Length: " + std::to_string(length) + "\r\n";
    send(as_bytes(head + "\r\n"));
  }

  /// Waits for a head with status 200; its Content-Length. Bytes that came behind it go to `rest`.
  ByteCount receive_head(std::string& rest) {
    std::vector<std::byte> buffer(4096);
    std::string text;
    std::size_t end = std::string::npos;
    while ((end = text.find("\r\n\r\n")) == std::string::npos) {
      std::size_t got = receive(buffer);
      errno = 0;
      if (got == 0) die("the server closed the connection");
      text.append(as_text(Bytes(buffer).first(got)));
    }
    if (!text.starts_with("HTTP/1.1 200")) die("answer: " + text.substr(0, text.find("\r\n")));
    rest = text.substr(end + 4);
    std::size_t length = text.find("Content-Length: ");
    return length == std::string::npos ? 0 : std::strtoull(text.c_str() + length + 16, nullptr, 10);
  }

 private:
  void flush() {
    while (!tls_->out().empty()) {
      Bytes out = tls_->out();
      send_all(fd_, out);
      tls_->mark_sent(out.size());
    }
  }
  void receive_wire() {
    wire_used_ = recv_some(fd_, wire_);
    tls_->feed(Bytes(wire_).first(wire_used_));
  }

  int fd_ = -1;
  std::string host_, path_;
  std::unique_ptr<TlsStream> tls_;
  std::vector<std::byte> wire_;
  std::size_t wire_used_ = 0;
};

ByteCount read_send(const Arguments& arguments, MutableBytes buffer) {
  int file = open(arguments.text("--file").c_str(), O_RDONLY | O_CLOEXEC);
  struct stat info{};
  if (file < 0 || fstat(file, &info) != 0) die("open " + arguments.text("--file"));
  Peer to(arguments.text("--to"), nullptr);
  to.send_head("PUT", static_cast<ByteCount>(info.st_size));
  for (;;) {
    ssize_t got = read(file, buffer.data(), buffer.size());
    if (got < 0) die("read");
    if (got == 0) break;
    to.send(buffer.first(static_cast<std::size_t>(got)));
  }
  std::string rest;
  to.receive_head(rest);
  return static_cast<ByteCount>(info.st_size);
}

ByteCount relay(const Arguments& arguments, MutableBytes buffer, const TlsContext& context) {
  Peer from(arguments.text("--from"), context);
  Peer to(arguments.text("--to"), context);
  from.set_wire(buffer.size());
  std::string rest;
  from.send_head("GET", 0);
  ByteCount length = from.receive_head(rest);
  to.send_head("PUT", length);
  if (!rest.empty()) to.send(as_bytes(rest));
  for (ByteCount at = rest.size(); at < length;) {
    std::size_t got = from.receive(buffer);
    errno = 0;
    if (got == 0) die("the source ended early");
    to.send(buffer.first(got));
    at += got;
  }
  to.receive_head(rest);
  return length;
}

ByteCount recv_write(const Arguments& arguments, MutableBytes buffer) {
  std::string path = arguments.text("--file");
  int file = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file < 0) die("open " + path);
  Peer from(arguments.text("--from"), nullptr);
  std::string rest;
  from.send_head("GET", 0);
  ByteCount length = from.receive_head(rest);
  auto write_all = [&](Bytes bytes) {
    while (!bytes.empty()) {
      ssize_t written = write(file, bytes.data(), bytes.size());
      if (written <= 0) die("write " + path);
      bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
  };
  write_all(as_bytes(rest));
  for (ByteCount at = rest.size(); at < length;) {
    std::size_t got = from.receive(buffer);
    errno = 0;
    if (got == 0) die("the source ended early");
    write_all(buffer.first(got));
    at += got;
  }
  if (close(file) != 0) die("close " + path);
  return length;
}

double to_seconds(const rusage& usage) {
  auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

ByteCount run_kind(const std::string& kind, const Arguments& arguments, ByteCount buffer_size) {
  std::vector<std::byte> buffer(buffer_size);
  if (kind == "read-send") return read_send(arguments, buffer);
  if (kind == "recv-send") return relay(arguments, buffer, nullptr);
  if (kind == "tls-relay") {
    return relay(arguments, buffer, make_client_context(arguments.text("--ca")));
  }
  if (kind == "recv-write") return recv_write(arguments, buffer);
  errno = 0;
  die("no such floor: " + kind);
}

void print(const std::string& kind, ByteCount buffer, double cpu, ByteCount bytes, bool best) {
  double gib = static_cast<double>(bytes) / static_cast<double>(kGiB);
  std::printf(
      "{\"floor\": \"%s\", \"buffer\": %llu, \"cpu_s\": %.4f, \"bytes\": %llu, "
      "\"cpu_s_per_gib\": %.4f, \"best\": %s}\n",
      kind.c_str(), static_cast<unsigned long long>(buffer), cpu,
      static_cast<unsigned long long>(bytes), cpu / gib, best ? "true" : "false");
  std::fflush(stdout);
}

/// Runs one floor in a child; its CPU seconds.
double run_in_child(const std::string& kind, const Arguments& arguments, ByteCount buffer,
                    ByteCount& bytes) {
  int report[2];
  if (pipe(report) != 0) die("pipe");
  pid_t child = fork();
  if (child == 0) {
    ByteCount moved = run_kind(kind, arguments, buffer);
    bool written = write(report[1], &moved, sizeof moved) == sizeof moved;
    _exit(written ? 0 : 1);
  }
  close(report[1]);
  bool got = read(report[0], &bytes, sizeof bytes) == sizeof bytes;
  close(report[0]);
  rusage usage{};
  int status = 0;
  wait4(child, &status, 0, &usage);
  errno = 0;
  if (!got || status != 0) die("a round of " + kind + " failed");
  return to_seconds(usage);
}

void sweep(const std::string& kind, const Arguments& arguments) {
  std::map<ByteCount, std::vector<double>> cpu;
  ByteCount bytes = 0;
  ByteCount rounds = arguments.size("--rounds", "3");
  for (ByteCount round = 0; round < rounds; ++round) {
    for (ByteCount buffer = 32 * kKiB; buffer <= 2 * kMiB; buffer *= 2) {
      cpu[buffer].push_back(run_in_child(kind, arguments, buffer, bytes));
    }
  }
  double best = 1e9;
  ByteCount best_buffer = 0;
  for (auto& [buffer, values] : cpu) {
    std::ranges::sort(values);
    double median = values[values.size() / 2];
    print(kind, buffer, median, bytes, false);
    if (median < best) {
      best = median;
      best_buffer = buffer;
    }
  }
  print(kind, best_buffer, best, bytes, true);
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments(argc, argv, {});
  if (arguments.positional().size() != 1) die("usage: see the head of bench/peers/floors.cc");
  std::string kind = arguments.positional().front();
  if (kind == "put-small") {
    put_small(arguments);
  } else if (arguments.text("--buffer").empty()) {
    sweep(kind, arguments);
  } else {
    ByteCount buffer = arguments.size("--buffer", "");
    ByteCount bytes = run_kind(kind, arguments, buffer);
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    print(kind, buffer, to_seconds(usage), bytes, false);
  }
  return 0;
}
