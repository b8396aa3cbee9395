#include "store/local/data_files.h"

#include "base/random.h"
#include "base/units.h"
#include "store/read_body.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <fcntl.h>
#include <filesystem>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace telpher {
namespace {

constexpr ByteCount kSegmentSizeMax = 64 * kMiB;

Result<void> write_all(int fd, ByteCount offset, Bytes bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return make_errno_error(errno, "write to the local store");
    bytes = bytes.subspan(static_cast<std::size_t>(count));
    offset += static_cast<ByteCount>(count);
  }
  return {};
}

Result<void> make_folder(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) return make_errno_error(error.value(), "create '" + path + "'");
  return {};
}

std::string hex(std::uint32_t number) {
  char text[9];
  std::snprintf(text, sizeof text, "%08x", number);
  return text;
}

/// The inverse of hex(); nullopt for names that are not ours.
std::optional<std::uint32_t> parse_hex(std::string_view text) {
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, 16);
  if (error != std::errc{} || end != text.data() + text.size() || text.size() != 8) {
    return std::nullopt;
  }
  return number;
}

std::vector<std::uint32_t> names_in(const std::string& folder) {
  std::vector<std::uint32_t> names;
  std::error_code error;
  for (std::filesystem::directory_iterator it(folder, error), end; !error && it != end;
       it.increment(error)) {
    if (const auto name = parse_hex(it->path().filename().string())) names.push_back(*name);
  }
  return names;
}

}  // namespace

DataFiles::DataFiles(std::string root, bool durable) : root_(std::move(root)), durable_(durable) {}

std::string DataFiles::folder(std::uint32_t session) const {
  return root_ + "/data/" + hex(session);
}
std::string DataFiles::lock_path(std::uint32_t session) const {
  return root_ + "/sessions/" + hex(session);
}
std::string DataFiles::path(FileId id) const {
  return folder(static_cast<std::uint32_t>(id >> 32)) + "/" + hex(static_cast<std::uint32_t>(id));
}

Result<std::unique_ptr<DataFiles>> DataFiles::open(const std::string& root, bool durable) {
  std::unique_ptr<DataFiles> files(new DataFiles(root, durable));
  TRY_VOID(make_folder(root + "/data"));
  TRY_VOID(make_folder(root + "/sessions"));
  TRY_VOID(files->start_session());
  return files;
}

Result<void> DataFiles::start_session() {
  Random random(random_seed());
  for (int attempt = 0; attempt < 100; ++attempt) {
    // 31 bits: file ids stay positive in SQLite.
    const auto session = static_cast<std::uint32_t>(random.below(0x7fffffff) + 1);
    TRY(const bool claimed, claim_session(session));
    if (claimed) return {};
  }
  return make_error(ErrorKind::kIo, "no session could be started in '" + root_ + "'");
}

