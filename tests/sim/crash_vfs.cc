#include "tests/sim/crash_vfs.h"

#include <algorithm>
#include <cstring>
#include <span>
#include <utility>

namespace telpher::sim {

/// One open file of one process.
class CrashFile {
 public:
  CrashFile(CrashVfs& vfs, std::string name, std::shared_ptr<CrashDisk::File> file, bool sync_names)
      : vfs_(vfs), name_(std::move(name)), file_(std::move(file)), sync_names_(sync_names) {}
  ~CrashFile() {
    unlock(SQLITE_LOCK_NONE);
    unmap();
  }

  int read(void* bytes, int count, sqlite3_int64 offset) {
    const std::string& content = file_->content();
    const auto start = std::min(content.size(), static_cast<std::size_t>(offset));
    const auto got = std::min(content.size() - start, static_cast<std::size_t>(count));
    std::memcpy(bytes, content.data() + start, got);
    if (got == static_cast<std::size_t>(count)) return SQLITE_OK;
    std::memset(static_cast<char*>(bytes) + got, 0, static_cast<std::size_t>(count) - got);
    return SQLITE_IOERR_SHORT_READ;
  }
  int write(const void* bytes, int count, sqlite3_int64 offset) {
    if (!vfs_.step()) return SQLITE_IOERR_WRITE;
    const auto end = static_cast<ByteCount>(offset) + static_cast<ByteCount>(count);
    if (!disk().has_room(*file_, end)) return SQLITE_FULL;
    file_->write(static_cast<ByteCount>(offset),
                 {static_cast<const char*>(bytes), static_cast<std::size_t>(count)});
    return SQLITE_OK;
  }
  int truncate(sqlite3_int64 size) {
    if (!vfs_.step()) return SQLITE_IOERR_TRUNCATE;
    file_->truncate(static_cast<ByteCount>(size));
    return SQLITE_OK;
  }
  int sync() {
    if (!vfs_.step()) return SQLITE_IOERR_FSYNC;
    if (vfs_.sync_fails()) {
      file_->lose();
      return SQLITE_IOERR_FSYNC;
    }
    file_->sync();
    // As the Unix VFS does: the first sync of a journal or log also syncs its folder.
    if (std::exchange(sync_names_, false)) disk().sync_names(CrashDisk::folder_of(name_));
    return SQLITE_OK;
  }
  sqlite3_int64 size() const { return static_cast<sqlite3_int64>(file_->content().size()); }

  // Source: sqlite.org/lockingv3.html.
  int lock(int wanted) {
    if (vfs_.dead()) return SQLITE_IOERR_LOCK;
    auto& locks = shared().locks;
    int& mine = locks[this];
    for (const auto& [other, level] : locks) {
      if (other == this || level == SQLITE_LOCK_NONE) continue;
      if (wanted == SQLITE_LOCK_SHARED && level >= SQLITE_LOCK_PENDING) return SQLITE_BUSY;
      if (wanted >= SQLITE_LOCK_RESERVED && level >= SQLITE_LOCK_RESERVED) return SQLITE_BUSY;
      if (wanted == SQLITE_LOCK_EXCLUSIVE) {
        mine = std::max(mine, SQLITE_LOCK_PENDING);
        return SQLITE_BUSY;
      }
    }
    mine = std::max(mine, wanted);
    return SQLITE_OK;
  }
  int unlock(int level) {
    auto& locks = shared().locks;
    if (level == SQLITE_LOCK_NONE) {
      locks.erase(this);
    } else if (const auto mine = locks.find(this); mine != locks.end()) {
      mine->second = std::min(mine->second, level);
    }
    return SQLITE_OK;
  }
  bool reserved() {
    return std::ranges::any_of(
        shared().locks, [](const auto& lock) { return lock.second >= SQLITE_LOCK_RESERVED; });
  }

