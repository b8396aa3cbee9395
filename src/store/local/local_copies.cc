// Copies share the files of their source: no byte is written.

#include "store/local/local_state.h"

namespace telpher {

Result<ContentDigester::Digests> LocalStore::State::digest(const std::vector<Extent>& extents,
                                                           ChecksumAlgorithm algorithm) {
  ContentDigester content(digester(algorithm));
  TRY_VOID(read_extents(*files, extents, [&](Bytes bytes) {
    content.update(bytes);
    return Result<void>();
  }));
  return content.finish();
}

Result<LocalIndex::Object> LocalStore::State::find_copy_source(LocalIndex& index,
                                                               const ObjectAddress& from,
                                                               const std::string& if_match) {
  TRY(LocalIndex::Object source, index.object(from));
  TRY_VOID(check_condition({.if_match = if_match}, from.key, source.info.etag));
  return source;
}

/// ETag and checksum as one PUT of the bytes would have had them; reads the bytes only if it must.
Result<void> LocalStore::State::become_copy(LocalIndex::Object& object,
                                            ChecksumAlgorithm algorithm) {
  const std::optional<StoredChecksum>& checksum = object.info.checksum;
  if (algorithm == ChecksumAlgorithm::kNone && checksum) algorithm = checksum->digest.algorithm();
  const bool whole = checksum && checksum->parts == 0 && checksum->digest.algorithm() == algorithm;
  object.info.parts.reset();
  if (whole && !options.md5_etags) {
    object.info.etag = checksum_etag(checksum->digest);
    return {};
  }
  if (whole && bare_etag(object.info.etag).size() == 32) return {};
  TRY(ContentDigester::Digests digests, digest(object.extents, algorithm));
  object.info.etag = std::move(digests.etag);
  object.info.checksum = StoredChecksum{digests.checksum, 0};
  return {};
}

Task<Result<PutResult>> LocalStore::copy(ObjectAddress from, ObjectAddress to,
                                         CopyOptions options) {
  CO_TRY_VOID(check_address(from));
  CO_TRY_VOID(check_address(to));
  CO_TRY_VOID(check_copy_options(from, to, options));
  Loop& loop = co_await current_loop();
  for (int look_up = 0; look_up < kLookUpsMax; ++look_up) {
    std::vector<Extent> seen;
    Result<LocalIndex::Object> made = co_await offload([&] {
      return state_->with_reader([&](LocalIndex& index) -> Result<LocalIndex::Object> {
        TRY(LocalIndex::Object source,
            state_->find_copy_source(index, from, options.source_if_match));
        seen = source.extents;
        TRY_VOID(state_->become_copy(source, options.algorithm));
        return source;
      });
    });
    // A file of the source that is gone: it was replaced while it was read.
    if (!made && made.error().context.code == "ENOENT") continue;
    if (!made) co_return std::move(made).error();
    made->info.last_modified = loop.wall_now();
    made->info.storage_class = options.storage.storage_class;
    if (options.metadata) made->info.metadata = *options.metadata;
    if (options.tags) made->tags = *options.tags;
    bool changed = false;
    IndexWrite write;
    write.apply = [&](LocalIndex& index) -> Result<void> {
      TRY(const LocalIndex::Object source,
          state_->find_copy_source(index, from, options.source_if_match));
      changed = source.extents != seen;
      if (changed) return too_much_change();
      return index.put_object(to, *made, options.condition);
    };
    Result<void> done = co_await state_->group.commit(write);
    if (done) co_return PutResult{made->info.etag, "", made->info.checksum};
    if (!changed) co_return std::move(done).error();
  }
  co_return too_much_change();
}

Task<Result<PartInfo>> LocalStore::copy_part(ObjectAddress from, ByteRange range,
                                             ObjectAddress object, std::string upload_id,
                                             PartNumber number, std::string source_if_match) {
  CO_TRY_VOID(check_address(from));
  CO_TRY_VOID(check_address(object));
  CO_TRY_VOID(check_part_number(capabilities_, number));
  Loop& loop = co_await current_loop();
  for (int look_up = 0; look_up < kLookUpsMax; ++look_up) {
    std::vector<Extent> seen;
    Result<LocalIndex::Part> part = co_await offload([&] {
      return state_->with_reader([&](LocalIndex& index) -> Result<LocalIndex::Part> {
        TRY(const LocalIndex::Upload upload, index.upload(object, upload_id));
        TRY(const LocalIndex::Object source,
            state_->find_copy_source(index, from, source_if_match));
        TRY_VOID(check_copy_range(range, source.info.size));
        seen = source.extents;
        LocalIndex::Part made;
        made.extents = slice_extents(source.extents, range);
        TRY(ContentDigester::Digests digests,
            state_->digest(made.extents, upload.options.checksum));
        made.info = {number, range.length, std::move(digests.etag), digests.checksum};
        return made;
      });
    });
    if (!part && part.error().context.code == "ENOENT") continue;
    if (!part) co_return std::move(part).error();
    part->info.last_modified = loop.wall_now();
    bool changed = false;
    IndexWrite write;
    write.apply = [&](LocalIndex& index) -> Result<void> {
      TRY_VOID(index.upload(object, upload_id));
      TRY(const LocalIndex::Object source, state_->find_copy_source(index, from, source_if_match));
      changed = source.extents != seen;
      if (changed) return too_much_change();
      return index.put_part(upload_id, *part);
    };
    Result<void> done = co_await state_->group.commit(write);
    if (done) co_return std::move(part->info);
    if (!changed) co_return std::move(done).error();
  }
  co_return too_much_change();
}

}  // namespace telpher
