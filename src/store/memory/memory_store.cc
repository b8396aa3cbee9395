#include "store/memory/memory_store.h"

#include "runtime/loop.h"
#include "store/read_body.h"
#include "store/rules.h"

#include <algorithm>
#include <cstring>

namespace telpher {

/// Bytes that never change once stored; shared by objects, parts and readers.
struct MemoryStore::Chunk {
  std::shared_ptr<const std::byte[]> data;
  std::size_t size = 0;
  Bytes bytes() const { return {data.get(), size}; }
};

struct MemoryStore::Content {
  std::vector<Chunk> chunks;
};

struct MemoryStore::Object {
  ObjectInfo info;
  Content content;
  std::map<std::string, std::string> tags;
};

struct MemoryStore::Part {
  PartInfo info;
  Chunk chunk;
};

struct MemoryStore::Upload {
  CreateUploadOptions options;
  WallTime initiated;
  std::map<PartNumber, Part> parts;
};

struct MemoryStore::Bucket {
  WallTime created;
  std::map<std::string, Object, std::less<>> objects;
  std::map<UploadKey, Upload> uploads;
};

class MemoryStore::Reader : public ByteReader {
 public:
  Reader(Content content, ByteRange range)
      : content_(std::move(content)), skip_(range.offset), left_(range.length) {}

  Task<Result<std::size_t>> read_some(MutableBytes buffer) override {
    while (left_ > 0 && skip_ >= content_.chunks[next_].size)
      skip_ -= content_.chunks[next_++].size;
    if (left_ == 0) co_return std::size_t{0};
    const Bytes chunk = content_.chunks[next_].bytes().subspan(skip_);
    const std::size_t count = std::min({buffer.size(), chunk.size(), std::size_t{left_}});
    std::memcpy(buffer.data(), chunk.data(), count);
    skip_ += count;
    left_ -= count;
    co_return count;
  }

