#pragma once
// One opening of a local store: a folder for its files and a lock that says it is alive. The lock
// file notes which of the files may be unfinished, so that after a crash the next to open looks at
// those alone, however many the session has written. Any thread.

#include "store/local/disk.h"

#include <cstdint>
#include <mutex>
#include <optional>
#include <set>
#include <string>

namespace telpher {

/// "0000002a": session folders, locks and files are called so.
std::string session_name(std::uint32_t number);
/// The inverse; nullopt for names that are not ours.
std::optional<std::uint32_t> parse_session_name(std::string_view text);

/// Numbers of files, from `first` up to and without `end`.
struct FileNumbers {
  std::uint32_t first = 1;
  std::uint32_t end = 1;
};

class FileSession {
 public:
  /// Folders of a store, made when they are not there.
  static Result<std::unique_ptr<FileSession>> start(Disk& disk, const std::string& root,
                                                    bool durable);
  /// Ends it: what it has written is settled, or was removed.
  ~FileSession();
  FileSession(const FileSession&) = delete;

  std::uint32_t id() const { return id_; }
  /// A number that was never used in this session; unsettled from now on.
  std::uint32_t next_file();
  /// The index refers to the file, or it has been removed.
  void settle(std::uint32_t number);
  /// It will end as if it had crashed: the next to open recovers what there is.
  void leave();

  static std::string folder(const std::string& root, std::uint32_t session) {
    return root + "/data/" + session_name(session);
  }
  static std::string lock_path(const std::string& root, std::uint32_t session) {
    return root + "/sessions/" + session_name(session);
  }
  /// Which files of a dead session may be unfinished; nullopt = any.
  static std::optional<FileNumbers> unsettled_of(Disk& disk, const std::string& root,
                                                 std::uint32_t session);

 private:
  FileSession(Disk& disk, const std::string& root) : disk_(disk), root_(root) {}
  Result<bool> claim(std::uint32_t session, bool durable);
  void note();

  Disk& disk_;
  const std::string root_;
  std::uint32_t id_ = 0;
  std::unique_ptr<DiskFile> lock_;
  std::mutex mutex_;
  std::uint32_t made_ = 0;
  std::set<std::uint32_t> unsettled_;
  bool left_ = false;
  FileNumbers noted_;  // as it stands in the lock file
};

}  // namespace telpher
