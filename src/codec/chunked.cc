#include "codec/chunked.h"

#include "codec/hex.h"
#include "codec/http_syntax.h"

#include <algorithm>
#include <charconv>

namespace telpher {
namespace {

Error protocol_error(std::string message) {
  return make_error(ErrorKind::kProtocol, std::move(message));
}

}  // namespace

Result<ChunkedDecoder::Step> ChunkedDecoder::next(Bytes input) {
  Result<Step> result = step(input);
  if (!result) state_ = State::kFailed;
  return result;
}

Result<ChunkedDecoder::Step> ChunkedDecoder::step(Bytes input) {
  const std::string_view text = as_text(input);
  std::size_t at = 0;
  while (at < text.size()) {
    switch (state_) {
      case State::kSize: {
        const bool complete = take_line(text, at);
        if (line_.size() > limits_.line_bytes_max) {
          return make_error(ErrorKind::kLimit, "a chunk-size line is too long");
        }
        if (complete) TRY_VOID(take_size_line());
        break;
      }
      case State::kData: {
        const auto size =
            static_cast<std::size_t>(std::min<ByteCount>(remaining_, text.size() - at));
        remaining_ -= size;
        if (remaining_ == 0) state_ = State::kDataEnd;
        return Step{at + size, input.subspan(at, size)};
      }
      case State::kDataEnd:
        if (text[at] != (line_.empty() ? '\r' : '\n')) {
          return protocol_error("a chunk is longer than its size");
        }
        line_ += text[at++];
        if (line_.size() == 2) {
          line_.clear();
          state_ = State::kSize;
        }
        break;
      case State::kTrailers: {
        const bool complete = take_line(text, at);
        if (trailer_text_.size() + line_.size() > limits_.trailer_bytes_max) {
          return make_error(ErrorKind::kLimit, "the trailers are too long");
        }
        if (complete) TRY_VOID(take_trailer_line());
        break;
      }
      case State::kDone: return Step{at, {}};
      case State::kFailed: return protocol_error("the chunked body was malformed");
    }
  }
  return Step{at, {}};
}

bool ChunkedDecoder::take_line(std::string_view text, std::size_t& at) {
  // Never more than the limits, which the callers check, need be kept of an endless line.
  const std::size_t size_max = std::max(limits_.line_bytes_max, limits_.trailer_bytes_max) + 1;
  const std::string_view rest = text.substr(at, size_max);
  const std::size_t end = rest.find('\n');
  const std::size_t size = end == std::string_view::npos ? rest.size() : end + 1;
  line_.append(rest.substr(0, size));
  at += size;
  return end != std::string_view::npos;
}

Result<void> ChunkedDecoder::take_size_line() {
  if (!has_clean_lines(line_)) return protocol_error("a chunk-size line is malformed");
  const std::string_view line = std::string_view(line_).substr(0, line_.size() - 2);
  std::size_t digits = 0;
  ByteCount size = 0;
  for (; digits < line.size() && hex_value(line[digits]) >= 0; ++digits) {
    if (size >> 60 != 0) return protocol_error("a chunk size does not fit 64 bits");
    size = size << 4 | static_cast<ByteCount>(hex_value(line[digits]));
  }
  const std::string_view rest = line.substr(digits);
  const std::string_view extension = trim_blanks(rest);
  if (digits == 0 || (!extension.empty() && extension.front() != ';')) {
    return protocol_error("a chunk-size line is malformed");
  }
  extension_ = extension;
  line_.clear();
  remaining_ = size;
  state_ = size == 0 ? State::kTrailers : State::kData;
  return {};
}

Result<void> ChunkedDecoder::take_trailer_line() {
  if (line_ != "\r\n") {
    trailer_text_ += line_;
    line_.clear();
    return {};
  }
  line_.clear();
  TRY(trailers_, Headers::parse(trailer_text_, limits_.trailer_fields_max));
  trailer_text_.clear();
  state_ = State::kDone;
  return {};
}

std::string make_chunk_head(ByteCount size, std::string_view extension) {
  char digits[16];
  const auto [end, error] = std::to_chars(digits, digits + sizeof(digits), size, 16);
  std::string head(digits, end);
  head.append(extension).append("\r\n");
  return head;
}

}  // namespace telpher
