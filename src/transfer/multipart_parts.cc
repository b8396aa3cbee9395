// The parts of a MultipartUpload: ranges side by side, or one stream cut into pieces.

#include "transfer/multipart_upload.h"
#include "transfer/part_reader.h"

#include <algorithm>
#include <utility>

namespace telpher {

Task<Result<void>> MultipartUpload::move_parts(std::optional<Started> started) {
  progress_.phase = "copying";
  if (plan_.mode != TransferMode::kRanged) co_return co_await move_stream(std::move(started));
  Result<void> moved = co_await move_ranges();
  if (!moved && moved.error().kind == ErrorKind::kUnsupported && source_.fd() < 0 && !copy_from_) {
    note_ = "the server ignores ranges: copied as a single stream";
    ranges_ignored_ = true;
    co_return co_await move_stream(std::nullopt);
  }
  co_return moved;
}

// --- ranges -----------------------------------------------------------------------------------

Task<Result<void>> MultipartUpload::move_ranges() {
  TaskGroup group(co_await current_context());
  const auto in_flight = static_cast<std::size_t>(plan_.parts_in_flight);
  for (PartNumber number = 1; number <= plan_.parts && !group.cancelled(); ++number) {
    if (parts_.contains(number)) continue;
    co_await group.wait_until_at_most(in_flight - 1);
    if (!group.cancelled()) group.spawn(move_range(number));
  }
  co_return co_await group.join();
}

Task<Result<void>> MultipartUpload::move_range(PartNumber number) {
  const ByteRange range = plan_.part(number);
  ++progress_.parts_in_flight;
  progress_.mark_part(number, 'a');
  engine_.stats.parts_in_flight.add(1);
  Result<void> moved;
  if (copy_from_) {
    Result<PartInfo> copied =
        co_await store_.copy_part(*copy_from_, range, object_, upload_id_, number, copy_etag_);
    if (copied) {
      copied->size = range.length;
      PartDigests digests;
      if (copied->checksum) digests.checksum = *copied->checksum;
      acknowledge(number, {*std::move(copied), digests, false});
      progress_.bytes_done += range.length;
    } else {
      moved = std::move(copied).error();
    }
  } else if (source_.fd() >= 0) {
    moved = co_await hash_and_put_file(number, range);
  } else {
    moved = co_await read_and_put(number, range);
  }
  --progress_.parts_in_flight;
  if (!moved) progress_.mark_part(number, '.');
  engine_.stats.parts_in_flight.add(-1);
  co_return moved;
}

Task<Result<void>> MultipartUpload::hash_and_put_file(PartNumber number, ByteRange range) {
  CO_TRY(const PartDigests digests,
         co_await hash_file_range(&engine_, source_.fd(), range, hashes_));
  CO_TRY_VOID(co_await engine_.rate.pass(range.length));
  Result<void> sent = co_await put(number, Body::of_file(source_.fd(), range), digests);
  if (!sent) {
    // Bytes that the store refuses again and again may be bytes that changed after they were
    // hashed.
    CO_TRY_VOID(co_await source_.check_unchanged(seen_));
    co_return sent;
  }
  progress_.bytes_done += range.length;
  co_return Result<void>();
}

Task<Result<void>> MultipartUpload::read_and_put(PartNumber number, ByteRange range) {
  CO_TRY(Semaphore::Permit connection, co_await source_connections_.acquire());
  CO_TRY(Buffer buffer, co_await engine_.buffers.acquire(range.length));
  PartHash hash(hashes_);
  {
    BodyCount count(progress_.bytes_done, buffered_share(store_));
    CO_TRY_VOID(co_await read_range(range, buffer.bytes().first(range.length), &hash, &count));
  }
  connection.release();
  co_return co_await put_buffer(number, std::move(buffer), range.length, hash.finish());
}

Task<Result<void>> MultipartUpload::read_range(ByteRange range, MutableBytes room, PartHash* hash,
                                               BodyCount* count) {
  ResumingReader reader(source_, seen_, range);
  MeasuredReader measured(reader, source_connections_);
  CO_TRY(const std::size_t filled, co_await fill_part(&engine_, &measured, room, hash, count));
  if (reader.reopened() > 0) {
    engine_.stats.part_retries.add(static_cast<std::uint64_t>(reader.reopened()));
  }
  if (filled < room.size()) {
    co_return make_temporary_error(ErrorKind::kNetwork, "the body ended early");
  }
  co_return Result<void>();
}

// --- one stream -------------------------------------------------------------------------------

Task<Result<void>> MultipartUpload::pass_water_marks(TaskGroup* group, PartNumber number) {
  const WaterMarks marks = plan_.water_marks_at(number);
  if (group->size() < static_cast<std::size_t>(marks.high)) co_return Result<void>();
  engine_.stats.pauses.add();
  Loop& loop = co_await current_loop();
  const TimePoint paused_at = loop.now();
  co_await group->wait_until_at_most(static_cast<std::size_t>(marks.low));
  engine_.stats.resumes.add();
  engine_.stats.paused_us.add(static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(loop.now() - paused_at).count()));
  co_return Result<void>();
}

