#include "tests/sim/crash_volume.h"

#include <cerrno>
#include <sys/mman.h>
#include <unistd.h>

namespace telpher::sim {
namespace {

Error killed() { return make_errno_error(EIO, "the process is dead"); }
Error sync_failed() { return make_errno_error(EIO, "sync"); }

class VolumeFile final : public DiskFile {
 public:
  VolumeFile(CrashVfs& process, std::shared_ptr<CrashDisk::File> file)
      : process_(process), file_(std::move(file)) {}
  Result<void> write(ByteCount offset, Bytes bytes) override {
    if (!process_.step()) return killed();
    if (!process_.machine().disk().has_room(*file_, offset + bytes.size())) return disk_full();
    file_->write(offset, as_text(bytes));
    return {};
  }
  Result<void> sync() override {
    if (!process_.step()) return killed();
    if (process_.sync_fails()) {
      file_->lose();
      return sync_failed();
    }
    file_->sync();
    return {};
  }

 private:
  CrashVfs& process_;
  const std::shared_ptr<CrashDisk::File> file_;
};

}  // namespace

Result<void> CrashVolume::make_folders(const std::string& path, bool durable) {
  if (path.empty()) return {};
  const std::string above = CrashDisk::folder_of(path);
  if (disk().find(path + "/")) return durable ? sync_folder(above) : Result<void>();
  TRY_VOID(make_folders(above, durable));
  TRY([[maybe_unused]] const bool made, make_folder(path));
  if (!durable) return {};
  Result<void> synced = sync_folder(above);
  if (!synced) remove_folder(path);
  return synced;
}

Result<bool> CrashVolume::make_folder(const std::string& path) {
  if (disk().find(path + "/")) return false;
  if (!process_.step()) return killed();
  disk().create(path + "/");
  return true;
}

bool CrashVolume::remove_folder(const std::string& path) {
  if (!names_in(path).empty() || !process_.step()) return false;
  disk().remove(path + "/");
  return true;
}

Result<void> CrashVolume::sync_folder(const std::string& path) {
  if (!path.empty() && !disk().find(path + "/")) return make_errno_error(ENOENT, "no folder");
  if (!process_.step()) return killed();
  if (process_.sync_fails()) {
    disk().lose_names(path);
    return sync_failed();
  }
  disk().sync_names(path);
  return {};
}

std::vector<std::string> CrashVolume::names_in(const std::string& folder) {
  std::vector<std::string> names;
  for (std::string name : disk().names()) {
    if (name.ends_with('/')) name.pop_back();
    if (CrashDisk::folder_of(name) == folder) names.push_back(name.substr(folder.size() + 1));
  }
  return names;
}

Result<std::unique_ptr<DiskFile>> CrashVolume::create(const std::string& path) {
  if (exists(path)) return make_errno_error(EEXIST, "create '" + path + "'");
  if (!process_.step()) return killed();
  return std::make_unique<VolumeFile>(process_, disk().create(path));
}

Result<UniqueFd> CrashVolume::open(const std::string& path) {
  const auto file = disk().find(path);
  if (!file) return make_errno_error(ENOENT, "open '" + path + "'");
  UniqueFd copy(::memfd_create("crash", MFD_CLOEXEC));
  const std::string& content = file->content();
  if (!copy ||
      ::write(copy.get(), content.data(), content.size()) != static_cast<ssize_t>(content.size())) {
    return make_errno_error(errno, "copy '" + path + "'");
  }
  return copy;
}

bool CrashVolume::remove(const std::string& path) {
  if (!process_.step()) return false;
  disk().remove(path);
  return true;
}

Result<std::unique_ptr<DiskFile>> CrashVolume::create_lock(const std::string& path) {
  if (exists(path)) return nullptr;
  return create(path);
}

/// There is one process at a time: all others are dead.
std::unique_ptr<DiskFile> CrashVolume::take_lock(const std::string& path) {
  const auto file = disk().find(path);
  if (!file) return nullptr;
  return std::make_unique<VolumeFile>(process_, file);
}

}  // namespace telpher::sim
