#include "store/memory/memory_store.h"

#include "store/memory/memory_state.h"
#include "store/read_body.h"

#include <algorithm>
#include <cstring>
#include <new>

namespace telpher {

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

  std::optional<Body> next_in_place() override {
    while (left_ > 0 && skip_ >= content_.chunks[next_].size)
      skip_ -= content_.chunks[next_++].size;
    if (left_ == 0) return Body();
    Bytes bytes = content_.chunks[next_].bytes().subspan(skip_);
    bytes = bytes.first(std::min<ByteCount>(bytes.size(), left_));
    skip_ += bytes.size();
    left_ -= bytes.size();
    return Body::of(bytes);
  }

 private:
  const Content content_;
  std::size_t next_ = 0;
  ByteCount skip_;
  ByteCount left_;
};

MemoryStore::MemoryStore(Capabilities capabilities, ByteCount bytes_max)
    : capabilities_(capabilities), room_(std::make_shared<Room>(bytes_max)) {}
MemoryStore::~MemoryStore() = default;

ByteCount MemoryStore::bytes_held() const { return room_->bytes - room_->claimed; }

namespace {

Error no_room(ByteCount bytes_max) {
  return store_error(
      ErrorKind::kLimit, "InsufficientStorage", 507,
      "the store may hold no more than " + std::to_string(bytes_max) + " bytes in memory");
}

}  // namespace

Result<void> MemoryStore::Block::take(ByteCount count) {
  if (!room->take(count)) return no_room(room->bytes_max);
  taken += count;
  return {};
}

Result<std::shared_ptr<const MemoryStore::Claim>> MemoryStore::claim(ByteCount count) {
  if (!room_->take(count)) return no_room(room_->bytes_max);
  return std::make_shared<const Claim>(room_, count);
}

/// Memory is only reserved: pages that nothing is written to cost nothing. Large pages were tried
/// (madvise): a fifth less CPU at best, twice as much where the machine has to find them first.
/// The size is what somebody says it will be, so that there is none of it must be no surprise.
Result<MemoryStore::Chunk> MemoryStore::make_chunk(ByteCount size) {
  if (size == 0) return Chunk{};
  if (size > room_->bytes_max - room_->bytes) {
    return no_room(room_->bytes_max);
  }
  std::unique_ptr<std::byte[]> space(new (std::nothrow) std::byte[size]);
  if (!space) {
    return store_error(ErrorKind::kLimit, "InsufficientStorage", 507,
                       "the system has no memory for " + std::to_string(size) + " bytes");
  }
  return Chunk{std::make_shared<Block>(room_, std::move(space)), size};
}

/// Copies and digests a body.
Task<Result<MemoryStore::Taken>> MemoryStore::take_body(Body body,
                                                        ContentDigester::Options options) {
  // Of a stream; digested while it is in the cache.
  constexpr std::size_t kStep = 256 * 1024;
  Taken taken;
  CO_TRY(taken.chunk, make_chunk(body.size));
  ContentDigester digester(options);
  const MutableBytes all = taken.chunk.space();
  if (body.stream) {
    for (MutableBytes rest = all; !rest.empty();) {
      const MutableBytes piece = rest.first(std::min(rest.size(), kStep));
      CO_TRY_VOID(co_await read_stream(*body.stream, piece));
      CO_TRY_VOID(taken.chunk.block->take(piece.size()));
      digester.update(piece);
      rest = rest.subspan(piece.size());
    }
    CO_TRY_VOID(co_await read_stream_end(*body.stream));
  } else {
    if (taken.chunk.block) CO_TRY_VOID(taken.chunk.block->take(body.size));
    MutableBytes rest = all;
    CO_TRY_VOID(read_body(body, [&](Bytes bytes) -> Result<void> {
      std::memcpy(rest.data(), bytes.data(), bytes.size());
      digester.update(bytes);
      rest = rest.subspan(bytes.size());
      return {};
    }));
  }
  CO_TRY(taken.digests, digester.finish());
  co_return taken;
}

