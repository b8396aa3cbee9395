// origin: a small fast HTTP source for measurements. Any path serves the synthetic file (Pattern).
//
//   origin --listen 127.0.0.1:0 [--listen-tls 127.0.0.1:0 --tls-cert PEM --tls-key PEM]
//          [--size 2GiB] [--rate-per-connection 20MiB]
//     serves until SIGTERM; prints "http 127.0.0.1:PORT" for each listener.
//   origin --write FILE --size 2GiB
//     writes the same bytes to a file.
//   origin --fingerprint PATH …
//     prints "FINGERPRINT BYTES FILES" of files (or stdin, "-"): what the sink's stats show when
//     exactly these bytes have arrived.

#include "base/units.h"
#include "peers/arguments.h"
#include "peers/body_check.h"
#include "peers/server.h"
#include "peers/socket.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <filesystem>
#include <unistd.h>

using namespace telpher;
using namespace telpher::bench;

namespace {

class FileService : public Service {
 public:
  explicit FileService(ByteCount size) : size_(size) {}

  void start(const Head& head) override { head_ = &head; }
  void body(Bytes) override {}

  Response finish() override {
    if (head_->method() != "GET" && head_->method() != "HEAD") return {.status = 400};
    std::string etag = "\"pattern-" + std::to_string(size_) + "\"";
    Response response{.headers = "Accept-Ranges: bytes\r\nETag: " + etag +
                                 "\r\nLast-Modified: Mon, 01 Jan 2024 00:00:00 GMT\r\n"
                                 "Content-Type: application/octet-stream\r\n"
                                 "Server: telpher-bench-origin\r\nDate: " +
                                 http_date() + "\r\n",
                      .head_only = head_->method() == "HEAD"};
    std::string_view if_match = head_->header("if-match");
    if (!if_match.empty() && if_match != "*" && if_match != etag) return {.status = 412};
    RangeAnswer range;
    std::string_view if_range = head_->header("if-range");
    if (if_range.empty() || if_range == etag) range = parse_range(head_->header("range"), size_);
    if (range.unsatisfiable) {
      return {.status = 416, .headers = "Content-Range: bytes */" + std::to_string(size_) + "\r\n"};
    }
    response.pattern = range.range.value_or(ByteRange{0, size_});
    if (range.range) {
      response.status = 206;
      response.headers += "Content-Range: bytes " + std::to_string(range.range->offset) + "-" +
                          std::to_string(range.range->end() - 1) + "/" + std::to_string(size_) +
                          "\r\n";
    }
    return response;
  }

 private:
  ByteCount size_;
  const Head* head_ = nullptr;
};

int write_file(const std::string& path, ByteCount size) {
  Pattern pattern;
  int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) die("open " + path);
  for (ByteCount at = 0; at < size;) {
    Bytes piece = pattern.at(at, std::min(size - at, kMiB));
    ssize_t written = write(fd, piece.data(), piece.size());
    if (written <= 0) die("write " + path);
    at += static_cast<ByteCount>(written);
  }
  return close(fd);
}

void add_file(const std::string& path, std::uint64_t& sum, ByteCount& bytes) {
  int fd = path == "-" ? 0 : open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) die("open " + path);
  std::vector<std::byte> buffer(256 * kKiB);
  Checksum crc64(ChecksumAlgorithm::kCrc64Nvme);
  ByteCount size = 0;
  for (;;) {
    ssize_t got = read(fd, buffer.data(), buffer.size());
    if (got < 0) die("read " + path);
    if (got == 0) break;
    crc64.update(Bytes(buffer.data(), static_cast<std::size_t>(got)));
    size += static_cast<ByteCount>(got);
  }
  close(fd);
  sum += fingerprint_of(crc64.finish(), size);
  bytes += size;
}

int print_fingerprint(const std::vector<std::string>& paths) {
  std::uint64_t sum = 0;
  ByteCount bytes = 0;
  std::uint64_t files = 0;
  for (const std::string& path : paths) {
    if (path == "-" || !std::filesystem::is_directory(path)) {
      add_file(path, sum, bytes);
      ++files;
      continue;
    }
    for (const auto& entry : std::filesystem::recursive_directory_iterator(path)) {
      if (!entry.is_regular_file()) continue;
      add_file(entry.path().string(), sum, bytes);
      ++files;
    }
  }
  std::printf("%llu %llu %llu\n", static_cast<unsigned long long>(sum),
              static_cast<unsigned long long>(bytes), static_cast<unsigned long long>(files));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments(argc, argv, {"--fingerprint"});
  if (arguments.flag("--fingerprint")) return print_fingerprint(arguments.positional());
  ByteCount size = arguments.size("--size", "2GiB");
  std::string path = arguments.text("--write");
  if (!path.empty()) return write_file(path, size);
  Pattern pattern;
  ServerOptions options{.pattern = &pattern};
  options.rate_per_connection = arguments.size("--rate-per-connection", "0");
  options.make_service = [size] { return std::make_unique<FileService>(size); };
  add_listeners(options, arguments);
  serve(std::move(options));
  return 0;
}
