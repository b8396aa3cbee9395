#include "runtime/buffer_pool.h"

#include "base/units.h"

#include <algorithm>
#include <sys/mman.h>
#include <utility>

namespace telpher {
namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kHugePage = 2 << 20;

std::size_t round_up(std::size_t size) {
  return (std::max<std::size_t>(size, 1) + kPage - 1) / kPage * kPage;
}

void* map(std::size_t size) {
  return mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

}  // namespace

Buffer::Buffer(Buffer&& other) noexcept
    : pool_(std::exchange(other.pool_, nullptr)),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      permit_(std::move(other.permit_)) {}

Buffer& Buffer::operator=(Buffer&& other) noexcept {
  std::swap(pool_, other.pool_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(permit_, other.permit_);
  return *this;
}

Buffer::~Buffer() {
  if (data_) pool_->give_back(data_, size_);
}

BufferPool::~BufferPool() {
  CHECK(room_.in_use() == 0);
  drop_idle(room_.limit() + idle_bytes_);
}

Task<Result<Buffer>> BufferPool::acquire(std::size_t size, TimePoint deadline) {
  size = round_up(size);
  std::optional<Semaphore::Permit> permit = room_.try_acquire(size);
  if (!permit) {
    ++stats_.pauses;
    CO_TRY(permit, co_await room_.acquire(size, deadline));
  }
  co_return take(size, *std::move(permit));
}

std::optional<Buffer> BufferPool::try_acquire(std::size_t size) {
  size = round_up(size);
  std::optional<Semaphore::Permit> permit = room_.try_acquire(size);
  if (!permit) return std::nullopt;
  Result<Buffer> taken = take(size, *std::move(permit));
  if (!taken) return std::nullopt;
  return *std::move(taken);
}

Result<Buffer> BufferPool::take(std::size_t size, Semaphore::Permit permit) {
  Buffer buffer;
  buffer.pool_ = this;
  buffer.size_ = size;
  buffer.permit_ = std::move(permit);
  std::vector<std::byte*>& same_size = idle_[size];
  if (!same_size.empty()) {
    ++stats_.reuses;
    buffer.data_ = same_size.back();
    same_size.pop_back();
    idle_bytes_ -= size;
    return buffer;
  }
  ++stats_.allocations;
  drop_idle(room_.in_use() + idle_bytes_ > room_.limit()
                ? room_.in_use() + idle_bytes_ - room_.limit()
                : 0);
  void* memory = map(size);
  if (memory == MAP_FAILED && idle_bytes_ > 0) {
    drop_idle(idle_bytes_);
    memory = map(size);
  }
  if (memory == MAP_FAILED) {
    Error error = make_error(ErrorKind::kIo,
                             "not enough memory for a buffer of " + format_size(size) +
                                 ". Use --memory with less than " + format_size(room_.limit()) +
                                 ", or allow this process more (ulimit -v)");
    error.context.code = "ENOMEM";
    return error;
  }
  if (size >= kHugePage) madvise(memory, size, MADV_HUGEPAGE);
  buffer.data_ = static_cast<std::byte*>(memory);
  return buffer;
}

void BufferPool::give_back(std::byte* data, std::size_t size) {
  idle_[size].push_back(data);
  idle_bytes_ += size;
}

void BufferPool::drop_idle(ByteCount wanted) {
  for (auto& [size, buffers] : idle_) {
    while (wanted > 0 && !buffers.empty()) {
      munmap(buffers.back(), size);
      buffers.pop_back();
      idle_bytes_ -= size;
      wanted -= std::min<ByteCount>(wanted, size);
    }
  }
}

BufferPool::Stats BufferPool::stats() const {
  Stats stats = stats_;
  stats.bytes_in_use = room_.in_use();
  stats.bytes_peak = room_.peak();
  return stats;
}

}  // namespace telpher
