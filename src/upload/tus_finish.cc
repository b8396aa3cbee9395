// How resumable uploads end: as an object, joined with others, or by leaving nothing.

#include "base/units.h"
#include "store/rules.h"
#include "upload/tus_receiver.h"
#include "upload/tus_upload.h"

#include <algorithm>

namespace telpher {
namespace {

constexpr int kKeysMax = 100;
constexpr std::string_view kUnknownType = "application/octet-stream";

ObjectDraft draft_of(const TusRecord& record) {
  return {.object = record.object,
          .media_type = record.type.empty() ? std::string(kUnknownType) : record.type,
          .only_new = record.only_new};
}

/// The bytes of objects, one after the other. Errors of the store are refusals here: the connection
/// to the client is well.
class JoinedReader final : public ByteReader {
 public:
  JoinedReader(ObjectStore& store, std::vector<ObjectAddress> objects)
      : store_(store), objects_(std::move(objects)) {}

  Task<Result<std::size_t>> read_some(MutableBytes buffer) override {
    for (;;) {
      if (!body_) {
        if (next_ == objects_.size()) co_return 0;
        CO_TRY(GetResult got, co_await store_.get(objects_[next_++], {}));
        body_ = std::move(got.body);
      }
      CO_TRY(const std::size_t count, co_await body_->read_some(buffer));
      if (count > 0) co_return count;
      body_.reset();
    }
  }

