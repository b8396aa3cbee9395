// What can be done with objects, tried with a few small ones.

#include "base/units.h"
#include "cli/doctor/examination.h"
#include "codec/checksum.h"
#include "session/exit_code.h"

#include <algorithm>
#include <cstdio>

namespace telpher {
namespace {

constexpr ChecksumAlgorithm kAlgorithm = ChecksumAlgorithm::kCrc64Nvme;
constexpr ByteCount kReadMax = 64 * 1024;
constexpr ByteRange kMiddle{100, 200};

/// Refused as a whole, not for this once: the store does not have it.
bool is_missing(const Error& error) {
  return error.kind == ErrorKind::kUnsupported || error.kind == ErrorKind::kInvalid;
}

Task<Result<std::string>> read_text(std::unique_ptr<ByteReader> body, ByteCount size) {
  std::string text(size, '\0');
  CO_TRY(const std::size_t count,
         co_await read_full(*body, std::as_writable_bytes(std::span(text))));
  text.resize(count);
  co_return text;
}

std::string milliseconds(Duration duration) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f",
                std::chrono::duration<double, std::milli>(duration).count());
  return text;
}

/// Whether a write that had to be refused was. Errors: other failures.
template <class T>
Result<bool> was_refused(const Result<T>& done) {
  if (done) return false;
  if (done.error().kind == ErrorKind::kPrecondition) return true;
  return done.error();
}

}  // namespace

Examination::CheckTask Examination::check_write() {
  const PutOptions options{.checksum = checksum_of(kAlgorithm, as_bytes(sample_))};
  const TimePoint begun = loop_.now();
  const ObjectAddress object = written_at("whole");
  Result<PutResult> put = co_await store_->put(object, Body::of(as_bytes(sample_)), options);
  if (!put) {
    if (put.error().kind == ErrorKind::kDenied) written_.clear();
    co_return std::move(put).error();
  }
  whole_ = *std::move(put);
  keeps_versions_ = !whole_.version_id.empty() && whole_.version_id != "null";
  subject_ = object;
  co_return ok(format_size(sample_.size()) + " in " + milliseconds(loop_.now() - begun) + " ms");
}

Examination::CheckTask Examination::check_checksums() {
  if (!whole_.checksum) {
    co_return warning(
        "x-amz-checksum-* is ignored or refused",
        "Nothing to do: Telpher proves uploads by MD5 instead, and checksums of whole "
        "objects are not kept by the store");
  }
  const PutOptions options{.checksum = checksum_of(kAlgorithm, as_bytes("something else"))};
  const auto wrong =
      co_await store_->put(written_at("wrong"), Body::of(as_bytes(sample_)), options);
  const bool refused = !wrong && (wrong.error().context.http_status >= 400 || is_local());
  if (!refused) {
    co_return warning("CRC64NVME is repeated, but a wrong one is taken",
                      "Telpher compares the answer and notices; other tools may not. Update the "
                      "store");
  }
  co_return ok("CRC64NVME is kept and told; a wrong one is refused");
}

Examination::CheckTask Examination::check_read() {
  if (!subject_) co_return skipped("no object to read");
  Result<GetResult> got = co_await store_->get(*subject_, {.range = ByteRange{0, kReadMax}});
  if (!got) {
    Error error = std::move(got).error();
    subject_.reset();
    co_return error;
  }
  subject_info_ = got->info;
  CO_TRY(const std::string text, co_await read_text(std::move(got->body), got->length));
  const bool ours = subject_->key == place("whole").key;
  if (ours && text != sample_) {
    co_return failure(kExitIntegrity, "other bytes come back than were written",
                      "Do not use this store, and tell its operator: it damages what it is given");
  }
  co_return ok(ours ? "the same bytes come back" : "'" + subject_->key + "' can be read");
}

Task<Result<std::string>> Examination::read_range(ByteRange range, std::string if_match) {
  CO_TRY(GetResult got,
         co_await store_->get(*subject_, {.range = range, .if_match = std::move(if_match)}));
  co_return co_await read_text(std::move(got.body), got.length);
}