Result<MemoryStore::Bucket*> MemoryStore::find_bucket(std::string_view bucket) {
  TRY_VOID(check_bucket_name(bucket));
  const auto found = buckets_.find(bucket);
  if (found == buckets_.end()) return no_such_bucket(bucket);
  return found->second.get();
}

Result<MemoryStore::Object*> MemoryStore::find_object(const ObjectAddress& object) {
  TRY_VOID(check_address(object));
  TRY(Bucket * bucket, find_bucket(object.bucket));
  Object* found = bucket->objects.find(object.key);
  if (!found) return no_such_key(object.key);
  return found;
}

Task<Result<ObjectInfo>> MemoryStore::head(ObjectAddress object) {
  const std::lock_guard lock(mutex_);
  CO_TRY(Object * found, find_object(object));
  co_return found->info;
}

Task<Result<GetResult>> MemoryStore::get(ObjectAddress object, GetOptions options) {
  const std::lock_guard lock(mutex_);
  CO_TRY(Object * found, find_object(object));
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
  {
    const std::lock_guard lock(mutex_);
    CO_TRY_VOID(find_bucket(object.bucket));  // before bytes are read for nothing
  }
  CO_TRY(Taken taken, co_await take_body(body, digester_options(capabilities_, options)));
  Loop& loop = co_await current_loop();

  Object made;
  made.info = {.size = body.size,
               .etag = std::move(taken.digests.etag),
               .last_modified = loop.wall_now(),
               .metadata = options.metadata,
               .storage_class = options.storage.storage_class,
               .tag_count = static_cast<int>(options.tags.size())};
  made.tags = options.tags;
  if (capabilities_.checksums) made.info.checksum = StoredChecksum{taken.digests.checksum, 0};
  if (body.size > 0) made.content.chunks.push_back(std::move(taken.chunk));
  const std::lock_guard lock(mutex_);
  co_return store_object(std::move(object), std::move(made), options.condition);
}

ByteCount MemoryStore::weight(std::string_view key, const ObjectMetadata& metadata,
                              const Tags& tags) {
  ByteCount weight = 700 + key.size();  // nodes, ETag, checksum, what the allocator adds
  for (const auto& [name, value] : metadata.user) weight += 100 + name.size() + value.size();
  for (const auto& [name, value] : tags) weight += 100 + name.size() + value.size();
  for (const std::string* field :
       {&metadata.content_type, &metadata.content_encoding, &metadata.content_language,
        &metadata.content_disposition, &metadata.cache_control, &metadata.expires}) {
    weight += field->size();
  }
  return weight;
}

ByteCount MemoryStore::weight(std::string_view key, const ObjectInfo& info, const Tags& tags) {
  const std::size_t parts = info.parts ? info.parts->size() : 0;
  return weight(key, info.metadata, tags) + parts * kPartWeight;
}

Result<PutResult> MemoryStore::store_object(ObjectAddress object, Object made,
                                            const WriteCondition& condition) {
  TRY(Bucket * bucket, find_bucket(object.bucket));
  TRY_VOID(check_condition(condition, object.key, bucket->etag_of(object.key)));
  TRY_VOID(check_bucket_owner(condition, bucket->owner));
  TRY(made.claim, claim(weight(object.key, made.info, made.tags)));
  PutResult result{made.info.etag, "", made.info.checksum};
  bucket->objects.set(std::move(object.key), std::move(made));
  return result;
}

Task<Result<void>> MemoryStore::remove(ObjectAddress object, std::string if_match) {
  CO_TRY_VOID(check_address(object));
  if (!if_match.empty() && !capabilities_.conditional_removes) {
    co_return not_implemented("conditional removes");
  }
  const std::lock_guard lock(mutex_);
  CO_TRY(Bucket * bucket, find_bucket(object.bucket));
  CO_TRY_VOID(check_condition({.if_match = if_match}, object.key, bucket->etag_of(object.key)));
  bucket->objects.erase(object.key);
  co_return Result<void>();
}