/// The state of a stream while it is cut into parts.
struct MultipartUpload::Stream {
  std::unique_ptr<ResumingReader> reader;
  PartNumber number = 1;
  ByteCount offset = 0;
};

Task<Result<void>> MultipartUpload::move_stream(std::optional<Started> started) {
  TaskGroup group(co_await current_context());
  Stream stream;
  if (started) {
    stream.reader = std::move(started->reader);
    stream.offset = started->filled;
    stream.number = 2;
    group.spawn(put_buffer(1, std::move(started->first), started->filled, started->digests));
  } else {
    SourceInfo seen = seen_;
    if (ranges_ignored_) seen.ranges = false;  // nor can it go on where it broke
    stream.reader = std::make_unique<ResumingReader>(source_, std::move(seen), std::nullopt);
  }
  Result<void> read = co_await read_stream(&stream, &group);
  if (!read) group.cancel();
  Result<void> sent = co_await group.join();
  if (!read && read.error().kind != ErrorKind::kCancelled) co_return read;
  if (!sent) co_return sent;
  if (!read) co_return read;
  if (seen_.size && stream.offset != *seen_.size) {
    co_return make_error(ErrorKind::kSourceChanged, "the source changed while it was being copied");
  }
  total_ = stream.offset;
  co_return Result<void>();
}

Task<Result<void>> MultipartUpload::read_stream(Stream* stream, TaskGroup* group) {
  for (;; ++stream->number) {
    CO_TRY_VOID(co_await pass_water_marks(group, stream->number));
    if (group->cancelled()) co_return to_result(WaitOutcome::kCancelled);
    const bool past_last = stream->number > plan_.parts_max;
    ByteCount size = past_last ? 0 : plan_.part_size_of(stream->number);
    if (seen_.size) size = std::min(size, *seen_.size - stream->offset);
    // Where nothing may follow, one byte more is asked for: it must be the end.
    const std::size_t wanted = std::max<ByteCount>(size, 1);
    CO_TRY(Buffer buffer, co_await engine_.buffers.acquire(wanted));
    const MutableBytes room = buffer.bytes().first(wanted);
    PartHash hash(hashes_);
    BodyCount count(progress_.bytes_done, buffered_share(store_));
    CO_TRY(const std::size_t filled,
           co_await fill_part(&engine_, stream->reader.get(), room, &hash, &count));
    if (filled == 0) co_return Result<void>();
    if (past_last) co_return plan_.passed_reach();
    if (in_order_) in_order_->update(room.first(filled));
    stream->offset += filled;
    group->spawn(put_buffer(stream->number, std::move(buffer), filled, hash.finish()));
    if (filled < wanted) co_return Result<void>();
  }
}