Examination::CheckTask Examination::check_ranges() {
  if (!subject_) co_return skipped("");
  const ByteRange range = subject_info_.size > kMiddle.end() ? kMiddle : ByteRange{0, 1};
  const Result<std::string> part = co_await read_range(range, subject_info_.etag);
  const bool ours = subject_->key == place("whole").key;
  if (!part && part.error().kind == ErrorKind::kProtocol) {
    co_return failure(kExitDestination, "ranges are not heeded: " + part.error().message,
                      "Update the store: large downloads are read in ranges, and resumed by them");
  }
  if (!part) co_return part.error();
  if (ours && *part != std::string_view(sample_).substr(range.offset, range.length)) {
    co_return failure(kExitIntegrity, "a range holds other bytes than were written there",
                      "Do not use this store, and tell its operator: it damages what is read");
  }
  const Result<bool> refused =
      was_refused(co_await read_range(range, "\"00000000000000000000000000000000\""));
  if (!refused) co_return refused.error();
  if (!*refused) {
    co_return warning(
        "right, but If-Match is ignored",
        "An object that changes while it is read may come mixed: let nobody write what "
        "is being read, or update the store");
  }
  co_return ok("right, and If-Match is heeded");
}

Examination::CheckTask Examination::check_multipart() {
  const ObjectAddress object = written_at("parts");
  uploading_ = true;
  CO_TRY(std::string id, co_await store_->create_upload(object, {.checksum = kAlgorithm}));
  const PutPartOptions options{.checksum = checksum_of(kAlgorithm, as_bytes(sample_))};
  CO_TRY(PartInfo part,
         co_await store_->put_part(object, id, 1, Body::of(as_bytes(sample_)), options));
  CO_TRY(const PartsPage listed, co_await store_->list_parts(object, id, 0));
  if (listed.parts.size() != 1 || listed.parts[0].size != sample_.size()) {
    co_return failure(kExitDestination, "a part that was sent is not listed",
                      "Update the store: unfinished transfers cannot be resumed on it");
  }
  CO_TRY_VOID(co_await store_->complete(object, id, {std::move(part)}, {}));
  uploading_ = false;
  CO_TRY(const ObjectInfo info, co_await store_->head(object));
  if (info.size != sample_.size()) {
    co_return failure(kExitIntegrity, "an object put together of parts has another size",
                      "Do not use this store, and tell its operator");
  }
  co_return ok("begun, sent, listed, completed");
}

/// PutObject. Errors: of the request itself.
Task<Result<bool>> Examination::put_refused_where_there_is_one() {
  const PutOptions options{.condition = {.if_none_match = true}};
  const Body body = Body::of(as_bytes(sample_));
  CO_TRY_VOID(co_await store_->put(written_at("once"), body, options));
  co_return was_refused(co_await store_->put(written_at("once"), body, options));
}

/// CompleteMultipartUpload, over the same object.
Task<Result<bool>> Examination::complete_refused_where_there_is_one() {
  const ObjectAddress object = written_at("once");
  uploading_ = true;
  CO_TRY(const std::string id, co_await store_->create_upload(object, {}));
  CO_TRY(PartInfo part, co_await store_->put_part(object, id, 1, Body::of(as_bytes(sample_)), {}));
  const auto done = co_await store_->complete(object, id, {std::move(part)},
                                              {.condition = {.if_none_match = true}});
  if (!done) CO_TRY_VOID(co_await store_->abort(object, id));
  uploading_ = false;
  co_return was_refused(done);
}

Examination::CheckTask Examination::check_no_overwrite() {
  const std::string remedy =
      "--if-none-match cannot be relied on here: let one writer at a time write a key, or update "
      "the store";
  const Result<bool> whole = co_await put_refused_where_there_is_one();
  if (!whole && !is_missing(whole.error())) co_return whole.error();
  if (!whole) co_return warning("If-None-Match is not supported", remedy);
  if (!*whole) co_return warning("If-None-Match is ignored: a second write wins", remedy);
  const Result<bool> parts = co_await complete_refused_where_there_is_one();
  if (!parts && !is_missing(parts.error())) co_return parts.error();
  if (!parts || !*parts) {
    co_return warning(
        "If-None-Match is heeded for objects in one piece, not for those in parts",
        "--if-none-match cannot be relied on for large objects here: let one writer at "
        "a time write a key, or update the store");
  }
  co_return ok("If-None-Match is heeded");
}

Examination::CheckTask Examination::check_copy() {
  const auto copied =
      co_await store_->copy(place("whole"), written_at("copy"), {.source_if_match = whole_.etag});
  if (copied) co_return ok("within the store");
  if (!is_missing(copied.error())) co_return copied.error();
  co_return warning("the store cannot copy by itself",
                    "Copies from s3:// to s3:// pass through this machine here: nothing to do");
}

