// Uploads: parts are chunks, and become the object's content as they are.

#include "store/memory/memory_state.h"

#include <algorithm>
#include <cstring>

namespace telpher {
namespace {

constexpr std::string_view kIdBegin = "memory-";
constexpr std::size_t kIdDigits = 20;

/// Whether it is an id of any upload, over by now or not.
bool is_upload_id(std::string_view id) {
  return id.size() == kIdBegin.size() + kIdDigits && id.starts_with(kIdBegin);
}

}  // namespace

Result<MemoryStore::Upload*> MemoryStore::find_upload(const ObjectAddress& object,
                                                      const std::string& upload_id) {
  TRY_VOID(check_key(object.key));
  TRY(Bucket * bucket, find_bucket(object.bucket));
  const auto found = bucket->uploads.find({object.key, upload_id});
  if (found == bucket->uploads.end()) return no_such_upload(upload_id);
  return &found->second;
}

Task<Result<std::string>> MemoryStore::create_upload(ObjectAddress object,
                                                     CreateUploadOptions options) {
  CO_TRY_VOID(check_address(object));
  CO_TRY_VOID(check_create_options(capabilities_, options));
  Loop& loop = co_await current_loop();
  const std::lock_guard lock(mutex_);
  CO_TRY(Bucket * bucket, find_bucket(object.bucket));
  // Ids of one key sort by age, as markers of lists want it.
  std::string number = std::to_string(++uploads_made_);
  std::string id = std::string(kIdBegin) + std::string(kIdDigits - number.size(), '0') + number;
  CO_TRY(auto held, claim(weight(object.key, options.metadata, options.tags)));
  bucket->uploads[{std::move(object.key), id}] = {
      std::move(options), loop.wall_now(), {}, std::move(held)};
  co_return id;
}

Result<PartInfo> MemoryStore::store_part(const ObjectAddress& object, const std::string& upload_id,
                                         PartNumber number, Taken taken, WallTime now) {
  TRY(Upload * upload, find_upload(object, upload_id));
  PartInfo info{number, taken.chunk.size, std::move(taken.digests.etag), std::nullopt, now};
  if (capabilities_.checksums) info.checksum = taken.digests.checksum;
  TRY(auto held, claim(kPartWeight));
  upload->parts.insert_or_assign(number, Part{info, std::move(taken.chunk), std::move(held)});
  return info;
}

Result<ContentDigester::Options> MemoryStore::find_part_options(const ObjectAddress& object,
                                                                const std::string& upload_id,
                                                                const PutPartOptions& options) {
  const std::lock_guard lock(mutex_);
  TRY(Upload * upload, find_upload(object, upload_id));
  return digester_options(capabilities_, options, upload->options.checksum);
}

Task<Result<PartInfo>> MemoryStore::put_part(ObjectAddress object, std::string upload_id,
                                             PartNumber number, Body body, PutPartOptions options) {
  CO_TRY_VOID(check_part_number(capabilities_, number));
  if (body.size > capabilities_.part_size_max) {
    co_return store_error(ErrorKind::kLimit, "EntityTooLarge", 400, "the part is too large");
  }
  CO_TRY(const ContentDigester::Options digester, find_part_options(object, upload_id, options));
  CO_TRY(Taken taken, co_await take_body(body, digester));
  Loop& loop = co_await current_loop();
  const std::lock_guard lock(mutex_);
  co_return store_part(object, upload_id, number, std::move(taken), loop.wall_now());
}

/// Bytes of an object as those of a part. All bytes of what was put in one piece are shared, with
/// what is known of them.
Task<Result<MemoryStore::Taken>> MemoryStore::take_range(const Object* source, ByteRange range,
                                                         ContentDigester::Options options) {
  const std::vector<Chunk>& chunks = source->content.chunks;
  const std::optional<StoredChecksum>& checksum = source->info.checksum;
  if (range.length == source->info.size && chunks.size() == 1 && !source->info.parts && checksum &&
      checksum->parts == 0 && checksum->digest.algorithm() == options.algorithm) {
    co_return Taken{chunks[0], {source->info.etag, checksum->digest}};
  }
  Taken taken;
  CO_TRY(taken.chunk, make_chunk(range.length));
  MutableBytes rest = taken.chunk.space();
  ContentDigester digester(options);
  const auto take = [&](Bytes bytes) -> Result<void> {
    TRY_VOID(taken.chunk.block->take(bytes.size()));
    std::memcpy(rest.data(), bytes.data(), bytes.size());
    digester.update(bytes);
    rest = rest.subspan(bytes.size());
    return {};
  };
  CO_TRY_VOID(co_await walk(&source->content, range, take));
  CO_TRY(taken.digests, digester.finish());
  co_return taken;
}

Task<Result<PartInfo>> MemoryStore::copy_part(ObjectAddress from, ByteRange range,
                                              ObjectAddress object, std::string upload_id,
                                              PartNumber number, std::string source_if_match) {
  CO_TRY_VOID(check_part_number(capabilities_, number));
  CO_TRY(const Object source, find_copy(from, source_if_match));
  CO_TRY_VOID(check_copy_range(range, source.info.size));
  CO_TRY(const ContentDigester::Options options, find_part_options(object, upload_id, {}));
  CO_TRY(Taken taken, co_await take_range(&source, range, options));
  Loop& loop = co_await current_loop();
  const std::lock_guard lock(mutex_);
  co_return store_part(object, upload_id, number, std::move(taken), loop.wall_now());
}

Task<Result<PutResult>> MemoryStore::complete(ObjectAddress object, std::string upload_id,
                                              std::vector<PartInfo> parts,
                                              CompleteOptions options) {
  if (options.condition.on_object() && !capabilities_.conditional_complete) {
    co_return not_implemented("conditional completion");
  }
  Loop& loop = co_await current_loop();
  const std::lock_guard lock(mutex_);
  CO_TRY(Upload * upload, find_upload(object, upload_id));
  const auto find = [&](PartNumber number) -> const PartInfo* {
    const auto found = upload->parts.find(number);
    return found == upload->parts.end() ? nullptr : &found->second.info;
  };
  CO_TRY(Assembly assembly, assemble_parts(capabilities_, upload->options, parts, options, find));
  Object made;
  made.info = {.size = assembly.size,
               .etag = assembly.etag,
               .last_modified = loop.wall_now(),
               .metadata = upload->options.metadata,
               .storage_class = upload->options.storage.storage_class,
               .tag_count = static_cast<int>(upload->options.tags.size()),
               .parts = std::move(assembly.parts)};
  made.tags = upload->options.tags;
  if (capabilities_.checksums) made.info.checksum = assembly.checksum;
  for (const PartInfo& part : parts) {
    const Chunk& chunk = upload->parts.at(part.number).chunk;
    if (chunk.size > 0) made.content.chunks.push_back(chunk);
  }
  CO_TRY(PutResult result, store_object(object, std::move(made), options.condition));
  buckets_.find(object.bucket)->second->uploads.erase({object.key, upload_id});
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
  page.checksum = upload->options.checksum;
  page.composite = upload->options.composite;
  page.storage_class = upload->options.storage.storage_class;
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
  if (!options.upload_id_marker.empty() && !is_upload_id(options.upload_id_marker)) {
    co_return invalid_upload_id_marker();
  }
  UploadsPage page;
  // Without an upload id the marker stands for all uploads of its key.
  UploadKey marker(options.key_marker, options.upload_id_marker);
  if (marker.second.empty()) marker.second = "\xff";
  const auto most = static_cast<std::size_t>(std::clamp(options.max_uploads, 1, 1000));
  auto it =
      options.key_marker.empty() ? bucket->uploads.begin() : bucket->uploads.upper_bound(marker);
  for (; it != bucket->uploads.end(); ++it) {
    const auto& [key, id] = it->first;
    if (!key.starts_with(options.prefix)) continue;
    if (page.uploads.size() == most) {
      page.key_marker = page.uploads.back().key;
      page.upload_id_marker = page.uploads.back().upload_id;
      break;
    }
    const CreateUploadOptions& upload = it->second.options;
    page.uploads.push_back({key, id, it->second.initiated, upload.storage.storage_class,
                            upload.checksum, upload.composite});
  }
  co_return page;
}

}  // namespace telpher
