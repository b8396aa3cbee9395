// Uploads: parts are files or stretches of segments, and become the object's extents as they are.

#include "codec/hex.h"
#include "store/local/local_state.h"

#include <array>
#include <cstring>

namespace telpher {
namespace {

/// Ids of one key sort by age, as markers of lists want it; nobody can guess them.
std::string make_upload_id(WallTime now) {
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(now.time_since_epoch());
  std::array<std::byte, 16> id;
  for (std::size_t i = 0; i < 8; ++i) id[i] = static_cast<std::byte>(us.count() >> (56 - 8 * i));
  const std::uint64_t random = random_seed();
  std::memcpy(id.data() + 8, &random, 8);
  return hex_encode(id);
}

/// Whether it is an id of any upload, over by now or not.
bool is_upload_id(std::string_view id) { return id.size() == 32 && hex_decode(id); }

}  // namespace

Task<Result<std::string>> LocalStore::create_upload(ObjectAddress object,
                                                    CreateUploadOptions options) {
  CO_TRY_VOID(check_address(object));
  CO_TRY_VOID(check_create_options(capabilities_, options));
  Loop& loop = co_await current_loop();
  const WallTime now = loop.wall_now();
  const std::string id = make_upload_id(now);
  IndexWrite write;
  write.apply = [&](LocalIndex& index) { return index.create_upload(object, id, options, now); };
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
  Loop& loop = co_await current_loop();
  IndexWrite write;
  State::Arrival arrival;
  // The upload says which checksum is to be kept.
  const auto find_options = [&](LocalIndex& index) -> Result<void> {
    TRY(const LocalIndex::Upload upload, index.upload(object, upload_id));
    TRY(write.digester, digester_options(capabilities_, options, upload.options.checksum));
    return {};
  };
  if (body.size < kSmallObject) {
    CO_TRY_VOID(co_await offload([&] { return state_->with_reader(find_options); }));
  }
  CO_TRY_VOID(co_await state_->take_body(body, &write, &arrival, find_options));
  LocalIndex::Part part;
  write.apply = [&](LocalIndex& index) -> Result<void> {
    TRY_VOID(index.upload(object, upload_id));
    part.info = {number, body.size, write.written.digests.etag, write.written.digests.checksum,
                 loop.wall_now()};
    if (body.size > 0) part.extents = {write.written.extent};
    return index.put_part(upload_id, part);
  };
  Result<void> done = co_await state_->group.commit(write);
  if (!done && !arrival.small) co_await state_->discard(write.written.extent);
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
    TRY(Assembly assembly, assemble_parts(capabilities_, upload.options, parts, options,
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
    made.info.parts = std::move(assembly.parts);
    made.tags = std::move(upload.options.tags);
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
  write.frees = true;
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
      TRY(const LocalIndex::Upload upload, index.upload(object, upload_id));
      TRY(std::vector<LocalIndex::Part> parts,
          index.parts(upload_id, part_number_marker, kPageSize + 1));
      PartsPage page;
      page.checksum = upload.options.checksum;
      page.composite = upload.options.composite;
      page.storage_class = upload.options.storage.storage_class;
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
  if (!options.upload_id_marker.empty() && !is_upload_id(options.upload_id_marker)) {
    co_return invalid_upload_id_marker();
  }
  co_return co_await offload([&] {
    return state_->with_reader([&](LocalIndex& index) -> Result<UploadsPage> {
      TRY_VOID(index.check_bucket(bucket));
      return index.uploads(bucket, options);
    });
  });
}

}  // namespace telpher