// --- sending ----------------------------------------------------------------------------------

Task<Result<void>> MultipartUpload::put_buffer(PartNumber number, Buffer buffer, std::size_t size,
                                               PartDigests digests) {
  if (const auto there = parts_.find(number); there != parts_.end()) {
    // Stored before, by ranges or by an earlier run: the stream had to be read again, but need not
    // be sent again.
    Part& part = there->second;
    const bool same_digest =
        !part.digests.checksum.empty() && part.digests.checksum == digests.checksum;
    const bool same_md5 =
        !digests.md5.empty() && part.info.etag == '"' + digests.md5.to_hex() + '"';
    if (part.info.size == size && (same_digest || same_md5)) {
      part.digests = digests;
      co_return Result<void>();
    }
    const bool both_known = !part.digests.checksum.empty() && !digests.checksum.empty();
    if (!part.resumed && (both_known || part.info.size != size)) {
      co_return make_error(ErrorKind::kSourceChanged,
                           "the source changed while it was being copied: part " +
                               std::to_string(number) + " has other bytes now");
    }
    parts_.erase(there);
  }
  progress_.mark_part(number, 'a');
  BodyCount read(progress_.bytes_done, buffered_share(store_));
  read.set(size);
  CO_TRY(Semaphore::Permit slot, co_await put_slots_.acquire());
  CO_TRY_VOID(co_await put(number, Body::of(buffer.bytes().first(size)), std::move(digests)));
  progress_.bytes_done += size;
  co_return Result<void>();
}

Error MultipartUpload::wrong_part(PartNumber number, std::string_view what) const {
  return make_error(ErrorKind::kCorrupt, "part " + std::to_string(number) +
                                             " was stored with another " + std::string(what) +
                                             " than its bytes have");
}

Task<Result<void>> MultipartUpload::put(PartNumber number, Body body, PartDigests digests) {
  PutPartOptions options;
  // A store that is found out only now not to take checksums makes an MD5 of it itself.
  if (!digests.checksum.empty() && (store_.capabilities().checksums || digests.md5.empty())) {
    options.checksum = digests.checksum;
  }
  if (!digests.md5.empty()) options.content_md5 = digests.md5.to_base64();
  const ByteCount size = body.size;
  BodyCount sent(progress_.bytes_done, body.fd < 0 ? buffered_share(store_) : 1);
  body.count = &sent;
  Result<PartInfo> stored = co_await store_.put_part(object_, upload_id_, number, body, options);
  if (!stored) {
    Error error = std::move(stored).error();
    if (error.persistence == Persistence::kRetriedOut && error.context.attempts > 0) {
      error.message = "Failed to upload part " + std::to_string(number) + " after " +
                      std::to_string(error.context.attempts) + " attempts: " + error.message;
    }
    co_return error;
  }
  if (stored->checksum && stored->checksum->algorithm() == digests.checksum.algorithm() &&
      *stored->checksum != digests.checksum) {
    co_return wrong_part(number, "checksum");
  }
  if (!digests.md5.empty() && store_.capabilities().etag_is_md5 &&
      stored->etag != '"' + digests.md5.to_hex() + '"') {
    co_return wrong_part(number, "MD5");
  }
  stored->number = number;
  stored->size = size;
  stored->checksum = options.checksum;
  engine_.stats.bytes_written.add(size);
  acknowledge(number, {*std::move(stored), std::move(digests), false});
  co_return Result<void>();
}

void MultipartUpload::acknowledge(PartNumber number, Part part) {
  ++progress_.parts_done;
  progress_.mark_part(number, 'd');
  if (engine_.journal && !entry_.id.empty()) {
    engine_.journal->part_done(
        entry_.id, {number, part.info.size, part.info.etag, part.digests.checksum.to_base64()});
  }
  parts_[number] = std::move(part);
}

}  // namespace telpher
