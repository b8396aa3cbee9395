#pragma once
// DownloadFile: bytes are written beside the destination and take its name only when all are there.

#include "base/bytes.h"
#include "base/random.h"
#include "base/result.h"

#include <optional>
#include <string>
#include <string_view>

namespace telpher {

class DownloadFile {
 public:
  DownloadFile() = default;
  ~DownloadFile();
  DownloadFile(const DownloadFile&) = delete;
  DownloadFile& operator=(const DownloadFile&) = delete;

  /// ".NAME.telpher-HEX.part" beside `path`.
  static std::string temporary_name(const std::string& path, Random& random);

  /// A new temporary file that is removed when this is destroyed before commit(). Room for `size`
  /// is reserved, so that a full disk is found out at once. Errors: kIo, kDenied, kNotFound.
  Result<void> create(const std::string& path, std::optional<ByteCount> size);
  /// The same under a name of the caller's, and kept when this is destroyed.
  Result<void> create_as(const std::string& path, const std::string& temporary,
                         std::optional<ByteCount> size);
  /// Goes on with what an earlier run left. False when it is gone.
  bool reopen(const std::string& path, const std::string& temporary);

  Result<void> write(ByteCount offset, Bytes bytes);
  /// Syncs and renames over the destination. Blocks.
  Result<void> commit();
  void remove();
  int fd() const { return fd_; }

 private:
  Result<void> open(std::optional<ByteCount> size);
  Error failed(int errno_value, std::string_view what) const;

  int fd_ = -1;
  bool remove_at_end_ = false;
  std::string path_;
  std::string temporary_;
};

}  // namespace telpher