Task<Result<std::vector<RemoveFailure>>> MemoryStore::remove_many(std::string bucket_name,
                                                                  std::vector<std::string> keys) {
  CO_TRY_VOID(check_key_count(keys.size()));
  const std::lock_guard lock(mutex_);
  CO_TRY(Bucket * bucket, find_bucket(bucket_name));
  std::vector<RemoveFailure> failures;
  for (std::string& key : keys) {
    Result<void> good = check_key(key);
    if (good) {
      bucket->objects.erase(key);
    } else {
      failures.push_back({std::move(key), std::move(good).error()});
    }
  }
  co_return failures;
}

Result<MemoryStore::Object> MemoryStore::find_copy(const ObjectAddress& from,
                                                   const std::string& if_match) {
  if (!capabilities_.server_side_copy) return not_implemented("copies");
  const std::lock_guard lock(mutex_);
  TRY(Object * found, find_object(from));
  TRY_VOID(check_condition({.if_match = if_match}, from.key, found->info.etag));
  return *found;
}

/// Hands the bytes of a range to `take`, in pieces between which everybody else gets his turn. The
/// content is a snapshot: nothing is locked meanwhile.
Task<Result<void>> MemoryStore::walk(const Content* content, ByteRange range,
                                     std::function<Result<void>(Bytes)> take) {
  constexpr std::size_t kTurn = 1 << 20;
  ByteCount begin = 0;  // of the chunk within the object
  for (const Chunk& chunk : content->chunks) {
    ByteCount at = std::max(begin, range.offset);
    const ByteCount end = std::min(begin + chunk.size, range.end());
    while (at < end) {
      const Bytes piece = chunk.bytes().subspan(at - begin, std::min<ByteCount>(end - at, kTurn));
      CO_TRY_VOID(take(piece));
      at += piece.size();
      co_await Yield{};
      if (co_await is_cancelled()) co_return make_error(ErrorKind::kCancelled, "cancelled");
    }
    begin += chunk.size;
  }
  co_return Result<void>();
}

/// A copy is one PUT: its ETag and checksum are those of the bytes, not those of parts.
Task<Result<void>> MemoryStore::become_copy(Object* object, ChecksumAlgorithm algorithm) const {
  std::optional<StoredChecksum>& checksum = object->info.checksum;
  if (algorithm == ChecksumAlgorithm::kNone && checksum) algorithm = checksum->digest.algorithm();
  const bool as_it_is = !object->info.parts && checksum && checksum->parts == 0 &&
                        checksum->digest.algorithm() == algorithm;
  object->info.parts.reset();
  if (as_it_is) co_return Result<void>();
  ContentDigester digester({.md5_etag = capabilities_.etag_is_md5, .algorithm = algorithm});
  const auto digest = [&digester](Bytes bytes) -> Result<void> {
    digester.update(bytes);
    return {};
  };
  CO_TRY_VOID(co_await walk(&object->content, {0, object->info.size}, digest));
  CO_TRY(ContentDigester::Digests digests, digester.finish());
  object->info.etag = std::move(digests.etag);
  if (capabilities_.checksums) checksum = StoredChecksum{digests.checksum, 0};
  co_return Result<void>();
}

Task<Result<PutResult>> MemoryStore::copy(ObjectAddress from, ObjectAddress to,
                                          CopyOptions options) {
  CO_TRY_VOID(check_address(to));
  CO_TRY_VOID(check_copy_options(from, to, options));
  Loop& loop = co_await current_loop();
  CO_TRY(Object made, find_copy(from, options.source_if_match));
  if (made.info.size > capabilities_.put_size_max) {
    co_return store_error(ErrorKind::kLimit, "InvalidRequest", 400,
                          "the object is too large for one copy");
  }
  CO_TRY_VOID(co_await become_copy(&made, options.algorithm));
  made.info.last_modified = loop.wall_now();
  made.info.storage_class = std::move(options.storage.storage_class);
  if (options.metadata) made.info.metadata = *std::move(options.metadata);
  if (options.tags) made.tags = *std::move(options.tags);
  made.info.tag_count = static_cast<int>(made.tags.size());
  const std::lock_guard lock(mutex_);
  co_return store_object(std::move(to), std::move(made), options.condition);
}

