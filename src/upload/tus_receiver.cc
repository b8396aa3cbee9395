#include "upload/tus_receiver.h"

#include "base/units.h"
#include "codec/content_signature.h"

#include <algorithm>
#include <cstring>

namespace telpher {
namespace {

ObjectDraft draft_of(const TusRecord& record) {
  return {.object = record.object, .media_type = record.type, .only_new = record.only_new};
}

}  // namespace

TusReceiver::TusReceiver(TusUploads& uploads, TusState& state, Input input, TaskContext& context)
    : uploads_(uploads),
      state_(state),
      record_(state.record),
      input_(std::move(input)),
      loop_(*context.loop),
      reading_context_{context.loop, input_.reading ? input_.reading : context.cancel},
      group_(context),
      hash_(piece_hashes(uploads.store_.capabilities())),
      begin_(record_.offset),
      end_max_(record_.length.value_or(uploads.options_.limits.file_bytes_max)) {
  if (input_.check) check_.emplace(input_.check->algorithm());
}

Task<Result<void>> TusReceiver::run() {
  Result<void> read = co_await read_body();
  const Result<void> put = co_await group_.join();
  if (!put && put.error().kind != ErrorKind::kCancelled) co_return put;
  if (!put && read) read = put;
  if (read) read = judge();
  const bool refused = !read && read.error().context.http_status != 0;
  if (refused || !put) co_return read;
  if (check_ && read && check_->finish() != *input_.check) {
    co_return tus_refusal(460, "CHECKSUM_MISMATCH", "the body has another checksum than announced");
  }
  // Without its whole body a checksum proves nothing, and what came is discarded.
  if (read || !check_) {
    Result<void> kept = co_await shielded(keep(), kTidyLimit);
    if (!kept) co_return kept;
  }
  co_return read;
}

Task<Result<void>> TusReceiver::read_body() {
  if (input_.length && *input_.length > end_max_ - std::min(begin_, end_max_)) {
    co_return tus_refusal(413, "PAYLOAD_TOO_LARGE", "the body is larger than what is left to send");
  }
  CO_TRY_VOID(co_await load_tail());
  for (;;) {
    if (input_.length && received_ == *input_.length) break;
    if (filled_ == buffer_.size()) CO_TRY_VOID(co_await make_room());
    const MutableBytes room = buffer_.bytes().subspan(filled_);
    Result<std::size_t> read = co_await input_.body->read_some(room).in(reading_context_);
    if (!read) {
      read.error().context.operation = "body";
      co_return std::move(read).error();
    }
    const std::size_t count = *read;
    if (count == 0) break;
    received_ += count;
    if (begin_ + received_ > end_max_) {
      co_return tus_refusal(413, "PAYLOAD_TOO_LARGE", "more bytes came than the upload may have");
    }
    hash_.update(room.first(count));
    if (check_) check_->update(room.first(count));
    filled_ += count;
    if (filled_ >= kSignatureBytes) CO_TRY_VOID(judge());
  }
  co_return Result<void>();
}

Task<Result<void>> TusReceiver::load_tail() {
  const ByteCount tail = state_.tail_size();
  CO_TRY(buffer_, co_await acquire(tail + input_.length.value_or(record_.part_size)));
  if (tail == 0) co_return Result<void>();
  kept_ = filled_ = static_cast<std::size_t>(tail);
  const MutableBytes place = buffer_.bytes().first(filled_);
  CO_TRY_VOID(co_await uploads_.table_.read_tail(record_.id, place));
  hash_.update(place);
  co_return Result<void>();
}

Task<Result<Buffer>> TusReceiver::acquire(ByteCount bytes) {
  ByteCount size = 16 * kKiB;
  while (size < bytes && size < record_.part_size) size *= 4;
  size = std::min(size, record_.part_size);
  Result<Buffer> buffer = co_await uploads_.buffers_.acquire(
      static_cast<std::size_t>(size), loop_.now() + uploads_.options_.patience);
  if (buffer || buffer.error().kind == ErrorKind::kCancelled) co_return buffer;
  co_return tus_refusal(503, "UNAVAILABLE", "the service has no memory to spare; try again later");
}

Task<Result<void>> TusReceiver::make_room() {
  if (buffer_.size() < record_.part_size) {
    CO_TRY(Buffer larger, co_await acquire(record_.part_size));
    std::memcpy(larger.bytes().data(), buffer_.bytes().data(), filled_);
    buffer_ = std::move(larger);
    co_return Result<void>();
  }
  co_await group_.wait_until_at_most(0);
  if (group_.cancelled()) co_return to_result(WaitOutcome::kCancelled);
  Piece piece;
  piece.buffer = std::move(buffer_);
  piece.size = filled_;
  piece.digests = hash_.finish();
  buffer_ = {};
  filled_ = kept_ = 0;
  group_.spawn(put_part(std::move(piece)));
  const ByteCount to_come =
      input_.length ? *input_.length - received_ : static_cast<ByteCount>(record_.part_size);
  CO_TRY(buffer_, co_await acquire(to_come));
  co_return Result<void>();
}

Task<Result<void>> TusReceiver::put_part(Piece piece) {
  if (!writer_) {
    if (record_.upload_id.empty()) CO_TRY_VOID(co_await uploads_.find_free_key(&record_));
    writer_.emplace(uploads_.store_, draft_of(record_));
    writer_->adopt(record_.upload_id, state_.parts);
  }
  if (writer_->upload_id().empty()) CO_TRY_VOID(co_await begin_upload());
  CO_TRY(PartInfo part, co_await writer_->put(&piece));
  if (check_) {
    unproven_.push_back(std::move(part));
    co_return Result<void>();
  }
  record_.offset = state_.parts_end() + part.size;
  state_.parts.push_back(part);
  record_.expires = loop_.wall_now() + uploads_.options_.lifetime;
  co_return co_await uploads_.table_.save(
      {.record = &record_, .new_parts = {std::move(part)}, .drop_tail = true, .new_tail = {}});
}

/// That an upload is being begun is known before it is, so that a crash leaves none open.
Task<Result<void>> TusReceiver::begin_upload() {
  if (record_.beginning) CO_TRY_VOID(co_await uploads_.abort_unknown(&record_));
  record_.beginning = true;
  CO_TRY_VOID(co_await uploads_.table_.save({.record = &record_}));
  CO_TRY_VOID(co_await writer_->begin());
  record_.upload_id = writer_->upload_id();
  record_.beginning = false;
  co_return co_await uploads_.table_.save({.record = &record_});
}

/// By the first bytes, as soon as enough of them are there; those of partial uploads say nothing.
Result<void> TusReceiver::judge() {
  if (!record_.type.empty() || record_.is_partial() || !buffer_) return {};
  const bool all = record_.length && filled_ == *record_.length;
  if (filled_ < kSignatureBytes && !all) return {};
  const Bytes head = buffer_.bytes().first(std::min(filled_, kSignatureBytes));
  Result<std::string> type =
      judge_type(uploads_.options_.limits.types, head, {record_.declared, record_.name});
  if (!type) return tus_refusal(415, "UNSUPPORTED_MEDIA_TYPE", type.error().message);
  record_.type = *std::move(type);
  return {};
}

Task<Result<void>> TusReceiver::keep() {
  TusChange change{.record = &record_, .new_parts = unproven_, .drop_tail = !unproven_.empty()};
  for (const PartInfo& part : unproven_) state_.parts.push_back(part);
  unproven_.clear();
  if (buffer_) change.new_tail = buffer_.bytes().first(filled_).subspan(kept_);
  record_.offset = state_.parts_end() + filled_;
  record_.expires = loop_.wall_now() + uploads_.options_.lifetime;
  kept_ = filled_;
  co_return co_await uploads_.table_.save(std::move(change));
}

}  // namespace telpher
