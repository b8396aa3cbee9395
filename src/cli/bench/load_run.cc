#include "cli/bench/load_run.h"

#include "base/units.h"
#include "codec/checksum.h"
#include "runtime/task_group.h"
#include "transfer/sweep.h"

#include <algorithm>

namespace telpher {
namespace {

constexpr ByteCount kBufferMax = 256 * kKiB;
constexpr ByteCount kBufferMin = 16 * kKiB;
constexpr ByteCount kBuffersTogether = 64 * kMiB;
/// A store that answers without waiting must not keep signals and the display from their turn.
constexpr int kOperationsPerTurn = 16;

ByteCount buffer_size(const LoadSettings& settings) {
  const ByteCount share = kBuffersTogether / static_cast<ByteCount>(settings.concurrency);
  return std::clamp(std::min(settings.sizes.max, share), kBufferMin, kBufferMax);
}

Error wrong_answer(std::string code, std::string message) {
  Error error = make_error(ErrorKind::kCorrupt, std::move(message));
  error.context.code = std::move(code);
  return error;
}

std::optional<Digest> digest_of(ChecksumAlgorithm algorithm, Bytes bytes) {
  if (algorithm == ChecksumAlgorithm::kNone) return std::nullopt;
  return checksum_of(algorithm, bytes);
}

}  // namespace

LoadRun::LoadRun(Loop& loop, ObjectStore& measured, ObjectStore& patient, LoadSettings settings)
    : loop_(loop),
      measured_(measured),
      patient_(patient),
      settings_(std::move(settings)),
      plan_(settings_.seed, settings_.mix, settings_.sizes, settings_.prefix),
      payload_(settings_.seed, std::min(settings_.sizes.max, settings_.part_size)) {
  put_end_ = prepared_end();
  delete_begin_ = readable_end();
}

std::uint64_t LoadRun::readable_end() const {
  const bool needed = settings_.mix.reads() || settings_.mix.has(LoadOperation::kList);
  return needed ? settings_.objects : 0;
}

std::uint64_t LoadRun::prepared_end() const {
  return readable_end() + (settings_.mix.has(LoadOperation::kDelete) ? settings_.objects : 0);
}

// --- the load -----------------------------------------------------------------------------------

Task<Result<void>> LoadRun::run() {
  const TimePoint begin = begin_ = loop_.now();
  slices_.emplace(cpu_spent);
  pace_ =
      Pace(begin, {.rate = settings_.rate,
                   .end = settings_.duration == Duration{} ? kNever : begin + settings_.duration,
                   .count_max = settings_.requests_max});
  TaskGroup workers(co_await current_context());
  for (int i = 0; i < settings_.concurrency; ++i) workers.spawn(worker());
  auto done = co_await workers.join();
  const TimePoint end = loop_.now();
  elapsed_ = end - begin;
  slices_->finish(elapsed_);
  if (!ran_dry_ && done) not_started_ = pace_.overdue(end);
  co_return done;
}

Task<Result<void>> LoadRun::worker() {
  std::vector<std::byte> buffer(buffer_size(settings_));
  for (int count = 0; !ran_dry_; ++count) {
    if (count % kOperationsPerTurn == 0) {
      co_await Yield{};
      if (co_await is_cancelled()) co_return make_error(ErrorKind::kCancelled, "cancelled");
    }
    const auto start = pace_.next(loop_.now());
    if (!start) break;
    if (start->at > loop_.now()) CO_TRY_VOID(co_await SleepUntil(start->at));
    const std::optional<Errand> errand = choose(start->index);
    if (!errand) break;
    const LoadOperation operation = errand->operation;
    const auto moved = co_await perform(*errand, buffer);
    if (!moved && moved.error().kind == ErrorKind::kCancelled) co_return moved.error();
    const TimePoint now = loop_.now();
    const Duration took = now - start->at;
    slices_->record({.operation = operation,
                     .at = now - begin_,
                     .took = took,
                     .moved = moved ? *moved : 0,
                     .failed = !moved});
    for (LoadTally* tally : {&tallies_.of(operation), &tallies_.all}) {
      if (moved) {
        tally->succeed(took, *moved);
      } else {
        tally->fail(took, moved.error());
      }
    }
  }
  co_return Result<void>();
}

std::optional<LoadRun::Errand> LoadRun::choose(std::uint64_t index) {
  const LoadOperation operation = plan_.operation(index);
  if (operation == LoadOperation::kPut) return Errand{operation, put_end_++};
  if (operation != LoadOperation::kDelete) {
    return Errand{operation, readable_end() > 0 ? plan_.pick(index, readable_end()) : 0};
  }
  const std::uint64_t end = puts_in_flight_.empty() ? put_end_ : *puts_in_flight_.begin();
  if (delete_begin_ < end) return Errand{operation, delete_begin_++};
  // Deleting has overtaken putting.
  if (settings_.mix.has(LoadOperation::kPut)) return Errand{LoadOperation::kPut, put_end_++};
  ran_dry_ = true;
  return std::nullopt;
}

Task<Result<ByteCount>> LoadRun::perform(Errand errand, MutableBytes buffer) {
  const std::uint64_t object = errand.object;
  switch (errand.operation) {
    case LoadOperation::kPut: co_return co_await put_tracked(object);
    case LoadOperation::kGet: co_return co_await get(object, buffer);
    case LoadOperation::kList: co_return co_await list(object);
    case LoadOperation::kDelete:
      CO_TRY_VOID(co_await measured_.remove(address(object)));
      co_return ByteCount{0};
    case LoadOperation::kHead: break;
  }
  CO_TRY(const ObjectInfo info, co_await measured_.head(address(object)));
  if (info.size != plan_.size(object)) {
    co_return wrong_answer("WrongLength", "HEAD told another length than was put");
  }
  co_return ByteCount{0};
}

Task<Result<ByteCount>> LoadRun::put_tracked(std::uint64_t object) {
  const bool tracked = settings_.mix.has(LoadOperation::kDelete);
  if (tracked) puts_in_flight_.insert(object);
  auto done = co_await put(&measured_, object);
  if (tracked) puts_in_flight_.erase(object);
  co_return done;
}

Task<Result<ByteCount>> LoadRun::put(ObjectStore* store, std::uint64_t object) {
  const ByteCount size = plan_.size(object);
  if (size > settings_.part_size) co_return co_await put_in_parts(store, object, size);
  const Bytes bytes = payload_.piece(object, 0, size);
  PutOptions options;
  options.checksum = digest_of(settings_.checksum, bytes);
  CO_TRY_VOID(co_await store->put(address(object), Body::of(bytes), options));
  co_return size;
}

Task<Result<ByteCount>> LoadRun::put_in_parts(ObjectStore* store, std::uint64_t object,
                                              ByteCount size) {
  CreateUploadOptions options;
  options.checksum = settings_.checksum;
  const ObjectAddress target = address(object);
  ++creates_unanswered_;
  CO_TRY(const std::string upload, co_await store->create_upload(target, std::move(options)));
  --creates_unanswered_;
  std::vector<PartInfo> parts;
  auto sent = co_await put_parts(store, target, upload, object, size, &parts);
  if (sent) {
    auto completed = co_await store->complete(target, upload, std::move(parts), {});
    if (completed) co_return size;
    sent = std::move(completed).error();
  }
  // Nobody else would: an upload left open costs the store's owner money.
  (void)co_await shielded(patient_.abort(target, upload), std::chrono::seconds(10));
  co_return std::move(sent).error();
}

Task<Result<void>> LoadRun::put_parts(ObjectStore* store, ObjectAddress target, std::string upload,
                                      std::uint64_t object, ByteCount size,
                                      std::vector<PartInfo>* parts) {
  for (ByteCount at = 0; at < size; at += settings_.part_size) {
    const auto index = at / settings_.part_size;
    const Bytes bytes = payload_.piece(object, index, std::min(settings_.part_size, size - at));
    PutPartOptions options;
    options.checksum = digest_of(settings_.checksum, bytes);
    CO_TRY(PartInfo part,
           co_await store->put_part(target, upload, static_cast<PartNumber>(index + 1),
                                    Body::of(bytes), std::move(options)));
    parts->push_back(std::move(part));
  }
  co_return Result<void>();
}

Task<Result<ByteCount>> LoadRun::get(std::uint64_t object, MutableBytes buffer) {
  CO_TRY(const GetResult result, co_await measured_.get(address(object), {}));
  const ByteCount size = plan_.size(object);
  if (result.info.size != size || result.length != size) {
    co_return wrong_answer("WrongLength", "GET gave another length than was put");
  }
  ByteCount position = 0;
  for (;;) {
    CO_TRY(const std::size_t count, co_await result.body->read_some(buffer));
    if (count == 0) break;
    if (settings_.verify && !payload_.matches(object, position, buffer.first(count))) {
      co_return wrong_answer("WrongContent", "GET gave other bytes than were put");
    }
    position += count;
  }
  if (position != size)
    co_return wrong_answer("WrongLength", "GET gave fewer bytes than announced");
  co_return size;
}

Task<Result<ByteCount>> LoadRun::list(std::uint64_t after) {
  ListOptions options;
  options.prefix = plan_.folder();
  options.max_keys = settings_.list_keys;
  if (readable_end() > 0) options.start_after = plan_.key(after);
  CO_TRY(const ListPage page, co_await measured_.list(settings_.bucket, std::move(options)));
  for (std::size_t i = 1; i < page.objects.size(); ++i) {
    if (page.objects[i - 1].key >= page.objects[i].key) {
      co_return wrong_answer("WrongOrder", "LIST gave keys out of order");
    }
  }
  co_return ByteCount{0};
}

// --- before and after ---------------------------------------------------------------------------

Task<Result<void>> LoadRun::prepare() {
  if (settings_.reuse) co_return Result<void>();
  co_return co_await for_each(&LoadRun::make_object, 0, prepared_end());
}

Task<Result<void>> LoadRun::end_uploads() {
  if (creates_unanswered_ == 0) co_return Result<void>();
  co_return co_await abort_uploads(patient_, settings_.bucket, plan_.folder(),
                                   [](const UploadInfo&) { return true; });
}

Task<Result<void>> LoadRun::tidy() {
  CO_TRY_VOID(co_await end_uploads());
  // Of puts that failed, some may have arrived.
  const std::uint64_t put_begin = prepared_end();
  if (!settings_.reuse) {
    const std::uint64_t readable = std::min(readable_end(), made_end_);
    CO_TRY_VOID(co_await for_each(&LoadRun::remove_object, 0, readable));
  }
  const std::uint64_t begin = settings_.reuse ? std::max(put_begin, delete_begin_) : delete_begin_;
  const std::uint64_t end = put_end_ > put_begin ? put_end_ : made_end_;
  co_return co_await for_each(&LoadRun::remove_object, begin, end);
}

Task<Result<void>> LoadRun::make_object(std::uint64_t object) {
  made_end_ = std::max(made_end_, object + 1);
  CO_TRY_VOID(co_await put(&patient_, object));
  co_return Result<void>();
}

Task<Result<void>> LoadRun::remove_object(std::uint64_t object) {
  co_return co_await patient_.remove(address(object));
}

Task<Result<void>> LoadRun::chore_worker(Chore chore, std::uint64_t* next, std::uint64_t end) {
  while (*next < end) {
    const std::uint64_t object = (*next)++;
    CO_TRY_VOID(co_await (this->*chore)(object));
    if (++chores_done_ % kOperationsPerTurn == 0) {
      co_await Yield{};
      if (co_await is_cancelled()) co_return make_error(ErrorKind::kCancelled, "cancelled");
    }
  }
  co_return Result<void>();
}

Task<Result<void>> LoadRun::for_each(Chore chore, std::uint64_t begin, std::uint64_t end) {
  if (begin >= end) co_return Result<void>();
  chores_done_ = 0;
  chores_ = end - begin;
  std::uint64_t next = begin;
  TaskGroup workers(co_await current_context());
  const auto count =
      std::min<std::uint64_t>(static_cast<std::uint64_t>(settings_.concurrency), chores_);
  for (std::uint64_t i = 0; i < count; ++i) workers.spawn(chore_worker(chore, &next, end));
  co_return co_await workers.join();
}

}  // namespace telpher
