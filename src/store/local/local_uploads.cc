// Uploads: parts are files or stretches of segments, and become the object's extents as they are.

#include "codec/hex.h"
#include "store/local/local_state.h"

namespace telpher {
namespace {

std::string make_upload_id() {
  const std::uint64_t words[2] = {random_seed(), random_seed()};
  return hex_encode({reinterpret_cast<const std::byte*>(words), sizeof words});
}

}  // namespace

Task<Result<std::string>> LocalStore::create_upload(ObjectAddress object,
                                                    CreateUploadOptions options) {
  CO_TRY_VOID(check_address(object));
  CO_TRY_VOID(check_storage_options(options.storage));
  CO_TRY_VOID(check_metadata(options.metadata));
  Loop& loop = co_await current_loop();
  const std::string id = make_upload_id();
  IndexWrite write;
  write.apply = [&](LocalIndex& index) {
    return index.create_upload(object, id, options, loop.wall_now());
  };
  CO_TRY_VOID(co_await state_->group.commit(write));
  co_return id;
}

Task<Result<PartInfo>> LocalStore::put_part(ObjectAddress object, std::string upload_id,
                                            PartNumber number, Body body, PutPartOptions options) {
  CO_TRY_VOID(check_address(object));
  CO_TRY_VOID(check_part_number(capabilities_, number));
  if (body.size > capabilities_.part_size_max) {
    co_return store_error(ErrorKind::kLimit, "EntityTooLarge", 400, "the part is too large");
  }
  IndexWrite write;
  const bool small = body.size < kSmallObject;
  // The upload says which checksum is to be kept.
  Result<DataFiles::Written> written = co_await offload([&]() -> Result<DataFiles::Written> {
    TRY(const LocalIndex::Upload upload,
        state_->with_reader([&](LocalIndex& index) { return index.upload(object, upload_id); }));
    const ChecksumAlgorithm algorithm = upload.options.checksum;
    write.digester = state_->digester(
        algorithm == ChecksumAlgorithm::kNone ? ChecksumAlgorithm::kCrc64Nvme : algorithm);
    write.digester.expected = options.checksum;
    write.digester.content_md5 = options.content_md5;
    if (small) return DataFiles::Written{};
    return state_->files->write_file(body, write.digester);
  });
  if (!written) co_return std::move(written).error();
  write.written = *std::move(written);
  if (small) write.small_body = &body;
  LocalIndex::Part part;
  write.apply = [&](LocalIndex& index) -> Result<void> {
    TRY_VOID(index.upload(object, upload_id));
    part.info = {number, body.size, write.written.digests.etag, write.written.digests.checksum};
    if (body.size > 0) part.extents = {write.written.extent};
    return index.put_part(upload_id, part);
  };
  Result<void> done = co_await state_->group.commit(write);
  if (!done && !small) co_await state_->discard(write.written.extent);
  if (!done) co_return std::move(done).error();
  co_return std::move(part.info);
}

Task<Result<PutResult>> LocalStore::complete(ObjectAddress object, std::string upload_id,
                                             std::vector<PartInfo> parts, CompleteOptions options) {
  CO_TRY_VOID(check_address(object));
  Loop& loop = co_await current_loop();
  LocalIndex::Object made;
  made.info.last_modified = loop.wall_now();
  IndexWrite write;
  write.apply = [&](LocalIndex& index) -> Result<void> {
    TRY(LocalIndex::Upload upload, index.upload(object, upload_id));
    TRY(const std::vector<LocalIndex::Part> stored,
        index.parts(upload_id, 0, capabilities_.parts_max));
    std::map<PartNumber, const LocalIndex::Part*> by_number;
    for (const LocalIndex::Part& part : stored) by_number.emplace(part.info.number, &part);
    TRY(Assembly assembly, assemble_parts(capabilities_, upload.options.checksum, parts, options,
                                          [&](PartNumber number) -> const PartInfo* {
                                            const auto found = by_number.find(number);
                                            return found == by_number.end() ? nullptr
                                                                            : &found->second->info;
                                          }));
    made.info.size = assembly.size;
    made.info.etag = std::move(assembly.etag);
    made.info.checksum = assembly.checksum;
    made.info.metadata = std::move(upload.options.metadata);
    made.info.storage_class = std::move(upload.options.storage.storage_class);
    for (const PartInfo& part : parts) {
      const std::vector<Extent>& extents = by_number.at(part.number)->extents;
      made.extents.insert(made.extents.end(), extents.begin(), extents.end());
    }
    TRY_VOID(index.put_object(object, made, options.condition));
    return index.remove_upload(upload_id);
  };
  CO_TRY_VOID(co_await state_->group.commit(write));
  co_return PutResult{std::move(made.info.etag), "", made.info.checksum};
}

Task<Result<void>> LocalStore::abort(ObjectAddress object, std::string upload_id) {
  CO_TRY_VOID(check_address(object));
  IndexWrite write;
  write.apply = [&](LocalIndex& index) -> Result<void> {
    Result<LocalIndex::Upload> upload = index.upload(object, upload_id);
    if (upload) return index.remove_upload(upload_id);
    if (upload.error().context.code == "NoSuchUpload") return {};
    return std::move(upload).error();
  };
  co_return co_await state_->group.commit(write);
}

Task<Result<PartsPage>> LocalStore::list_parts(ObjectAddress object, std::string upload_id,
                                               PartNumber part_number_marker) {
  CO_TRY_VOID(check_address(object));
  constexpr int kPageSize = 1000;
  co_return co_await offload([&] {
    return state_->with_reader([&](LocalIndex& index) -> Result<PartsPage> {
      TRY_VOID(index.upload(object, upload_id));
      TRY(std::vector<LocalIndex::Part> parts,
          index.parts(upload_id, part_number_marker, kPageSize + 1));
      PartsPage page;
      for (LocalIndex::Part& part : parts) {
        if (page.parts.size() == kPageSize) {
          page.continuation = page.parts.back().number;
          break;
        }
        page.parts.push_back(std::move(part.info));
      }
      return page;
    });
  });
}

Task<Result<UploadsPage>> LocalStore::list_uploads(std::string bucket, ListUploadsOptions options) {
  CO_TRY_VOID(check_bucket_name(bucket));
  co_return co_await offload([&] {
    return state_->with_reader([&](LocalIndex& index) -> Result<UploadsPage> {
      TRY_VOID(index.check_bucket(bucket));
      return index.uploads(bucket, options);
    });
  });
}

}  // namespace telpher
