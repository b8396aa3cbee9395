// download_stream(): in order to a descriptor.

#include "runtime/offload.h"
#include "transfer/resuming_reader.h"
#include "transfer/transfer.h"

#include <cerrno>
#include <unistd.h>

namespace telpher {
namespace {

constexpr std::size_t kReadSize = 256 * 1024;

Task<Result<void>> write_all(int fd, Bytes bytes) {
  while (!bytes.empty()) {
    // A pipe may block: the loop must not.
    const ssize_t count = co_await offload([fd, bytes]() -> ssize_t {
      const ssize_t written = ::write(fd, bytes.data(), bytes.size());
      return written < 0 ? -errno : written;
    });
    if (count == -EINTR) continue;
    if (count < 0) {
      Error error = make_errno_error(static_cast<int>(-count), "write");
      error.context.operation = "write";  // not the source's fault
      co_return error;
    }
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
  co_return Result<void>();
}

}  // namespace

Task<Result<TransferResult>> download_stream(Engine& engine, Source& source, int fd,
                                             TransferOptions options, TransferProgress& progress) {
  CO_TRY(const SourceInfo seen, co_await source.probe());
  progress.size = seen.size;
  progress.phase = "copying";
  const std::optional<Digest> wanted = options.expect ? options.expect : seen.digest;
  Checksum checksum(wanted ? wanted->algorithm() : options.checksum);
  CO_TRY(Buffer buffer, co_await engine.buffers.acquire(kReadSize));
  ResumingReader reader(source, seen, std::nullopt);
  TransferResult result{.mode = TransferMode::kDownload};
  for (;;) {
    CO_TRY(const std::size_t count, co_await reader.read_some(buffer.bytes()));
    if (count == 0) break;
    checksum.update(buffer.bytes().first(count));
    CO_TRY_VOID(co_await write_all(fd, buffer.bytes().first(count)));
    result.size += count;
    progress.bytes_done += count;
    engine.stats.bytes_read.add(count);
    engine.stats.bytes_written.add(count);
    CO_TRY_VOID(co_await engine.rate.pass(count));
  }
  if (Result<void> unchanged = co_await source.check_unchanged(seen); !unchanged) {
    Error error = std::move(unchanged).error();
    error.message += ": do not use the bytes already written";
    co_return error;
  }
  result.digest = checksum.finish();
  result.verified_by = wanted ? std::string(to_string(wanted->algorithm())) : "length";
  progress.phase = "done";
  if (wanted && *wanted != result.digest) {
    co_return make_error(ErrorKind::kCorrupt, "the bytes already written have " +
                                                  std::string(to_string(wanted->algorithm())) +
                                                  " " + result.digest.to_hex() + ", expected " +
                                                  wanted->to_hex() + ": do not use them");
  }
  co_return result;
}

}  // namespace telpher
