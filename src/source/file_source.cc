#include "source/file_source.h"

#include "base/unique_fd.h"
#include "source/source_error.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <utility>

namespace telpher {
namespace {

std::string quoted(std::string_view path) { return "'" + std::string(path) + "'"; }

std::string validator_of(const struct stat& status) {
  return std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino) + ":" +
         std::to_string(status.st_size) + ":" + std::to_string(status.st_mtim.tv_sec) + "." +
         std::to_string(status.st_mtim.tv_nsec);
}

Result<void> check_regular(const struct stat& status, std::string_view path) {
  if (S_ISREG(status.st_mode)) return {};
  if (S_ISDIR(status.st_mode)) {
    return make_error(ErrorKind::kUnsupported, quoted(path) + " is a directory");
  }
  if (S_ISFIFO(status.st_mode)) {
    return make_error(ErrorKind::kUnsupported,
                      quoted(path) +
                          " is a pipe. Read it from standard input: give - as the "
                          "source and append < " +
                          quoted(path));
  }
  return make_error(ErrorKind::kUnsupported,
                    quoted(path) + (S_ISSOCK(status.st_mode) ? " is a socket" : " is a device") +
                        ", not a regular file");
}

std::string last_segment(std::string_view path) {
  while (path.size() > 1 && path.back() == '/') path.remove_suffix(1);
  const std::size_t slash = path.rfind('/');
  if (slash != std::string_view::npos) path.remove_prefix(slash + 1);
  return path.empty() ? "download" : std::string(path);
}

/// Reads [offset, end) of a file; end empty = until there is no more.
class FileReader : public ByteReader {
 public:
  FileReader(int fd, ByteCount offset, std::optional<ByteCount> end, std::string path)
      : fd_(fd), offset_(offset), end_(end), path_(std::move(path)) {}

  Task<Result<std::size_t>> read_some(MutableBytes buffer) override {
    std::size_t wanted = buffer.size();
    if (end_) wanted = std::min<ByteCount>(wanted, *end_ - offset_);
    if (wanted == 0) co_return std::size_t{0};
    ssize_t count;
    do {
      count = pread(fd_, buffer.data(), wanted, static_cast<off_t>(offset_));
    } while (count < 0 && errno == EINTR);
    if (count < 0) co_return make_errno_error(errno, "read " + quoted(path_));
    if (count == 0 && end_) {
      co_return make_source_changed_error(quoted(path_) + " became shorter: it ends at " +
                                          std::to_string(offset_) + " bytes");
    }
    offset_ += static_cast<ByteCount>(count);
    co_return static_cast<std::size_t>(count);
  }

 private:
  int fd_;
  ByteCount offset_;
  std::optional<ByteCount> end_;
  std::string path_;
};

class FileSource : public Source {
 public:
  FileSource(UniqueFd fd, ByteCount base, bool size_known, std::string path)
      : fd_(std::move(fd)), base_(base), size_known_(size_known), path_(std::move(path)) {}

  Task<Result<SourceInfo>> probe() override {
    struct stat status;
    if (fstat(fd_.get(), &status) != 0) co_return make_errno_error(errno, "stat " + quoted(path_));
    SourceInfo info;
    if (size_known_) {
      const auto size = static_cast<ByteCount>(status.st_size);
      info.size = size - std::min(base_, size);
      info.ranges = true;
      info.validator = validator_of(status);
    }
    info.rereadable = true;
    info.name = last_segment(path_);
    info.last_modified = std::chrono::system_clock::time_point(
        std::chrono::duration_cast<std::chrono::system_clock::duration>(
            std::chrono::seconds(status.st_mtim.tv_sec) +
            std::chrono::nanoseconds(status.st_mtim.tv_nsec)));
    co_return info;
  }

  Task<Result<std::unique_ptr<ByteReader>>> open(std::optional<ByteRange> range,
                                                 SourceInfo seen) override {
    CO_TRY_VOID(check(seen));
    if (!seen.size) {
      if (range) co_return make_error(ErrorKind::kUnsupported, "no ranges of " + quoted(path_));
      co_return std::make_unique<FileReader>(fd_.get(), base_, std::nullopt, path_);
    }
    const ByteRange wanted = range.value_or(ByteRange{0, *seen.size});
    if (wanted.offset > *seen.size || wanted.length > *seen.size - wanted.offset) {
      co_return make_error(ErrorKind::kInvalid, "a range past the end of " + quoted(path_));
    }
    co_return std::make_unique<FileReader>(fd_.get(), base_ + wanted.offset, base_ + wanted.end(),
                                           path_);
  }