Examination::CheckTask Examination::check_tags() {
  const Tags tags{{"checked-by", "telpher doctor"}};
  const Result<void> set = co_await store_->set_tags(place("whole"), tags);
  const Result<Tags> got = set ? co_await store_->tags(place("whole")) : Result<Tags>(set.error());
  if (got && *got == tags) co_return ok("kept");
  if (got) co_return warning("taken and dropped", "Do not use --tag here");
  if (got.error().kind == ErrorKind::kDenied) {
    const Finding refused = explain(got.error(), known_);
    co_return warning(refused.found, refused.remedy + "; only who uses tags needs it");
  }
  if (!is_missing(got.error()) && got.error().kind != ErrorKind::kNotFound) co_return got.error();
  co_return warning("the store has none", "Do not use --tag here");
}

Examination::CheckTask Examination::check_latency() {
  constexpr int kRequests = 10;
  std::vector<Duration> times;
  for (int i = 0; i < kRequests; ++i) {
    const TimePoint begun = loop_.now();
    if (subject_) {
      CO_TRY_VOID(co_await store_->head(*subject_));
    } else {
      const Result<BucketInfo> seen = co_await store_->head_bucket(bucket_);
      if (!seen && seen.error().kind == ErrorKind::kDenied) co_return skipped("");
      CO_TRY_VOID(seen);
    }
    times.push_back(loop_.now() - begun);
  }
  std::ranges::sort(times);
  const std::string median = milliseconds(times[times.size() / 2]);
  const std::string worst = milliseconds(times.back());
  Finding finding = ok(median + " ms for a small request, " + worst + " ms at worst, of " +
                       std::to_string(kRequests));
  finding.facts = {{"p50_ms", median}, {"worst_ms", worst}};
  co_return finding;
}

Examination::CheckTask Examination::check_remove() {
  CO_TRY_VOID(co_await store_->remove(place("parts")));
  CO_TRY(const std::vector<RemoveFailure> failed, co_await store_->remove_many(bucket_, written_));
  if (!failed.empty()) {
    Error error = failed.front().error;
    if (error.context.operation.empty()) error.context.operation = "DeleteObjects";
    co_return error;
  }
  const Result<ObjectInfo> there = co_await store_->head(place("whole"));
  if (there) {
    co_return failure(
        kExitDestination, "what was removed is still there",
        "Tell the store's operator, and remove s3://" + bucket_ + "/" + prefix_ + " by hand");
  }
  if (!keeps_versions_) written_.clear();
  co_return ok("one by one, and many in a request");
}

Examination::CheckTask Examination::check_versions() {
  if (!keeps_versions_) co_return ok("not kept: what is overwritten or removed is gone");
  CO_TRY_VOID(co_await remove_written());
  co_return ok(
      "kept: to see them telpher ls --versions, to be rid of them telpher rm "
      "--all-versions");
}

Examination::CheckTask Examination::check_open_uploads() {
  constexpr std::chrono::hours kOld{24};
  const Result<UploadsPage> answer = co_await store_->list_uploads(bucket_, {});
  if (!answer && answer.error().kind == ErrorKind::kDenied) {
    const Finding refused = explain(answer.error(), known_);
    co_return warning(refused.found, refused.remedy + "; only telpher sweep needs it");
  }
  CO_TRY(const UploadsPage page, answer);
  if (page.uploads.empty()) co_return ok("none");
  const auto oldest = std::ranges::min(page.uploads, {}, &UploadInfo::initiated).initiated;
  const auto age = std::chrono::duration_cast<std::chrono::milliseconds>(loop_.wall_now() - oldest);
  const std::string count =
      std::to_string(page.uploads.size()) + (page.key_marker.empty() ? "" : " or more");
  std::string text = count + ", the oldest begun " + format_duration(age) + " ago";
  const std::string sweep =
      "telpher sweep " + std::string(is_local() ? "local://" : "s3://") + bucket_;
  if (age < kOld) co_return ok(std::move(text));
  co_return warning(std::move(text), "They cost money until somebody ends them. To see them: " +
                                         sweep + ", to end them: " + sweep + " --abort --all");
}

}  // namespace telpher
