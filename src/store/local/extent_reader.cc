#include "store/local/extent_reader.h"

#include "store/read_body.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <unistd.h>

namespace telpher {
namespace {

constexpr std::size_t kStep = 256 * 1024;
constexpr std::size_t kFilesOpenMax = 64;

Error file_too_short() {
  return make_error(ErrorKind::kCorrupt,
                    "a file of the local store is shorter than its index says");
}

class ExtentReader : public ByteReader {
 public:
  ExtentReader(const DataFiles& files, std::vector<Extent> extents, std::vector<UniqueFd> open)
      : files_(files), extents_(std::move(extents)), open_(std::move(open)) {}

  Task<Result<std::size_t>> read_some(MutableBytes buffer) override {
    CO_TRY(const int fd, current_file());
    if (fd < 0) co_return std::size_t{0};
    const Extent& extent = extents_[next_];
    buffer = buffer.first(std::min<ByteCount>({buffer.size(), kStep, extent.length - done_}));
    const ssize_t count = read_once(fd, extent.offset + done_, buffer);
    if (count < 0) co_return make_errno_error(errno, "read from the local store");
    if (count == 0) co_return file_too_short();
    done_ += static_cast<ByteCount>(count);
    co_return static_cast<std::size_t>(count);
  }

  std::optional<Body> next_in_place() override {
    const Result<int> fd = current_file();
    if (!fd) return std::nullopt;  // read_some() says why
    if (*fd < 0) return Body();
    const Extent& extent = extents_[next_];
    const Body body = Body::of_file(*fd, {extent.offset + done_, extent.length - done_});
    done_ = extent.length;
    return body;
  }

 private:
  /// The file of the next byte; -1 at the end. What came before it is closed.
  Result<int> current_file() {
    while (next_ < extents_.size() && done_ == extents_[next_].length) {
      if (next_ < open_.size()) open_[next_] = UniqueFd();
      late_ = UniqueFd();
      ++next_;
      done_ = 0;
    }
    if (next_ == extents_.size()) return -1;
    if (next_ < open_.size()) return open_[next_].get();
    if (!late_) {
      Result<UniqueFd> file = files_.open_file(extents_[next_].file);
      if (!file && file.error().kind == ErrorKind::kNotFound) {
        return make_error(ErrorKind::kSourceChanged,
                          "the object was replaced while it was being read");
      }
      if (!file) return std::move(file).error();
      late_ = *std::move(file);
    }
    return late_.get();
  }

  static ssize_t read_once(int fd, ByteCount offset, MutableBytes buffer) {
    while (true) {
      const ssize_t count = ::pread(fd, buffer.data(), buffer.size(), static_cast<off_t>(offset));
      if (count >= 0 || errno != EINTR) return count;
    }
  }

  const DataFiles& files_;
  const std::vector<Extent> extents_;
  std::vector<UniqueFd> open_;  // of the first extents
  UniqueFd late_;               // of an extent beyond them
  std::size_t next_ = 0;
  ByteCount done_ = 0;  // of the extent
};

class CheckedReader : public ByteReader {
 public:
  CheckedReader(std::unique_ptr<ByteReader> reader, Digest expected, ByteCount size)
      : reader_(std::move(reader)),
        checksum_(expected.algorithm()),
        expected_(expected),
        left_(size) {}
  Task<Result<std::size_t>> read_some(MutableBytes buffer) override {
    CO_TRY(const std::size_t count, co_await reader_->read_some(buffer));
    if (count == 0) co_return count;
    checksum_.update(buffer.first(count));
    left_ -= count;
    if (left_ == 0 && checksum_.finish() != expected_) {
      co_return make_error(ErrorKind::kCorrupt,
                           "the object is damaged on disk: its bytes fail their checksum");
    }
    co_return count;
  }

 private:
  const std::unique_ptr<ByteReader> reader_;
  Checksum checksum_;
  const Digest expected_;
  ByteCount left_;
};

class MemoryReader : public ByteReader {
 public:
  explicit MemoryReader(std::vector<std::byte> content) : content_(std::move(content)) {}
  Task<Result<std::size_t>> read_some(MutableBytes buffer) override {
    const std::size_t count = std::min(buffer.size(), content_.size() - done_);
    if (count > 0) std::memcpy(buffer.data(), content_.data() + done_, count);
    done_ += count;
    co_return count;
  }
  std::optional<Body> next_in_place() override {
    const Bytes rest = Bytes(content_).subspan(done_);
    done_ = content_.size();
    return Body::of(rest);
  }

 private:
  const std::vector<std::byte> content_;
  std::size_t done_ = 0;
};

}  // namespace

std::vector<Extent> slice_extents(const std::vector<Extent>& extents, ByteRange range) {
  std::vector<Extent> slice;
  ByteCount begin = 0;  // of the extent within the object
  for (const Extent& extent : extents) {
    const ByteCount first = std::max(begin, range.offset);
    const ByteCount last = std::min(begin + extent.length, range.end());
    if (first < last) {
      slice.push_back({extent.file, extent.offset + (first - begin), last - first});
    }
    begin += extent.length;
  }
  return slice;
}

Result<void> read_extents(const DataFiles& files, const std::vector<Extent>& extents,
                          const std::function<Result<void>(Bytes)>& take) {
  for (const Extent& extent : extents) {
    TRY(const UniqueFd file, files.open_file(extent.file));
    Result<void> read = read_body(Body::of_file(file.get(), {extent.offset, extent.length}), take);
    if (!read && read.error().kind == ErrorKind::kSourceChanged) return file_too_short();
    if (!read) return read;
  }
  return {};
}

Result<std::unique_ptr<ByteReader>> open_extents(const DataFiles& files,
                                                 std::vector<Extent> extents) {
  std::vector<UniqueFd> open;
  for (const Extent& extent : extents) {
    if (open.size() == kFilesOpenMax) break;
    TRY(UniqueFd file, files.open_file(extent.file));
    open.push_back(std::move(file));
  }
  return std::make_unique<ExtentReader>(files, std::move(extents), std::move(open));
}

std::unique_ptr<ByteReader> make_checked_reader(std::unique_ptr<ByteReader> reader, Digest expected,
                                                ByteCount size) {
  return std::make_unique<CheckedReader>(std::move(reader), expected, size);
}

std::unique_ptr<ByteReader> make_memory_reader(std::vector<std::byte> content) {
  return std::make_unique<MemoryReader>(std::move(content));
}

}  // namespace telpher
