// upload(): probe, decide, and either one PUT or a MultipartUpload.

#include "codec/media_type.h"
#include "store/rules.h"
#include "transfer/multipart_upload.h"
#include "transfer/part_reader.h"
#include "transfer/plan.h"
#include "transfer/transfer.h"

#include <algorithm>
#include <utility>

namespace telpher {
namespace {

/// What the probe and the plan say about one upload.
struct Prepared {
  SourceInfo seen;
  UploadPlan plan;
};

/// A digest that only the whole in order can give: its source is read as one stream.
bool needs_order(const TransferOptions& options) {
  return options.expect && !checksum_combines(options.expect->algorithm());
}

Task<Result<Prepared>> prepare(Engine* engine, Source* source, ObjectStore* store,
                               const TransferOptions* options) {
  CO_TRY(SourceInfo seen, co_await source->probe());
  if (seen.metadata.content_type.empty()) {
    seen.metadata.content_type = std::string(media_type_of_name(seen.name));
  }
  PlanInput input = make_plan_input(seen, source->fd() >= 0, store->capabilities(), *options,
                                    engine->buffers.budget());
  if (needs_order(*options) && source->fd() < 0) input.ranges = false;
  CO_TRY(UploadPlan plan, make_plan(input));
  co_return Prepared{std::move(seen), std::move(plan)};
}

/// Whether the ETag is the MD5 of the source, for stores that keep no checksum and tell times in
/// whole seconds: a file written and copied within one second looks newer than its own copy.
Task<Result<bool>> has_md5_of(Engine* engine, Source* source, ByteCount size,
                              std::string_view etag) {
  if (source->fd() < 0 || !is_md5_etag(etag)) co_return false;
  CO_TRY(const PartDigests digests,
         co_await hash_file_range(engine, source->fd(), {0, size}, HashPlan{.md5 = true}));
  co_return bare_etag(etag) == digests.md5.to_hex();
}

/// The reason to leave the object as it is, or nothing.
Task<Result<std::optional<TransferResult>>> check_overwrite(Engine* engine, Source* source,
                                                            ObjectStore* store,
                                                            ObjectAddress object,
                                                            const TransferOptions* options,
                                                            const SourceInfo* seen) {
  if (options->overwrite == OverwritePolicy::kAlways) co_return std::nullopt;
  Result<ObjectInfo> there = co_await store->head(object);
  if (!there) {
    if (there.error().kind == ErrorKind::kNotFound) co_return std::nullopt;
    co_return std::move(there).error();
  }
  TransferResult skipped{.mode = TransferMode::kSkipped, .size = there->size, .etag = there->etag};
  if (options->overwrite == OverwritePolicy::kNever) {
    skipped.note = "it exists already";
    co_return skipped;
  }
  if (seen->size != there->size) co_return std::nullopt;
  std::optional<Digest> ours = options->expect ? options->expect : seen->digest;
  if (source->fd() >= 0 && there->checksum && there->checksum->parts == 0) {
    const HashPlan plan{.checksum = there->checksum->digest.algorithm()};
    CO_TRY(PartDigests digests,
           co_await hash_file_range(engine, source->fd(), {0, *seen->size}, plan));
    ours = digests.checksum;
  }
  const bool comparable = ours && there->checksum && there->checksum->parts == 0 &&
                          there->checksum->digest.algorithm() == ours->algorithm();
  const bool not_older = seen->last_modified ? *seen->last_modified <= there->last_modified
                                             : options->same_size_suffices;
  if (comparable) {
    if (there->checksum->digest != *ours) co_return std::nullopt;
    skipped.note = "it is the same already (size and checksum)";
    co_return skipped;
  }
  if (not_older) {
    skipped.note = "it is the same already (size, and not older)";
    co_return skipped;
  }
  if (!store->capabilities().etag_is_md5) co_return std::nullopt;
  CO_TRY(const bool same_md5, co_await has_md5_of(engine, source, there->size, there->etag));
  if (!same_md5) co_return std::nullopt;
  skipped.note = "it is the same already (size and MD5)";
  co_return skipped;
}

Result<void> check_digest(const std::optional<Digest>& wanted, const Digest& got) {
  if (!wanted || got.algorithm() != wanted->algorithm() || *wanted == got) return {};
  return wrong_digest(got, *wanted);
}

/// A file is digested before anything is sent when the digest the user expects needs the whole.
Task<Result<void>> check_file_beforehand(Engine* engine, Source* source,
                                         const TransferOptions* options, const SourceInfo* seen) {
  if (!options->expect || source->fd() < 0 || !seen->size) co_return Result<void>();
  const HashPlan plan{.checksum = options->expect->algorithm()};
  CO_TRY(PartDigests digests,
         co_await hash_file_range(engine, source->fd(), {0, *seen->size}, plan));
  co_return check_digest(options->expect, digests.checksum);
}

struct PutJob {
  Engine* engine;
  Source* source;
  ObjectStore* store;
  ObjectAddress object;
  const TransferOptions* options;
  const SourceInfo* seen;
  TransferProgress* progress;
};

/// One PUT of bytes whose digests are known.
Task<Result<TransferResult>> put_whole(PutJob job, Body body, PartDigests digests) {
  const Capabilities& can = job.store->capabilities();
  const std::optional<Digest>& wanted =
      job.options->expect ? job.options->expect : job.seen->digest;
  CO_TRY_VOID(check_digest(wanted, digests.checksum));
  CO_TRY_VOID(check_digest(wanted, digests.proof));
  CO_TRY_VOID(check_digest(wanted, digests.md5));
  PutOptions put{.metadata = job.options->metadata,
                 .storage = job.options->storage,
                 .condition = {.if_none_match = job.options->if_none_match}};
  // A store that is found out only now not to take checksums makes an MD5 of it itself.
  if (!digests.checksum.empty() && (can.checksums || digests.md5.empty())) {
    put.checksum = digests.checksum;
  }
  if (!digests.md5.empty()) put.content_md5 = digests.md5.to_base64();
  TransferResult result{.size = body.size, .part_size = body.size, .digest = digests.checksum};
  if (!put.content_md5.empty()) result.verified_by = "md5, by the store";
  if (put.checksum) {
    result.verified_by = std::string(to_string(put.checksum->algorithm())) + ", by the store";
  }
  const bool with_checksum = put.checksum.has_value();
  BodyCount sent(job.progress->bytes_done, body.fd < 0 ? buffered_share(*job.store) : 1);
  body.count = &sent;
  CO_TRY(PutResult stored, co_await job.store->put(job.object, body, put));
  if (with_checksum && !can.checksums) result.verified_by = "md5, by the store";
  const bool other_checksum = stored.checksum && stored.checksum->parts == 0 &&
                              stored.checksum->digest.algorithm() == digests.checksum.algorithm() &&
                              stored.checksum->digest != digests.checksum;
  if (other_checksum) {
    CO_TRY_VOID(co_await job.store->remove(job.object));
    co_return make_error(ErrorKind::kCorrupt,
                         "the store says the object differs from what was sent; it was removed");
  }
  job.engine->stats.bytes_written.add(body.size);
  result.etag = std::move(stored.etag);
  result.version_id = std::move(stored.version_id);
  co_return result;
}

HashPlan hash_plan_of(const PutJob& job) {
  HashPlan plan = make_hash_plan(*job.options, *job.seen, job.store->capabilities());
  const std::optional<Digest>& wanted =
      job.options->expect ? job.options->expect : job.seen->digest;
  // In one PUT the bytes pass in order: any algorithm can be proven.
  if (wanted && wanted->algorithm() != plan.checksum) plan.proof = wanted->algorithm();
  return plan;
}

Task<Result<TransferResult>> put_file(PutJob job) {
  const ByteRange whole{0, *job.seen->size};
  CO_TRY(PartDigests digests,
         co_await hash_file_range(job.engine, job.source->fd(), whole, hash_plan_of(job)));
  CO_TRY_VOID(co_await job.source->check_unchanged(*job.seen));
  CO_TRY_VOID(co_await job.engine->rate.pass(whole.length));
  Result<TransferResult> result =
      co_await put_whole(job, Body::of_file(job.source->fd(), whole), std::move(digests));
  if (!result && result.error().kind == ErrorKind::kCorrupt) {
    CO_TRY_VOID(co_await job.source->check_unchanged(*job.seen));
  }
  co_return result;
}

Task<Result<TransferResult>> put_buffered(PutJob job) {
  const ByteCount size = *job.seen->size;
  CO_TRY(Buffer buffer, co_await job.engine->buffers.acquire(std::max<ByteCount>(size, 1) + 1));
  PartHash hash(hash_plan_of(job));
  ResumingReader reader(*job.source, *job.seen, std::nullopt);
  BodyCount read(job.progress->bytes_done, buffered_share(*job.store));
  // Room for one byte more: a source that has grown is found out.
  CO_TRY(const std::size_t filled,
         co_await fill_part(job.engine, &reader, buffer.bytes().first(size + 1), &hash, &read));
  if (filled != size) {
    co_return make_error(ErrorKind::kSourceChanged, "the source changed while it was being copied");
  }
  CO_TRY_VOID(co_await job.source->check_unchanged(*job.seen));
  co_return co_await put_whole(job, Body::of(buffer.bytes().first(size)), hash.finish());
}

/// A stream whose end is not known: what ends within its first part becomes one PUT.
Task<Result<TransferResult>> upload_unknown(MultipartUpload::Input input) {
  const SourceInfo& seen = input.seen;
  const PutJob job{input.engine,   input.source, input.store,   input.object,
                   &input.options, &seen,        input.progress};
  const std::size_t first_size = input.plan.part_size_of(1);
  MultipartUpload::Started started;
  started.reader = std::make_unique<ResumingReader>(*input.source, seen, std::nullopt);
  CO_TRY(started.first, co_await input.engine->buffers.acquire(first_size));
  const MutableBytes room = started.first.bytes().first(first_size);
  HashPlan plan = hash_plan_of(job);
  PartHash hash(plan);
  BodyCount read(input.progress->bytes_done, buffered_share(*input.store));
  CO_TRY(started.filled,
         co_await fill_part(input.engine, started.reader.get(), room, &hash, &read));
  started.digests = hash.finish();
  if (started.filled < first_size) {
    CO_TRY_VOID(co_await input.source->check_unchanged(seen));
    CO_TRY(TransferResult result,
           co_await put_whole(job, Body::of(room.first(started.filled)), started.digests));
    result.mode = TransferMode::kUnknownLength;
    co_return result;
  }
  read.set(0);  // it is counted with the other parts now
  MultipartUpload multipart(std::move(input));
  co_return co_await multipart.run(std::move(started));
}

}  // namespace

std::string_view to_string(TransferMode mode) {
  switch (mode) {
    case TransferMode::kPut: return "put";
    case TransferMode::kRanged: return "ranged";
    case TransferMode::kSingleStream: return "single-stream";
    case TransferMode::kUnknownLength: return "unknown-length";
    case TransferMode::kServerSideCopy: return "server-side-copy";
    case TransferMode::kDownload: return "download";
    case TransferMode::kSkipped: return "skipped";
  }
  return "unknown";
}

Task<Result<TransferResult>> upload(Engine& engine, Source& source, ObjectStore& store,
                                    ObjectAddress object, DestinationName name,
                                    TransferOptions options, TransferProgress& progress) {
  progress.phase = "probing";
  CO_TRY(Prepared prepared, co_await prepare(&engine, &source, &store, &options));
  options.metadata = merged(prepared.seen.metadata, options.metadata);
  progress.size = prepared.seen.size;
  progress.parts = prepared.plan.parts;
  CO_TRY(std::optional<TransferResult> skipped,
         co_await check_overwrite(&engine, &source, &store, object, &options, &prepared.seen));
  if (skipped) {
    progress.phase = "done";
    co_return *std::move(skipped);
  }
  CO_TRY_VOID(co_await check_file_beforehand(&engine, &source, &options, &prepared.seen));
  progress.phase = "copying";
  if (prepared.plan.mode == TransferMode::kPut) {
    const PutJob job{&engine, &source, &store, object, &options, &prepared.seen, &progress};
    ++progress.parts_in_flight;
    Result<TransferResult> result =
        source.fd() >= 0 ? co_await put_file(job) : co_await put_buffered(job);
    --progress.parts_in_flight;
    if (result) {
      progress.bytes_done = result->size;
      progress.parts_done = 1;
    }
    progress.phase = result ? "done" : "failed";
    co_return result;
  }
  MultipartUpload::Input input{.engine = &engine,
                               .source = &source,
                               .store = &store,
                               .object = std::move(object),
                               .name = std::move(name),
                               .options = std::move(options),
                               .progress = &progress,
                               .seen = std::move(prepared.seen),
                               .plan = std::move(prepared.plan)};
  if (input.plan.mode == TransferMode::kUnknownLength) {
    co_return co_await upload_unknown(std::move(input));
  }
  MultipartUpload multipart(std::move(input));
  co_return co_await multipart.run(std::nullopt);
}

Task<Result<TransferOutlook>> describe_upload(Engine& engine, Source& source, ObjectStore& store,
                                              ObjectAddress object, TransferOptions options) {
  CO_TRY(Prepared prepared, co_await prepare(&engine, &source, &store, &options));
  CO_TRY(std::optional<TransferResult> skipped,
         co_await check_overwrite(&engine, &source, &store, object, &options, &prepared.seen));
  const std::optional<ByteCount> size = prepared.seen.size;
  if (skipped) co_return TransferOutlook{skipped->note, size, true};
  co_return TransferOutlook{describe(prepared.plan), size, false};
}

}  // namespace telpher
