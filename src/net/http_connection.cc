#include "net/http_connection.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <unistd.h>

namespace telpher {
namespace {

constexpr std::size_t kSendSlice = std::size_t{1} << 20;
constexpr std::size_t kSmallFile = 64 * 1024;  // goes out together with its head

Error early_end(ByteCount got, std::optional<ByteCount> wanted) {
  std::string message = "the body ended after " + std::to_string(got);
  if (wanted) message += " of " + std::to_string(*wanted);
  Error error = make_temporary_error(ErrorKind::kNetwork, message + " bytes");
  error.context.code = "EOF";
  return error;
}

Result<void> read_file(int fd, ByteCount offset, std::string& into) {
  for (std::size_t filled = 0; filled < into.size();) {
    const ssize_t count =
        pread(fd, into.data() + filled, into.size() - filled, static_cast<off_t>(offset + filled));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return make_errno_error(errno, "read the file to send");
    if (count == 0) return make_error(ErrorKind::kSourceChanged, "the file is shorter than it was");
    filled += static_cast<std::size_t>(count);
  }
  return {};
}

}  // namespace

// --- connection -------------------------------------------------------------------------------

void HttpConnection::consume(std::size_t size) {
  DCHECK(size <= end_ - begin_);
  begin_ += size;
  if (begin_ == end_) begin_ = end_ = 0;
}

void HttpConnection::reserve(std::size_t capacity) {
  auto larger = std::make_unique_for_overwrite<std::byte[]>(capacity);
  if (end_ > begin_) std::memcpy(larger.get(), input_.get() + begin_, end_ - begin_);
  input_ = std::move(larger);
  end_ -= begin_;
  begin_ = 0;
  capacity_ = capacity;
}

Result<IoStep> HttpConnection::fill() {
  if (!input_) reserve(input_bytes_);
  if (end_ == capacity_) reserve(begin_ > 0 ? capacity_ : 2 * capacity_);
  TRY(const IoStep step, stream_->try_read({input_.get() + end_, capacity_ - end_}));
  end_ += step.bytes;
  return step;
}

void HttpConnection::unread(Bytes bytes) {
  DCHECK(begin_ == end_);
  begin_ = end_ = 0;
  if (capacity_ < bytes.size()) reserve(std::max(input_bytes_, bytes.size()));
  std::memcpy(input_.get(), bytes.data(), bytes.size());
  end_ = bytes.size();
}

void HttpConnection::rest(HttpBufferPool& pool) {
  DCHECK(begin_ == end_);
  if (!input_) return;
  if (capacity_ != input_bytes_) input_.reset();  // it grew for a long head
  pool.give({std::move(input_), std::move(head_text), std::move(file_bytes)});
  capacity_ = 0;
  head_text = std::string();
  file_bytes = std::string();
}

void HttpConnection::wake(HttpBufferPool& pool) {
  if (input_) return;
  HttpBuffers buffers = pool.take();
  input_ = std::move(buffers.input);
  capacity_ = input_ ? input_bytes_ : 0;
  head_text = std::move(buffers.head_text);
  file_bytes = std::move(buffers.file_bytes);
}

// --- reading ----------------------------------------------------------------------------------

BodyReader::BodyReader(BodyFraming framing)
    : framing_(framing),
      done_(framing.kind == BodyFraming::Kind::kNone ||
            (framing.kind == BodyFraming::Kind::kLength && framing.length == 0)) {
  if (framing.kind == BodyFraming::Kind::kChunked) decoder_ = std::make_unique<ChunkedDecoder>();
}

Result<IoStep> BodyReader::try_read(HttpConnection& connection, MutableBytes buffer) {
  if (done_) return IoStep{};
  TRY(const IoStep step,
      decoder_ ? try_read_chunked(connection, buffer) : try_read_raw(connection, buffer));
  bytes_ += step.bytes;
  if (framing_.kind == BodyFraming::Kind::kLength) done_ = bytes_ == framing_.length;
  return step;
}

Result<IoStep> BodyReader::try_read_raw(HttpConnection& connection, MutableBytes buffer) {
  const bool until_close = framing_.kind == BodyFraming::Kind::kUntilClose;
  if (!until_close && buffer.size() > framing_.length - bytes_) {
    buffer = buffer.first(static_cast<std::size_t>(framing_.length - bytes_));
  }
  if (const Bytes input = connection.input(); !input.empty()) {
    const std::size_t size = std::min(input.size(), buffer.size());
    std::memcpy(buffer.data(), input.data(), size);
    connection.consume(size);
    return IoStep{size, false};
  }
  TRY(const IoStep step, connection.stream().try_read(buffer));
  if (step.bytes == 0 && !step.blocked) {
    if (!until_close) return early_end(bytes_, framing_.length);
    done_ = true;
  }
  return step;
}

Result<IoStep> BodyReader::try_read_chunked(HttpConnection& connection, MutableBytes buffer) {
  for (;;) {
    if (const Bytes input = connection.input(); !input.empty()) {
      TRY(const ChunkedDecoder::Step part,
          decoder_->next(input.first(std::min(input.size(), buffer.size()))));
      if (!part.data.empty()) std::memcpy(buffer.data(), part.data.data(), part.data.size());
      const std::size_t size = part.data.size();
      connection.consume(part.consumed);
      done_ = decoder_->done();
      if (size > 0 || done_) return IoStep{size, false};
      continue;
    }
    TRY(const IoStep step, connection.stream().try_read(buffer));
    if (step.bytes == 0) {
      if (!step.blocked) return early_end(bytes_, std::nullopt);
      return step;
    }
    TRY(const std::size_t size, decode_in_place(connection, buffer.first(step.bytes)));
    done_ = decoder_->done();
    if (size > 0 || done_) return IoStep{size, false};
  }
}

// Moves the body bytes among `bytes` to its front. Chunks are mostly larger than a read, so mostly
// nothing moves.
Result<std::size_t> BodyReader::decode_in_place(HttpConnection& connection, MutableBytes bytes) {
  std::size_t taken = 0;
  std::size_t kept = 0;
  while (taken < bytes.size() && !decoder_->done()) {
    TRY(const ChunkedDecoder::Step part, decoder_->next(bytes.subspan(taken)));
    if (!part.data.empty() && part.data.data() != bytes.data() + kept) {
      std::memmove(bytes.data() + kept, part.data.data(), part.data.size());
    }
    kept += part.data.size();
    taken += part.consumed;
  }
  if (taken < bytes.size()) connection.unread(bytes.subspan(taken));
  return kept;
}

// --- writing ----------------------------------------------------------------------------------

Result<void> MessageWriter::load_small_file() {
  connection_.file_bytes.resize(body_.size);
  TRY_VOID(read_file(body_.fd, body_.file_offset, connection_.file_bytes));
  body_ = Body::of(as_bytes(connection_.file_bytes));
  return {};
}

void MessageWriter::advance(std::size_t bytes) {
  const auto of_head = std::min<ByteCount>(bytes, head_.size() - head_sent_);
  head_sent_ += of_head;
  body_sent_ += bytes - of_head;
  if (body_.count) body_.count->set(body_sent_);
}

Result<IoStep> MessageWriter::step_once() {
  Stream& stream = connection_.stream();
  const ByteCount body_left = body_.size - body_sent_;
  const Bytes head = as_bytes(head_).subspan(head_sent_);
  const auto slice = static_cast<std::size_t>(std::min<ByteCount>(body_left, kSendSlice));
  if (body_.fd < 0) {
    const std::array<Bytes, 2> pieces{
        head, slice > 0 ? body_.memory.subspan(body_sent_, slice) : Bytes()};
    return stream.try_write(pieces);
  }
  if (!head.empty() || slice == 0) return stream.try_write({&head, 1});
  return stream.try_write_file(body_.fd, body_.file_offset + body_sent_, slice);
}

Result<MessageWriter::State> MessageWriter::step() {
  if (body_.fd >= 0 && body_.size <= kSmallFile && bytes_sent() == 0) TRY_VOID(load_small_file());
  for (;;) {
    TRY(const IoStep step, step_once());
    advance(step.bytes);
    if (step.blocked) return State::kBlocked;
    if (bytes_sent() == head_.size() + body_.size) return State::kDone;
    if (turn_.is_over(step.bytes)) return State::kBusy;
  }
}

Task<Result<void>> write_message(HttpConnection& connection, std::string_view head, Body body,
                                 Duration idle) {
  Loop& loop = co_await current_loop();
  MessageWriter writer(connection, head, body);
  for (;;) {
    CO_TRY(const MessageWriter::State state, writer.step());
    if (state == MessageWriter::State::kDone) co_return Result<void>();
    if (state == MessageWriter::State::kBusy) {
      co_await Yield{};
    } else {
      CO_TRY_VOID(co_await connection.stream().wait(FdWatch::kWrite, loop.now() + idle));
    }
  }
}

}  // namespace telpher