 private:
  const Content content_;
  std::size_t next_ = 0;
  ByteCount skip_;
  ByteCount left_;
};

MemoryStore::MemoryStore(Capabilities capabilities) : capabilities_(capabilities) {}
MemoryStore::~MemoryStore() = default;

namespace {

struct Read {
  std::shared_ptr<std::byte[]> data;
  std::size_t size = 0;
  ContentDigester::Digests digests;
};

/// Copies and digests a body.
Result<Read> take_body(const Body& body, const ContentDigester::Options& options) {
  Read read{std::make_shared_for_overwrite<std::byte[]>(body.size), body.size, {}};
  if (body.fd < 0) {
    if (body.size > 0) std::memcpy(read.data.get(), body.memory.data(), body.size);
  } else {
    TRY_VOID(read_exactly(body.fd, body.file_offset, {read.data.get(), read.size}));
  }
  ContentDigester digester(options);
  digester.update({read.data.get(), read.size});
  TRY(read.digests, digester.finish());
  return read;
}

}  // namespace

Result<MemoryStore::Bucket*> MemoryStore::find_bucket(std::string_view bucket) {
  TRY_VOID(check_bucket_name(bucket));
  const auto found = buckets_.find(bucket);
  if (found == buckets_.end()) return no_such_bucket(bucket);
  return found->second.get();
}

Result<MemoryStore::Object*> MemoryStore::find_object(const ObjectAddress& object) {
  TRY_VOID(check_key(object.key));
  TRY(Bucket * bucket, find_bucket(object.bucket));
  const auto found = bucket->objects.find(object.key);
  if (found == bucket->objects.end()) return no_such_key(object.key);
  return &found->second;
}

Result<MemoryStore::Upload*> MemoryStore::find_upload(const ObjectAddress& object,
                                                      const std::string& upload_id) {
  TRY_VOID(check_key(object.key));
  TRY(Bucket * bucket, find_bucket(object.bucket));
  const auto found = bucket->uploads.find({object.key, upload_id});
  if (found == bucket->uploads.end()) return no_such_upload(upload_id);
  return &found->second;
}

Task<Result<ObjectInfo>> MemoryStore::head(ObjectAddress object) {
  const std::lock_guard lock(mutex_);
  CO_TRY(Object * found, find_object(object));
  co_return found->info;
}

Task<Result<GetResult>> MemoryStore::get(ObjectAddress object, GetOptions options) {
  const std::lock_guard lock(mutex_);
  CO_TRY(Object * found, find_object(object));
  if (!options.version_id.empty() && options.version_id != "null") {
    co_return store_error(ErrorKind::kNotFound, "NoSuchVersion", 404,
                          "this store keeps no versions");
  }
  CO_TRY_VOID(check_condition({.if_match = options.if_match}, object.key, found->info.etag));
  CO_TRY(const ByteRange range, resolve_range(options.range, found->info.size));
  co_return GetResult{found->info, range.length, std::make_unique<Reader>(found->content, range)};
}

Task<Result<PutResult>> MemoryStore::put(ObjectAddress object, Body body,
                                         const PutOptions& options) {
  CO_TRY_VOID(check_address(object));
  CO_TRY_VOID(check_put_options(capabilities_, options));
  if (body.size > capabilities_.put_size_max) {
    co_return store_error(ErrorKind::kLimit, "EntityTooLarge", 400, "the object is too large");
  }
  CO_TRY(Read read, take_body(body, {.md5_etag = capabilities_.etag_is_md5,
                                     .algorithm = ChecksumAlgorithm::kNone,
                                     .expected = options.checksum,
                                     .content_md5 = options.content_md5}));
  Loop& loop = co_await current_loop();

  const std::lock_guard lock(mutex_);
  CO_TRY(Bucket * bucket, find_bucket(object.bucket));
  const auto old = bucket->objects.find(object.key);
  std::optional<std::string_view> old_etag;
  if (old != bucket->objects.end()) old_etag = old->second.info.etag;
  CO_TRY_VOID(check_condition(options.condition, object.key, old_etag));

  Object made;
  made.info = {.size = read.size,
               .etag = read.digests.etag,
               .last_modified = loop.wall_now(),
               .metadata = options.metadata,
               .storage_class = options.storage.storage_class};
  if (capabilities_.checksums) made.info.checksum = StoredChecksum{read.digests.checksum, 0};
  if (read.size > 0) made.content.chunks.push_back({std::move(read.data), read.size});
  PutResult result{made.info.etag, "", made.info.checksum};
  bucket->objects.insert_or_assign(std::move(object.key), std::move(made));
  co_return result;
}

Task<Result<void>> MemoryStore::remove(ObjectAddress object) {
  CO_TRY_VOID(check_key(object.key));
  const std::lock_guard lock(mutex_);
  CO_TRY(Bucket * bucket, find_bucket(object.bucket));
  bucket->objects.erase(object.key);
  co_return Result<void>();
}

Result<MemoryStore::Content> MemoryStore::find_copy_source(const ObjectAddress& from,
                                                           std::string_view if_match,
                                                           Object* copied) {
  if (!capabilities_.server_side_copy) return not_implemented("copies");
  TRY(Object * found, find_object(from));
  TRY_VOID(check_condition({.if_match = std::string(if_match)}, from.key, found->info.etag));
  if (copied) *copied = *found;
  return found->content;
}

Task<Result<PutResult>> MemoryStore::copy(ObjectAddress from, ObjectAddress to,
                                          CopyOptions options) {
  CO_TRY_VOID(check_address(to));
  CO_TRY_VOID(check_storage_options(options.storage));
  if (options.metadata) CO_TRY_VOID(check_metadata(*options.metadata));
  if (from == to && !options.metadata && options.storage.storage_class.empty()) {
    co_return store_error(ErrorKind::kInvalid, "InvalidRequest", 400,
                          "an object may be copied onto itself only to change its metadata");
  }
  Loop& loop = co_await current_loop();

  const std::lock_guard lock(mutex_);
  Object made;
  CO_TRY(const Content content, find_copy_source(from, options.source_if_match, &made));
  if (made.info.size > capabilities_.put_size_max) {
    co_return store_error(ErrorKind::kLimit, "InvalidRequest", 400,
                          "the object is too large for one copy");
  }
  CO_TRY(Bucket * bucket, find_bucket(to.bucket));
  const auto old = bucket->objects.find(to.key);
  std::optional<std::string_view> old_etag;
  if (old != bucket->objects.end()) old_etag = old->second.info.etag;
  CO_TRY_VOID(check_condition(options.condition, to.key, old_etag));

  // A copy is one PUT: its ETag and checksum are those of the bytes, not those of parts.
  ChecksumAlgorithm algorithm = ChecksumAlgorithm::kNone;
  if (made.info.checksum) algorithm = made.info.checksum->digest.algorithm();
  ContentDigester digester({.md5_etag = capabilities_.etag_is_md5, .algorithm = algorithm});
  for (const Chunk& chunk : content.chunks) digester.update(chunk.bytes());
  CO_TRY(ContentDigester::Digests digests, digester.finish());
  made.info.etag = std::move(digests.etag);
  if (capabilities_.checksums) made.info.checksum = StoredChecksum{digests.checksum, 0};
  made.info.last_modified = loop.wall_now();
  made.info.storage_class = std::move(options.storage.storage_class);
  if (options.metadata) made.info.metadata = *std::move(options.metadata);
  PutResult result{made.info.etag, "", made.info.checksum};
  bucket->objects.insert_or_assign(std::move(to.key), std::move(made));
  co_return result;
}

Task<Result<ListPage>> MemoryStore::list(std::string bucket_name, ListOptions options) {
  const std::lock_guard lock(mutex_);
  CO_TRY(Bucket * bucket, find_bucket(bucket_name));
  co_return make_list_page(
      options, [&](const ListPosition& position) -> Result<std::optional<ListEntry>> {
        const auto it = position.after ? bucket->objects.upper_bound(position.key)
                                       : bucket->objects.lower_bound(position.key);
        if (it == bucket->objects.end()) return std::nullopt;
        const ObjectInfo& info = it->second.info;
        return ListEntry{it->first, info.size, info.etag, info.last_modified, info.storage_class};
      });
}

Task<Result<std::string>> MemoryStore::create_upload(ObjectAddress object,
                                                     CreateUploadOptions options) {
  CO_TRY_VOID(check_address(object));
  CO_TRY_VOID(check_storage_options(options.storage));
  CO_TRY_VOID(check_metadata(options.metadata));
  if (options.checksum != ChecksumAlgorithm::kNone && !capabilities_.checksums) {
    co_return not_implemented("checksum headers");
  }
  Loop& loop = co_await current_loop();
  const std::lock_guard lock(mutex_);
  CO_TRY(Bucket * bucket, find_bucket(object.bucket));
  std::string id = "memory-" + std::to_string(++uploads_made_);
  bucket->uploads[{std::move(object.key), id}] = {std::move(options), loop.wall_now(), {}};
  co_return id;
}

Result<PartInfo> MemoryStore::store_part(const ObjectAddress& object, const std::string& upload_id,
                                         Part part) {
  TRY(Upload * upload, find_upload(object, upload_id));
  PartInfo info = part.info;
  upload->parts.insert_or_assign(info.number, std::move(part));
  return info;
}

Task<Result<PartInfo>> MemoryStore::put_part(ObjectAddress object, std::string upload_id,
                                             PartNumber number, Body body, PutPartOptions options) {
  CO_TRY_VOID(check_part_number(capabilities_, number));
  if (body.size > capabilities_.part_size_max) {
    co_return store_error(ErrorKind::kLimit, "EntityTooLarge", 400, "the part is too large");
  }
  if (options.checksum && !capabilities_.checksums) co_return not_implemented("checksum headers");
  ChecksumAlgorithm algorithm = ChecksumAlgorithm::kNone;
  {
    const std::lock_guard lock(mutex_);
    CO_TRY(Upload * upload, find_upload(object, upload_id));
    algorithm = upload->options.checksum;
  }
  if (algorithm == ChecksumAlgorithm::kNone) algorithm = ChecksumAlgorithm::kCrc64Nvme;
  CO_TRY(Read read, take_body(body, {.md5_etag = capabilities_.etag_is_md5,
                                     .algorithm = algorithm,
                                     .expected = options.checksum,
                                     .content_md5 = options.content_md5}));
  Part part{{number, read.size, read.digests.etag, std::nullopt},
            {std::move(read.data), read.size}};
  if (capabilities_.checksums) part.info.checksum = read.digests.checksum;
  const std::lock_guard lock(mutex_);
  co_return store_part(object, upload_id, std::move(part));
}

Task<Result<PartInfo>> MemoryStore::copy_part(ObjectAddress from, ByteRange range,
                                              ObjectAddress object, std::string upload_id,
                                              PartNumber number, std::string source_if_match) {
  std::unique_ptr<std::byte[]> bytes;
  {
    const std::lock_guard lock(mutex_);
    Object source;
    CO_TRY(const Content content, find_copy_source(from, source_if_match, &source));
    CO_TRY_VOID(check_copy_range(range, source.info.size));
    bytes = std::make_unique_for_overwrite<std::byte[]>(range.length);
    ByteCount begin = 0;  // of the chunk within the object
    for (const Chunk& chunk : content.chunks) {
      const ByteCount first = std::max(begin, range.offset);
      const ByteCount last = std::min(begin + chunk.size, range.end());
      if (first < last) {
        std::memcpy(bytes.get() + (first - range.offset), chunk.data.get() + (first - begin),
                    last - first);
      }
      begin += chunk.size;
    }
  }
  co_return co_await put_part(std::move(object), std::move(upload_id), number,
                              Body::of({bytes.get(), range.length}), {});
}

Task<Result<PutResult>> MemoryStore::complete(ObjectAddress object, std::string upload_id,
                                              std::vector<PartInfo> parts,
                                              CompleteOptions options) {
  const bool conditional = options.condition.if_none_match || !options.condition.if_match.empty();
  if (conditional && !capabilities_.conditional_complete) {
    co_return not_implemented("conditional completion");
  }
  Loop& loop = co_await current_loop();
  const std::lock_guard lock(mutex_);
  CO_TRY(Upload * upload, find_upload(object, upload_id));
  Bucket& bucket = *buckets_.find(object.bucket)->second;
  const auto find = [&](PartNumber number) -> const PartInfo* {
    const auto found = upload->parts.find(number);
    return found == upload->parts.end() ? nullptr : &found->second.info;
  };
  CO_TRY(Assembly assembly,
         assemble_parts(capabilities_, upload->options.checksum, parts, options, find));
  const auto old = bucket.objects.find(object.key);
  std::optional<std::string_view> old_etag;
  if (old != bucket.objects.end()) old_etag = old->second.info.etag;
  CO_TRY_VOID(check_condition(options.condition, object.key, old_etag));

  Object made;
  made.info = {.size = assembly.size,
               .etag = assembly.etag,
               .last_modified = loop.wall_now(),
               .metadata = std::move(upload->options.metadata),
               .storage_class = std::move(upload->options.storage.storage_class)};
  if (capabilities_.checksums) made.info.checksum = assembly.checksum;
  for (const PartInfo& part : parts) {
    Chunk& chunk = upload->parts.at(part.number).chunk;
    if (chunk.size > 0) made.content.chunks.push_back(std::move(chunk));
  }
  PutResult result{made.info.etag, "", made.info.checksum};
  bucket.uploads.erase({object.key, upload_id});
  bucket.objects.insert_or_assign(std::move(object.key), std::move(made));
  co_return result;
}

Task<Result<void>> MemoryStore::abort(ObjectAddress object, std::string upload_id) {
  CO_TRY_VOID(check_key(object.key));
  const std::lock_guard lock(mutex_);
  CO_TRY(Bucket * bucket, find_bucket(object.bucket));
  bucket->uploads.erase({std::move(object.key), std::move(upload_id)});
  co_return Result<void>();
}

Task<Result<PartsPage>> MemoryStore::list_parts(ObjectAddress object, std::string upload_id,
                                                PartNumber part_number_marker) {
  const std::lock_guard lock(mutex_);
  CO_TRY(Upload * upload, find_upload(object, upload_id));
  PartsPage page;
  for (auto it = upload->parts.upper_bound(part_number_marker); it != upload->parts.end(); ++it) {
    if (page.parts.size() == 1000) {
      page.continuation = page.parts.back().number;
      break;
    }
    page.parts.push_back(it->second.info);
  }
  co_return page;
}

Task<Result<UploadsPage>> MemoryStore::list_uploads(std::string bucket_name,
                                                    ListUploadsOptions options) {
  const std::lock_guard lock(mutex_);
  CO_TRY(Bucket * bucket, find_bucket(bucket_name));
  UploadsPage page;
  // Without an upload id the marker stands for all uploads of its key.
  UploadKey marker(options.key_marker, options.upload_id_marker);
  if (marker.second.empty()) marker.second = "\xff";
  auto it =
      options.key_marker.empty() ? bucket->uploads.begin() : bucket->uploads.upper_bound(marker);
  for (; it != bucket->uploads.end(); ++it) {
    const auto& [key, id] = it->first;
    if (!key.starts_with(options.prefix)) continue;
    if (page.uploads.size() == 1000) {
      page.key_marker = page.uploads.back().key;
      page.upload_id_marker = page.uploads.back().upload_id;
      break;
    }
    page.uploads.push_back({key, id, it->second.initiated});
  }
  co_return page;
}

Task<Result<std::vector<BucketInfo>>> MemoryStore::list_buckets() {
  const std::lock_guard lock(mutex_);
  std::vector<BucketInfo> buckets;
  for (const auto& [name, bucket] : buckets_) buckets.push_back({name, bucket->created});
  co_return buckets;
}

Task<Result<void>> MemoryStore::create_bucket(std::string bucket) {
  CO_TRY_VOID(check_bucket_name(bucket));
  Loop& loop = co_await current_loop();
  const std::lock_guard lock(mutex_);
  std::unique_ptr<Bucket>& slot = buckets_[std::move(bucket)];
  if (!slot) slot = std::make_unique<Bucket>(Bucket{.created = loop.wall_now()});
  co_return Result<void>();
}

Task<Result<void>> MemoryStore::head_bucket(std::string bucket) {
  const std::lock_guard lock(mutex_);
  CO_TRY_VOID(find_bucket(bucket));
  co_return Result<void>();
}

Task<Result<void>> MemoryStore::remove_bucket(std::string bucket) {
  const std::lock_guard lock(mutex_);
  CO_TRY(Bucket * found, find_bucket(bucket));
  if (!found->objects.empty()) {
    co_return store_error(ErrorKind::kConflict, "BucketNotEmpty", 409,
                          "the bucket '" + bucket + "' is not empty");
  }
  buckets_.erase(bucket);
  co_return Result<void>();
}

Task<Result<std::map<std::string, std::string>>> MemoryStore::tags(ObjectAddress object) {
  if (!capabilities_.tagging) co_return not_implemented("tags");
  const std::lock_guard lock(mutex_);
  CO_TRY(Object * found, find_object(object));
  co_return found->tags;
}

Task<Result<void>> MemoryStore::set_tags(ObjectAddress object,
                                         std::map<std::string, std::string> tags) {
  if (!capabilities_.tagging) co_return not_implemented("tags");
  CO_TRY_VOID(check_tags(tags));
  const std::lock_guard lock(mutex_);
  CO_TRY(Object * found, find_object(object));
  found->tags = std::move(tags);
  co_return Result<void>();
}

std::optional<std::string> MemoryStore::content(std::string_view bucket,
                                                std::string_view key) const {
  const std::lock_guard lock(mutex_);
  const auto found = buckets_.find(bucket);
  if (found == buckets_.end()) return std::nullopt;
  const auto object = found->second->objects.find(key);
  if (object == found->second->objects.end()) return std::nullopt;
  std::string content;
  for (const Chunk& chunk : object->second.content.chunks) content += as_text(chunk.bytes());
  return content;
}

}  // namespace telpher
