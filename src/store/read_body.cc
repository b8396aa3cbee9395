#include "store/read_body.h"

#include <algorithm>
#include <cerrno>
#include <memory>
#include <unistd.h>

namespace telpher {

Result<void> read_exactly(int fd, ByteCount offset, MutableBytes buffer) {
  while (!buffer.empty()) {
    const ssize_t count = ::pread(fd, buffer.data(), buffer.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return make_errno_error(errno, "read");
    if (count == 0) {
      return make_error(ErrorKind::kSourceChanged, "the file became shorter while it was read");
    }
    buffer = buffer.subspan(static_cast<std::size_t>(count));
    offset += static_cast<ByteCount>(count);
  }
  return {};
}

Result<void> read_body(const Body& body, const std::function<Result<void>(Bytes)>& take) {
  constexpr std::size_t kStep = 256 * 1024;
  if (body.fd < 0) {
    for (Bytes rest = body.memory; !rest.empty();) {
      // Also memory goes in steps: what takes it can then work while it is in the cache.
      const std::size_t count = std::min(rest.size(), kStep);
      TRY_VOID(take(rest.first(count)));
      rest = rest.subspan(count);
    }
    return {};
  }
  const std::size_t capacity = std::min<ByteCount>(kStep, body.size);
  const auto buffer = std::make_unique_for_overwrite<std::byte[]>(capacity);
  for (ByteCount done = 0; done < body.size;) {
    const MutableBytes piece(buffer.get(), std::min<ByteCount>(capacity, body.size - done));
    TRY_VOID(read_exactly(body.fd, body.file_offset + done, piece));
    TRY_VOID(take(piece));
    done += piece.size();
  }
  return {};
}

Task<Result<void>> read_stream(ByteReader& stream, MutableBytes buffer) {
  while (!buffer.empty()) {
    CO_TRY(const std::size_t count, co_await stream.read_some(buffer));
    if (count == 0) {
      Error error = make_temporary_error(ErrorKind::kNetwork, "the body ended before its length");
      error.context.code = "IncompleteBody";
      error.context.http_status = 400;
      co_return error;
    }
    buffer = buffer.subspan(count);
  }
  co_return Result<void>();
}

Task<Result<void>> read_stream_end(ByteReader& stream) {
  std::byte more[1];
  CO_TRY(const std::size_t count, co_await stream.read_some(more));
  if (count == 0) co_return Result<void>();
  Error error = make_error(ErrorKind::kInvalid, "the body is longer than it was announced to be");
  error.context.code = "InvalidRequest";
  error.context.http_status = 400;
  co_return error;
}

}  // namespace telpher
