#include "transfer/download_file.h"

#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <optional>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace telpher {

DownloadFile::~DownloadFile() {
  if (remove_at_end_) remove();
  if (fd_ >= 0) close(fd_);
}

std::string DownloadFile::temporary_name(const std::string& path, Random& random) {
  const std::size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "" : path.substr(0, slash + 1);
  // A long name is cut: the temporary one must fit in 255 bytes too.
  const std::string name = path.substr(folder.size()).substr(0, 200);
  char suffix[32];
  std::snprintf(suffix, sizeof suffix, ".telpher-%08x.part",
                static_cast<unsigned>(random.next() & 0xffffffff));
  return folder + "." + name + suffix;
}

Error DownloadFile::failed(int errno_value, std::string_view what) const {
  Error error = make_errno_error(errno_value, std::string(what) + " '" + path_ + "'");
  if (errno_value == ENOSPC || errno_value == EDQUOT) {
    error.message += ". Make room on the disk and run it again";
  }
  if (error.kind == ErrorKind::kNotFound || error.kind == ErrorKind::kDenied) {
    error.kind = ErrorKind::kIo;  // of the destination, not of the source
  }
  return error;
}

Result<void> DownloadFile::open(std::optional<ByteCount> size) {
  fd_ = ::open(temporary_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (fd_ < 0) return failed(errno, "cannot write");
  if (size && *size > 0 && fallocate(fd_, 0, 0, static_cast<off_t>(*size)) != 0 &&
      errno != EOPNOTSUPP && errno != ENOSYS) {
    const int problem = errno;
    remove();
    return failed(problem, "cannot write");
  }
  return {};
}

Result<void> DownloadFile::create(const std::string& path, std::optional<ByteCount> size) {
  Random random(random_seed());
  path_ = path;
  temporary_ = temporary_name(path, random);
  TRY_VOID(open(size));
  remove_at_end_ = true;
  return {};
}

Result<void> DownloadFile::create_as(const std::string& path, const std::string& temporary,
                                     std::optional<ByteCount> size) {
  path_ = path;
  temporary_ = temporary;
  return open(size);
}

bool DownloadFile::reopen(const std::string& path, const std::string& temporary) {
  path_ = path;
  temporary_ = temporary;
  fd_ = ::open(temporary_.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
  return fd_ >= 0;
}

Result<void> DownloadFile::write(ByteCount offset, Bytes bytes) {
  while (!bytes.empty()) {
    const ssize_t count = pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failed(errno, "cannot write");
    offset += static_cast<ByteCount>(count);
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
  return {};
}

Result<void> DownloadFile::commit() {
  if (fdatasync(fd_) != 0 && errno != EINVAL) return failed(errno, "cannot write");
  if (rename(temporary_.c_str(), path_.c_str()) != 0) return failed(errno, "cannot write");
  remove_at_end_ = false;
  temporary_.clear();
  return {};
}

void DownloadFile::remove() {
  remove_at_end_ = false;
  if (!temporary_.empty()) unlink(std::exchange(temporary_, "").c_str());
}

}  // namespace telpher
