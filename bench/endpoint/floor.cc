// endpoint_floor: what the kernel (and OpenSSL) alone charge a server for what an S3 endpoint does.
//
//   endpoint_floor serve --listen 127.0.0.1:0 --buffer 256KiB [--object 1GiB] [--keep]
//       answers whatever comes, one connection at a time, by plain blocking loops: a GET with
//       --object bytes out of memory (the `send` floor), a PUT by reading and dropping its body
//       (the `recv` floor), with --keep into memory of its own. Nothing is checked or summed.
//   endpoint_floor md5 --size 10KiB --total 256MiB
//       CPU seconds of OpenSSL's MD5 over so many bytes, in messages of that size.
//
// Prints "listening on http://127.0.0.1:PORT", or a line of JSON.

#include "base/units.h"
#include "codec/text.h"
#include "peers/arguments.h"
#include "peers/http.h"
#include "peers/socket.h"

#include <openssl/evp.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <map>
#include <memory>
#include <string>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

using namespace telpher;
using namespace telpher::bench;

namespace {

constexpr std::string_view kEmptyAnswer =
    "HTTP/1.1 200 OK\r\nETag: \"0\"\r\nContent-Length: 0\r\n\r\n";

struct FloorOptions {
  ByteCount buffer = 0;
  ByteCount object = 0;
  bool keep = false;
};

/// One connection after the other; objects are kept across them.
class FloorServer {
 public:
  explicit FloorServer(FloorOptions options)
      : options_(options), object_(options.object), buffer_(options.buffer) {
    // Memory that has been written to, as that of an object is.
    for (std::size_t i = 0; i < object_.size(); i += sizeof i) {
      std::memcpy(object_.data() + i, &i, std::min(sizeof i, object_.size() - i));
    }
  }

  void serve(int fd) {
    fd_ = fd;
    head_.clear();
    while (read_head() && answer()) {
    }
    close(fd);
  }

 private:
  struct Kept {
    ByteCount size = 0;
    std::unique_ptr<std::byte[]> bytes;
  };

  /// False at the end of the connection. What came behind the head stays in head_.
  bool read_head() {
    std::size_t end = std::string::npos;
    while ((end = head_.find("\r\n\r\n")) == std::string::npos) {
      char piece[4096];
      const ssize_t got = recv(fd_, piece, sizeof piece, 0);
      if (got <= 0) return false;
      head_.append(piece, static_cast<std::size_t>(got));
    }
    request_ = std::make_unique<Head>();
    if (!request_->parse(std::string_view(head_).substr(0, end + 4))) return false;
    head_.erase(0, end + 4);
    return true;
  }

  bool answer() {
    const std::string_view method = request_->method();
    const ByteCount length =
        parse_decimal<ByteCount>(request_->header("content-length")).value_or(0);
    if (iequals(request_->header("expect"), "100-continue")) {
      if (!send_text("HTTP/1.1 100 Continue\r\n\r\n")) return false;
    }
    if (!receive_body(length)) return false;
    if (method == "GET" && !request_->has_query("list-type")) return send_object();
    if (method == "DELETE") kept_.clear();
    if (method != "POST") return send_text(kEmptyAnswer);
    const bool begins = request_->has_query("uploads");
    return send_document(begins ? "<InitiateMultipartUploadResult><UploadId>1</UploadId>"
                                  "</InitiateMultipartUploadResult>"
                                : "<CompleteMultipartUploadResult><ETag>\"0\"</ETag>"
                                  "</CompleteMultipartUploadResult>");
  }

