// copy_within(): the store copies by itself, in one request or by parts.

#include "source/store_source.h"
#include "transfer/multipart_upload.h"
#include "transfer/plan.h"
#include "transfer/transfer.h"

#include <algorithm>
#include <memory>
#include <utility>

namespace telpher {
namespace {

constexpr ByteCount kSingleCopyMax = 64 * kMiB;  // larger ones gain from parts side by side
constexpr ByteCount kCopyPartSize = 256 * kMiB;  // no byte passes through us

}  // namespace

Task<Result<TransferResult>> copy_within(Engine& engine, ObjectStore& store, ObjectAddress from,
                                         ObjectAddress to, DestinationName name,
                                         TransferOptions options, TransferProgress& progress) {
  const std::unique_ptr<Source> source =
      make_store_source(store, from, from.bucket + "/" + from.key);
  progress.phase = "probing";
  CO_TRY(const ObjectInfo info, co_await store.head(from));
  CO_TRY(SourceInfo seen, co_await source->probe());
  progress.size = info.size;
  if (options.overwrite != OverwritePolicy::kAlways) {
    Result<ObjectInfo> there = co_await store.head(to);
    if (!there && there.error().kind != ErrorKind::kNotFound) co_return std::move(there).error();
    const bool same = there && there->size == info.size &&
                      (there->etag == info.etag || there->last_modified >= info.last_modified);
    if (there && (options.overwrite == OverwritePolicy::kNever || same)) {
      TransferResult skipped{.mode = TransferMode::kSkipped, .size = there->size};
      skipped.etag = there->etag;
      skipped.note = options.overwrite == OverwritePolicy::kNever ? "it exists already"
                                                                  : "it is the same already";
      co_return skipped;
    }
  }
  progress.phase = "copying";
  const Capabilities& can = store.capabilities();
  if (info.size <= std::min(kSingleCopyMax, can.put_size_max)) {
    CopyOptions copy{.storage = options.storage,
                     .condition = {.if_none_match = options.if_none_match},
                     .source_if_match = info.etag};
    CO_TRY(PutResult stored, co_await store.copy(from, to, std::move(copy)));
    progress.bytes_done = info.size;
    progress.phase = "done";
    TransferResult result{.mode = TransferMode::kServerSideCopy, .size = info.size};
    result.etag = stored.etag;
    result.version_id = stored.version_id;
    result.verified_by = stored.etag == info.etag ? "ETag, by the store" : "the store's own copy";
    co_return result;
  }
  if (options.metadata.content_type.empty()) options.metadata = info.metadata;
  PlanInput input =
      make_plan_input(seen, true, store.capabilities(), options, engine.buffers.budget());
  input.part_size = {PartSizePolicy::Kind::kFixed,
                     std::clamp(std::max<ByteCount>(kCopyPartSize, info.size / 9'000),
                                can.part_size_min, can.part_size_max)};
  CO_TRY(UploadPlan plan, make_plan(input));
  plan.mode = TransferMode::kRanged;
  MultipartUpload multipart({.engine = &engine,
                             .source = source.get(),
                             .store = &store,
                             .object = std::move(to),
                             .name = std::move(name),
                             .options = std::move(options),
                             .progress = &progress,
                             .seen = std::move(seen),
                             .plan = std::move(plan),
                             .copy_from = std::move(from),
                             .copy_etag = info.etag});
  co_return co_await multipart.run(std::nullopt);
}

}  // namespace telpher
