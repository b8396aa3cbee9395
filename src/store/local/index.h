#pragma once
// The local store's index: which objects, uploads and parts there are, and where their bytes lie.
// One SQLite connection each; several processes may have one on the same file. Every call may wait
// for the disk. One thread at a time.

#include "runtime/loop.h"
#include "store/local/data_files.h"
#include "store/object_store.h"
#include "store/sqlite/database.h"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace telpher {

class LocalIndex {
 public:
  struct Object {
    ObjectInfo info;
    std::vector<Extent> extents;
    Tags tags;
  };
  struct Upload {
    WallTime initiated;
    CreateUploadOptions options;
  };
  struct Part {
    PartInfo info;
    std::vector<Extent> extents;
  };

  /// Creates or migrates the index at `path`. Errors: kIo, kDenied, kUnsupported (written by a
  /// newer version).
  /// @param vfs  SQLite's; empty = the system's
  static Result<std::unique_ptr<LocalIndex>> open(const std::string& path, bool durable,
                                                  const std::string& vfs = {});

  /// After a crash: makes sure that what is read as committed is on the disk. Errors: kIo.
  Result<void> recover();
  /// Gives the room of the log back, as far as nobody reads it: what it holds moves into the index
  /// itself. Outside transactions. Errors: kIo.
  Result<void> shorten_log();

  /// Writes belong in a transaction. Each is a step: one that fails (end_step(false)) must not have
  /// changed anything, so it looks before it writes; else the transaction is to be rolled back.
  Result<void> begin_write();
  Result<void> begin_read();
  Result<void> commit();
  void roll_back();
  void begin_step();
  /// False: a step that failed has changed something.
  bool end_step(bool succeeded);

  /// Errors: kConflict (somebody else's).
  Result<void> create_bucket(const std::string& bucket, const std::string& owner, WallTime now);
  /// Errors: kNotFound, "NoSuchBucket".
  Result<void> check_bucket(std::string_view bucket);
  /// Errors: kNotFound.
  Result<BucketInfo> bucket(std::string_view name);
  /// Also ends its uploads. Errors: kNotFound, kConflict.
  Result<void> remove_bucket(std::string_view bucket);
  Result<std::vector<BucketInfo>> buckets();

  /// Errors: kNotFound, "NoSuchKey" or "NoSuchBucket".
  Result<Object> object(const ObjectAddress& address);
  /// Errors: kNotFound (bucket), kPrecondition (condition).
  Result<void> put_object(const ObjectAddress& address, const Object& object,
                          const WriteCondition& condition);
  /// @param if_match  as of ObjectStore::remove()
  Result<void> remove_object(const ObjectAddress& address, const std::string& if_match);

  Result<void> set_tags(const ObjectAddress& address, const Tags& tags);
  /// A walk over the keys of a bucket that exists, within one transaction.
  class Listing {
   public:
    Listing(LocalIndex& index, std::string_view bucket) : index_(index), bucket_(bucket) {}
    /// The first entry at or after the position. Going on from one to the next is a step,
    /// everything else a search.
    Result<std::optional<ListEntry>> next(const ListPosition& position);

   private:
    LocalIndex& index_;
    const std::string_view bucket_;
    std::optional<Query> query_;
    std::string last_;  // the key it stands at
  };
  /// Objects of all buckets beyond this one, in the order of buckets and keys; kCorrupt in the
  /// place of one whose row cannot be read.
  Result<std::vector<std::pair<ObjectAddress, Result<Object>>>> objects_after(
      const ObjectAddress& address, int count);

  Result<void> create_upload(const ObjectAddress& address, const std::string& id,
                             const CreateUploadOptions& options, WallTime now);
  /// Errors: kNotFound, "NoSuchUpload" or "NoSuchBucket".
  Result<Upload> upload(const ObjectAddress& address, const std::string& id);
  /// With its parts.
  Result<void> remove_upload(const std::string& id);
  Result<UploadsPage> uploads(std::string_view bucket, const ListUploadsOptions& options);
  Result<void> put_part(const std::string& upload_id, const Part& part);
  /// Parts with numbers above `after`, at most `count`.
  Result<std::vector<Part>> parts(const std::string& upload_id, PartNumber after, int count);

  struct PartOfUpload {
    std::string upload_id;
    ObjectAddress object;
    PartNumber number = 0;
    Result<Part> part;  // kCorrupt: its row cannot be read
  };
  /// Parts of all uploads beyond this one.
  Result<std::vector<PartOfUpload>> parts_after(const std::string& upload_id, PartNumber number,
                                                int count);

  /// Where a scrub that goes on later has got to; empty = nowhere.
  Result<ObjectAddress> scrub_place();
  Result<void> set_scrub_place(const ObjectAddress& place);

  Result<bool> is_referred(FileId file);
  /// Files that nobody refers to any more since the last call, or (at first) since before.
  Result<std::vector<FileId>> unreferred_files();
  /// What unreferred_files() named has been removed.
  Result<void> forget_file(FileId file);

 private:
  explicit LocalIndex(std::unique_ptr<Database> database) : database_(std::move(database)) {}
  Result<void> migrate();
  void refer(const std::vector<Extent>& extents, int change);
  Result<void> write_references();
  Result<std::optional<std::vector<Extent>>> extents_of(const ObjectAddress& address);
  Result<void> check_condition_of(const ObjectAddress& address, const WriteCondition& condition,
                                  bool exists);

  std::unique_ptr<Database> database_;
  /// References that the transaction adds and drops; written once, at its end.
  std::vector<std::pair<FileId, int>> references_;
  std::size_t step_references_ = 0;
  std::int64_t step_changes_ = 0;
};

}  // namespace telpher
