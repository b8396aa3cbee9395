#pragma once
// DownloadFile: bytes are written beside the destination and take its name only when all are there.

#include "base/bytes.h"
#include "base/random.h"
#include "base/result.h"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>

namespace telpher {

class DownloadFile {
 public:
  /// What commit() does when there is a file of that name.
  enum class IfExists { kReplace, kRefuse };

  DownloadFile() = default;
  ~DownloadFile();
  DownloadFile(const DownloadFile&) = delete;
  DownloadFile& operator=(const DownloadFile&) = delete;

  /// ".NAME.telpher-HEX.part" beside `path`.
  static std::string temporary_name(const std::string& path, Random& random);
  /// Whether the last segment of `path` is such a name: a download under way, or left by a crash.
  static bool is_temporary_name(std::string_view path);

  /// A new file without a name, so that nothing is left of it when the process dies. Room for
  /// `size` is reserved, so that a full disk is found out at once. False where the file system has
  /// no such files. Errors: kIo.
  Result<bool> create_unnamed(const std::string& path, std::optional<ByteCount> size);
  /// The same under a temporary name; removed when this is destroyed before commit().
  Result<void> create(const std::string& path, std::optional<ByteCount> size);
  /// The same under a name of the caller's, and kept when this is destroyed.
  Result<void> create_as(const std::string& path, const std::string& temporary,
                         std::optional<ByteCount> size);
  /// Goes on with what an earlier run left. False when it is gone.
  bool reopen(const std::string& path, const std::string& temporary);

  Result<void> write(ByteCount offset, Bytes bytes);
  /// From now on this is when it was modified, where the file system lets itself be told.
  void set_modified(std::chrono::sys_seconds time);
  /// Syncs, takes the name of the destination and syncs its folder. A file that is replaced hands
  /// on its mode, and its owner where that is allowed. Blocks. Errors: kIo; kPrecondition when
  /// there is a file and `if_exists` refuses.
  Result<void> commit(IfExists if_exists);
  void remove();
  int fd() const { return fd_; }

 private:
  Result<void> open(std::optional<ByteCount> size);
  Result<void> reserve(std::optional<ByteCount> size);
  mode_t first_mode() const;
  void take_over_mode() const;
  Result<void> take_name(IfExists if_exists);
  Result<void> sync_folder() const;
  Error failed(int errno_value, std::string_view what) const;

  int fd_ = -1;
  bool remove_at_end_ = false;
  std::string path_;
  std::string temporary_;  // empty: it has no name
};

}  // namespace telpher
