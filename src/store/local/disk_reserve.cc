#include "store/local/disk_reserve.h"

#include "base/random.h"

#include <sys/stat.h>
#include <vector>

namespace telpher {

bool DiskReserve::is_there() const {
  const Result<UniqueFd> file = disk_.open(path_);
  struct stat status{};
  // After a power cut it may be shorter.
  return file && ::fstat(file->get(), &status) == 0 &&
         static_cast<ByteCount>(status.st_size) >= size_;
}

void DiskReserve::keep() {
  if (size_ == 0 || is_there()) {
    missing_ = false;
    return;
  }
  missing_ = true;
  if (disk_.exists(path_) && !disk_.remove(path_)) return;
  // Written, and with bytes that cannot be compressed: some file systems promise room they do not
  // have. Not synced: without it a removal fails on a full disk, and nothing is lost.
  std::vector<std::byte> bytes(size_);
  Random random(random_seed());
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random.next());
  const Result<std::unique_ptr<DiskFile>> file = disk_.create(path_);
  if (!file) return;
  if ((*file)->write(0, bytes)) {
    missing_ = false;
  } else {
    disk_.remove(path_);
  }
}

bool DiskReserve::give_up() {
  if (size_ == 0 || !disk_.exists(path_) || !disk_.remove(path_)) return false;
  missing_ = true;
  return true;
}

}  // namespace telpher
