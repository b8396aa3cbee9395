#pragma once
// The embedded store: objects in a folder of the local disk, no server, no set-up. What a write has
// acknowledged survives a crash (unless durable is off); what it has not does not appear. Any key
// is legal: keys are index entries, never paths. Several processes may use one store at once. One
// loop an instance; blocking work runs on its worker threads.

#include "store/local/scrub.h"
#include "store/object_store.h"

#include <memory>
#include <string>

namespace telpher {

class Disk;

struct LocalStoreOptions {
  std::string root;     // made when it is not there
  bool durable = true;  // false: a power failure may lose what was acknowledged (never mix it up)
  /// True MD5 ETags, for S3 clients that look at them; costs 1.6 s of CPU a GiB. Else ETags are
  /// made of the CRC-64/NVME.
  bool md5_etags = false;
  ByteCount part_size_min = 1;  // S3 says 5 MiB
  /// Room kept on the disk for removals (README.md); 0 = none.
  ByteCount reserve = 1024 * 1024;
  // For tests of crashes; null and empty = the system's.
  Disk* disk = nullptr;
  std::string vfs;
};

class LocalStore final : public ObjectStore {
 public:
  /// Blocks for some milliseconds. A store that is there and cannot be written to (a read-only file
  /// system, no right to, no room at all) can be read; its writes fail with the reason.
  /// Errors: kIo, kDenied, kUnsupported (written by a newer version).
  static Result<std::unique_ptr<LocalStore>> open(LocalStoreOptions options);
  /// All calls must have ended.
  ~LocalStore() override;

  const Capabilities& capabilities() const override { return capabilities_; }
  Task<Result<ObjectInfo>> head(ObjectAddress object) override;
  Task<Result<GetResult>> get(ObjectAddress object, GetOptions options) override;
  Task<Result<PutResult>> put(ObjectAddress object, Body body, const PutOptions& options) override;
  Task<Result<void>> remove(ObjectAddress object, std::string if_match = {}) override;
  Task<Result<std::vector<RemoveFailure>>> remove_many(std::string bucket,
                                                       std::vector<std::string> keys) override;
  Task<Result<PutResult>> copy(ObjectAddress from, ObjectAddress to, CopyOptions options) override;
  Task<Result<ListPage>> list(std::string bucket, ListOptions options) override;
  Task<Result<std::string>> create_upload(ObjectAddress object,
                                          CreateUploadOptions options) override;
  Task<Result<PartInfo>> put_part(ObjectAddress object, std::string upload_id, PartNumber number,
                                  Body body, PutPartOptions options) override;
  Task<Result<PartInfo>> copy_part(ObjectAddress from, ByteRange range, ObjectAddress object,
                                   std::string upload_id, PartNumber number,
                                   std::string source_if_match) override;
  Task<Result<PutResult>> complete(ObjectAddress object, std::string upload_id,
                                   std::vector<PartInfo> parts, CompleteOptions options) override;
  Task<Result<void>> abort(ObjectAddress object, std::string upload_id) override;
  Task<Result<PartsPage>> list_parts(ObjectAddress object, std::string upload_id,
                                     PartNumber part_number_marker) override;
  Task<Result<UploadsPage>> list_uploads(std::string bucket, ListUploadsOptions options) override;
  Task<Result<std::vector<BucketInfo>>> list_buckets() override;
  Task<Result<void>> create_bucket(std::string bucket, std::string owner = {}) override;
  Task<Result<BucketInfo>> head_bucket(std::string bucket) override;
  Task<Result<void>> remove_bucket(std::string bucket) override;
  Task<Result<Tags>> tags(ObjectAddress object) override;
  Task<Result<void>> set_tags(ObjectAddress object, Tags tags) override;

  /// Reads every byte of every object and of the parts of open uploads and compares it with its
  /// checksum, beside whatever else is going on. Damage is told to `options.on_damage` and counted;
  /// an object that is replaced meanwhile is no damage. Errors: kIo (the index), kCancelled: what
  /// on_progress was told last says where to resume.
  Task<Result<ScrubReport>> scrub(ScrubOptions options);

 private:
  class Scrub;
  struct State;
  static Result<std::unique_ptr<State>> open_to_write(Disk& disk, const LocalStoreOptions& options);
  static Result<std::unique_ptr<State>> open_to_read(Disk& disk, const LocalStoreOptions& options,
                                                     const Error& reason);
  explicit LocalStore(LocalStoreOptions options, std::unique_ptr<State> state);

  const Capabilities capabilities_;
  const std::unique_ptr<State> state_;
};

}  // namespace telpher
