#pragma once
// What is known about resumable uploads, in an SQLite database: it survives the process. Bytes that
// do not fill a part are kept here too, so that every offset that was acknowledged is durable, and
// offset, parts and those bytes change together. One loop; statements run on its worker threads,
// one transaction at a time, synced before the call returns.

#include "runtime/buffer_pool.h"
#include "runtime/loop.h"
#include "runtime/semaphore.h"
#include "store/sqlite/database.h"
#include "store/types.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace telpher {

struct TusRecord {
  std::string id;
  std::string owner;
  ObjectAddress object;
  bool only_new = false;            // the name was made here: nothing may be there
  std::string name;                 // of the file, as the client said; may be empty
  std::string declared;             // its type, likewise
  std::string metadata;             // Upload-Metadata as it came
  std::string concat;               // Upload-Concat as it came; empty = a whole upload
  std::string type;                 // judged; empty = not yet
  std::optional<ByteCount> length;  // empty = deferred
  ByteCount part_size = 0;
  ByteCount offset = 0;    // acknowledged
  std::string upload_id;   // of the store
  bool beginning = false;  // an upload may be open at the store whose id is not known here
  bool done = false;       // the object is there
  WallTime created;
  WallTime expires;

  bool is_partial() const { return concat == "partial"; }
  bool is_final() const { return concat.starts_with("final"); }
  bool is_complete() const { return length && offset == *length; }
};

/// A record with its parts, in their order. What lies behind them, up to the offset, is the tail.
struct TusState {
  TusRecord record;
  std::vector<PartInfo> parts;

  ByteCount parts_end() const;
  ByteCount tail_size() const { return record.offset - parts_end(); }
};

/// One transaction.
struct TusChange {
  const TusRecord* record = nullptr;  // all its fields are written
  std::vector<PartInfo> new_parts = {};
  bool drop_tail = false;
  Bytes new_tail = {};  // behind what is kept; ends at the record's offset
};

class TusTable {
 public:
  /// Blocks for some milliseconds. Errors: kIo, kDenied, kUnsupported (written by a newer version).
  static Result<std::unique_ptr<TusTable>> open(const std::string& path);

  // Errors of all: kIo, kCancelled.

  /// nullopt: there is none of this id.
  Task<Result<std::optional<TusState>>> find(std::string id);
  Task<Result<void>> create(const TusRecord* record);
  /// What `change` refers to outlives the task.
  Task<Result<void>> save(TusChange change);
  Task<Result<void>> remove(std::string id);
  /// Reads the tail; `place` is as large as it.
  Task<Result<void>> read_tail(std::string id, MutableBytes place);
  /// Ids of uploads that have expired by then, and of those that are complete and not done.
  Task<Result<std::vector<std::string>>> due(WallTime now);

 private:
  explicit TusTable(std::unique_ptr<Database> database) : database_(std::move(database)) {}
  template <class F>
  auto run(F function) -> Task<std::invoke_result_t<F, Database&>>;

  const std::unique_ptr<Database> database_;
  Semaphore turn_{1};
};

}  // namespace telpher
