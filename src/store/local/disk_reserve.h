#pragma once
// Room that is set aside so that a full disk can be emptied: even a removal is first written to the
// index's log. A file beside the index holds it; whoever finds no room for a removal gives it up,
// and it is made again when there is room. Processes on one store share it. One thread at a time.

#include "base/bytes.h"
#include "store/local/disk.h"

#include <string>

namespace telpher {

class DiskReserve {
 public:
  /// @param size  0 = none is kept
  DiskReserve(Disk& disk, std::string path, ByteCount size)
      : disk_(disk), path_(std::move(path)), size_(size) {}

  /// Makes it where it is missing and there is room for it; else leaves the room to others.
  void keep();
  /// Frees its room. False: there was none to free.
  bool give_up();
  /// It was given up, and may be made again.
  bool is_missing() const { return missing_; }

 private:
  bool is_there() const;

  Disk& disk_;
  const std::string path_;
  const ByteCount size_;
  bool missing_ = false;
};

}  // namespace telpher