 private:
  ObjectStore& store_;
  const std::vector<ObjectAddress> objects_;
  std::size_t next_ = 0;
  std::unique_ptr<ByteReader> body_;
};

/// What is there is what we wrote, before a crash or a lost answer hid it from us.
Task<std::optional<PutResult>> find_ours(ObjectStore* store, ObjectAddress object, ByteCount size,
                                         const PartDigests* digests) {
  const Result<ObjectInfo> there = co_await store->head(std::move(object));
  if (!there || there->size != size) co_return std::nullopt;
  const bool by_checksum = there->checksum && there->checksum->parts == 0 &&
                           there->checksum->digest == digests->checksum;
  const bool by_md5 = store->capabilities().etag_is_md5 && !digests->md5.empty() &&
                      bare_etag(there->etag) == digests->md5.to_hex();
  if (!by_checksum && !by_md5) co_return std::nullopt;
  co_return PutResult{there->etag, there->version_id, there->checksum};
}

}  // namespace

Task<Result<Piece>> TusUploads::read_tail(const TusState* state) {
  Loop& loop = co_await current_loop();
  Piece piece;
  piece.size = static_cast<std::size_t>(state->tail_size());
  piece.last = true;
  CO_TRY(piece.buffer, co_await buffers_.acquire(piece.size, loop.now() + options_.patience));
  const MutableBytes place = piece.buffer.bytes().first(piece.size);
  CO_TRY_VOID(co_await table_.read_tail(state->record.id, place));
  PartHash hash(piece_hashes(store_.capabilities()));
  hash.update(place);
  piece.digests = hash.finish();
  co_return piece;
}

/// All of it is in the table: one PUT. Repeated after a crash, it finds its own object.
Task<Result<PutResult>> TusUploads::put_tail(TusState* state) {
  Loop& loop = co_await current_loop();
  TusRecord& record = state->record;
  CO_TRY(Piece piece, co_await read_tail(state));
  if (record.only_new && !store_.capabilities().conditional_writes) {
    const auto ours = co_await find_ours(&store_, record.object, piece.size, &piece.digests);
    if (ours) co_return *ours;
    CO_TRY_VOID(co_await find_free_key(&record));
  }
  for (int keys = 1;; ++keys) {
    const ObjectDraft draft = draft_of(record);
    Result<PutResult> stored = co_await put_piece(&store_, &draft, &piece);
    if (stored || stored.error().kind != ErrorKind::kPrecondition || keys == kKeysMax) {
      co_return stored;
    }
    const auto ours = co_await find_ours(&store_, record.object, piece.size, &piece.digests);
    if (ours) co_return *ours;
    take_next_key(&record, loop.wall_now());
    CO_TRY_VOID(co_await table_.save({.record = &record}));
  }
}

void TusUploads::take_next_key(TusRecord* record, WallTime now) {
  const std::string& key = record->object.key;
  const std::string prefix = key.substr(0, key.rfind('/') + 1);
  record->object.key =
      keys_.next(record->object.bucket, prefix, now, safe_object_name(record->name));
}

/// Where the store cannot be asked to keep what is there, and before an upload in parts, which
/// cannot be given another name once it has been begun.
Task<Result<void>> TusUploads::find_free_key(TusRecord* record) {
  Loop& loop = co_await current_loop();
  for (int keys = 1; record->only_new && keys < kKeysMax; ++keys) {
    const Result<ObjectInfo> there = co_await store_.head(record->object);
    if (!there && there.error().kind == ErrorKind::kNotFound) break;
    if (!there) co_return there.error();
    take_next_key(record, loop.wall_now());
  }
  co_return co_await table_.save({.record = record});
}

Task<Result<PutResult>> TusUploads::complete(TusState* state) {
  TusRecord& record = state->record;
  PartsWriter writer(store_, draft_of(record));
  writer.adopt(record.upload_id, state->parts);
  if (state->tail_size() > 0) {
    CO_TRY(Piece piece, co_await read_tail(state));
    CO_TRY(PartInfo part, co_await writer.put(&piece));
    state->parts.push_back(part);
    CO_TRY_VOID(co_await table_.save(
        {.record = &record, .new_parts = {std::move(part)}, .drop_tail = true}));
  }
  Result<PutResult> stored = co_await writer.complete();
  if (stored || (stored.error().kind != ErrorKind::kNotFound &&
                 stored.error().kind != ErrorKind::kPrecondition)) {
    co_return stored;
  }
  PartDigests whole;
  whole.checksum = digest_of_parts(writer.parts()).value_or(Digest());
  const auto ours = co_await find_ours(&store_, record.object, writer.size(), &whole);
  if (ours) co_return *ours;
  co_return stored;
}

Task<Result<void>> TusUploads::finish(TusState* state) {
  Loop& loop = co_await current_loop();
  TusRecord& record = state->record;
  const TimePoint began = loop.now();
  const Result<PutResult> stored =
      state->parts.empty() ? co_await put_tail(state) : co_await complete(state);
  if (options_.metrics && !record.is_partial()) {
    OperationSample sample{.ended = loop.now(), .duration = loop.now() - began};
    sample.bytes = record.offset;
    if (!stored) sample.error = stored.error().kind;
    options_.metrics->record(sample);
  }
  if (!stored) co_return stored.error();
  if (record.is_final()) CO_TRY_VOID(co_await remove_partials(&record));
  record.done = true;
  record.upload_id.clear();
  CO_TRY_VOID(co_await table_.save({.record = &record, .drop_tail = true}));
  if (options_.on_stored && !record.is_partial()) {
    options_.on_stored(
        {record.object, record.offset, record.type, record.name, record.owner, "tus"});
  }
  co_return Result<void>();
}

/// Only what is complete can be joined.
Task<Result<std::vector<TusState>>> TusUploads::find_partials(const TusConcat* concat,
                                                              const std::string* owner) {
  std::vector<TusState> partials;
  for (const std::string& id : concat->ids) {
    CO_TRY(std::optional<TusState> partial, co_await table_.find(id));
    if (!partial || partial->record.owner != *owner || !partial->record.is_partial()) {
      co_return tus_refusal(400, "VALIDATION_ERROR", "there is no partial upload " + id);
    }
    if (partial->record.is_complete() && !partial->record.done) {
      CO_TRY_VOID(co_await finish(&*partial));
    }
    if (!partial->record.done) {
      co_return tus_refusal(400, "VALIDATION_ERROR",
                            "the partial upload " + id + " is not complete");
    }
    partials.push_back(*std::move(partial));
  }
  co_return partials;
}

Task<Result<TusAnswer>> TusUploads::create_final(TusRecord record, TusConcat concat,
                                                 const TusRequest* request) {
  std::vector<Lock> locks;
  for (const std::string& id : concat.ids) {
    CO_TRY(Lock lock, co_await this->lock(id, false));
    locks.push_back(std::move(lock));
  }
  CO_TRY(const std::vector<TusState> partials, co_await find_partials(&concat, &record.owner));
  std::vector<ObjectAddress> objects;
  ByteCount length = 0;
  for (const TusState& partial : partials) {
    length += partial.record.offset;
    objects.push_back(partial.record.object);
  }
  if (length > options_.limits.file_bytes_max) {
    co_return tus_refusal(413, "PAYLOAD_TOO_LARGE",
                          "the file is larger than " + format_size(options_.limits.file_bytes_max));
  }
  record.length = length;
  CO_TRY(const Lock lock, co_await this->lock(record.id, false));
  CO_TRY_VOID(co_await table_.create(&record));
  TusState state{.record = std::move(record), .parts = {}};
  JoinedReader joined(store_, std::move(objects));
  const Headers none;
  const TusRequest body{request->method, request->path, &none, &joined, length};
  Result<void> received = co_await receive(&state, &body, nullptr);
  if (received) received = co_await finish(&state);
  if (!received) {
    (void)!(co_await shielded(remove(&state), kTidyLimit));
    Error error = std::move(received).error();
    if (error.context.operation == "body") error.context.operation.clear();  // the store's
    co_return error;
  }
  TusAnswer answer{.status = 201, .headers = {}};
  answer.headers.add("Location", options_.mount + state.record.id);
  co_return answer;
}

Task<Result<void>> TusUploads::remove_partials(const TusRecord* record) {
  CO_TRY(const TusConcat concat, parse_tus_concat(record->concat, options_.mount));
  for (const std::string& id : concat.ids) {
    CO_TRY(std::optional<TusState> partial, co_await table_.find(id));
    if (partial && partial->record.is_partial() && partial->record.owner == record->owner) {
      CO_TRY_VOID(co_await remove(&*partial));
    }
  }
  co_return Result<void>();
}

/// Whether an upload was begun, nobody has been told. The key is this one's own, or what its client
/// chose; an upload of that key that is older is another's.
Task<Result<void>> TusUploads::abort_unknown(const TusRecord* record) {
  ListUploadsOptions options;
  options.prefix = record->object.key;
  CO_TRY(const UploadsPage page, co_await store_.list_uploads(record->object.bucket, options));
  for (const UploadInfo& upload : page.uploads) {
    const bool ours = upload.key == record->object.key &&
                      upload.initiated >= record->created - std::chrono::seconds(2);
    if (ours) CO_TRY_VOID(co_await store_.abort(record->object, upload.upload_id));
  }
  co_return Result<void>();
}

/// The object of an upload whose completion was never acknowledged, where it is there.
Task<Result<void>> TusUploads::remove_unknown(const TusState* state) {
  PartDigests digests;
  if (state->parts.empty()) {
    CO_TRY(const Piece piece, co_await read_tail(state));
    digests = piece.digests;
  } else if (state->tail_size() == 0) {
    digests.checksum = digest_of_parts(state->parts).value_or(Digest());
  }
  const ObjectAddress object = state->record.object;
  const auto ours = co_await find_ours(&store_, object, state->record.offset, &digests);
  if (!ours) co_return Result<void>();
  const bool conditional = store_.capabilities().conditional_removes;
  co_return co_await store_.remove(object, conditional ? ours->etag : "");
}

Task<Result<void>> TusUploads::remove_at_store(const TusState* state) {
  const TusRecord& record = state->record;
  if (record.done) {
    if (record.is_partial()) CO_TRY_VOID(co_await store_.remove(record.object));
    co_return Result<void>();
  }
  if (!record.upload_id.empty()) {
    CO_TRY_VOID(co_await store_.abort(record.object, record.upload_id));
  }
  if (record.beginning) CO_TRY_VOID(co_await abort_unknown(&record));
  if (record.is_complete()) CO_TRY_VOID(co_await remove_unknown(state));
  co_return Result<void>();
}

/// What an upload has at the store, and then what is known of it.
Task<Result<void>> TusUploads::remove(const TusState* state) {
  Result<void> removed = co_await remove_at_store(state);
  // Its bucket may be gone, or the home have another store by now.
  if (!removed && removed.error().kind != ErrorKind::kNotFound) co_return removed;
  co_return co_await table_.remove(state->record.id);
}

Task<Result<void>> TusUploads::settle(std::string id) {
  if (held_.contains(id)) co_return Result<void>();
  Loop& loop = co_await current_loop();
  CO_TRY(const Lock lock, co_await this->lock(id, false));
  CO_TRY(std::optional<TusState> state, co_await table_.find(std::move(id)));
  if (!state) co_return Result<void>();
  if (state->record.is_complete() && !state->record.done) {
    const Result<void> finished = co_await finish(&*state);
    if (finished || state->record.expires > loop.wall_now()) co_return finished;
  }
  if (state->record.expires > loop.wall_now()) co_return Result<void>();
  co_return co_await remove(&*state);
}

Task<Result<void>> TusUploads::sweep() {
  Loop& loop = co_await current_loop();
  CO_TRY(const std::vector<std::string> ids, co_await table_.due(loop.wall_now()));
  for (const std::string& id : ids) {
    const Result<void> settled = co_await settle(id);
    if (!settled && settled.error().kind == ErrorKind::kCancelled) co_return settled;
  }
  co_return Result<void>();
}

Task<Result<void>> TusUploads::serve() {
  for (;;) {
    const Result<void> swept = co_await sweep();
    if (!swept && swept.error().kind == ErrorKind::kCancelled) co_return swept;
    CO_TRY_VOID(co_await sleep_for(options_.sweep_every));
  }
}

}  // namespace telpher