  bool receive_body(ByteCount length) {
    if (length == 0) return true;
    Kept* kept = nullptr;
    if (options_.keep && request_->method() == "PUT") {
      kept = &kept_[std::string(request_->path()) + '?' + request_->query("partNumber")];
      *kept = {};
      *kept = {length, std::make_unique_for_overwrite<std::byte[]>(length)};
    }
    ByteCount at = std::min<ByteCount>(length, head_.size());
    if (kept) std::memcpy(kept->bytes.get(), head_.data(), at);
    head_.erase(0, at);
    while (at < length) {
      const std::size_t room = std::min<ByteCount>(buffer_.size(), length - at);
      std::byte* into = kept ? kept->bytes.get() + at : buffer_.data();
      const ssize_t got = recv(fd_, into, room, 0);
      if (got <= 0) return false;
      at += static_cast<ByteCount>(got);
    }
    return true;
  }

  bool send_bytes(Bytes bytes) {
    while (!bytes.empty()) {
      const std::size_t piece = std::min(bytes.size(), buffer_.size());
      const ssize_t sent = send(fd_, bytes.data(), piece, MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes = bytes.subspan(static_cast<std::size_t>(sent));
    }
    return true;
  }
  bool send_text(std::string_view text) { return send_bytes(as_bytes(text)); }
  bool send_document(std::string_view body) {
    return send_text("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) +
                     "\r\n\r\n" + std::string(body));
  }
  bool send_object() {
    return send_text("HTTP/1.1 200 OK\r\nETag: \"0\"\r\nContent-Length: " +
                     std::to_string(object_.size()) + "\r\n\r\n") &&
           send_bytes(object_);
  }

  const FloorOptions options_;
  std::vector<std::byte> object_;
  std::vector<std::byte> buffer_;
  std::map<std::string, Kept> kept_;
  std::unique_ptr<Head> request_;
  std::string head_;
  int fd_ = -1;
};

[[noreturn]] void serve(const Arguments& arguments) {
  Endpoint endpoint = parse_endpoint(arguments.text("--listen", "127.0.0.1:0"));
  const int listener = listen_on(endpoint);
  fcntl(listener, F_SETFL, fcntl(listener, F_GETFL) & ~O_NONBLOCK);
  FloorServer server({.buffer = arguments.size("--buffer", "256KiB"),
                      .object = arguments.size("--object", "0"),
                      .keep = arguments.flag("--keep")});
  std::printf("listening on http://127.0.0.1:%d\n", endpoint.port);
  std::fflush(stdout);
  for (;;) {
    const int fd = accept(listener, nullptr, nullptr);
    if (fd < 0) die("accept");
    set_nodelay(fd);
    server.serve(fd);
  }
}

double own_cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

void measure_md5(const Arguments& arguments) {
  const ByteCount size = arguments.size("--size", "10KiB");
  const ByteCount count = std::max<ByteCount>(1, arguments.size("--total", "256MiB") / size);
  // As many messages side by side as 64 MiB hold: their bytes come from memory.
  const ByteCount distinct = std::max<ByteCount>(1, 64 * kMiB / size);
  std::vector<std::byte> bytes(distinct * size, std::byte{0x5a});
  const EVP_MD* md5 = EVP_md5();
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  unsigned char digest[EVP_MAX_MD_SIZE];
  const double begin = own_cpu_seconds();
  for (ByteCount i = 0; i < count; ++i) {
    EVP_DigestInit_ex(context, md5, nullptr);
    EVP_DigestUpdate(context, bytes.data() + i % distinct * size, size);
    EVP_DigestFinal_ex(context, digest, nullptr);
  }
  const double cpu = own_cpu_seconds() - begin;
  EVP_MD_CTX_free(context);
  std::printf("{\"messages\": %llu, \"bytes\": %llu, \"cpu_s\": %.6f}\n",
              static_cast<unsigned long long>(count), static_cast<unsigned long long>(count * size),
              cpu);
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments(argc, argv, {"--keep"});
  const std::string kind = arguments.positional().empty() ? "" : arguments.positional().front();
  if (kind == "serve") serve(arguments);
  if (kind != "md5") die("usage: see the head of bench/endpoint/floor.cc");
  measure_md5(arguments);
  return 0;
}