  int map(int region, int size, bool extend, void volatile** address) {
    auto& index = shared().index;
    *address = nullptr;
    if (size > static_cast<int>(index.empty() ? 32768 : index[0]->size())) return SQLITE_IOERR;
    const auto wanted = static_cast<std::size_t>(region) + 1;
    if (index.size() < wanted) {
      if (!extend) return SQLITE_OK;
      if (vfs_.dead()) return SQLITE_IOERR_SHMMAP;
      while (index.size() < wanted) {
        index.push_back(std::make_unique<std::array<char, 32768>>());
        index.back()->fill(0);
      }
    }
    *address = index[static_cast<std::size_t>(region)]->data();
    return SQLITE_OK;
  }
  int index_lock(int first, int count, int flags) {
    const bool exclusive = flags & SQLITE_SHM_EXCLUSIVE;
    auto& locks = shared().index_locks;
    const auto slots =
        std::span(locks).subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count));
    if (flags & SQLITE_SHM_UNLOCK) {
      for (auto& slot : slots) slot.erase(this);
      return SQLITE_OK;
    }
    if (vfs_.dead()) return SQLITE_IOERR_SHMLOCK;
    for (const auto& slot : slots) {
      for (const auto& [other, other_exclusive] : slot) {
        if (other != this && (exclusive || other_exclusive)) return SQLITE_BUSY;
      }
    }
    for (auto& slot : slots) slot[this] = exclusive;
    return SQLITE_OK;
  }
  int unmap() {
    for (auto& slot : shared().index_locks) slot.erase(this);
    return SQLITE_OK;
  }

 private:
  CrashDisk& disk() { return vfs_.machine().disk(); }
  Machine::Shared& shared() { return vfs_.machine().shared(name_); }

  CrashVfs& vfs_;
  const std::string name_;
  const std::shared_ptr<CrashDisk::File> file_;
  bool sync_names_;
};

namespace {

struct Handle : sqlite3_file {
  CrashFile* file;
};

CrashFile& file_of(sqlite3_file* handle) { return *static_cast<Handle*>(handle)->file; }
CrashVfs& vfs_of(sqlite3_vfs* vfs) { return *static_cast<CrashVfs*>(vfs->pAppData); }

const sqlite3_io_methods kMethods = {
    .iVersion = 2,
    .xClose =
        [](sqlite3_file* handle) {
          delete std::exchange(static_cast<Handle*>(handle)->file, nullptr);
          return SQLITE_OK;
        },
    .xRead = [](sqlite3_file* handle, void* bytes, int count,
                sqlite3_int64 offset) { return file_of(handle).read(bytes, count, offset); },
    .xWrite = [](sqlite3_file* handle, const void* bytes, int count,
                 sqlite3_int64 offset) { return file_of(handle).write(bytes, count, offset); },
    .xTruncate = [](sqlite3_file* handle,
                    sqlite3_int64 size) { return file_of(handle).truncate(size); },
    .xSync = [](sqlite3_file* handle, int) { return file_of(handle).sync(); },
    .xFileSize =
        [](sqlite3_file* handle, sqlite3_int64* size) {
          *size = file_of(handle).size();
          return SQLITE_OK;
        },
    .xLock = [](sqlite3_file* handle, int level) { return file_of(handle).lock(level); },
    .xUnlock = [](sqlite3_file* handle, int level) { return file_of(handle).unlock(level); },
    .xCheckReservedLock =
        [](sqlite3_file* handle, int* reserved) {
          *reserved = file_of(handle).reserved() ? 1 : 0;
          return SQLITE_OK;
        },
    .xFileControl = [](sqlite3_file*, int, void*) { return SQLITE_NOTFOUND; },
    .xSectorSize = [](sqlite3_file*) { return 512; },
    .xDeviceCharacteristics = [](sqlite3_file*) { return SQLITE_IOCAP_POWERSAFE_OVERWRITE; },
    .xShmMap =
        [](sqlite3_file* handle, int region, int size, int extend, void volatile** address) {
          return file_of(handle).map(region, size, extend != 0, address);
        },
    .xShmLock = [](sqlite3_file* handle, int first, int count,
                   int flags) { return file_of(handle).index_lock(first, count, flags); },
    .xShmBarrier = [](sqlite3_file*) {},
    .xShmUnmap = [](sqlite3_file* handle, int) { return file_of(handle).unmap(); },
};

int open_file(sqlite3_vfs* self, const char* name, sqlite3_file* out, int flags, int* out_flags) {
  out->pMethods = nullptr;
  CrashVfs& vfs = vfs_of(self);
  CrashDisk& disk = vfs.machine().disk();
  const std::string path = name ? name : "";
  std::shared_ptr<CrashDisk::File> file = name ? disk.find(path) : nullptr;
  if (!file) {
    if (!(flags & SQLITE_OPEN_CREATE) || !vfs.step()) return SQLITE_CANTOPEN;
    file = name ? disk.create(path) : std::make_shared<CrashDisk::File>();
  }
  constexpr int kLogs = SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_WAL | SQLITE_OPEN_SUPER_JOURNAL;
  const bool sync_names = (flags & SQLITE_OPEN_CREATE) && (flags & kLogs);
  static_cast<Handle*>(out)->file = new CrashFile(vfs, path, std::move(file), sync_names);
  out->pMethods = &kMethods;
  if (out_flags) *out_flags = flags;
  return SQLITE_OK;
}

int delete_file(sqlite3_vfs* self, const char* name, int sync_folder) {
  CrashVfs& vfs = vfs_of(self);
  if (!vfs.step()) return SQLITE_IOERR_DELETE;
  vfs.machine().disk().remove(name);
  if (sync_folder) vfs.machine().disk().sync_names(CrashDisk::folder_of(name));
  return SQLITE_OK;
}

}  // namespace

