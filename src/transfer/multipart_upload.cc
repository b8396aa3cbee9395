#include "transfer/multipart_upload.h"

#include "base/units.h"
#include "transfer/part_reader.h"
#include "transfer/sweep.h"

#include <algorithm>
#include <utility>

namespace telpher {
namespace {

using namespace std::chrono_literals;

constexpr auto kTidyUpLimit = 30s;
constexpr auto kLeaseWait = 24h;
constexpr int kCompleteRounds = 2;

/// Failures after which the parts are worth nothing: the upload is ended at once.
bool makes_parts_worthless(const Error& error) {
  switch (error.kind) {
    case ErrorKind::kSourceChanged:
    case ErrorKind::kCorrupt:
    case ErrorKind::kPrecondition:
    case ErrorKind::kLimit:
    case ErrorKind::kInvalid:
    case ErrorKind::kUnsupported:
    case ErrorKind::kNotFound: return true;
    default: return false;
  }
}

}  // namespace

HashPlan make_hash_plan(const TransferOptions& options, const SourceInfo& seen,
                        const Capabilities& capabilities) {
  HashPlan plan{.checksum = options.checksum};
  if (plan.checksum == ChecksumAlgorithm::kMd5) plan.checksum = ChecksumAlgorithm::kNone;
  const std::optional<Digest>& wanted = options.expect ? options.expect : seen.digest;
  if (wanted && wanted->algorithm() != options.checksum && checksum_combines(wanted->algorithm())) {
    plan.proof = wanted->algorithm();
  }
  plan.md5 = options.checksum == ChecksumAlgorithm::kMd5 ||
             (!capabilities.checksums && options.checksum != ChecksumAlgorithm::kNone);
  return plan;
}

namespace {

/// The exact source and what the object is to be like: parts sent for another wish are not
/// continued.
std::string hash_of_job(const Source& source, const TransferOptions& options) {
  const ObjectMetadata& metadata = options.metadata;
  std::string text = source.identity();
  for (const std::string* value :
       {&metadata.content_type, &metadata.content_encoding, &metadata.content_language,
        &metadata.content_disposition, &metadata.cache_control, &metadata.expires,
        &options.storage.storage_class, &options.storage.server_side_encryption,
        &options.storage.sse_kms_key_id, &options.storage.acl}) {
    text += '\0' + *value;
  }
  for (const auto& [name, value] : metadata.user) text += '\0' + name + '\0' + value;
  return checksum_of(ChecksumAlgorithm::kSha256, as_bytes(text)).to_hex();
}

}  // namespace

std::string hash_of_source(const Source& source) {
  return checksum_of(ChecksumAlgorithm::kSha256, as_bytes(source.identity())).to_hex();
}

MultipartUpload::MultipartUpload(Input input)
    : engine_(*input.engine),
      source_(*input.source),
      store_(*input.store),
      object_(std::move(input.object)),
      name_(std::move(input.name)),
      options_(std::move(input.options)),
      progress_(*input.progress),
      job_hash_(hash_of_job(source_, options_)),
      seen_(std::move(input.seen)),
      plan_(std::move(input.plan)),
      copy_from_(std::move(input.copy_from)),
      copy_etag_(std::move(input.copy_etag)),
      hashes_(make_hash_plan(options_, seen_, store_.capabilities())),
      total_(seen_.size),
      source_connections_(options_.source_connections),
      put_slots_(static_cast<std::uint64_t>(plan_.parts_in_flight)),
      note_(plan_.note) {
  const std::optional<Digest>& wanted = options_.expect ? options_.expect : seen_.digest;
  if (wanted && !checksum_combines(wanted->algorithm()) && plan_.mode != TransferMode::kRanged) {
    in_order_.emplace(wanted->algorithm());
  }
}

Task<Result<TransferResult>> MultipartUpload::run(std::optional<Started> started) {
  progress_.size = seen_.size;
  progress_.parts = plan_.parts;
  progress_.part_states.assign(static_cast<std::size_t>(plan_.parts), '.');
  Result<TransferResult> result = co_await transfer(std::move(started));
  if (!result) {
    progress_.phase = "failed";
    co_return co_await fail(std::move(result).error());
  }
  progress_.phase = "done";
  co_return result;
}

Task<Result<TransferResult>> MultipartUpload::transfer(std::optional<Started> started) {
  if (started && in_order_) in_order_->update(started->first.bytes().first(started->filled));
  if (engine_.journal) {
    Loop& loop = co_await current_loop();
    const std::string_view phase = std::exchange(progress_.phase, kWaitingForAnother);
    CO_TRY(lease_, co_await engine_.journal->acquire(name_, loop.now() + kLeaseWait));
    progress_.phase = phase;
    if (lease_->waited) {
      CO_TRY(const auto finished, co_await engine_.journal->last_finished(name_));
      if (finished && finished->source_hash == job_hash_ && !seen_.validator.empty() &&
          finished->validator == seen_.validator) {
        TransferResult result = result_so_far();
        result.mode = TransferMode::kSkipped;
        result.etag = finished->etag;
        result.note = "another process has just copied the same";
        co_return result;
      }
    }
  }
  CO_TRY_VOID(co_await find_or_begin());
  if (finished_earlier_) co_return co_await already_there();
  // The first answers may have told what the store takes.
  hashes_ = make_hash_plan(options_, seen_, store_.capabilities());
  for (int round = 1;; ++round) {
    CO_TRY_VOID(co_await move_parts(std::exchange(started, std::nullopt)));
    CO_TRY_VOID(co_await source_.check_unchanged(seen_));
    CO_TRY_VOID(check_expectations());
    Result<TransferResult> result = co_await complete();
    // The store acknowledged a part that it does not have: see which, and send it again.
    if (!result && result.error().context.code == "InvalidPart" && round < kCompleteRounds &&
        plan_.mode == TransferMode::kRanged) {
      parts_.clear();
      CO_TRY(const bool still_open, co_await reload_parts());
      if (still_open) continue;
    }
    co_return result;
  }
}

// --- beginning and continuing -----------------------------------------------------------------

bool MultipartUpload::can_adopt(ByteCount part_size) const {
  if (part_size == plan_.part_size) return true;
  const bool wished = options_.part_size.kind == PartSizePolicy::Kind::kFixed;
  return !wished && part_size > 0 && (!plan_.buffered || 2 * part_size <= plan_.memory_budget);
}

// The parts that are there decide: another --concurrency must not throw them away.
void MultipartUpload::adopt(ByteCount part_size) {
  if (part_size == plan_.part_size) return;
  plan_.part_size = plan_.part_size_max = part_size;
  plan_.parts = static_cast<int>((*seen_.size + part_size - 1) / part_size);
  if (plan_.buffered) {
    const ByteCount held = plan_.memory_budget / part_size;
    plan_.parts_in_flight =
        static_cast<int>(std::min<ByteCount>(static_cast<ByteCount>(plan_.parts_in_flight), held));
  }
  progress_.parts = plan_.parts;
  progress_.part_states.assign(static_cast<std::size_t>(plan_.parts), '.');
}

bool MultipartUpload::continues(const JournalEntry& entry) const {
  // Without an id there is nothing to continue, and something to look for.
  return options_.resume && !entry.upload_id.empty() &&
         entry.kind == (copy_from_ ? "copy" : "upload") && entry.object == object_ &&
         entry.source_hash == job_hash_ && !seen_.validator.empty() &&
         entry.validator == seen_.validator && entry.size == seen_.size && entry.size &&
         can_adopt(entry.part_size) && entry.checksum == to_string(options_.checksum);
}

Task<Result<void>> MultipartUpload::find_or_begin() {
  if (engine_.journal) {
    CO_TRY(std::vector<JournalEntry> entries, co_await engine_.journal->unfinished_at(name_));
    for (JournalEntry& entry : entries) {
      if (entry_.id.empty() && continues(entry)) {
        entry_ = std::move(entry);
        adopt(entry_.part_size);
      } else {
        CO_TRY_VOID(co_await discard_transfer(*engine_.journal, store_, std::move(entry)));
      }
    }
  }
  if (!entry_.upload_id.empty()) {
    upload_id_ = entry_.upload_id;
    CO_TRY(const bool still_open, co_await reload_parts());
    if (still_open || finished_earlier_) co_return Result<void>();
    CO_TRY_VOID(co_await engine_.journal->finish(entry_.id, std::nullopt));
    entry_ = {};
    upload_id_.clear();
  }
  co_return co_await create_upload();
}

/// Asked again at the end, by the store: this saves sending it all in vain.
Task<Result<void>> MultipartUpload::check_nothing_there() {
  if (!options_.if_none_match) co_return Result<void>();
  const Result<ObjectInfo> there = co_await store_.head(object_);
  if (there) co_return make_error(ErrorKind::kPrecondition, "it exists already");
  if (there.error().kind == ErrorKind::kNotFound) co_return Result<void>();
  co_return there.error();
}

Task<Result<void>> MultipartUpload::create_upload() {
  CO_TRY_VOID(co_await check_nothing_there());
  if (engine_.journal) {
    entry_.kind = copy_from_ ? "copy" : "upload";
    entry_.source = source_.redacted_address();
    entry_.source_hash = job_hash_;
    entry_.destination = name_;
    entry_.object = object_;
    entry_.size = seen_.size;
    entry_.validator = seen_.validator;
    entry_.part_size = plan_.part_size;
    entry_.checksum = std::string(to_string(options_.checksum));
    entry_.command = engine_.command;
    entry_.created = (co_await current_loop()).wall_now();
    CO_TRY(entry_.id, co_await engine_.journal->begin(entry_));
  }
  CreateUploadOptions create{.metadata = options_.metadata, .storage = options_.storage};
  if (store_.capabilities().checksums) create.checksum = hashes_.checksum;
  CO_TRY(upload_id_, co_await store_.create_upload(object_, std::move(create)));
  if (!entry_.id.empty()) {
    CO_TRY_VOID(co_await engine_.journal->set_upload_id(entry_.id, upload_id_));
  }
  co_return Result<void>();
}

void MultipartUpload::accept_stored_part(PartInfo info,
                                         const std::map<PartNumber, JournalPart>& hints) {
  if (info.number < 1 || (plan_.parts > 0 && info.number > plan_.parts)) return;
  if (plan_.size && info.size != plan_.part(info.number).length) return;
  Part part{std::move(info), {}, true};
  const auto hint = hints.find(part.info.number);
  if (part.info.checksum && part.info.checksum->algorithm() == hashes_.checksum) {
    part.digests.checksum = *part.info.checksum;
  } else if (hint != hints.end() && hint->second.etag == part.info.etag) {
    if (auto digest = Digest::from_base64(hashes_.checksum, hint->second.digest)) {
      part.digests.checksum = *digest;
    }
  }
  // Ranges are combined to the digest the user asked for: a part without its own is read again.
  const bool must_prove =
      options_.expect && plan_.mode == TransferMode::kRanged && !copy_from_ && source_.fd() < 0;
  const Digest& piece = must_prove && options_.expect->algorithm() != hashes_.checksum
                            ? part.digests.proof
                            : part.digests.checksum;
  if (must_prove && piece.empty()) return;
  progress_.bytes_done += part.info.size;
  progress_.bytes_resumed += part.info.size;
  ++progress_.parts_done;
  progress_.mark_part(part.info.number, 'd');
  parts_[part.info.number] = std::move(part);
}

Task<Result<bool>> MultipartUpload::reload_parts() {
  std::map<PartNumber, JournalPart> hints;
  if (!entry_.id.empty()) {
    CO_TRY(std::vector<JournalPart> known, co_await engine_.journal->parts(entry_.id));
    for (JournalPart& part : known) hints[part.number] = std::move(part);
  }
  progress_.bytes_done = progress_.bytes_resumed = 0;
  progress_.parts_done = 0;
  progress_.part_states.assign(static_cast<std::size_t>(plan_.parts), '.');
  for (PartNumber marker = 0;;) {
    Result<PartsPage> page = co_await store_.list_parts(object_, upload_id_, marker);
    if (!page) {
      if (page.error().context.code != "NoSuchUpload") co_return std::move(page).error();
      if (!entry_.expected.empty()) {
        Result<ObjectInfo> info = co_await store_.head(object_);
        const bool ours = info && info->size == seen_.size &&
                          (info->etag == entry_.expected ||
                           (info->checksum && info->checksum->parts == 0 &&
                            std::string(to_string(info->checksum->digest.algorithm())) + ":" +
                                    info->checksum->digest.to_base64() ==
                                entry_.expected));
        if (ours) finished_earlier_ = PutResult{info->etag, info->version_id, info->checksum};
      }
      co_return false;
    }
    for (PartInfo& info : page->parts) accept_stored_part(std::move(info), hints);
    marker = page->continuation;
    if (marker == 0) co_return true;
  }
}

Task<Result<TransferResult>> MultipartUpload::already_there() {
  TransferResult result = result_so_far();
  result.parts_resumed = plan_.parts;
  result.etag = finished_earlier_->etag;
  result.version_id = finished_earlier_->version_id;
  result.verified_by = "what the journal expected: an earlier run had completed it";
  CO_TRY_VOID(co_await engine_.journal->finish(
      entry_.id, FinishedTransfer{job_hash_, seen_.validator, result.etag, result.size, {}}));
  co_return result;
}

// --- the end ----------------------------------------------------------------------------------

Result<Digest> MultipartUpload::whole_digest(Digest PartDigests::* which) const {
  std::optional<Digest> whole;
  for (const auto& [number, part] : parts_) {
    const Digest& digest = part.digests.*which;
    if (digest.empty()) {
      return make_error(ErrorKind::kUnsupported, "a part's digest is not known");
    }
    if (!whole) {
      whole = digest;
      continue;
    }
    TRY(whole, combine_digests(*whole, digest, part.info.size));
  }
  if (!whole) return make_error(ErrorKind::kUnsupported, "no parts");
  return *whole;
}

std::string MultipartUpload::expected_etag() const {
  // MD5 of the parts' MD5s, which their ETags are. Source: S3 user guide, "Checking object
  // integrity".
  Checksum md5(ChecksumAlgorithm::kMd5);
  for (const auto& [number, part] : parts_) {
    const std::string& etag = part.info.etag;
    if (etag.size() != 34) return "";
    const Result<Digest> digest =
        Digest::from_hex(ChecksumAlgorithm::kMd5, std::string_view(etag).substr(1, 32));
    if (!digest) return "";
    md5.update(digest->bytes());
  }
  return '"' + md5.finish().to_hex() + '-' + std::to_string(parts_.size()) + '"';
}

Result<void> MultipartUpload::check_expectations() {
  ByteCount total = 0;
  for (const auto& [number, part] : parts_) total += part.info.size;
  if (total_ && total != *total_) {
    return make_error(ErrorKind::kSourceChanged,
                      "the source changed while it was being copied: " + std::to_string(total) +
                          " bytes came, " + std::to_string(*total_) + " were announced");
  }
  const std::optional<Digest>& wanted = options_.expect ? options_.expect : seen_.digest;
  if (!wanted) return {};
  std::optional<Digest> got;
  if (in_order_) {
    got = in_order_->finish();
  } else if (const Result<Digest> whole =
                 whole_digest(wanted->algorithm() == hashes_.checksum ? &PartDigests::checksum
                                                                      : &PartDigests::proof)) {
    got = *whole;
  }
  if (!got) {
    // A file was digested before, and a source's own digest may stay unproven; a user's may not.
    if (!options_.expect || source_.fd() >= 0) return {};
    return make_error(ErrorKind::kUnsupported, "the expected " +
                                                   std::string(to_string(wanted->algorithm())) +
                                                   " cannot be proven on this way of copying");
  }
  if (*got == *wanted) return {};
  return wrong_digest(*got, *wanted);
}

Task<Result<TransferResult>> MultipartUpload::complete() {
  progress_.phase = "completing";
  std::vector<PartInfo> parts;
  for (const auto& [number, part] : parts_) parts.push_back(part.info);
  CompleteOptions complete{.condition = {.if_none_match = options_.if_none_match}, .size = total_};
  std::string expected = store_.capabilities().etag_is_md5 ? expected_etag() : "";
  const Result<Digest> whole = whole_digest(&PartDigests::checksum);
  if (whole && store_.capabilities().checksums && checksum_combines(whole->algorithm())) {
    complete.checksum = *whole;
    expected = std::string(to_string(whole->algorithm())) + ":" + whole->to_base64();
  }
  if (!entry_.id.empty()) {
    CO_TRY_VOID(co_await engine_.journal->completing(entry_.id, std::move(expected)));
  }
  CO_TRY(PutResult stored,
         co_await store_.complete(object_, upload_id_, std::move(parts), std::move(complete)));
  progress_.phase = "verifying";
  TransferResult result = result_so_far();
  CO_TRY_VOID(co_await prove(&stored, &result.verified_by));
  if (whole) result.digest = *whole;
  result.etag = stored.etag;
  result.version_id = stored.version_id;
  if (!entry_.id.empty()) {
    CO_TRY_VOID(co_await engine_.journal->finish(
        entry_.id, FinishedTransfer{job_hash_, seen_.validator, result.etag, result.size, {}}));
    entry_ = {};
  }
  upload_id_.clear();
  co_return result;
}

Task<Result<void>> MultipartUpload::prove(PutResult* put, std::string* verified_by) {
  // The store is asked for what it has: an answer to Complete alone may promise what is not there,
  // and an answer that got lost may have been followed by one that is not true.
  Result<ObjectInfo> there = co_await store_.head(object_);
  const bool absent = !there && there.error().kind == ErrorKind::kNotFound;
  if (!there && !absent) co_return std::move(there).error();
  const Result<Digest> whole = whole_digest(&PartDigests::checksum);
  const Capabilities& can = store_.capabilities();
  const bool by_md5 =
      can.etag_is_md5 &&
      (hashes_.md5 || (!can.checksums && hashes_.checksum != ChecksumAlgorithm::kNone));
  const std::string etag = by_md5 ? expected_etag() : "";
  if (absent || there->etag != put->etag) {
    const bool right = !absent && there->size == total_ &&
                       ((!etag.empty() && there->etag == etag) ||
                        (whole && there->checksum == StoredChecksum{*whole, 0}));
    if (!right) CO_TRY_VOID(co_await check_completed());
    if (absent) co_return std::move(there).error();
    if (right) {
      // The same bytes may have been there before: then the upload is open, and of no more use.
      CO_TRY_VOID(co_await store_.abort(object_, upload_id_));
      *put = {there->etag, there->version_id, there->checksum};
    }
  }
  const bool ours = there->etag == put->etag;  // else another writer has replaced it since
  std::string wrong;
  if (ours && there->size != total_) wrong = std::to_string(there->size) + " bytes";
  *verified_by = "length";
  const std::optional<StoredChecksum>& checksum = put->checksum ? put->checksum : there->checksum;
  if (whole && checksum && checksum->parts == 0 &&
      checksum->digest.algorithm() == whole->algorithm()) {
    *verified_by = std::string(to_string(whole->algorithm())) + " of the whole, by the store";
    if (checksum->digest != *whole) wrong = "another checksum";
  } else if (!etag.empty()) {
    *verified_by = "md5 of each part, by the store";
    if (put->etag != etag) wrong = "another ETag than its parts make";
  } else if (hashes_.checksum != ChecksumAlgorithm::kNone && store_.capabilities().checksums) {
    *verified_by = std::string(to_string(hashes_.checksum)) + " of each part, by the store";
  }
  if (wrong.empty()) co_return Result<void>();
  std::string message = "the store completed the object with " + wrong;
  if (ours) {  // never somebody else's
    CO_TRY_VOID(co_await store_.remove(object_));
    message += "; it was removed again";
  }
  co_return make_error(ErrorKind::kCorrupt, std::move(message));
}

/// What lies there is not ours. Either somebody has replaced it already, or the store's answer to
/// Complete was not true: then the upload is still open.
Task<Result<void>> MultipartUpload::check_completed() {
  const Result<PartsPage> parts = co_await store_.list_parts(object_, upload_id_, 0);
  if (!parts && parts.error().context.code == "NoSuchUpload") co_return Result<void>();
  if (!parts) co_return parts.error();
  Error error = make_error(ErrorKind::kServer,
                           "the store says that it has completed the upload, and has not");
  error.persistence = Persistence::kRetriedOut;
  co_return error;
}

TransferResult MultipartUpload::result_so_far() const {
  TransferResult result{.mode = copy_from_ ? TransferMode::kServerSideCopy : plan_.mode,
                        .size = total_.value_or(0),
                        .part_size = plan_.part_size,
                        .parts = static_cast<int>(parts_.size())};
  for (const auto& [number, part] : parts_) result.parts_resumed += part.resumed ? 1 : 0;
  result.note = note_;
  return result;
}

Task<Error> MultipartUpload::fail(Error error) {
  const bool never_begun = upload_id_.empty() && error.persistence == Persistence::kPermanent &&
                           error.kind != ErrorKind::kCancelled;
  const bool can_continue = !entry_.id.empty() && entry_.size && !seen_.validator.empty() &&
                            !makes_parts_worthless(error) && !never_begun;
  if (can_continue) co_return error;
  if (!upload_id_.empty()) {
    Result<void> aborted = co_await shielded(store_.abort(object_, upload_id_), kTidyUpLimit);
    if (!aborted) {
      error.message += "; its upload could not be ended (" + aborted.error().message +
                       "): telpher sweep s3://" + object_.bucket;
      co_return error;  // the journal keeps it, so that sweep and the next run know
    }
  }
  if (!entry_.id.empty()) {
    const bool maybe_begun = error.persistence != Persistence::kPermanent ||
                             error.kind == ErrorKind::kCancelled || error.context.attempts > 1;
    if (upload_id_.empty() && maybe_begun) {
      // Its answer may have been lost. Who interrupts us is not made to wait for a late one.
      if (error.kind == ErrorKind::kCancelled) co_return error;
      entry_.last_alive = (co_await current_loop()).wall_now();
      Result<void> ended = co_await shielded(
          discard_transfer(*engine_.journal, store_, std::move(entry_)), kTidyUpLimit);
      (void)ended;  // else the journal keeps it, for sweep and the next run
      co_return error;
    }
    (void)co_await shielded(engine_.journal->finish(entry_.id, std::nullopt), kTidyUpLimit);
  }
  co_return error;
}

}  // namespace telpher
