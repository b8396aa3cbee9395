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

/// Whether the store's own checksum of the source proves or refutes `expect`; nullopt: it must be
/// read.
std::optional<bool> store_knows(const ObjectInfo& info, const Digest& expect) {
  if (!info.checksum || info.checksum->parts != 0 ||
      info.checksum->digest.algorithm() != expect.algorithm()) {
    return std::nullopt;
  }
  return info.checksum->digest == expect;
}

struct CopyJob {
  Engine* engine;
  Source* source;
  ObjectStore* store;
  ObjectAddress from;
  ObjectAddress to;
  DestinationName name;
  ObjectInfo info;
  SourceInfo seen;
  TransferOptions options;
  TransferProgress* progress;
};

/// The copy is not as long as its source. It goes again, unless what lies there is somebody else's
/// or the source itself.
Task<Error> discard_copy(const CopyJob* job, const PutResult* stored, const ObjectInfo* made) {
  const std::string sizes =
      std::to_string(made->size) + " bytes, the source " + std::to_string(job->info.size);
  if (made->etag != stored->etag) {
    co_return make_error(ErrorKind::kConflict,
                         "something else has replaced the copy already: it has " + sizes);
  }
  std::string message = "the store's copy has " + sizes;
  if (job->from != job->to) {
    if (Result<void> removed = co_await job->store->remove(job->to); !removed) {
      co_return std::move(removed).error();
    }
    message += "; it was removed again";
  }
  co_return make_error(ErrorKind::kCorrupt, std::move(message));
}

/// One CopyObject, and a look at what came of it.
Task<Result<TransferResult>> copy_at_once(const CopyJob* job) {
  const ObjectInfo& info = job->info;
  const TransferOptions& options = job->options;
  CopyOptions copy{.storage = options.storage,
                   .condition = {.if_none_match = options.if_none_match},
                   .source_if_match = info.etag};
  if (options.metadata != ObjectMetadata{}) copy.metadata = merged(info.metadata, options.metadata);
  CO_TRY(PutResult stored, co_await job->store->copy(job->from, job->to, std::move(copy)));
  CO_TRY(const ObjectInfo made, co_await job->store->head(job->to));
  if (made.size != info.size) co_return co_await discard_copy(job, &stored, &made);
  TransferResult result{.mode = TransferMode::kServerSideCopy, .size = info.size};
  const bool same_checksum = made.checksum && made.checksum == info.checksum;
  result.verified_by = same_checksum            ? "checksum, by the store"
                       : made.etag == info.etag ? "ETag, by the store"
                                                : "length, by the store";
  result.etag = std::move(stored.etag);
  result.version_id = std::move(stored.version_id);
  co_return result;
}

/// UploadPartCopy, range by range.
Task<Result<TransferResult>> copy_in_parts(const CopyJob* job) {
  TransferOptions options = job->options;
  options.metadata = merged(job->info.metadata, options.metadata);
  const Capabilities& can = job->store->capabilities();
  PlanInput input = make_plan_input(job->seen, true, can, options, job->engine->buffers.budget());
  input.part_size = {PartSizePolicy::Kind::kFixed,
                     std::clamp(std::max<ByteCount>(kCopyPartSize, job->info.size / 9'000),
                                can.part_size_min, can.part_size_max)};
  CO_TRY(UploadPlan plan, make_plan(input));
  plan.mode = TransferMode::kRanged;
  MultipartUpload multipart({.engine = job->engine,
                             .source = job->source,
                             .store = job->store,
                             .object = job->to,
                             .name = job->name,
                             .options = std::move(options),
                             .progress = job->progress,
                             .seen = job->seen,
                             .plan = std::move(plan),
                             .copy_from = job->from,
                             .copy_etag = job->info.etag});
  co_return co_await multipart.run(std::nullopt);
}

/// The reason to leave the object as it is, or nothing.
Task<Result<std::optional<TransferResult>>> check_overwrite(ObjectStore* store,
                                                            const ObjectAddress* to,
                                                            OverwritePolicy overwrite,
                                                            const ObjectInfo* info) {
  if (overwrite == OverwritePolicy::kAlways) co_return std::nullopt;
  const Result<ObjectInfo> there = co_await store->head(*to);
  if (!there && there.error().kind != ErrorKind::kNotFound) co_return there.error();
  const bool same = there && there->size == info->size &&
                    (there->etag == info->etag || there->last_modified >= info->last_modified);
  if (!there || (overwrite != OverwritePolicy::kNever && !same)) co_return std::nullopt;
  TransferResult skipped{.mode = TransferMode::kSkipped, .size = there->size};
  skipped.etag = there->etag;
  skipped.note =
      overwrite == OverwritePolicy::kNever ? "it exists already" : "it is the same already";
  co_return skipped;
}

}  // namespace

Task<Result<TransferOutlook>> describe_copy_within(ObjectStore& store, ObjectAddress from,
                                                   ObjectAddress to, TransferOptions options) {
  CO_TRY(const ObjectInfo info, co_await store.head(from));
  CO_TRY(std::optional<TransferResult> skipped,
         co_await check_overwrite(&store, &to, options.overwrite, &info));
  if (skipped) co_return TransferOutlook{skipped->note, info.size, true};
  co_return TransferOutlook{"copy", info.size, false};
}

Task<Result<TransferResult>> copy_within(Engine& engine, ObjectStore& store, ObjectAddress from,
                                         ObjectAddress to, DestinationName name,
                                         TransferOptions options, TransferProgress& progress) {
  const std::unique_ptr<Source> source =
      make_store_source(store, from, from.bucket + "/" + from.key);
  progress.phase = "probing";
  CO_TRY(const ObjectInfo info, co_await store.head(from));
  CO_TRY(SourceInfo seen, co_await source->probe());
  progress.size = info.size;
  CO_TRY(std::optional<TransferResult> skipped,
         co_await check_overwrite(&store, &to, options.overwrite, &info));
  if (skipped) co_return *std::move(skipped);
  bool must_be_read = false;
  if (options.expect) {
    const std::optional<bool> right = store_knows(info, *options.expect);
    must_be_read = !right;  // only the bytes themselves can tell
    if (right == false) {
      co_return make_error(ErrorKind::kCorrupt, "the source has " + info.checksum->digest.to_hex() +
                                                    ", expected " + options.expect->to_hex());
    }
    if (right) options.expect.reset();  // proven
  }
  if (!must_be_read) {
    progress.phase = "copying";
    const CopyJob job{&engine, source.get(), &store, from,    to,
                      name,    info,         seen,   options, &progress};
    const bool at_once = info.size <= std::min(kSingleCopyMax, store.capabilities().put_size_max);
    Result<TransferResult> result =
        at_once ? co_await copy_at_once(&job) : co_await copy_in_parts(&job);
    if (result && at_once) progress.bytes_done = info.size;
    progress.phase = result ? "done" : "failed";
    if (result || result.error().kind != ErrorKind::kUnsupported) co_return result;
  }
  co_return co_await upload(engine, *source, store, std::move(to), std::move(name),
                            std::move(options), progress);
}

}  // namespace telpher
