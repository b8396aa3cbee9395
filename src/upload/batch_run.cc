// Reading the form: what arrives becomes pieces.

#include "upload/batch_run.h"

#include "base/units.h"
#include "codec/content_signature.h"

#include <algorithm>
#include <cstring>
#include <limits>

namespace telpher {
namespace {

constexpr std::size_t kReadBytes = 64 * kKiB;
constexpr std::size_t kDirectBytesMin = 4 * kKiB;  // less room is not worth a read of its own
constexpr std::size_t kPartsMax = 1'000;
constexpr std::size_t kFieldBytesMax = 1'024;

}  // namespace

BatchRun::BatchRun(BatchUploads& batch, UploadCaller caller, TaskContext& context)
    : batch_(batch),
      store_(batch.store_),
      options_(batch.options_),
      caller_(std::move(caller)),
      loop_(*context.loop),
      began_(loop_.now()),
      group_(context),
      bucket_(options_.bucket),
      prefix_(options_.prefix),
      hash_(piece_hashes(store_.capabilities())) {}

Task<Result<BatchAnswer>> BatchRun::run(ByteReader* body, std::optional<ByteCount> length,
                                        std::string content_type) {
  length_ = length;
  Result<std::string> boundary = parse_form_boundary(content_type);
  if (!boundary) {
    const bool nothing = content_type.empty() || length == ByteCount{0};
    refusal_ = {400, "No files uploaded" + (nothing ? "" : ": " + boundary.error().message)};
    co_return answer_refusal();
  }
  parser_.emplace(*boundary);
  Result<void> read = co_await read_form(body);
  filling_ = {};
  aside_ = {};
  if (read) {
    read = co_await group_.join();
    if (read && co_await is_cancelled()) read = to_result(WaitOutcome::kCancelled);
  }
  if (!read) {
    co_await roll_back();
    if (refusal_) co_return answer_refusal();
    co_return std::move(read).error();
  }
  for (const auto& file : files_) {
    if (!file->stored || !options_.on_stored) continue;
    options_.on_stored(
        {file->object, file->size, file->type, file->original_name, caller_.owner, "batch"});
  }
  co_return answer();
}

Error BatchRun::refuse_request(int status, std::string message) {
  refusal_ = {status, message};
  return make_error(ErrorKind::kInvalid, std::move(message));
}

/// More than any request may have whose files are all good.
ByteCount BatchRun::request_bytes_max() const {
  constexpr ByteCount kMost = std::numeric_limits<ByteCount>::max();
  const auto files = static_cast<ByteCount>(std::max(options_.limits.files_max, 1));
  const ByteCount each = options_.limits.file_bytes_max;
  return each > kMost / 2 / files ? kMost : files * (each + 64 * kKiB) + kMiB;
}

Task<Result<void>> BatchRun::read_form(ByteReader* body) {
  const ByteCount bytes_max = request_bytes_max();
  const std::string too_large = "The request is larger than " +
                                std::to_string(options_.limits.files_max) + " files of " +
                                format_size(options_.limits.file_bytes_max);
  if (length_ && *length_ > bytes_max) co_return refuse_request(400, too_large);
  CO_TRY(aside_, co_await acquire(std::min(buffer_size(length_.value_or(kReadBytes)), kReadBytes)));
  for (;;) {
    const MutableBytes place = place_to_read();
    CO_TRY(const std::size_t count, co_await body->read_some(place));
    if (count == 0) break;
    read_ += count;
    if (read_ > bytes_max) co_return refuse_request(400, too_large);
    CO_TRY_VOID(co_await feed(place.first(count)));
  }
  if (read_ > 0 && !parser_->done())
    co_return refuse_request(400, "The form was cut off before its end");
  co_return Result<void>();
}

/// Into the piece itself while a file is arriving: its bytes are then where they belong.
MutableBytes BatchRun::place_to_read() {
  if (file_ && !file_->failure && filling_) {
    const std::size_t begin = filled_ + parser_->held_back();
    if (begin + kDirectBytesMin <= filling_.size()) {
      // What is read behind the file's end is to fit aside.
      const std::size_t size = std::min(filling_.size() - begin, aside_.size());
      return filling_.bytes().subspan(begin, size);
    }
  }
  return aside_.bytes();
}

Task<Result<void>> BatchRun::feed(Bytes input) {
  using Event = MultipartFormParser::Event;
  while (!input.empty()) {
    const Result<MultipartFormParser::Step> step = parser_->next(input);
    if (!step) co_return refuse_request(400, step.error().message);
    input = input.subspan(step->consumed);
    switch (step->event) {
      case Event::kPart: CO_TRY_VOID(begin_part()); break;
      case Event::kData:
        if (file_) {
          CO_TRY_VOID(co_await take_data(step->data));
        } else {
          CO_TRY_VOID(take_field(step->data));
        }
        break;
      case Event::kPartEnd:
        input = move_aside(input);
        if (file_) {
          CO_TRY_VOID(co_await end_file());
        } else {
          CO_TRY_VOID(end_field());
        }
        break;
      case Event::kNone:
      case Event::kEnd: break;
    }
  }
  co_return Result<void>();
}

/// A piece takes its buffer along; what follows in it is not the file's.
Bytes BatchRun::move_aside(Bytes input) {
  const MutableBytes piece = filling_.bytes();
  const bool inside = !input.empty() && !piece.empty() && input.data() >= piece.data() &&
                      input.data() < piece.data() + piece.size();
  if (!inside) return input;
  std::memcpy(aside_.bytes().data(), input.data(), input.size());
  return aside_.bytes().first(input.size());
}

Result<void> BatchRun::begin_part() {
  if (++parts_ > kPartsMax) return refuse_request(400, "The form has too many fields");
  const FormPart& part = parser_->part();
  return part.file_name ? begin_file(part) : begin_field(part.name);
}

Result<void> BatchRun::begin_field(const std::string& name) {
  field_name_.clear();
  field_.clear();
  if (name != "bucket" && name != "prefix") return {};
  if (!files_.empty()) {
    return refuse_request(400, "The field \"" + name + "\" must come before the files");
  }
  field_name_ = name;
  return {};
}

Result<void> BatchRun::take_field(Bytes data) {
  if (field_name_.empty()) return {};
  field_ += as_text(data);
  if (field_.size() <= kFieldBytesMax) return {};
  return refuse_request(400, "The field \"" + field_name_ + "\" is too long");
}

Result<void> BatchRun::end_field() {
  if (field_name_ == "bucket" && !field_.empty()) {
    const Result<void> good = check_bucket_name(field_);
    if (!good) return refuse_request(400, good.error().message);
    bucket_ = field_;
  } else if (field_name_ == "prefix") {
    Result<std::string> prefix = parse_key_prefix(field_);
    if (!prefix) return refuse_request(400, prefix.error().message);
    prefix_ = *std::move(prefix);
  }
  field_name_.clear();
  return {};
}

Result<void> BatchRun::begin_file(const FormPart& part) {
  // A browser sends an input where nothing was chosen as a file without a name and content.
  const bool is_none = part.file_name->empty();
  if (!is_none && files_.size() >= static_cast<std::size_t>(options_.limits.files_max)) {
    return refuse_request(
        400, "Maximum " + std::to_string(options_.limits.files_max) + " files allowed");
  }
  files_.push_back(std::make_unique<BatchFile>());
  file_ = files_.back().get();
  file_->original_name = *part.file_name;
  file_->declared_type = part.content_type;
  file_->began = loop_.now();
  filled_ = 0;
  if (part.name != "files" && part.name != "files[]") {
    file_->refuse("Unexpected field \"" + part.name + "\": files are sent in the field \"files\"");
  }
  return {};
}

Task<Result<void>> BatchRun::take_data(Bytes data) {
  const UploadLimits& limits = options_.limits;
  file_->size += data.size();
  if (files_.size() > static_cast<std::size_t>(limits.files_max)) {
    co_return refuse_request(400, "Maximum " + std::to_string(limits.files_max) + " files allowed");
  }
  if (file_->size > limits.file_bytes_max) {
    file_->refuse("File is larger than " + format_size(limits.file_bytes_max));
  }
  while (!data.empty() && !file_->failure) {
    if (!filling_ || filled_ == filling_.size()) {
      CO_TRY_VOID(co_await make_room());
      continue;
    }
    const std::size_t size = std::min(data.size(), filling_.size() - filled_);
    const MutableBytes place = filling_.bytes().subspan(filled_, size);
    if (place.data() != data.data()) std::memcpy(place.data(), data.data(), size);
    hash_.update(place);
    filled_ += size;
    data = data.subspan(size);
  }
  if (!file_->judged && filled_ >= kSignatureBytes) co_return judge();
  co_return Result<void>();
}

/// Sizes that buffers are asked for in, few, so that they are used again.
std::size_t BatchRun::buffer_size(ByteCount bytes) const {
  for (std::size_t size = 16 * kKiB; size < batch_.piece_bytes_; size *= 4) {
    if (bytes <= size) return size;
  }
  return batch_.piece_bytes_;
}

Task<Result<Buffer>> BatchRun::acquire(std::size_t size) {
  Result<Buffer> buffer = co_await batch_.buffers_.acquire(size, loop_.now() + options_.patience);
  if (buffer || buffer.error().kind == ErrorKind::kCancelled) co_return buffer;
  co_return refuse_request(503, "The service has no memory to spare; try again later");
}

Task<Result<void>> BatchRun::make_room() {
  const std::size_t piece = batch_.piece_bytes_;
  if (!filling_) {
    const ByteCount to_come =
        length_ ? *length_ - std::min(read_, *length_) + aside_.size() : piece;
    CO_TRY(filling_, co_await acquire(buffer_size(to_come)));
    filled_ = 0;
    co_return Result<void>();
  }
  if (filling_.size() >= piece) co_return co_await hand_over(false);
  CO_TRY(Buffer larger, co_await acquire(piece));
  std::memcpy(larger.bytes().data(), filling_.bytes().data(), filled_);
  filling_ = std::move(larger);
  co_return Result<void>();
}

/// The file's first bytes are there, or all of them: may it be stored?
Result<void> BatchRun::judge() {
  if (file_->failure) return {};
  file_->judged = true;
  const Bytes head = filling_.bytes().first(std::min(filled_, kSignatureBytes));
  Result<std::string> type =
      judge_type(options_.limits.types, head, {file_->declared_type, file_->original_name});
  if (!type) {
    file_->refuse(type.error().message);
    return {};
  }
  file_->type = *std::move(type);
  return take_next_key(file_);
}

Task<Result<void>> BatchRun::hand_over(bool last) {
  BatchFile* const file = file_;
  const bool whole = last && !file->writing;
  if (!std::exchange(file->writing, true)) group_.spawn(write_file(file));
  Piece piece;
  piece.size = filled_;
  piece.digests = hash_.finish();
  piece.last = last;
  // A small file does not keep a large buffer: that one reads on.
  const std::size_t enough = buffer_size(filled_);
  std::optional<Buffer> smaller;
  if (whole && enough < filling_.size()) smaller = batch_.buffers_.try_acquire(enough);
  if (smaller) {
    std::memcpy(smaller->bytes().data(), filling_.bytes().data(), filled_);
    piece.buffer = *std::move(smaller);
  } else {
    piece.buffer = std::move(filling_);
    filling_ = {};
  }
  filled_ = 0;
  file->memory = whole ? piece.buffer.size() : 2 * batch_.piece_bytes_;
  CO_TRY(piece.held, co_await file->in_flight.acquire());
  if (file->failure) co_return Result<void>();  // the writer has given up
  co_return co_await file->pieces.push(std::move(piece));
}

Task<Result<void>> BatchRun::end_file() {
  BatchFile* const file = file_;
  if (file->size == 0 && file->original_name.empty()) {
    files_.pop_back();
    file_ = nullptr;
    co_return Result<void>();
  }
  if (file->size == 0) file->refuse("File is empty");
  if (!file->judged) CO_TRY_VOID(judge());
  if (!file->failure) CO_TRY_VOID(co_await hand_over(true));
  if (file->failure) {
    hash_ = PartHash(piece_hashes(store_.capabilities()));
    filled_ = 0;
  }
  if (!file->writing) record(*file);
  file_ = nullptr;
  co_return Result<void>();
}

}  // namespace telpher
