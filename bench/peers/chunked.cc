#include "peers/chunked.h"

#include <algorithm>
#include <charconv>
#include <cstring>

namespace telpher::bench {
namespace {

constexpr std::size_t kLineMax = 8192;

}  // namespace

std::size_t ChunkedDecoder::feed(Bytes bytes, const Out& out) {
  std::size_t used = 0;
  while (used < bytes.size() && state_ != State::kDone && state_ != State::kBroken) {
    if (state_ == State::kData) {
      std::size_t piece = std::min<ByteCount>(left_, bytes.size() - used);
      out(bytes.subspan(used, piece));
      used += piece;
      left_ -= piece;
      if (left_ == 0) state_ = State::kDataEnd;
      continue;
    }
    char c = static_cast<char>(bytes[used++]);
    if (c == '\n') {
      if (line_.ends_with('\r')) line_.pop_back();
      end_line();
      line_.clear();
    } else if (line_.size() >= kLineMax) {
      state_ = State::kBroken;
    } else {
      line_.push_back(c);
    }
  }
  return used;
}

void ChunkedDecoder::end_line() {
  if (state_ == State::kDataEnd) {
    state_ = line_.empty() ? State::kSize : State::kBroken;
  } else if (state_ == State::kSize) {
    const char* end = line_.data() + line_.size();
    auto [rest, error] = std::from_chars(line_.data(), end, left_, 16);
    if (error != std::errc() || (rest != end && *rest != ';' && *rest != ' ')) {
      state_ = State::kBroken;
    } else {
      state_ = left_ == 0 ? State::kTrailer : State::kData;
    }
  } else if (line_.empty()) {
    state_ = State::kDone;
  } else {
    std::size_t colon = line_.find(':');
    if (colon == std::string::npos) {
      state_ = State::kBroken;
      return;
    }
    std::transform(line_.begin(), line_.begin() + static_cast<std::ptrdiff_t>(colon), line_.begin(),
                   [](unsigned char c) { return std::tolower(c); });
    std::size_t value = line_.find_first_not_of(' ', colon + 1);
    trailers_ += line_.substr(0, colon) + ":" +
                 (value == std::string::npos ? "" : line_.substr(value)) + "\n";
  }
}

}  // namespace telpher::bench
