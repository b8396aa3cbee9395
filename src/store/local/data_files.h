#pragma once
// The files that hold objects' bytes. Large objects and parts have a file each; small ones are
// appended to a segment, so that one sync makes many of them durable. What the index does not refer
// to does not exist: bytes are written first, the index row follows.
//
// Each opening of a store is a session with a folder of its own, so processes never write the same
// file. A session that is alive holds a lock; what dead ones left unfinished is swept by the next
// to open. May be used on any thread; append() by one at a time.

#include "base/bytes.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "runtime/body.h"
#include "store/local/file_session.h"
#include "store/rules.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace telpher {

/// Names a file for ever: session in the upper half; a segment's has kSegmentBit.
using FileId = std::uint64_t;
constexpr FileId kSegmentBit = 1ULL << 31;
inline bool is_segment(FileId id) { return (id & kSegmentBit) != 0; }

/// A stretch of a file.
struct Extent {
  FileId file = 0;
  ByteCount offset = 0;
  ByteCount length = 0;
  bool operator==(const Extent&) const = default;
};

class FileWriter;

class DataFiles {
 public:
  using IsReferred = std::function<Result<bool>(FileId)>;

  /// Creates the folders and starts a session. Errors: kIo, kDenied.
  static Result<std::unique_ptr<DataFiles>> open(Disk& disk, const std::string& root, bool durable);
  /// All writes are refused; it is no session. @param refusal  why
  static std::unique_ptr<DataFiles> open_to_read(Disk& disk, const std::string& root,
                                                 Error refusal);
  DataFiles(const DataFiles&) = delete;

  struct Written {
    Extent extent;
    ContentDigester::Digests digests;
  };
  /// Begins a file of its own. Errors: kIo.
  Result<std::unique_ptr<FileWriter>> begin_file(const ContentDigester::Options& digester);
  /// The same from a body (memory or file) to the end. Errors also: kCorrupt, kInvalid,
  /// kSourceChanged.
  Result<Written> write_file(const Body& body, const ContentDigester::Options& digester);

  /// Appends to the session's segment. Durable after sync_segment(). Errors: kIo.
  Result<Extent> append(Bytes bytes);
  Result<void> sync_segment();
  Result<void> sync_names();

  /// Errors: kNotFound when the file is gone (its object was replaced meanwhile).
  Result<UniqueFd> open_file(FileId id) const;

  /// The index refers to a file of this session.
  void settle(FileId id);
  /// Removes a file nobody refers to; false = not now: it is a segment that may grow yet. It may be
  /// forgotten once the names have been synced.
  bool remove_file(FileId id);

  /// A sync has failed: what is on the disk is not known, and the system tells it once, so a later
  /// sync proves nothing. From now on writes are refused with the error that is returned, and
  /// nothing is removed; what was stored can be read. The next to open the store recovers it.
  Error refuse_writes(const Error& reason);
  /// The session will end as if it had crashed: the next to open recovers the store.
  void leave() {
    if (session_) session_->leave();
  }

  /// Removes what dead sessions left unfinished: files for which `is_referred` says false.
  /// @param recover  called once before, when there is a dead session
  Result<void> sweep(const std::function<Result<void>()>& recover, const IsReferred& is_referred);
  /// Nothing more will be written: the segment goes if nobody refers to it.
  void close(const IsReferred& is_referred);

 private:
  friend class FileWriter;
  DataFiles(Disk& disk, std::string root, bool durable, std::unique_ptr<FileSession> session);
  Result<void> sweep_session(std::uint32_t session, const IsReferred& is_referred);
  Result<bool> sweep_file(FileId id, const IsReferred& is_referred);
  Result<void> start_segment();
  Result<void> check_writable() const;
  void names_changed(std::uint32_t session);
  std::string folder(std::uint32_t session) const { return FileSession::folder(root_, session); }
  std::string path(FileId id) const;
  bool is_dead(std::uint32_t session) const;

  Disk& disk_;
  const std::string root_;
  const bool durable_;
  const std::unique_ptr<FileSession> session_;  // null: only reads

  mutable std::mutex names_mutex_;
  std::optional<Error> refusal_;         // of all writes
  std::set<std::uint32_t> names_dirty_;  // sessions in whose folders names came or went

  std::mutex segment_mutex_;  // guards segment_id_ against remove_file()
  FileId segment_id_ = 0;
  std::unique_ptr<DiskFile> segment_;
  ByteCount segment_size_ = 0;
  bool segment_dirty_ = false;
};

/// A file on its way: removed again when this is destroyed before finish(). Any one thread at a
/// time; every call may wait for the disk. The DataFiles outlive it.
class FileWriter {
 public:
  ~FileWriter();
  FileWriter(const FileWriter&) = delete;

  /// Errors: kIo.
  Result<void> append(Bytes bytes);
  /// Syncs it (its name is synced by DataFiles::sync_names()). Errors: kIo, and those of
  /// ContentDigester::finish().
  Result<DataFiles::Written> finish();

 private:
  friend class DataFiles;
  FileWriter(DataFiles& files, FileId id, std::unique_ptr<DiskFile> file,
             const ContentDigester::Options& digester)
      : files_(files), id_(id), file_(std::move(file)), digester_(digester) {}

  DataFiles& files_;
  const FileId id_;
  const std::unique_ptr<DiskFile> file_;
  ContentDigester digester_;
  ByteCount size_ = 0;
  bool finished_ = false;
};

}  // namespace telpher
