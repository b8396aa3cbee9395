#pragma once
// A SQLite VFS over a CrashDisk. One VFS is one simulated process: it can be killed, after which
// nothing of it reaches the disk; its locks fall. Processes on one disk share files, locks and the
// write-ahead log's index, as on a real machine.
// Source: sqlite.org/vfs.html, sqlite.org/c3ref/io_methods.html.

#include "tests/sim/crash_disk.h"

#include <sqlite3.h>

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace telpher::sim {

/// What the processes of one machine share besides the disk's bytes. A power cut empties it.
class Machine {
 public:
  explicit Machine(CrashDisk& disk) : disk_(disk) {}
  CrashDisk& disk() { return disk_; }
  /// No process is left: what they shared in memory is gone.
  void all_ended() { shared_.clear(); }
  /// The processes must have been killed.
  void power_cut(Random* luck) {
    disk_.power_cut(luck);
    shared_.clear();
  }

 private:
  friend class CrashFile;
  struct Shared {
    std::map<const void*, int> locks;  // SQLITE_LOCK_* by file handle
    std::vector<std::unique_ptr<std::array<char, 32768>>> index;
    std::array<std::map<const void*, bool>, SQLITE_SHM_NLOCK> index_locks;  // true = exclusive
  };
  Shared& shared(const std::string& name) { return shared_[name]; }

  CrashDisk& disk_;
  std::map<std::string, Shared> shared_;
};

class CrashVfs {
 public:
  explicit CrashVfs(Machine& machine);
  ~CrashVfs();
  CrashVfs(const CrashVfs&) = delete;

  /// For JournalOptions.vfs.
  const std::string& name() const { return name_; }
  Machine& machine() { return machine_; }

  /// From now on the process can only let go.
  void kill() { dead_ = true; }
  /// Kills it at the `step`-th write, sync, truncation, creation or deletion from now (1 = next).
  void kill_at(int step) { steps_left_ = step; }
  bool dead() const { return dead_; }
  int steps() const { return steps_; }
  int syncs() const { return syncs_; }
  /// Lets the `sync`-th sync of a file or folder from now (1 = next) fail, once.
  void fail_sync_at(int sync) { syncs_left_ = sync; }

  /// For the VFS's functions: counts a step; false when the process is dead.
  bool step();
  /// The same for syncs: true when it is this one that fails.
  bool sync_fails() {
    ++syncs_;
    return syncs_left_ > 0 && --syncs_left_ == 0;
  }

 private:
  Machine& machine_;
  std::string name_;
  sqlite3_vfs vfs_{};
  bool dead_ = false;
  int steps_ = 0;
  int steps_left_ = 0;  // 0 = for ever
  int syncs_ = 0;
  int syncs_left_ = 0;  // 0 = none fails
};

}  // namespace telpher::sim
