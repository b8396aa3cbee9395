#pragma once
// The engine's face: moves one object from a source into a store, or out of a store, and proves it.
// Everything runs on one loop; what is shared between transfers stands in Engine.

#include "metrics/metrics.h"
#include "runtime/buffer_pool.h"
#include "runtime/rate_limiter.h"
#include "source/source.h"
#include "store/object_store.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace telpher {

class Journal;

enum class OverwritePolicy { kAlways, kNever, kIfDifferent };

struct PartSizePolicy {
  enum class Kind { kAuto, kTiered, kFixed } kind = Kind::kAuto;
  ByteCount fixed_size = 0;
};

struct TransferOptions {
  int concurrency = 10;        // parts in flight, 1..256
  int source_connections = 8;  // per source, at most; 1..64
  PartSizePolicy part_size;
  OverwritePolicy overwrite = OverwritePolicy::kAlways;
  bool same_size_suffices = false;  // kIfDifferent, where neither digest nor time can tell
  bool if_none_match = false;       // the write itself is conditional
  ChecksumAlgorithm checksum = ChecksumAlgorithm::kCrc64Nvme;
  std::optional<Digest> expect;  // of the whole; another digest = kCorrupt, nothing appears
  ObjectMetadata metadata;       // over the source's own, field by field
  StorageOptions storage;
  bool resume = true;  // false: unfinished work of before is aborted, not continued
};

/// How the bytes went.
enum class TransferMode {
  kPut,
  kRanged,
  kSingleStream,
  kUnknownLength,
  kServerSideCopy,
  kDownload,
  kSkipped
};
std::string_view to_string(TransferMode mode);

struct TransferResult {
  TransferMode mode = TransferMode::kPut;
  ByteCount size = 0;
  ByteCount part_size = 0;
  int parts = 1;
  int parts_resumed = 0;  // were there already
  std::string etag;
  std::string version_id;
  Digest digest;            // of the whole, when it was computed
  std::string verified_by;  // "crc64nvme of the store", "md5 of each part"; empty = by nothing
  std::string note;         // why it was skipped; that a server ignored ranges …
};

/// Watched while a transfer runs; reading is cheap, percentages are the reader's business.
struct TransferProgress {
  std::optional<ByteCount> size;
  /// Of parts acknowledged, and what has been sent of those in flight (of what is read into buffers
  /// first, half of each); falls when a part is sent again.
  ByteCount bytes_done = 0;
  ByteCount bytes_resumed = 0;  // of bytes_done, done by an earlier run
  int parts = 0;
  int parts_done = 0;
  int parts_in_flight = 0;
  /// Of a transfer in parts, a character each as far as they are known: '.' waiting, 'a' under way,
  /// 'd' done.
  std::string part_states;
  void mark_part(int number, char state) {
    const auto count = static_cast<std::size_t>(number);
    if (part_states.size() < count) part_states.resize(count, '.');
    part_states[count - 1] = state;
  }
  std::string_view phase = "starting";  // starting, copying, completing, verifying, done, failed …
};

/// The phase of one that waits until another process has ended the same transfer.
inline constexpr std::string_view kWaitingForAnother = "waiting for another telpher";

/// Recorded by all transfers of an engine.
struct TransferStats {
  Gauge parts_in_flight;
  Counter part_retries;  // parts begun again by the engine (source trouble)
  Counter pauses;        // the reader waited at the high-water mark
  Counter resumes;
  Counter paused_us;
  Counter active_us;
  Counter bytes_read;
  Counter bytes_written;
  Counter bytes_resent;
  Counter copies_through_buffers;  // bytes that went through a part buffer
};

/// What transfers share. The owner keeps it alive until they have ended.
struct Engine {
  BufferPool& buffers;
  Journal* journal = nullptr;  // null: nothing can be resumed (and nothing is left behind)
  RateLimiter& rate;
  TransferStats& stats;
  std::string command = {};  // kept in the journal with what is begun, for whoever resumes it
};

/// Names a destination across runs and processes: "s3://endpoint-host/bucket/key", without secrets.
using DestinationName = std::string;

/// Any source into a store. The object appears whole and right, or not at all.
/// Errors: those of source and store; kCorrupt (checksum, `expect`), kSourceChanged, kPrecondition
/// (overwrite policy, if_none_match), kLimit (unknown length past what the budget can reach; the
/// message names the --memory that would do), kConflict (another process works on the same).
/// Cancel: open uploads stay for a resume when there is a journal, else they are aborted.
Task<Result<TransferResult>> upload(Engine& engine, Source& source, ObjectStore& store,
                                    ObjectAddress object, DestinationName name,
                                    TransferOptions options, TransferProgress& progress);

/// What a transfer would do.
struct TransferOutlook {
  std::string how;                // for people: "ranged: 128 parts of 16.0 MiB …"; why skipped
  std::optional<ByteCount> size;  // of the source
  bool skipped = false;
};

/// The same without doing it. Errors: as upload(), as far as they can be known beforehand.
Task<Result<TransferOutlook>> describe_upload(Engine& engine, Source& source, ObjectStore& store,
                                              ObjectAddress object, TransferOptions options);

/// A source (a StoreSource, say) into a local file: written beside it and renamed when it is whole
/// and right, with the mode of the file it replaces, else 0666 less umask, and the time of its
/// source (the second), unless that is now. In one part it has no name until then where the file
/// system allows that; in several it is continued after a crash when there is a journal. Errors
/// also: kIo (disk full, read-only), kCorrupt, kSourceChanged, kInvalid (a directory),
/// kPrecondition (if_none_match).
Task<Result<TransferResult>> download(Engine& engine, Source& source, std::string path,
                                      TransferOptions options, TransferProgress& progress);

/// The same without doing it. Errors: as download(), as far as they can be known beforehand.
Task<Result<TransferOutlook>> describe_download(Engine& engine, Source& source, std::string path,
                                                TransferOptions options);

/// A source to an open descriptor (stdout), in order. A wrong checksum, and a source that changed
/// meanwhile, are reported after the bytes have gone out, and the error says so.
Task<Result<TransferResult>> download_stream(Engine& engine, Source& source, int fd,
                                             TransferOptions options, TransferProgress& progress);

/// Within one store, by CopyObject or UploadPartCopy. Errors also: kSourceChanged.
Task<Result<TransferResult>> copy_within(Engine& engine, ObjectStore& store, ObjectAddress from,
                                         ObjectAddress to, DestinationName name,
                                         TransferOptions options, TransferProgress& progress);

/// The same without doing it.
Task<Result<TransferOutlook>> describe_copy_within(ObjectStore& store, ObjectAddress from,
                                                   ObjectAddress to, TransferOptions options);

}  // namespace telpher
