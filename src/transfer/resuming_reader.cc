#include "transfer/resuming_reader.h"

#include "runtime/loop.h"

#include <algorithm>
#include <cstdio>

namespace telpher {
namespace {

constexpr std::size_t kSkipSize = 256 * 1024;

}  // namespace

ResumingReader::ResumingReader(Source& source, SourceInfo seen, std::optional<ByteRange> range,
                               ResumePolicy policy)
    : source_(source),
      seen_(std::move(seen)),
      start_(range ? range->offset : 0),
      length_(range ? std::optional(range->length) : seen_.size),
      whole_(!range),
      policy_(policy) {}

Task<Result<std::size_t>> ResumingReader::read_some(MutableBytes buffer) {
  for (;;) {
    Result<std::size_t> count = co_await read_once(buffer);
    if (count) {
      failures_ = 0;
      done_ += *count;
      co_return count;
    }
    reader_.reset();
    CO_TRY_VOID(co_await back_off(std::move(count).error()));
  }
}

Task<Result<std::size_t>> ResumingReader::read_once(MutableBytes buffer) {
  // At the end of the whole, the reader is asked once more: the source may have grown.
  if (length_ && done_ == *length_ && (!whole_ || !reader_)) co_return std::size_t{0};
  if (!reader_) CO_TRY_VOID(co_await reopen());
  if (length_ && !whole_)
    buffer = buffer.first(std::min<ByteCount>(buffer.size(), *length_ - done_));
  CO_TRY(const std::size_t count, co_await reader_->read_some(buffer));
  if (count == 0 && length_ && done_ < *length_) {
    co_return make_temporary_error(ErrorKind::kNetwork, "the body ended early");
  }
  if (length_ && done_ + count > *length_) {
    co_return make_error(ErrorKind::kSourceChanged, "the source changed while it was being copied");
  }
  co_return count;
}

Task<Result<void>> ResumingReader::reopen() {
  ++reopened_;
  const ByteCount position = start_ + done_;
  if (seen_.ranges && length_ && (!whole_ || done_ > 0)) {
    CO_TRY(reader_, co_await source_.open(ByteRange{position, *length_ - done_}, seen_));
    co_return Result<void>();
  }
  CO_TRY(reader_, co_await source_.open(std::nullopt, seen_));
  if (position == 0) co_return Result<void>();
  const auto scratch = std::make_unique_for_overwrite<std::byte[]>(kSkipSize);
  for (ByteCount left = position; left > 0;) {
    const MutableBytes room(scratch.get(), std::min<ByteCount>(left, kSkipSize));
    CO_TRY(const std::size_t count, co_await reader_->read_some(room));
    if (count == 0) co_return make_temporary_error(ErrorKind::kNetwork, "the body ended early");
    left -= count;
  }
  co_return Result<void>();
}

Error ResumingReader::interrupted(Error error) const {
  // What was transferred of the whole is not known to one who reads a part of it.
  if (!whole_) return error;
  if (error.kind != ErrorKind::kNetwork && error.kind != ErrorKind::kTimeout) return error;
  std::string text = "Network interruption: " + std::to_string(done_);
  const ByteCount total = seen_.size.value_or(0);
  text += " of " + (seen_.size ? std::to_string(total) : std::string("an unknown number of")) +
          " bytes transferred";
  if (total > 0) {
    char percent[16];
    std::snprintf(percent, sizeof percent, " (%.0f%%)",
                  100.0 * static_cast<double>(done_) / static_cast<double>(total));
    text += percent;
  }
  error.message = text + ": " + error.message;
  return error;
}

Task<Result<void>> ResumingReader::back_off(Error error) {
  const bool again = seen_.ranges || (seen_.rereadable && !seen_.validator.empty()) ||
                     (seen_.rereadable && done_ == 0);
  if (!error.is_temporary() || !again) co_return interrupted(std::move(error));
  if (++failures_ >= policy_.attempts_max) {
    error = interrupted(std::move(error));
    error.persistence = Persistence::kRetriedOut;
    error.context.attempts = failures_;
    co_return error;
  }
  Loop& loop = co_await current_loop();
  const auto ceiling = std::min(policy_.backoff_max, policy_.backoff_base * (1 << failures_));
  std::chrono::milliseconds wait(
      loop.random().below(static_cast<std::uint64_t>(ceiling.count()) + 1));
  if (error.context.retry_after) {
    wait = std::max(wait, std::min(policy_.retry_after_max, *error.context.retry_after));
  }
  co_return co_await sleep_for(wait);
}

}  // namespace telpher
