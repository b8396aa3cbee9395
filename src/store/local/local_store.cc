#include "store/local/local_store.h"

#include "store/local/local_state.h"

#include <sys/stat.h>

namespace telpher {
namespace {

/// Nobody but its owner reads the index: it holds keys, metadata and tags. SQLite gives its other
/// files the mode of the first. No descriptor is opened: closing it would drop SQLite's locks.
void make_private(const std::string& path) {
  ::mknod(path.c_str(), S_IFREG | 0600, 0);  // SQLite takes an empty file for a new one
  for (const char* suffix : {"", "-wal", "-shm"}) {
    const std::string name = path + suffix;
    struct stat status;
    if (::stat(name.c_str(), &status) == 0 && (status.st_mode & 077) != 0) {
      ::chmod(name.c_str(), status.st_mode & 0700);
    }
  }
}

bool is_unwritable(const Error& error) {
  return error.kind == ErrorKind::kDenied || error.context.code == "EROFS" || is_disk_full(error);
}

}  // namespace

Error too_much_change() {
  Error error = store_error(ErrorKind::kConflict, "OperationAborted", 409,
                            "the object was replaced again and again meanwhile");
  error.persistence = Persistence::kTemporary;
  return error;
}

Error object_is_damaged() {
  return store_error(ErrorKind::kCorrupt, "InternalError", 500,
                     "the object is damaged on disk: its bytes are not those that were stored");
}

LocalStore::LocalStore(LocalStoreOptions options, std::unique_ptr<State> state)
    : capabilities_{.part_size_min = options.part_size_min, .etag_is_md5 = options.md5_etags},
      state_(std::move(state)) {}

LocalStore::~LocalStore() = default;

Result<std::unique_ptr<LocalStore>> LocalStore::open(LocalStoreOptions options) {
  Disk& disk = options.disk ? *options.disk : real_disk();
  Result<std::unique_ptr<State>> state = open_to_write(disk, options);
  if (!state && is_disk_full(state.error()) &&
      DiskReserve(disk, options.root + "/reserve", options.reserve).give_up()) {
    state = open_to_write(disk, options);
  }
  if (!state && is_unwritable(state.error())) {
    Result<std::unique_ptr<State>> readable = open_to_read(disk, options, state.error());
    if (readable) state = std::move(readable);
  }
  if (!state) return std::move(state).error();
  return std::unique_ptr<LocalStore>(new LocalStore(std::move(options), *std::move(state)));
}

Result<std::unique_ptr<LocalStore::State>> LocalStore::open_to_write(
    Disk& disk, const LocalStoreOptions& options) {
  TRY_VOID(disk.make_folders(options.root, options.durable));
  TRY(std::unique_ptr<DataFiles> files, DataFiles::open(disk, options.root, options.durable));
  if (options.vfs.empty()) make_private(options.root + "/index.db");
  Result<std::unique_ptr<LocalIndex>> opened =
      LocalIndex::open(options.root + "/index.db", options.durable, options.vfs);
  if (!opened) {
    files->leave();
    return std::move(opened).error();
  }
  std::unique_ptr<LocalIndex> index = *std::move(opened);
  TRY_VOID(files->sweep([&] { return index->recover(); },
                        [&](FileId file) { return index->is_referred(file); }));
  auto state = std::make_unique<State>(options, disk, std::move(files), std::move(index));
  state->group.remove_unreferred();
  state->reserve.keep();
  return state;
}

Result<std::unique_ptr<LocalStore::State>> LocalStore::open_to_read(
    Disk& disk, const LocalStoreOptions& options, const Error& reason) {
  const std::string index_path = options.root + "/index.db";
  if (!disk.exists(index_path)) return reason;
  Error refusal = is_disk_full(reason)
                      ? disk_full()
                      : store_error(ErrorKind::kDenied, "AccessDenied", 403,
                                    "the embedded store in '" + options.root +
                                        "' cannot be written to: " + reason.message);
  refusal.context.operation = "PutObject";  // it is the destination that refuses
  TRY(std::unique_ptr<LocalIndex> index,
      LocalIndex::open(index_path, options.durable, options.vfs));
  return std::make_unique<State>(options, disk,
                                 DataFiles::open_to_read(disk, options.root, std::move(refusal)),
                                 std::move(index));
}

LocalStore::State::~State() {
  files->close([&](FileId file) { return writer->is_referred(file); });
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
  std::vector<Extent> gone;  // what could not be opened the last time
  for (int look_up = 0; look_up < kLookUpsMax; ++look_up) {
    TRY(LocalIndex::Object found, index.object(object));
    // Files go after their rows: a row that stands though its file was gone before is damage.
    if (look_up > 0 && found.extents == gone) return object_is_damaged();
    gone = found.extents;
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
        return object_is_damaged();
      }
      result.body = make_memory_reader(*std::move(content));
      return result;
    }
    Result<std::unique_ptr<ByteReader>> reader = open_extents(*files, std::move(extents));
    const std::optional<StoredChecksum>& checksum = result.info.checksum;
    const bool whole = range.length == result.info.size && checksum && checksum->parts == 0;
    if (reader && whole && checksum_combines(checksum->digest.algorithm())) {
      reader = make_checked_reader(*std::move(reader), checksum->digest, range.length);
    }
    if (!reader && reader.error().kind == ErrorKind::kNotFound) continue;
    if (!reader) return std::move(reader).error();
    result.body = *std::move(reader);
    return result;
  }
  return too_much_change();
}

