#pragma once
// The store in memory: a real backend with S3's rules, for tests, simulations and `telpher s3
// --store memory`. It never waits, so calls end at once, in virtual time too. Several loops may
// share one.

#include "store/object_store.h"
#include "store/rules.h"

#include <functional>
#include <memory>
#include <mutex>
#include <set>

namespace telpher {

class MemoryStore : public ObjectStore {
 public:
  /// @param capabilities  what it is to be capable of; the limits are enforced
  /// @param bytes_max     of content it holds, of objects, parts, what has come of bodies that are
  ///                      arriving, and what readers still read, and about what keys, metadata,
  ///                      tags and uploads take besides; beyond that puts fail with kLimit
  ///                      ("InsufficientStorage")
  explicit MemoryStore(Capabilities capabilities = {}, ByteCount bytes_max = kUnlimited);
  static constexpr ByteCount kUnlimited = ~ByteCount{0};
  ~MemoryStore() override;

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

  /// For tests: the bytes of an object, nullopt if there is none.
  std::optional<std::string> content(std::string_view bucket, std::string_view key) const;

  /// Bytes of content held now.
  ByteCount bytes_held() const;

 private:
  struct Room;
  struct Block;
  struct Chunk;
  struct Claim;
  struct Taken;
  struct Content;
  struct Object;
  class Objects;
  struct Part;
  struct Upload;
  struct Bucket;
  class Reader;
  using UploadKey = std::pair<std::string, std::string>;  // key, upload id

  Result<Chunk> make_chunk(ByteCount size);
  Result<std::shared_ptr<const Claim>> claim(ByteCount count);
  /// About what one upload, or one object with the list of its parts, takes besides its bytes.
  static ByteCount weight(std::string_view key, const ObjectMetadata& metadata, const Tags& tags);
  static ByteCount weight(std::string_view key, const ObjectInfo& info, const Tags& tags);
  static constexpr ByteCount kPartWeight = 350;
  Task<Result<Taken>> take_body(Body body, ContentDigester::Options options);
  Result<ContentDigester::Options> find_part_options(const ObjectAddress& object,
                                                     const std::string& upload_id,
                                                     const PutPartOptions& options);
  Result<Object> find_copy(const ObjectAddress& from, const std::string& if_match);
  Task<Result<void>> become_copy(Object* object, ChecksumAlgorithm algorithm) const;
  static Task<Result<void>> walk(const Content* content, ByteRange range,
                                 std::function<Result<void>(Bytes)> take);
  Task<Result<Taken>> take_range(const Object* source, ByteRange range,
                                 ContentDigester::Options options);

  // The caller holds mutex_.
  Result<Bucket*> find_bucket(std::string_view bucket);
  Result<Object*> find_object(const ObjectAddress& object);
  Result<Upload*> find_upload(const ObjectAddress& object, const std::string& upload_id);
  Result<PartInfo> store_part(const ObjectAddress& object, const std::string& upload_id,
                              PartNumber number, Taken taken,
                              std::chrono::system_clock::time_point now);
  Result<PutResult> store_object(ObjectAddress object, Object made,
                                 const WriteCondition& condition);

  const Capabilities capabilities_;
  const std::shared_ptr<Room> room_;
  mutable std::mutex mutex_;
  std::map<std::string, std::unique_ptr<Bucket>, std::less<>> buckets_;
  std::uint64_t uploads_made_ = 0;
};

}  // namespace telpher