Result<bool> DataFiles::claim_session(std::uint32_t session) {
  const std::string path = lock_path(session);
  UniqueFd lock(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!lock) {
    if (errno == EEXIST) return false;
    return make_errno_error(errno, "create '" + path + "'");
  }
  // A sweeper may have taken it for dead before it was locked: then its name is gone.
  struct stat status;
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0 || ::fstat(lock.get(), &status) != 0 ||
      status.st_nlink == 0) {
    return false;
  }
  const std::string files = folder(session);
  if (::mkdir(files.c_str(), 0700) != 0) {
    const int reason = errno;
    ::unlink(path.c_str());
    if (reason == EEXIST) return false;
    return make_errno_error(reason, "create '" + files + "'");
  }
  folder_ = UniqueFd(::open(files.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder_) return make_errno_error(errno, "open '" + files + "'");
  if (durable_) {
    const UniqueFd parent(::open((root_ + "/data").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!parent || ::fsync(parent.get()) != 0)
      return make_errno_error(errno, "sync '" + root_ + "'");
  }
  session_ = session;
  lock_ = std::move(lock);
  return true;
}

DataFiles::~DataFiles() {
  if (!lock_) return;
  // An empty folder is not worth keeping; the index may refer to files in any other. The next to
  // open looks through it if anything was left over (the lock stays then).
  if (::rmdir(folder(session_).c_str()) == 0) ::unlink(lock_path(session_).c_str());
}

Result<std::unique_ptr<FileWriter>> DataFiles::begin_file(const ContentDigester::Options& options) {
  const FileId id = (FileId{session_} << 32) | ++files_made_;
  std::string name = path(id);
  UniqueFd file(::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file) return make_errno_error(errno, "create '" + name + "'");
  names_dirty_ = true;
  return std::unique_ptr<FileWriter>(
      new FileWriter(std::move(file), id, std::move(name), durable_, options));
}

Result<DataFiles::Written> DataFiles::write_file(const Body& body,
                                                 const ContentDigester::Options& options) {
  TRY(const std::unique_ptr<FileWriter> file, begin_file(options));
  TRY_VOID(read_body(body, [&](Bytes bytes) { return file->append(bytes); }));
  return file->finish();
}

FileWriter::~FileWriter() {
  if (!finished_) ::unlink(path_.c_str());
}

Result<void> FileWriter::append(Bytes bytes) {
  digester_.update(bytes);
  TRY_VOID(write_all(file_.get(), size_, bytes));
  size_ += bytes.size();
  return {};
}

Result<DataFiles::Written> FileWriter::finish() {
  DataFiles::Written written{{id_, 0, size_}, {}};
  TRY(written.digests, digester_.finish());
  if (durable_ && ::fdatasync(file_.get()) != 0) {
    return make_errno_error(errno, "sync '" + path_ + "'");
  }
  finished_ = true;
  return written;
}

Result<void> DataFiles::start_segment() {
  const FileId id = (FileId{session_} << 32) | kSegmentBit | ++files_made_;
  const std::string name = path(id);
  UniqueFd file(::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file) return make_errno_error(errno, "create '" + name + "'");
  names_dirty_ = true;
  const std::lock_guard lock(segment_mutex_);
  segment_id_ = id;
  segment_ = std::move(file);
  segment_size_ = 0;
  return {};
}

Result<Extent> DataFiles::append(Bytes bytes) {
  if (!segment_ || segment_size_ + bytes.size() > kSegmentSizeMax) {
    TRY_VOID(sync_segment());
    TRY_VOID(start_segment());
  }
  TRY_VOID(write_all(segment_.get(), segment_size_, bytes));
  const Extent extent{segment_id_, segment_size_, bytes.size()};
  segment_size_ += bytes.size();
  segment_dirty_ = true;
  return extent;
}

Result<void> DataFiles::sync_segment() {
  if (!segment_dirty_ || !durable_) return {};
  if (::fdatasync(segment_.get()) != 0) return make_errno_error(errno, "sync a segment");
  segment_dirty_ = false;
  return {};
}

Result<void> DataFiles::sync_names() {
  if (!names_dirty_.exchange(false) || !durable_) return {};
  if (::fsync(folder_.get()) == 0) return {};
  names_dirty_ = true;
  return make_errno_error(errno, "sync '" + folder(session_) + "'");
}

Result<UniqueFd> DataFiles::open_file(FileId id) const {
  const std::string name = path(id);
  UniqueFd file(::open(name.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return make_errno_error(errno, "open '" + name + "'");
  return file;
}

bool DataFiles::is_dead(std::uint32_t session) const {
  return ::access(lock_path(session).c_str(), F_OK) != 0 && errno == ENOENT;
}

bool DataFiles::remove_file(FileId id) {
  const auto session = static_cast<std::uint32_t>(id >> 32);
  const bool dead = session != session_ && is_dead(session);
  if (is_segment(id)) {
    if (session == session_) {
      const std::lock_guard lock(segment_mutex_);
      if (id == segment_id_) return false;
    } else if (!dead) {
      return false;  // its owner may be about to append
    }
  }
  if (::unlink(path(id).c_str()) != 0 && errno != ENOENT) return false;
  if (dead) ::rmdir(folder(session).c_str());  // succeeds when it was the last
  return true;
}

Result<void> DataFiles::sweep(const std::function<Result<bool>(FileId)>& is_referred) {
  for (const std::uint32_t session : names_in(root_ + "/sessions")) {
    if (session == session_) continue;
    const UniqueFd lock(::open(lock_path(session).c_str(), O_RDWR | O_CLOEXEC));
    if (!lock || ::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) continue;  // alive, or just swept
    TRY_VOID(sweep_session(session, is_referred));
    ::unlink(lock_path(session).c_str());
  }
  return {};
}

Result<void> DataFiles::sweep_session(std::uint32_t session,
                                      const std::function<Result<bool>(FileId)>& is_referred) {
  for (const std::uint32_t name : names_in(folder(session))) {
    const FileId id = (FileId{session} << 32) | name;
    TRY(const bool referred, is_referred(id));
    if (!referred) ::unlink(path(id).c_str());
  }
  ::rmdir(folder(session).c_str());  // succeeds when nothing is left
  return {};
}

}  // namespace telpher