Task<Result<GetResult>> LocalStore::get(ObjectAddress object, GetOptions options) {
  CO_TRY_VOID(check_address(object));
  co_return co_await offload([&] {
    return state_->with_reader(
        [&](LocalIndex& index) { return state_->get(index, object, options); });
  });
}

Task<Result<PutResult>> LocalStore::put(ObjectAddress object, Body body,
                                        const PutOptions& options) {
  CO_TRY_VOID(check_address(object));
  CO_TRY_VOID(check_put_options(capabilities_, options));
  if (body.size > capabilities_.put_size_max) {
    co_return store_error(ErrorKind::kLimit, "EntityTooLarge", 400, "the object is too large");
  }
  IndexWrite write;
  write.digester = digester_options(capabilities_, options);
  State::Arrival arrival;
  CO_TRY_VOID(co_await state_->take_body(body, &write, &arrival, [&](LocalIndex& index) {
    return index.check_bucket(object.bucket);
  }));
  Loop& loop = co_await current_loop();
  LocalIndex::Object made;
  made.info.size = body.size;
  made.info.last_modified = loop.wall_now();
  made.info.metadata = options.metadata;
  made.info.storage_class = options.storage.storage_class;
  made.tags = options.tags;
  write.apply = [&](LocalIndex& index) {
    made.info.etag = write.written.digests.etag;
    made.info.checksum = StoredChecksum{write.written.digests.checksum, 0};
    if (body.size > 0) made.extents = {write.written.extent};
    return index.put_object(object, made, options.condition);
  };
  Result<void> done = co_await state_->group.commit(write);
  if (!done && !arrival.small) co_await state_->discard(write.written.extent);
  if (!done) co_return std::move(done).error();
  co_return PutResult{std::move(made.info.etag), "", made.info.checksum};
}

Task<Result<void>> LocalStore::remove(ObjectAddress object, std::string if_match) {
  CO_TRY_VOID(check_address(object));
  IndexWrite write;
  write.frees = true;
  write.apply = [&](LocalIndex& index) { return index.remove_object(object, if_match); };
  co_return co_await state_->group.commit(write);
}

Task<Result<std::vector<RemoveFailure>>> LocalStore::remove_many(std::string bucket,
                                                                 std::vector<std::string> keys) {
  CO_TRY_VOID(check_bucket_name(bucket));
  CO_TRY_VOID(check_key_count(keys.size()));
  std::vector<RemoveFailure> failures;
  IndexWrite write;
  write.frees = true;
  write.apply = [&](LocalIndex& index) -> Result<void> {
    failures.clear();
    TRY_VOID(index.check_bucket(bucket));
    for (const std::string& key : keys) {
      Result<void> good = check_key(key);
      if (good) {
        TRY_VOID(index.remove_object({bucket, key}, ""));
      } else {
        failures.push_back({key, std::move(good).error()});
      }
    }
    return {};
  };
  CO_TRY_VOID(co_await state_->group.commit(write));
  co_return failures;
}

Task<Result<ListPage>> LocalStore::list(std::string bucket, ListOptions options) {
  CO_TRY_VOID(check_bucket_name(bucket));
  const auto read_page = [&](LocalIndex& index) -> Result<ListPage> {
    TRY_VOID(index.check_bucket(bucket));
    LocalIndex::Listing listing(index, bucket);
    return make_list_page(options,
                          [&](const ListPosition& position) { return listing.next(position); });
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

Task<Result<Tags>> LocalStore::tags(ObjectAddress object) {
  CO_TRY_VOID(check_address(object));
  Result<LocalIndex::Object> found = co_await offload(
      [&] { return state_->with_reader([&](LocalIndex& index) { return index.object(object); }); });
  if (!found) co_return std::move(found).error();
  co_return std::move(found->tags);
}

Task<Result<void>> LocalStore::set_tags(ObjectAddress object, Tags tags) {
  CO_TRY_VOID(check_address(object));
  CO_TRY_VOID(check_tags(tags));
  IndexWrite write;
  write.apply = [&](LocalIndex& index) { return index.set_tags(object, tags); };
  co_return co_await state_->group.commit(write);
}

// Buckets.

Task<Result<std::vector<BucketInfo>>> LocalStore::list_buckets() {
  co_return co_await offload(
      [&] { return state_->with_reader([](LocalIndex& index) { return index.buckets(); }); });
}

Task<Result<void>> LocalStore::create_bucket(std::string bucket, std::string owner) {
  CO_TRY_VOID(check_bucket_name(bucket));
  Loop& loop = co_await current_loop();
  IndexWrite write;
  write.apply = [&](LocalIndex& index) {
    return index.create_bucket(bucket, owner, loop.wall_now());
  };
  co_return co_await state_->group.commit(write);
}

Task<Result<BucketInfo>> LocalStore::head_bucket(std::string bucket) {
  CO_TRY_VOID(check_bucket_name(bucket));
  co_return co_await offload(
      [&] { return state_->with_reader([&](LocalIndex& index) { return index.bucket(bucket); }); });
}

Task<Result<void>> LocalStore::remove_bucket(std::string bucket) {
  CO_TRY_VOID(check_bucket_name(bucket));
  IndexWrite write;
  write.frees = true;
  write.apply = [&](LocalIndex& index) { return index.remove_bucket(bucket); };
  co_return co_await state_->group.commit(write);
}

}  // namespace telpher
