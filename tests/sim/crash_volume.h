#pragma once
// The local store's files on a CrashDisk: the same simulated process as its index (CrashVfs), so
// that every change of either counts as a step at which it may be killed. One thread.

#include "store/local/disk.h"
#include "tests/sim/crash_vfs.h"

namespace telpher::sim {

class CrashVolume final : public Disk {
 public:
  /// `process` must outlive this.
  explicit CrashVolume(CrashVfs& process) : process_(process) {}

  Result<void> make_folders(const std::string& path, bool durable) override;
  Result<bool> make_folder(const std::string& path) override;
  bool remove_folder(const std::string& path) override;
  Result<void> sync_folder(const std::string& path) override;
  std::vector<std::string> names_in(const std::string& folder) override;
  Result<std::unique_ptr<DiskFile>> create(const std::string& path) override;
  Result<UniqueFd> open(const std::string& path) override;
  bool remove(const std::string& path) override;
  bool exists(const std::string& path) override { return disk().find(path) != nullptr; }
  Result<std::unique_ptr<DiskFile>> create_lock(const std::string& path) override;
  std::unique_ptr<DiskFile> take_lock(const std::string& path) override;

 private:
  CrashDisk& disk() { return process_.machine().disk(); }

  CrashVfs& process_;
};

}  // namespace telpher::sim
