#include "transfer/part_reader.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <memory>
#include <unistd.h>

namespace telpher {
namespace {

constexpr std::size_t kReadSize = 256 * 1024;   // stays in the second-level cache
constexpr ByteCount kYieldEvery = 1024 * 1024;  // sockets are served in between

}  // namespace

Task<Result<std::size_t>> fill_part(Engine* engine, ByteReader* reader, MutableBytes buffer,
                                    PartHash* hash, BodyCount* count) {
  std::size_t filled = 0;
  while (filled < buffer.size()) {
    // What can be sent is sent before more is read: parts leave while they are in the caches.
    co_await Yield{};
    const MutableBytes room = buffer.subspan(filled, std::min(kReadSize, buffer.size() - filled));
    CO_TRY(const std::size_t read, co_await reader->read_some(room));
    if (read == 0) break;
    hash->update(room.first(read));
    filled += read;
    count->set(filled);
    engine->stats.bytes_read.add(read);
    if (engine->rate.limited()) CO_TRY_VOID(co_await engine->rate.pass(read));
  }
  engine->stats.copies_through_buffers.add(filled);
  co_return filled;
}

Task<Result<PartDigests>> hash_file_range(Engine* engine, int fd, ByteRange range, HashPlan plan) {
  posix_fadvise(fd, static_cast<off_t>(range.offset), static_cast<off_t>(range.length),
                POSIX_FADV_WILLNEED);
  PartHash hash(plan);
  const std::size_t size = std::min<ByteCount>(kReadSize, std::max<ByteCount>(range.length, 1));
  const auto buffer = std::make_unique_for_overwrite<std::byte[]>(size);
  ByteCount since_yield = 0;
  for (ByteCount done = 0; done < range.length;) {
    const std::size_t wanted = std::min<ByteCount>(size, range.length - done);
    const ssize_t count = pread(fd, buffer.get(), wanted, static_cast<off_t>(range.offset + done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) co_return make_errno_error(errno, "read");
    if (count == 0) {
      co_return make_error(ErrorKind::kSourceChanged,
                           "the source changed while it was being copied: the file is shorter now");
    }
    hash.update({buffer.get(), static_cast<std::size_t>(count)});
    done += static_cast<ByteCount>(count);
    since_yield += static_cast<ByteCount>(count);
    if (since_yield >= kYieldEvery) {
      since_yield = 0;
      co_await Yield{};
    }
  }
  engine->stats.bytes_read.add(range.length);
  co_return hash.finish();
}

}  // namespace telpher
