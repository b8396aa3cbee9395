#include "store/local/disk.h"

#include "store/rules.h"

#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace telpher {
namespace {

namespace fs = std::filesystem;

class RealFile final : public DiskFile {
 public:
  explicit RealFile(UniqueFd fd) : fd_(std::move(fd)) {}

  Result<void> write(ByteCount offset, Bytes bytes) override {
    while (!bytes.empty()) {
      const ssize_t count =
          ::pwrite(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0 && (errno == ENOSPC || errno == EDQUOT)) return disk_full();
      if (count < 0) return make_errno_error(errno, "write to the local store");
      bytes = bytes.subspan(static_cast<std::size_t>(count));
      offset += static_cast<ByteCount>(count);
    }
    return {};
  }
  Result<void> sync() override {
    if (::fdatasync(fd_.get()) == 0) return {};
    return make_errno_error(errno, "sync a file of the local store");
  }

 private:
  const UniqueFd fd_;
};

class RealDisk final : public Disk {
 public:
  Result<void> make_folders(const std::string& path, bool durable) override {
    const std::string parent = parent_of(path);
    const int reason = ::mkdir(path.c_str(), 0700) == 0 ? 0 : errno;
    if (reason == EEXIST && fs::is_directory(path)) {
      if (!durable) return {};
      // Who made it may have been killed before this. Where we may not, it was not one of us.
      Result<void> synced = sync_folder(parent);
      if (!synced && synced.error().kind == ErrorKind::kDenied) return {};
      return synced;
    }
    if (reason != 0 && reason != ENOENT) return make_errno_error(reason, "create '" + path + "'");
    TRY_VOID(make_folders(parent, durable));
    TRY([[maybe_unused]] const bool made, make_folder(path));
    if (!durable) return {};
    Result<void> synced = sync_folder(parent);
    // A sync that failed is not repeated.
    if (!synced) remove_folder(path);
    return synced;
  }
  Result<bool> make_folder(const std::string& path) override {
    if (::mkdir(path.c_str(), 0700) == 0) return true;
    if (errno == EEXIST) return false;
    return make_errno_error(errno, "create '" + path + "'");
  }
  bool remove_folder(const std::string& path) override { return ::rmdir(path.c_str()) == 0; }
  Result<void> sync_folder(const std::string& path) override {
    const UniqueFd folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!folder || ::fsync(folder.get()) != 0) {
      return make_errno_error(errno, "sync '" + path + "'");
    }
    return {};
  }
  std::vector<std::string> names_in(const std::string& folder) override {
    std::vector<std::string> names;
    std::error_code error;
    for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
      names.push_back(it->path().filename().string());
    }
    return names;
  }

  Result<std::unique_ptr<DiskFile>> create(const std::string& path) override {
    UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!fd) return make_errno_error(errno, "create '" + path + "'");
    return std::make_unique<RealFile>(std::move(fd));
  }
  Result<UniqueFd> open(const std::string& path) override {
    UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) return make_errno_error(errno, "open '" + path + "'");
    return fd;
  }
  bool remove(const std::string& path) override {
    return ::unlink(path.c_str()) == 0 || errno == ENOENT;
  }
  bool exists(const std::string& path) override {
    return ::access(path.c_str(), F_OK) == 0 || errno != ENOENT;
  }

  Result<std::unique_ptr<DiskFile>> create_lock(const std::string& path) override {
    UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!fd && errno == EEXIST) return nullptr;
    if (!fd) return make_errno_error(errno, "create '" + path + "'");
    // Somebody may have taken it for a dead one's before it was locked: then its name is gone.
    struct stat status;
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0 || ::fstat(fd.get(), &status) != 0 ||
        status.st_nlink == 0) {
      return nullptr;
    }
    return std::make_unique<RealFile>(std::move(fd));
  }
  std::unique_ptr<DiskFile> take_lock(const std::string& path) override {
    UniqueFd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC));
    if (!fd || ::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) return nullptr;
    return std::make_unique<RealFile>(std::move(fd));
  }

 private:
  static std::string parent_of(const std::string& path) {
    const std::string parent = fs::path(path).parent_path().string();
    return parent.empty() ? "." : parent;
  }
};

}  // namespace

Error disk_full() {
  return store_error(ErrorKind::kLimit, "InsufficientStorage", 507,
                     "the disk of the embedded store is full: make room on it, or remove objects");
}

Disk& real_disk() {
  static RealDisk disk;
  return disk;
}

}  // namespace telpher
