#include "store/local/local_store.h"

#include "codec/hex.h"
#include "runtime/offload.h"
#include "store/local/extent_reader.h"
#include "store/local/group_commit.h"

#include <filesystem>
#include <mutex>

namespace telpher {
namespace {

/// Smaller ones share segments and syncs.
constexpr ByteCount kSmallObject = 64 * 1024;
/// How often a look-up is repeated because the object was replaced under it.
constexpr int kLookUpsMax = 10;

Error too_much_change() {
  Error error = store_error(ErrorKind::kConflict, "OperationAborted", 409,
                            "the object was replaced again and again meanwhile");
  error.persistence = Persistence::kTemporary;
  return error;
}

std::string make_upload_id() {
  const std::uint64_t words[2] = {random_seed(), random_seed()};
  return hex_encode({reinterpret_cast<const std::byte*>(words), sizeof words});
}

}  // namespace

struct LocalStore::State {
  State(LocalStoreOptions store_options, std::unique_ptr<DataFiles> data_files,
        std::unique_ptr<LocalIndex> index)
      : options(std::move(store_options)),
        files(std::move(data_files)),
        writer(std::move(index)),
        group(*writer, *files) {}

  /// Runs `read` with an index connection that nobody else uses. On a worker thread.
  template <class F>
  std::invoke_result_t<F, LocalIndex&> with_reader(F read) {
    std::unique_ptr<LocalIndex> index;
    {
      const std::lock_guard lock(mutex);
      if (!readers.empty()) {
        index = std::move(readers.back());
        readers.pop_back();
      }
    }
    if (!index) {
      TRY(index, LocalIndex::open(options.root + "/index.db", options.durable));
    }
    auto result = read(*index);
    const std::lock_guard lock(mutex);
    readers.push_back(std::move(index));
    return result;
  }

  Result<GetResult> get(LocalIndex& index, const ObjectAddress& object, const GetOptions& options);
  Result<std::vector<std::byte>> read_small(const std::vector<Extent>& extents, ByteCount length);
  ContentDigester::Options digester(ChecksumAlgorithm algorithm) const {
    return {.md5_etag = options.md5_etags, .algorithm = algorithm};
  }
  Result<ContentDigester::Digests> digest(const std::vector<Extent>& extents,
                                          ChecksumAlgorithm algorithm);
  Result<LocalIndex::Object> find_copy_source(LocalIndex& index, const ObjectAddress& from,
                                              const std::string& if_match);
  Result<void> become_copy(LocalIndex::Object& object);
  Task<void> discard(Extent extent);

