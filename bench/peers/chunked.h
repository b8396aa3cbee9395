#pragma once
// Decoder of `Transfer-Encoding: chunked` and of `Content-Encoding: aws-chunked`, which have the
// same grammar (the latter puts ";chunk-signature=…" after a size and a checksum among trailers).

#include "base/bytes.h"

#include <functional>
#include <string>

namespace telpher::bench {

class ChunkedDecoder {
 public:
  using Out = std::function<void(Bytes)>;

  /// Takes bytes, passes decoded ones to `out`; returns how many it took: fewer than given only
  /// when done or broken.
  std::size_t feed(Bytes bytes, const Out& out);

  bool is_done() const { return state_ == State::kDone; }
  bool is_broken() const { return state_ == State::kBroken; }
  /// "name:value\n" lines, names in lower case.
  const std::string& trailers() const { return trailers_; }

 private:
  enum class State { kSize, kData, kDataEnd, kTrailer, kDone, kBroken };

  void end_line();

  State state_ = State::kSize;
  std::string line_;
  ByteCount left_ = 0;
  std::string trailers_;
};

}  // namespace telpher::bench