  int fd() const override { return size_known_ && base_ == 0 ? fd_.get() : -1; }

  Task<Result<void>> check_unchanged(SourceInfo seen) override { co_return check(seen); }

  std::string redacted_address() const override { return path_; }

  std::string identity() const override {
    // The kernel's name for it: the same file is recognised from another working directory.
    char path[4096];
    const std::string link = "/proc/self/fd/" + std::to_string(fd_.get());
    const ssize_t size = readlink(link.c_str(), path, sizeof path);
    return "file:" + (size > 0 ? std::string(path, static_cast<std::size_t>(size)) : path_) +
           (base_ ? "@" + std::to_string(base_) : "");
  }

 private:
  Result<void> check(const SourceInfo& seen) const {
    if (!size_known_) return {};
    struct stat status;
    if (fstat(fd_.get(), &status) != 0) return make_errno_error(errno, "stat " + quoted(path_));
    if (validator_of(status) == seen.validator) return {};
    const auto size = static_cast<ByteCount>(status.st_size);
    const ByteCount seen_size = base_ + seen.size.value_or(0);
    if (size != seen_size) {
      return make_source_changed_error(quoted(path_) + " has " + std::to_string(size) +
                                       " bytes, it had " + std::to_string(seen_size));
    }
    return make_source_changed_error(quoted(path_) + " was written to");
  }

  const UniqueFd fd_;
  const ByteCount base_;  // where it starts: standard input may have been read from already
  const bool size_known_;
  const std::string path_;
};

Result<std::unique_ptr<Source>> from_fd(UniqueFd fd, ByteCount base, std::string path) {
  struct stat status;
  if (fstat(fd.get(), &status) != 0) return make_errno_error(errno, "stat " + quoted(path));
  TRY_VOID(check_regular(status, path));
  bool size_known = true;
  if (status.st_size == 0) {
    char byte;
    size_known = pread(fd.get(), &byte, 1, 0) <= 0;
  } else {
    posix_fadvise(fd.get(), 0, 0, POSIX_FADV_SEQUENTIAL);  // a larger read-ahead window
  }
  return std::make_unique<FileSource>(std::move(fd), base, size_known, std::move(path));
}

}  // namespace

Result<std::unique_ptr<Source>> open_file_source(std::string path) {
  // O_NONBLOCK: opening a pipe by mistake must not wait for its writer.
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!fd) {
    // A socket cannot be opened at all: say what it is rather than ENXIO.
    const int error = errno;
    struct stat status;
    if (error == ENXIO && stat(path.c_str(), &status) == 0) TRY_VOID(check_regular(status, path));
    return make_errno_error(error, "open " + quoted(path));
  }
  return from_fd(std::move(fd), 0, std::move(path));
}

Result<std::unique_ptr<Source>> make_file_source(int fd, std::string name) {
  UniqueFd copy(fcntl(fd, F_DUPFD_CLOEXEC, 3));
  if (!copy) return make_errno_error(errno, "open " + quoted(name));
  const off_t position = lseek(copy.get(), 0, SEEK_CUR);
  if (position < 0) return make_errno_error(errno, "seek " + quoted(name));
  return from_fd(std::move(copy), static_cast<ByteCount>(position), std::move(name));
}

Result<std::size_t> read_small_file(int directory_fd, const char* path, MutableBytes buffer) {
  const UniqueFd fd(openat(directory_fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!fd) return make_errno_error(errno, "open " + quoted(path));
  std::size_t filled = 0;
  for (;;) {
    char beyond;  // one byte more than fits tells a file that fits exactly from a larger one
    const bool full = filled == buffer.size();
    const ssize_t count = full ? ::read(fd.get(), &beyond, 1)
                               : ::read(fd.get(), buffer.data() + filled, buffer.size() - filled);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return make_errno_error(errno, "read " + quoted(path));
    if (count == 0) break;
    if (full) {
      return make_error(ErrorKind::kLimit, quoted(path) + " is larger than " +
                                               std::to_string(buffer.size()) + " bytes");
    }
    filled += static_cast<std::size_t>(count);
  }
  if (filled == 0) {  // a pipe without a writer reads like an empty file
    struct stat status;
    if (fstat(fd.get(), &status) != 0) return make_errno_error(errno, "stat " + quoted(path));
    TRY_VOID(check_regular(status, path));
  }
  return filled;
}

}  // namespace telpher