Task<Result<ListPage>> MemoryStore::list(std::string bucket_name, ListOptions options) {
  const std::lock_guard lock(mutex_);
  CO_TRY(Bucket * bucket, find_bucket(bucket_name));
  co_return make_list_page(
      options, [&](const ListPosition& position) -> Result<std::optional<ListEntry>> {
        const Objects::Ordered& objects = bucket->objects.ordered();
        const auto it =
            position.after ? objects.upper_bound(position.key) : objects.lower_bound(position.key);
        if (it == objects.end()) return std::nullopt;
        const ObjectInfo& info = it->second.info;
        ListEntry entry{it->first, info.size, info.etag, info.last_modified, info.storage_class};
        if (info.checksum) {
          entry.checksum = info.checksum->digest.algorithm();
          entry.composite = info.checksum->parts > 0;
        }
        return entry;
      });
}

Task<Result<std::vector<BucketInfo>>> MemoryStore::list_buckets() {
  const std::lock_guard lock(mutex_);
  std::vector<BucketInfo> buckets;
  for (const auto& [name, bucket] : buckets_) {
    buckets.push_back({name, bucket->created, bucket->owner});
  }
  co_return buckets;
}

Task<Result<void>> MemoryStore::create_bucket(std::string bucket, std::string owner) {
  CO_TRY_VOID(check_bucket_name(bucket));
  Loop& loop = co_await current_loop();
  const std::lock_guard lock(mutex_);
  std::unique_ptr<Bucket>& slot = buckets_[bucket];
  if (!slot) {
    slot = std::make_unique<Bucket>(Bucket{
        .created = loop.wall_now(), .owner = std::move(owner), .objects = {}, .uploads = {}});
  } else if (!slot->owner.empty() && slot->owner != owner) {
    co_return bucket_already_exists(bucket);
  }
  co_return Result<void>();
}

Task<Result<BucketInfo>> MemoryStore::head_bucket(std::string bucket) {
  const std::lock_guard lock(mutex_);
  CO_TRY(const Bucket* found, find_bucket(bucket));
  co_return BucketInfo{std::move(bucket), found->created, found->owner};
}

Task<Result<void>> MemoryStore::remove_bucket(std::string bucket) {
  const std::lock_guard lock(mutex_);
  CO_TRY(Bucket * found, find_bucket(bucket));
  if (!found->objects.ordered().empty()) {
    co_return store_error(ErrorKind::kConflict, "BucketNotEmpty", 409,
                          "the bucket '" + bucket + "' is not empty");
  }
  buckets_.erase(bucket);
  co_return Result<void>();
}

Task<Result<Tags>> MemoryStore::tags(ObjectAddress object) {
  if (!capabilities_.tagging) co_return not_implemented("tags");
  const std::lock_guard lock(mutex_);
  CO_TRY(Object * found, find_object(object));
  co_return found->tags;
}

Task<Result<void>> MemoryStore::set_tags(ObjectAddress object, Tags tags) {
  if (!capabilities_.tagging) co_return not_implemented("tags");
  CO_TRY_VOID(check_tags(tags));
  const std::lock_guard lock(mutex_);
  CO_TRY(Object * found, find_object(object));
  CO_TRY(found->claim, claim(weight(object.key, found->info, tags)));
  found->info.tag_count = static_cast<int>(tags.size());
  found->tags = std::move(tags);
  co_return Result<void>();
}

std::optional<std::string> MemoryStore::content(std::string_view bucket,
                                                std::string_view key) const {
  const std::lock_guard lock(mutex_);
  const auto found = buckets_.find(bucket);
  if (found == buckets_.end()) return std::nullopt;
  const Object* object = found->second->objects.find(key);
  if (!object) return std::nullopt;
  std::string content;
  for (const Chunk& chunk : object->content.chunks) content += as_text(chunk.bytes());
  return content;
}

}  // namespace telpher
