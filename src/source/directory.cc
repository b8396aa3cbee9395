#include "source/directory.h"

#include "codec/utf8.h"

#include <algorithm>
#include <cerrno>
#include <dirent.h>
#include <fcntl.h>
#include <functional>
#include <limits>
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

bool is_directory(const std::string& path) {
  struct stat status;
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

bool exists(const std::string& path) {
  struct stat status;
  return ::lstat(path.c_str(), &status) == 0;
}

bool is_link(const std::string& path) {
  struct stat status;
  return ::lstat(path.c_str(), &status) == 0 && S_ISLNK(status.st_mode);
}

struct DirectoryWalk::Level {
  /// Of a sorted walk. Directories end in "/" here: that is what the paths below them sort by.
  struct SortedName {
    std::uint32_t offset;  // in `names`, NUL at the end
    std::uint32_t size;
    unsigned char type;
  };

  UniqueFd fd;
  dev_t device = 0;
  ino_t inode = 0;
  std::size_t path_size = 0;  // of this directory's path with its "/"
  std::size_t next = 0;       // in `batch`, or of `sorted`
  std::size_t filled = 0;
  std::string names;
  std::vector<SortedName> sorted;
  bool read = false;  // into `sorted`
  bool below_link = false;
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
  level->names.clear();
  level->sorted.clear();
  level->read = false;
  level->below_link = through_link || (!levels_.empty() && levels_.back()->below_link);
  if (!levels_.empty()) path_ += '/';
  level->path_size = path_.size();
  levels_.push_back(std::move(level));
  return {};
}

/// The next batch of names; false at the end of the directory.
Result<bool> DirectoryWalk::read_batch(Level& level) {
  const ssize_t size = getdents64(level.fd.get(), level.batch, kBatchSize);
  if (size < 0) return make_errno_error(errno, "read directory " + quoted_path());
  level.next = 0;
  level.filled = static_cast<std::size_t>(size);
  return size > 0;
}

/// Of the batch; nullopt at its end.
std::optional<DirectoryWalk::Name> DirectoryWalk::next_in_batch(Level& level) {
  while (level.next < level.filled) {
    const auto* entry = reinterpret_cast<const dirent64*>(level.batch + level.next);
    level.next += entry->d_reclen;
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") return Name{entry->d_name, entry->d_type};
  }
  return std::nullopt;
}

bool DirectoryWalk::is_link(int parent, const Name& name) {
  if (name.type != DT_UNKNOWN) return name.type == DT_LNK;
  struct stat status;
  return fstatat(parent, name.text, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(status.st_mode);
}

/// Whether paths go on below it: a link, and what the file system does not tell, must be looked at.
bool DirectoryWalk::is_directory(const Level& level, const Name& name) const {
  if (name.type != DT_LNK && name.type != DT_UNKNOWN) return name.type == DT_DIR;
  struct stat status;
  const int flags = options_.follow_links ? 0 : AT_SYMLINK_NOFOLLOW;
  return fstatat(level.fd.get(), name.text, &status, flags) == 0 && S_ISDIR(status.st_mode);
}

Result<bool> DirectoryWalk::read_sorted(Level& level) {
  TRY(const bool more, read_batch(level));
  while (const std::optional<Name> name = next_in_batch(level)) {
    const std::size_t offset = level.names.size();
    level.names += name->text;
    if (is_directory(level, *name)) level.names += '/';
    const std::size_t size = level.names.size() - offset;
    level.names += '\0';
    if (level.names.size() > std::numeric_limits<std::uint32_t>::max()) {
      return make_error(ErrorKind::kLimit, quoted_path() + " holds too many names to be sorted");
    }
    level.sorted.push_back(
        {static_cast<std::uint32_t>(offset), static_cast<std::uint32_t>(size), name->type});
  }
  if (more) return true;
  const auto text = [&](const Level::SortedName& name) {
    return std::string_view(level.names).substr(name.offset, name.size);
  };
  std::ranges::sort(level.sorted, std::less<>(), text);
  level.next = 0;
  level.read = true;
  return false;
}

Result<std::optional<DirectoryWalk::Name>> DirectoryWalk::next_name(Level& level) {
  if (options_.sorted) {
    if (level.next == level.sorted.size()) return std::nullopt;
    const Level::SortedName& name = level.sorted[level.next++];
    char* text = level.names.data() + name.offset;
    if (text[name.size - 1] == '/') text[name.size - 1] = '\0';
    return Name{text, name.type};
  }
  for (;;) {
    if (const std::optional<Name> name = next_in_batch(level)) return name;
    TRY(const bool more, read_batch(level));
    if (!more) return std::nullopt;
  }
}

void DirectoryWalk::leave() {
  levels_.back()->fd = UniqueFd();
  idle_ = std::move(levels_.back());
  levels_.pop_back();
}

Result<std::optional<FileEntry>> DirectoryWalk::next() {
  while (!ended()) {
    TRY(std::optional<FileEntry> file, step());
    if (file) return file;
  }
  return std::nullopt;
}

Result<std::optional<FileEntry>> DirectoryWalk::step() {
  if (ended()) return std::nullopt;
  Level& level = *levels_.back();
  path_.resize(level.path_size);
  if (options_.sorted && !level.read) {
    const Result<bool> more = read_sorted(level);
    if (!more) leave();
    if (!more) return more.error();
    return std::nullopt;
  }
  Result<std::optional<Name>> name = next_name(level);
  if (!name || !*name) {
    leave();
    if (!name) return std::move(name).error();
    return std::nullopt;
  }
  path_ += (*name)->text;
  return visit(**name);
}

Result<std::optional<FileEntry>> DirectoryWalk::visit(const Name& name) {
  const int parent = levels_.back()->fd.get();
  if (!options_.follow_links && is_link(parent, name)) {
    const bool meant = !options_.pattern || options_.pattern->matches(path_) ||
                       options_.pattern->may_match_below(path_);
    if (!meant) return std::nullopt;
    return FileEntry{.path = path_, .is_link = true};
  }
  if (!is_utf8(name.text)) {
    const bool meant =
        !options_.pattern || options_.pattern->matches(path_) ||
        (is_directory(*levels_.back(), name) && options_.pattern->may_match_below(path_));
    if (!meant) return std::nullopt;
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
    const int flags = kOpenDirectory | (options_.follow_links ? 0 : O_NOFOLLOW);
    UniqueFd fd(openat(parent, name.text, flags));
    if (!fd) return make_errno_error(errno, "open directory " + quoted_path());
    TRY_VOID(enter(std::move(fd), name.type != DT_DIR));
    return std::nullopt;
  }
  if (options_.pattern && !options_.pattern->matches(path_)) return std::nullopt;
  if (type != DT_REG) {
    return make_error(ErrorKind::kUnsupported,
                      quoted_path() + " is neither a file nor a directory: skipped");
  }
  FileEntry file{.path = path_, .below_link = levels_.back()->below_link};
  if (has_status) {
    file.size = static_cast<ByteCount>(status.st_size);
    file.modified_ns = status.st_mtim.tv_sec * 1'000'000'000 + status.st_mtim.tv_nsec;
  }
  return file;
}

}  // namespace telpher
