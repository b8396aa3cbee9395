// Copies share the files of their source: no byte is written. Bytes that have to be read are
// compared with the checksum of the source; what is not read is not looked at.

#include "store/local/local_state.h"

#include <algorithm>

namespace telpher {
namespace {

/// A file of the source that is gone: it was replaced while it was read, if it was replaced.
bool is_gone(const Error& error) { return error.context.code == "ENOENT"; }

}  // namespace

/// In pieces, each with a turn of its own in the lane of long work: workers remain for the others.
Task<Result<ContentDigester::Digests>> LocalStore::State::digest(std::vector<Extent> extents,
                                                                 ContentDigester::Options digests) {
  constexpr ByteCount kPiece = 4 << 20;
  ContentDigester content(digests);
  const auto update = [&content](Bytes bytes) {
    content.update(bytes);
    return Result<void>();
  };
  for (Extent& extent : extents) {
    while (extent.length > 0) {
      const std::vector<Extent> piece{
          {extent.file, extent.offset, std::min(extent.length, kPiece)}};
      CO_TRY(const Semaphore::Permit turn, co_await long_work.acquire());
      CO_TRY_VOID(co_await offload([&] { return read_extents(*files, piece, update); }));
      extent.offset += piece[0].length;
      extent.length -= piece[0].length;
    }
  }
  Result<ContentDigester::Digests> made = content.finish();
  if (!made && made.error().kind == ErrorKind::kCorrupt) co_return object_is_damaged();
  co_return made;
}

Result<LocalIndex::Object> LocalStore::State::find_copy_source(LocalIndex& index,
                                                               const ObjectAddress& from,
                                                               const std::string& if_match) {
  TRY(LocalIndex::Object source, index.object(from));
  TRY_VOID(check_condition({.if_match = if_match}, from.key, source.info.etag));
  return source;
}

/// ETag and checksum as one PUT of the bytes would have had them; reads the bytes only if it must,
/// and then compares them with the checksum they had.
Task<Result<void>> LocalStore::State::become_copy(LocalIndex::Object* object,
                                                  ChecksumAlgorithm algorithm) {
  std::optional<StoredChecksum>& checksum = object->info.checksum;
  if (algorithm == ChecksumAlgorithm::kNone && checksum) algorithm = checksum->digest.algorithm();
  const bool whole = checksum && checksum->parts == 0;
  const bool kept = whole && checksum->digest.algorithm() == algorithm;
  object->info.parts.reset();
  if (kept && !options.md5_etags) {
    object->info.etag = checksum_etag(checksum->digest);
    co_return Result<void>();
  }
  if (kept && bare_etag(object->info.etag).size() == 32) co_return Result<void>();
  ContentDigester::Options wanted = digester(algorithm);
  if (whole) wanted.expected = checksum->digest;
  CO_TRY(ContentDigester::Digests digests, co_await digest(object->extents, wanted));
  object->info.etag = std::move(digests.etag);
  checksum = StoredChecksum{digests.checksum, 0};
  co_return Result<void>();
}

Task<Result<PutResult>> LocalStore::copy(ObjectAddress from, ObjectAddress to,
                                         CopyOptions options) {
  CO_TRY_VOID(check_address(from));
  CO_TRY_VOID(check_address(to));
  CO_TRY_VOID(check_copy_options(from, to, options));
  Loop& loop = co_await current_loop();
  std::vector<Extent> gone;
  for (int look_up = 0; look_up < kLookUpsMax; ++look_up) {
    CO_TRY(LocalIndex::Object made, co_await offload([&] {
             return state_->with_reader([&](LocalIndex& index) {
               return state_->find_copy_source(index, from, options.source_if_match);
             });
           }));
    const std::vector<Extent> seen = made.extents;
    Result<void> copied = co_await state_->become_copy(&made, options.algorithm);
    if (!copied && is_gone(copied.error())) {
      if (gone == seen) co_return object_is_damaged();
      gone = seen;
      continue;
    }
    if (!copied) co_return std::move(copied).error();
    made.info.last_modified = loop.wall_now();
    made.info.storage_class = options.storage.storage_class;
    if (options.metadata) made.info.metadata = *options.metadata;
    if (options.tags) made.tags = *options.tags;
    bool changed = false;
    IndexWrite write;
    write.apply = [&](LocalIndex& index) -> Result<void> {
      TRY(const LocalIndex::Object source,
          state_->find_copy_source(index, from, options.source_if_match));
      changed = source.extents != seen;
      if (changed) return too_much_change();
      return index.put_object(to, made, options.condition);
    };
    Result<void> done = co_await state_->group.commit(write);
    if (done) co_return PutResult{made.info.etag, "", made.info.checksum};
    if (!changed) co_return std::move(done).error();
  }
  co_return too_much_change();
}

/// The digests of a part that is a range of `source`; of all of it they may be known.
Task<Result<ContentDigester::Digests>> LocalStore::State::digest_range(
    const LocalIndex::Object* source, ByteRange range, ChecksumAlgorithm algorithm) {
  if (algorithm == ChecksumAlgorithm::kNone) algorithm = ChecksumAlgorithm::kCrc64Nvme;
  ContentDigester::Options wanted = digester(algorithm);
  const std::optional<StoredChecksum>& checksum = source->info.checksum;
  if (range.length == source->info.size && checksum && checksum->parts == 0) {
    const bool md5_known = !source->info.parts && bare_etag(source->info.etag).size() == 32;
    if (checksum->digest.algorithm() == algorithm && (!options.md5_etags || md5_known)) {
      co_return ContentDigester::Digests{
          options.md5_etags ? source->info.etag : checksum_etag(checksum->digest),
          checksum->digest};
    }
    wanted.expected = checksum->digest;
  }
  co_return co_await digest(slice_extents(source->extents, range), wanted);
}

Task<Result<PartInfo>> LocalStore::copy_part(ObjectAddress from, ByteRange range,
                                             ObjectAddress object, std::string upload_id,
                                             PartNumber number, std::string source_if_match) {
  CO_TRY_VOID(check_address(from));
  CO_TRY_VOID(check_address(object));
  CO_TRY_VOID(check_part_number(capabilities_, number));
  Loop& loop = co_await current_loop();
  std::vector<Extent> gone;
  for (int look_up = 0; look_up < kLookUpsMax; ++look_up) {
    LocalIndex::Upload upload;
    CO_TRY(const LocalIndex::Object seen, co_await offload([&] {
             return state_->with_reader([&](LocalIndex& index) -> Result<LocalIndex::Object> {
               TRY(upload, index.upload(object, upload_id));
               return state_->find_copy_source(index, from, source_if_match);
             });
           }));
    CO_TRY_VOID(check_copy_range(range, seen.info.size));
    Result<ContentDigester::Digests> digests =
        co_await state_->digest_range(&seen, range, upload.options.checksum);
    if (!digests && is_gone(digests.error())) {
      if (gone == seen.extents) co_return object_is_damaged();
      gone = seen.extents;
      continue;
    }
    if (!digests) co_return std::move(digests).error();
    LocalIndex::Part part;
    part.extents = slice_extents(seen.extents, range);
    part.info = {number, range.length, std::move(digests->etag), digests->checksum,
                 loop.wall_now()};
    bool changed = false;
    IndexWrite write;
    write.apply = [&](LocalIndex& index) -> Result<void> {
      TRY_VOID(index.upload(object, upload_id));
      TRY(const LocalIndex::Object source, state_->find_copy_source(index, from, source_if_match));
      changed = source.extents != seen.extents;
      if (changed) return too_much_change();
      return index.put_part(upload_id, part);
    };
    Result<void> done = co_await state_->group.commit(write);
    if (done) co_return std::move(part.info);
    if (!changed) co_return std::move(done).error();
  }
  co_return too_much_change();
}

}  // namespace telpher