  const LocalStoreOptions options;
  const std::unique_ptr<DataFiles> files;
  const std::unique_ptr<LocalIndex> writer;
  GroupCommit group;
  std::mutex mutex;
  std::vector<std::unique_ptr<LocalIndex>> readers;
};

LocalStore::LocalStore(LocalStoreOptions options, std::unique_ptr<State> state)
    : capabilities_{.part_size_min = options.part_size_min, .etag_is_md5 = options.md5_etags},
      state_(std::move(state)) {}

LocalStore::~LocalStore() = default;

Result<std::unique_ptr<LocalStore>> LocalStore::open(LocalStoreOptions options) {
  std::error_code error;
  if (std::filesystem::create_directories(options.root, error)) {
    std::filesystem::permissions(options.root, std::filesystem::perms::owner_all, error);
  }
  if (error) return make_errno_error(error.value(), "create '" + options.root + "'");
  TRY(std::unique_ptr<DataFiles> files, DataFiles::open(options.root, options.durable));
  TRY(std::unique_ptr<LocalIndex> index,
      LocalIndex::open(options.root + "/index.db", options.durable));
  TRY_VOID(files->sweep([&](FileId file) { return index->is_referred(file); }));
  auto state = std::make_unique<State>(options, std::move(files), std::move(index));
  return std::unique_ptr<LocalStore>(new LocalStore(std::move(options), std::move(state)));
}

Task<void> LocalStore::State::discard(Extent extent) {
  co_await offload([&] { return files->remove_file(extent.file); });
}

// Objects.

Task<Result<ObjectInfo>> LocalStore::head(ObjectAddress object) {
  CO_TRY_VOID(check_address(object));
  Result<LocalIndex::Object> found = co_await offload(
      [&] { return state_->with_reader([&](LocalIndex& index) { return index.object(object); }); });
  if (!found) co_return std::move(found).error();
  co_return std::move(found->info);
}

Result<std::vector<std::byte>> LocalStore::State::read_small(const std::vector<Extent>& extents,
                                                             ByteCount length) {
  std::vector<std::byte> content;
  content.reserve(length);
  TRY_VOID(read_extents(*files, extents, [&](Bytes bytes) {
    content.insert(content.end(), bytes.begin(), bytes.end());
    return Result<void>();
  }));
  return content;
}

Result<GetResult> LocalStore::State::get(LocalIndex& index, const ObjectAddress& object,
                                         const GetOptions& get_options) {
  for (int look_up = 0; look_up < kLookUpsMax; ++look_up) {
    TRY(LocalIndex::Object found, index.object(object));
    TRY_VOID(check_condition({.if_match = get_options.if_match}, object.key, found.info.etag));
    TRY(const ByteRange range, resolve_range(get_options.range, found.info.size));
    std::vector<Extent> extents = slice_extents(found.extents, range);
    GetResult result{std::move(found.info), range.length, nullptr};
    if (range.length <= kSmallObject) {
      Result<std::vector<std::byte>> content = read_small(extents, range.length);
      if (!content && content.error().kind == ErrorKind::kNotFound) continue;  // just replaced
      if (!content) return std::move(content).error();
      const std::optional<StoredChecksum>& checksum = result.info.checksum;
      if (range.length == result.info.size && checksum && checksum->parts == 0 &&
          checksum_of(checksum->digest.algorithm(), *content) != checksum->digest) {
        return make_error(ErrorKind::kCorrupt,
                          "the object is damaged on disk: its bytes fail their checksum");
      }
      result.body = make_memory_reader(*std::move(content));
      return result;
    }
    Result<std::unique_ptr<ByteReader>> reader = open_extents(*files, std::move(extents));
    if (!reader && reader.error().kind == ErrorKind::kNotFound) continue;
    if (!reader) return std::move(reader).error();
    result.body = *std::move(reader);
    return result;
  }
  return too_much_change();
}

Task<Result<GetResult>> LocalStore::get(ObjectAddress object, GetOptions options) {
  CO_TRY_VOID(check_address(object));
  if (!options.version_id.empty() && options.version_id != "null") {
    co_return store_error(ErrorKind::kNotFound, "NoSuchVersion", 404,
                          "this store keeps no versions");
  }
  co_return co_await offload([&] {
    return state_->with_reader(
        [&](LocalIndex& index) { return state_->get(index, object, options); });
  });
}

Task<Result<PutResult>> LocalStore::put(ObjectAddress object, Body body, PutOptions options) {
  CO_TRY_VOID(check_address(object));
  CO_TRY_VOID(check_put_options(capabilities_, options));
  if (body.size > capabilities_.put_size_max) {
    co_return store_error(ErrorKind::kLimit, "EntityTooLarge", 400, "the object is too large");
  }
  IndexWrite write;
  write.digester = state_->digester(ChecksumAlgorithm::kNone);
  write.digester.expected = options.checksum;
  write.digester.content_md5 = options.content_md5;
  const bool small = body.size < kSmallObject;
  if (small) {
    write.small_body = &body;
  } else {
    CO_TRY(write.written, co_await offload([&]() -> Result<DataFiles::Written> {
             TRY_VOID(state_->with_reader(
                 [&](LocalIndex& index) { return index.check_bucket(object.bucket); }));
             return state_->files->write_file(body, write.digester);
           }));
  }
  Loop& loop = co_await current_loop();
  LocalIndex::Object made;
  made.info.size = body.size;
  made.info.last_modified = loop.wall_now();
  made.info.metadata = std::move(options.metadata);
  made.info.storage_class = std::move(options.storage.storage_class);
  write.apply = [&](LocalIndex& index) {
    made.info.etag = write.written.digests.etag;
    made.info.checksum = StoredChecksum{write.written.digests.checksum, 0};
    if (body.size > 0) made.extents = {write.written.extent};
    return index.put_object(object, made, options.condition);
  };
  Result<void> done = co_await state_->group.commit(write);
  if (!done && !small) co_await state_->discard(write.written.extent);
  if (!done) co_return std::move(done).error();
  co_return PutResult{std::move(made.info.etag), "", made.info.checksum};
}

Task<Result<void>> LocalStore::remove(ObjectAddress object) {
  CO_TRY_VOID(check_address(object));
  IndexWrite write;
  write.apply = [&](LocalIndex& index) { return index.remove_object(object); };
  co_return co_await state_->group.commit(write);
}

Task<Result<ListPage>> LocalStore::list(std::string bucket, ListOptions options) {
  CO_TRY_VOID(check_bucket_name(bucket));
  const auto read_page = [&](LocalIndex& index) -> Result<ListPage> {
    TRY_VOID(index.check_bucket(bucket));
    return make_list_page(
        options, [&](const ListPosition& position) { return index.next_entry(bucket, position); });
  };
  co_return co_await offload([&] {
    return state_->with_reader([&](LocalIndex& index) -> Result<ListPage> {
      TRY_VOID(index.begin_read());  // one page sees one state
      Result<ListPage> page = read_page(index);
      TRY_VOID(index.commit());
      return page;
    });
  });
}

Task<Result<std::map<std::string, std::string>>> LocalStore::tags(ObjectAddress object) {
  CO_TRY_VOID(check_address(object));
  Result<LocalIndex::Object> found = co_await offload(
      [&] { return state_->with_reader([&](LocalIndex& index) { return index.object(object); }); });
  if (!found) co_return std::move(found).error();
  co_return std::move(found->tags);
}

Task<Result<void>> LocalStore::set_tags(ObjectAddress object,
                                        std::map<std::string, std::string> tags) {
  CO_TRY_VOID(check_address(object));
  CO_TRY_VOID(check_tags(tags));
  IndexWrite write;
  write.apply = [&](LocalIndex& index) { return index.set_tags(object, tags); };
  co_return co_await state_->group.commit(write);
}

// Copies share the files of their source: no byte is written.

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
Result<void> LocalStore::State::become_copy(LocalIndex::Object& object) {
  const std::optional<StoredChecksum>& checksum = object.info.checksum;
  const bool whole = checksum && checksum->parts == 0;
  if (whole && !options.md5_etags) {
    object.info.etag = checksum_etag(checksum->digest);
    return {};
  }
  if (whole && bare_etag(object.info.etag).size() == 32) return {};
  TRY(ContentDigester::Digests digests,
      digest(object.extents, checksum ? checksum->digest.algorithm() : ChecksumAlgorithm::kNone));
  object.info.etag = std::move(digests.etag);
  object.info.checksum = StoredChecksum{digests.checksum, 0};
  return {};
}

Task<Result<PutResult>> LocalStore::copy(ObjectAddress from, ObjectAddress to,
                                         CopyOptions options) {
  CO_TRY_VOID(check_address(from));
  CO_TRY_VOID(check_address(to));
  CO_TRY_VOID(check_storage_options(options.storage));
  if (options.metadata) CO_TRY_VOID(check_metadata(*options.metadata));
  if (from == to && !options.metadata && options.storage.storage_class.empty()) {
    co_return store_error(ErrorKind::kInvalid, "InvalidRequest", 400,
                          "an object may be copied onto itself only to change its metadata");
  }
  Loop& loop = co_await current_loop();
  for (int look_up = 0; look_up < kLookUpsMax; ++look_up) {
    std::vector<Extent> seen;
    Result<LocalIndex::Object> made = co_await offload([&] {
      return state_->with_reader([&](LocalIndex& index) -> Result<LocalIndex::Object> {
        TRY(LocalIndex::Object source,
            state_->find_copy_source(index, from, options.source_if_match));
        seen = source.extents;
        TRY_VOID(state_->become_copy(source));
        return source;
      });
    });
    // A file of the source that is gone: it was replaced while it was read.
    if (!made && made.error().context.code == "ENOENT") continue;
    if (!made) co_return std::move(made).error();
    made->info.last_modified = loop.wall_now();
    made->info.storage_class = options.storage.storage_class;
    if (options.metadata) made->info.metadata = *options.metadata;
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

// Uploads: parts are files or stretches of segments, and become the object's extents as they are.

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

// Buckets.

Task<Result<std::vector<BucketInfo>>> LocalStore::list_buckets() {
  co_return co_await offload(
      [&] { return state_->with_reader([](LocalIndex& index) { return index.buckets(); }); });
}

Task<Result<void>> LocalStore::create_bucket(std::string bucket) {
  CO_TRY_VOID(check_bucket_name(bucket));
  Loop& loop = co_await current_loop();
  IndexWrite write;
  write.apply = [&](LocalIndex& index) { return index.create_bucket(bucket, loop.wall_now()); };
  co_return co_await state_->group.commit(write);
}

Task<Result<void>> LocalStore::head_bucket(std::string bucket) {
  CO_TRY_VOID(check_bucket_name(bucket));
  co_return co_await offload([&] {
    return state_->with_reader([&](LocalIndex& index) { return index.check_bucket(bucket); });
  });
}

Task<Result<void>> LocalStore::remove_bucket(std::string bucket) {
  CO_TRY_VOID(check_bucket_name(bucket));
  IndexWrite write;
  write.apply = [&](LocalIndex& index) { return index.remove_bucket(bucket); };
  co_return co_await state_->group.commit(write);
}

}  // namespace telpher
