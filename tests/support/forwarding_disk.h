#pragma once
// The real disk; tests derive from it to watch or disturb some of its calls.

#include "store/local/disk.h"

namespace telpher {

class ForwardingDisk : public Disk {
 public:
  Result<void> make_folders(const std::string& path, bool durable) override {
    return real_disk().make_folders(path, durable);
  }
  Result<bool> make_folder(const std::string& path) override {
    return real_disk().make_folder(path);
  }
  bool remove_folder(const std::string& path) override { return real_disk().remove_folder(path); }
  Result<void> sync_folder(const std::string& path) override {
    return real_disk().sync_folder(path);
  }
  std::vector<std::string> names_in(const std::string& folder) override {
    return real_disk().names_in(folder);
  }
  Result<std::unique_ptr<DiskFile>> create(const std::string& path) override {
    return real_disk().create(path);
  }
  Result<UniqueFd> open(const std::string& path) override { return real_disk().open(path); }
  bool remove(const std::string& path) override { return real_disk().remove(path); }
  bool exists(const std::string& path) override { return real_disk().exists(path); }
  Result<std::unique_ptr<DiskFile>> create_lock(const std::string& path) override {
    return real_disk().create_lock(path);
  }
  std::unique_ptr<DiskFile> take_lock(const std::string& path) override {
    return real_disk().take_lock(path);
  }
};

}  // namespace telpher
