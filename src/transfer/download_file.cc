#include "transfer/download_file.h"

#include "base/unique_fd.h"

#include <array>
#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <optional>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace telpher {
namespace {

/// With its "/" at the end; empty = the working directory.
std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash + 1);
}

/// The kernel's name for a file that may have no other.
std::string name_of(int fd) { return "/proc/self/fd/" + std::to_string(fd); }

/// A further name for the open file. Sets errno; EEXIST when the name is taken.
bool give_name(int fd, const std::string& name) {
  return linkat(AT_FDCWD, name_of(fd).c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW) == 0;
}

/// Sets errno; EEXIST when the name is taken.
bool rename_to_free_name(const std::string& from, const std::string& to) {
  if (renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return true;
  if (errno != EINVAL && errno != ENOSYS) return false;  // these: not on this file system
  return link(from.c_str(), to.c_str()) == 0 && unlink(from.c_str()) == 0;
}

}  // namespace

DownloadFile::~DownloadFile() {
  if (remove_at_end_) remove();
  if (fd_ >= 0) close(fd_);
}

std::string DownloadFile::temporary_name(const std::string& path, Random& random) {
  const std::string folder = folder_of(path);
  // A long name is cut: the temporary one must fit in 255 bytes too.
  const std::string name = path.substr(folder.size()).substr(0, 200);
  char suffix[32];
  std::snprintf(suffix, sizeof suffix, ".telpher-%08x.part",
                static_cast<unsigned>(random.next() & 0xffffffff));
  return folder + "." + name + suffix;
}

bool DownloadFile::is_temporary_name(std::string_view path) {
  constexpr std::string_view kMark = ".telpher-";
  constexpr std::string_view kEnd = ".part";
  constexpr std::size_t kDigits = 8;
  const std::string_view name = path.substr(path.rfind('/') + 1);
  if (!name.starts_with('.') || !name.ends_with(kEnd)) return false;
  const std::size_t mark = name.rfind(kMark);
  if (mark == std::string_view::npos) return false;
  const std::size_t start = mark + kMark.size();
  if (name.size() != start + kDigits + kEnd.size()) return false;
  return name.find_first_not_of("0123456789abcdef", start) == start + kDigits;
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

mode_t DownloadFile::first_mode() const {
  struct stat status{};
  // What the old file keeps from others, they must not read in the new one meanwhile.
  return stat(path_.c_str(), &status) == 0 ? 0600 : 0666;
}

Result<void> DownloadFile::open(std::optional<ByteCount> size) {
  fd_ = ::open(temporary_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, first_mode());
  if (fd_ < 0) return failed(errno, "cannot write");
  return reserve(size);
}

Result<void> DownloadFile::reserve(std::optional<ByteCount> size) {
  if (size && *size > 0 && fallocate(fd_, 0, 0, static_cast<off_t>(*size)) != 0 &&
      errno != EOPNOTSUPP && errno != ENOSYS) {
    const int problem = errno;
    remove();
    return failed(problem, "cannot write");
  }
  return {};
}

Result<bool> DownloadFile::create_unnamed(const std::string& path, std::optional<ByteCount> size) {
  path_ = path;
  const std::string folder = folder_of(path);
  fd_ = ::open(folder.empty() ? "." : folder.c_str(), O_RDWR | O_TMPFILE | O_CLOEXEC, first_mode());
  if (fd_ < 0) return false;                      // whatever else is wrong, create() meets too
  if (access(name_of(fd_).c_str(), F_OK) != 0) {  // without /proc it could never get a name
    close(std::exchange(fd_, -1));
    return false;
  }
  TRY_VOID(reserve(size));
  return true;
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

void DownloadFile::take_over_mode() const {
  struct stat old{};
  if (stat(path_.c_str(), &old) != 0) return;
  // Not everybody may give files away, and some file systems know neither owners nor modes.
  (void)!fchown(fd_, static_cast<uid_t>(-1), old.st_gid);
  (void)!fchown(fd_, old.st_uid, static_cast<gid_t>(-1));
  (void)!fchmod(fd_, old.st_mode & 0777);
}

Result<void> DownloadFile::take_name(IfExists if_exists) {
  const bool refuse = if_exists == IfExists::kRefuse;
  const auto cannot = [&] {
    if (!refuse || errno != EEXIST) return failed(errno, "cannot write");
    return make_error(ErrorKind::kPrecondition, "'" + path_ + "' exists already");
  };
  if (temporary_.empty()) {
    if (give_name(fd_, path_)) return {};
    if (errno != EEXIST || refuse) return cannot();
    // A link replaces nothing, a rename does.
    Random random(random_seed());
    const std::string temporary = temporary_name(path_, random);
    if (!give_name(fd_, temporary)) return cannot();
    temporary_ = temporary;
    remove_at_end_ = true;
  }
  const bool renamed = refuse ? rename_to_free_name(temporary_, path_)
                              : rename(temporary_.c_str(), path_.c_str()) == 0;
  if (!renamed) return cannot();
  return {};
}

Result<void> DownloadFile::sync_folder() const {
  const std::string folder = folder_of(path_);
  const UniqueFd fd(
      ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return {};  // one may write into a folder without reading it
  if (fsync(fd.get()) != 0 && errno != EINVAL) return failed(errno, "cannot write");
  return {};
}

void DownloadFile::set_modified(std::chrono::sys_seconds time) {
  const timespec modified{.tv_sec = time.time_since_epoch().count(), .tv_nsec = 0};
  const std::array<timespec, 2> times{timespec{.tv_sec = 0, .tv_nsec = UTIME_OMIT}, modified};
  (void)futimens(fd_, times.data());
}

Result<void> DownloadFile::commit(IfExists if_exists) {
  take_over_mode();
  if (fsync(fd_) != 0 && errno != EINVAL) return failed(errno, "cannot write");
  TRY_VOID(take_name(if_exists));
  remove_at_end_ = false;
  temporary_.clear();
  return sync_folder();
}

void DownloadFile::remove() {
  remove_at_end_ = false;
  if (!temporary_.empty()) unlink(std::exchange(temporary_, "").c_str());
}

}  // namespace telpher
