#pragma once
// The calls by which the local store changes the disk (its index has SQLite's). An interface, so
// that tests can cut the power between any two of them. Any thread.

#include "base/bytes.h"
#include "base/result.h"
#include "base/unique_fd.h"

#include <memory>
#include <string>
#include <vector>

namespace telpher {

/// A file being written.
class DiskFile {
 public:
  virtual ~DiskFile() = default;
  /// Errors: kIo, kLimit ("InsufficientStorage").
  virtual Result<void> write(ByteCount offset, Bytes bytes) = 0;
  /// The bytes survive a power cut; for the name see Disk::sync_folder(). Errors: kIo.
  virtual Result<void> sync() = 0;
};

class Disk {
 public:
  virtual ~Disk() = default;

  /// With the folders above it. @param durable  what is made survives a power cut
  /// Errors: kIo, kDenied.
  virtual Result<void> make_folders(const std::string& path, bool durable) = 0;
  /// False = there is one already. Errors: kIo, kDenied.
  virtual Result<bool> make_folder(const std::string& path) = 0;
  /// If it is empty: true.
  virtual bool remove_folder(const std::string& path) = 0;
  /// The names in it survive a power cut as they are now. Errors: kIo.
  virtual Result<void> sync_folder(const std::string& path) = 0;
  virtual std::vector<std::string> names_in(const std::string& folder) = 0;

  /// A new file. Errors: kIo, kDenied, kConflict (it exists).
  virtual Result<std::unique_ptr<DiskFile>> create(const std::string& path) = 0;
  /// For reading. Errors: kNotFound, kIo.
  virtual Result<UniqueFd> open(const std::string& path) = 0;
  /// True = it is gone.
  virtual bool remove(const std::string& path) = 0;
  virtual bool exists(const std::string& path) = 0;

  /// A new file that is locked for as long as it is open; null = there is one already.
  virtual Result<std::unique_ptr<DiskFile>> create_lock(const std::string& path) = 0;
  /// Locks a file of somebody who is gone; null = alive, or the file is gone too.
  virtual std::unique_ptr<DiskFile> take_lock(const std::string& path) = 0;
};

/// kLimit, "InsufficientStorage".
Error disk_full();

/// The one the process runs on.
Disk& real_disk();

}  // namespace telpher
