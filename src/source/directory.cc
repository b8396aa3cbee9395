#include "source/directory.h"

#include "codec/utf8.h"

#include <cerrno>
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <utility>

namespace telpher {
namespace {

constexpr std::size_t kBatchSize = 32 * 1024;
constexpr int kOpenDirectory = O_RDONLY | O_DIRECTORY | O_CLOEXEC;

/// Bytes that are not printable ASCII or UTF-8 as \xNN: such names go to terminals.
std::string escaped(std::string_view text) {
  constexpr char kDigits[] = "0123456789abcdef";
  const bool utf8 = is_utf8(text);
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F || (byte >= 0x80 && !utf8)) {
      out += {'\\', 'x', kDigits[byte >> 4], kDigits[byte & 15]};
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace

struct DirectoryWalk::Level {
  UniqueFd fd;
  dev_t device = 0;
  ino_t inode = 0;
  std::size_t path_size = 0;  // of this directory's path with its "/"
  std::size_t next = 0;
  std::size_t filled = 0;
  alignas(dirent64) char batch[kBatchSize];
};

struct DirectoryWalk::Name {
  const char* text;
  unsigned char type;  // DT_*
};

DirectoryWalk::DirectoryWalk(std::string root, WalkOptions options)
    : root_(std::move(root)), options_(std::move(options)) {}

DirectoryWalk::~DirectoryWalk() = default;

Result<std::unique_ptr<DirectoryWalk>> DirectoryWalk::open(std::string root, WalkOptions options) {
  if (root.empty()) root = ".";
  std::unique_ptr<DirectoryWalk> walk(new DirectoryWalk(std::move(root), std::move(options)));
  UniqueFd fd(::open(walk->root_.c_str(), kOpenDirectory));
  if (!fd) return make_errno_error(errno, "open directory '" + escaped(walk->root_) + "'");
  walk->root_fd_ = UniqueFd(fcntl(fd.get(), F_DUPFD_CLOEXEC, 3));
  TRY_VOID(walk->enter(std::move(fd), false));
  return walk;
}

std::string DirectoryWalk::full_path(std::string_view name) const {
  std::string path = root_;
  if (!path.ends_with('/')) path += '/';
  return path.append(name);
}

std::string DirectoryWalk::quoted_path() const { return "'" + escaped(full_path(path_)) + "'"; }

Result<void> DirectoryWalk::enter(UniqueFd fd, bool through_link) {
  struct stat status;
  if (fstat(fd.get(), &status) != 0) return make_errno_error(errno, "stat " + quoted_path());
  if (through_link) {
    for (const std::unique_ptr<Level>& above : levels_) {
      if (above->device == status.st_dev && above->inode == status.st_ino) {
        return make_error(ErrorKind::kUnsupported,
                          quoted_path() + " is a link to a directory that holds it: skipped");
      }
    }
  }
  if (levels_.size() >= static_cast<std::size_t>(options_.depth_max)) {
    return make_error(ErrorKind::kLimit, quoted_path() + " lies more than " +
                                             std::to_string(options_.depth_max) +
                                             " directories deep: skipped");
  }
  std::unique_ptr<Level> level = std::move(idle_);
  if (!level) level.reset(new Level);  // not value-initialised: the batch needs no zeros
  level->fd = std::move(fd);
  level->device = status.st_dev;
  level->inode = status.st_ino;
  level->next = level->filled = 0;
  if (!levels_.empty()) path_ += '/';
  level->path_size = path_.size();
  levels_.push_back(std::move(level));
  return {};
}

Result<std::optional<FileEntry>> DirectoryWalk::next() {
  while (!levels_.empty()) {
    Level& level = *levels_.back();
    path_.resize(level.path_size);
    if (level.next == level.filled) {
      const ssize_t size = getdents64(level.fd.get(), level.batch, kBatchSize);
      const int error = size < 0 ? errno : 0;
      if (size <= 0) {
        level.fd = UniqueFd();
        idle_ = std::move(levels_.back());
        levels_.pop_back();
        if (error) return make_errno_error(error, "read directory " + quoted_path());
        continue;
      }
      level.next = 0;
      level.filled = static_cast<std::size_t>(size);
    }
    const auto* entry = reinterpret_cast<const dirent64*>(level.batch + level.next);
    level.next += entry->d_reclen;
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    path_ += name;
    TRY(std::optional<FileEntry> file, visit({entry->d_name, entry->d_type}));
    if (file) return file;
  }
  return std::nullopt;
}

Result<std::optional<FileEntry>> DirectoryWalk::visit(const Name& name) {
  const int parent = levels_.back()->fd.get();
  if (!is_utf8(name.text)) {
    return make_error(ErrorKind::kInvalid,
                      quoted_path() + " has a name that is not UTF-8, which no key can hold");
  }
  unsigned char type = name.type;
  // Before anything is asked of the file system: what cannot match costs nothing.
  if (type == DT_REG && options_.pattern && !options_.pattern->matches(path_)) return std::nullopt;
  struct stat status;
  bool has_status = false;
  if (type == DT_LNK || type == DT_UNKNOWN || (type == DT_REG && options_.attributes)) {
    if (fstatat(parent, name.text, &status, 0) != 0) {
      return make_errno_error(errno, (type == DT_LNK ? "follow link " : "stat ") + quoted_path());
    }
    has_status = true;
    type = IFTODT(status.st_mode);
  }
  if (type == DT_DIR) {
    if (options_.pattern && !options_.pattern->may_match_below(path_)) return std::nullopt;
    UniqueFd fd(openat(parent, name.text, kOpenDirectory));
    if (!fd) return make_errno_error(errno, "open directory " + quoted_path());
    TRY_VOID(enter(std::move(fd), name.type != DT_DIR));
    return std::nullopt;
  }
  if (options_.pattern && !options_.pattern->matches(path_)) return std::nullopt;
  if (type != DT_REG) {
    return make_error(ErrorKind::kUnsupported,
                      quoted_path() + " is neither a file nor a directory: skipped");
  }
  FileEntry file{.path = path_};
  if (has_status) {
    file.size = static_cast<ByteCount>(status.st_size);
    file.modified_ns = status.st_mtim.tv_sec * 1'000'000'000 + status.st_mtim.tv_nsec;
  }
  return file;
}

}  // namespace telpher