CrashVfs::CrashVfs(Machine& machine) : machine_(machine) {
  static int made = 0;
  name_ = "crash-" + std::to_string(++made);
  vfs_.iVersion = 2;
  vfs_.szOsFile = sizeof(Handle);
  vfs_.mxPathname = 512;
  vfs_.zName = name_.c_str();
  vfs_.pAppData = this;
  vfs_.xOpen = open_file;
  vfs_.xDelete = delete_file;
  vfs_.xAccess = [](sqlite3_vfs* self, const char* name, int, int* there) {
    const auto file = vfs_of(self).machine().disk().find(name);
    // SQLite asks whether a log exists in order to recover it: an empty one needs nothing.
    *there = file != nullptr;
    return SQLITE_OK;
  };
  vfs_.xFullPathname = [](sqlite3_vfs*, const char* name, int size, char* out) {
    sqlite3_snprintf(size, out, "%s", name);
    return SQLITE_OK;
  };
  vfs_.xRandomness = [](sqlite3_vfs*, int count, char* out) {
    std::memset(out, 7, static_cast<std::size_t>(count));
    return count;
  };
  vfs_.xSleep = [](sqlite3_vfs*, int microseconds) { return microseconds; };
  vfs_.xCurrentTimeInt64 = [](sqlite3_vfs*, sqlite3_int64* milliseconds) {
    *milliseconds = 212'000'000'000'000;  // some Julian day; nothing here asks for the date
    return SQLITE_OK;
  };
  vfs_.xGetLastError = [](sqlite3_vfs*, int, char*) { return 0; };
  sqlite3_vfs_register(&vfs_, 0);
}

CrashVfs::~CrashVfs() { sqlite3_vfs_unregister(&vfs_); }

bool CrashVfs::step() {
  if (dead_) return false;
  ++steps_;
  if (steps_left_ > 0 && --steps_left_ == 0) dead_ = true;
  return !dead_;
}

}  // namespace telpher::sim
