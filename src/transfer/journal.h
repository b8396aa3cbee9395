#pragma once
// Journal: what is unfinished, kept in SQLite so that the same command continues after a crash, and
// leases, so that two commands at once do not fight over one destination. The statements run on a
// worker thread; a loop never waits for the disk. One Journal per process, used from one loop.
//
// Steps of a multipart transfer, each survivable:
//   acquire lease → begin (synced) → CreateMultipartUpload → set_upload_id (synced) → parts
//   (part_done: unsynced hints; ListParts is the truth) → completing (synced) → Complete → finish.
// An entry without an upload id is never continued: what its CreateMultipartUpload made, or is
// about to make, is looked for by key and time (sweep.h) before the entry is finished.

#include "runtime/loop.h"
#include "store/types.h"

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace telpher {

/// How often a process that lives says so in the entries it works on (`last_alive`).
inline constexpr std::chrono::seconds kHeartbeat{5};

struct JournalEntry {
  std::string id;           // 16 hex digits, made by begin()
  std::string kind;         // "upload", "download", "copy"
  std::string source;       // redacted, for people
  std::string source_hash;  // SHA-256 of the exact address: recognises it, reveals nothing
  std::string destination;  // DestinationName or path
  ObjectAddress object;     // of an upload or copy
  std::optional<ByteCount> size;
  std::string validator;  // of the source, as probed
  ByteCount part_size = 0;
  std::string checksum;         // algorithm name
  std::string upload_id;        // empty until the store gave one
  std::string command;          // redacted, to be shown by `resume`
  std::string state = "begun";  // begun, open, completing
  std::string expected;         // set by completing()
  std::chrono::system_clock::time_point created{};
  std::chrono::system_clock::time_point last_alive{};  // the lease's last heartbeat
  bool held = false;                                   // a live process works on it now
};

struct JournalPart {
  PartNumber number = 0;
  ByteCount size = 0;
  std::string etag;
  std::string digest;  // base64 of the entry's checksum algorithm
};

/// What became of the last transfer to a destination, so that whoever waited for its lease can say
/// "already done" instead of doing it again.
struct FinishedTransfer {
  std::string source_hash;
  std::string validator;
  std::string etag;
  ByteCount size = 0;
  std::chrono::system_clock::time_point finished{};
};

class Journal {
 public:
  virtual ~Journal() = default;

  /// Held on one destination until released or destroyed (then released in the background). It dies
  /// with its process: the next one takes over at once.
  class Lease {
   public:
    virtual ~Lease() = default;
    /// True when another process held it and we waited.
    bool waited = false;
  };
  /// Waits while another live process holds `destination`, at most until `deadline`.
  /// Errors: kConflict (temporary, names the process) at the deadline, kIo, kCancelled.
  virtual Task<Result<std::unique_ptr<Lease>>> acquire(std::string destination,
                                                       TimePoint deadline) = 0;

  /// Synced. Returns the id.
  virtual Task<Result<std::string>> begin(JournalEntry entry) = 0;
  /// Synced: after this the upload can never be forgotten.
  virtual Task<Result<void>> set_upload_id(std::string id, std::string upload_id) = 0;
  /// Not synced, not waited for; written in batches. Lost hints cost time, never bytes.
  virtual void part_done(std::string id, JournalPart part) = 0;
  /// Synced, before Complete is sent. `expected` is what the finished object will look like
  /// ("crc64nvme:BASE64" or its ETag), so that a lost answer can be told from a lost upload.
  virtual Task<Result<void>> completing(std::string id, std::string expected) = 0;
  /// Removes the entry and remembers `finished`. Not synced: repeating the end is harmless.
  virtual Task<Result<void>> finish(std::string id, std::optional<FinishedTransfer> finished) = 0;

  virtual Task<Result<std::vector<JournalEntry>>> unfinished() = 0;
  virtual Task<Result<std::vector<JournalEntry>>> unfinished_at(std::string destination) = 0;
  virtual Task<Result<std::vector<JournalPart>>> parts(std::string id) = 0;
  virtual Task<Result<std::optional<FinishedTransfer>>> last_finished(std::string destination) = 0;
  /// Writes the hints that wait and closes.
  virtual Task<Result<void>> close() = 0;
};

struct JournalOptions {
  std::string path;  // of journal.db; its folder is made 0700
  std::string vfs;   // SQLite VFS name; empty = the system's. The simulation has its own
  /// Names this process for leases, and tells whether another name is alive. Empty: pid and start
  /// time of the process.
  std::string owner;
  std::function<bool(const std::string&)> is_alive;
};

/// Errors: kIo, kDenied, kUnsupported (written by a newer version).
Task<Result<std::unique_ptr<Journal>>> open_journal(JournalOptions options);

}  // namespace telpher
