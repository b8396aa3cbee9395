#pragma once
// Chunked bodies, decoded as bytes arrive and without copying them. S3's aws-chunked content coding
// has the same grammar, with signatures in the chunk extensions and checksums in the trailers.
// One owner, one thread.

#include "base/bytes.h"
#include "base/result.h"
#include "codec/http_headers.h"

#include <cstddef>
#include <string>
#include <string_view>

namespace telpher {

struct ChunkedLimits {
  std::size_t line_bytes_max = 4096;  // one chunk-size line with its extensions
  std::size_t trailer_bytes_max = 16 * 1024;
  std::size_t trailer_fields_max = 64;
};

class ChunkedDecoder {
 public:
  explicit ChunkedDecoder(ChunkedLimits limits = {}) : limits_(limits) {}

  struct Step {
    std::size_t consumed = 0;  // how many bytes of the input are done with
    Bytes data;                // body bytes among them (a view of the input); may be empty
  };

  /// Takes the next bytes up to the end of the chunk at most. Call until the input is used up or
  /// done(): unless done, a non-empty input is always consumed in part. Bytes after the end are
  /// left alone. After an error the decoder stays failed.
  /// Errors: kProtocol (malformed), kLimit (line or trailers too long). Source: RFC 9112 §7.1.
  Result<Step> next(Bytes input);

  /// The last chunk and the trailers have been taken.
  bool done() const { return state_ == State::kDone; }
  /// Bytes of the current chunk still to come; 0 between chunks.
  ByteCount chunk_remaining() const { return remaining_; }
  /// What followed the current chunk's size: ";chunk-signature=…", or nothing.
  std::string_view extension() const { return extension_; }
  /// Complete once done().
  const Headers& trailers() const { return trailers_; }

 private:
  enum class State { kSize, kData, kDataEnd, kTrailers, kDone, kFailed };

  Result<Step> step(Bytes input);
  // Moves input up to and with the next LF to line_. True when the line is complete.
  bool take_line(std::string_view text, std::size_t& at);
  Result<void> take_size_line();
  Result<void> take_trailer_line();

  ChunkedLimits limits_;
  State state_ = State::kSize;
  ByteCount remaining_ = 0;
  std::string line_;
  std::string extension_;
  std::string trailer_text_;
  Headers trailers_;
};

/// "5\r\n" for a chunk of five bytes: the size line; the data and "\r\n" follow. A chunk of 0 bytes
/// ends the body: "0\r\n", trailers, "\r\n".
std::string make_chunk_head(ByteCount size, std::string_view extension = {});

}  // namespace telpher
