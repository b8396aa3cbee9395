#pragma once
// Bodies as S3 receives them: what x-amz-content-sha256 says about a body, bodies in aws-chunked
// form decoded as they arrive and without copies, and bodies that must have an announced hash.
// Strict, because what is accepted becomes an object. Pure. One owner, one thread.
// Source: Amazon S3 API reference, "Signature Calculations for the Authorization Header" (single
// chunk, multiple chunks, trailing headers).

#include "base/result.h"
#include "codec/checksum.h"
#include "codec/http_headers.h"
#include "s3/chunk_signer.h"

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace telpher {

/// What x-amz-content-sha256 may say.
enum class PayloadForm {
  kUnsigned,               // UNSIGNED-PAYLOAD
  kHashed,                 // 64 hexadecimal digits
  kSignedChunks,           // STREAMING-AWS4-HMAC-SHA256-PAYLOAD
  kSignedChunksTrailer,    // STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER
  kUnsignedChunksTrailer,  // STREAMING-UNSIGNED-PAYLOAD-TRAILER
};

/// Errors: kInvalid (InvalidArgument), kUnsupported (NotImplemented: the ECDSA forms).
Result<PayloadForm> parse_payload_form(std::string_view payload_hash);
constexpr bool is_aws_chunked(PayloadForm form) { return form >= PayloadForm::kSignedChunks; }
constexpr bool has_signed_chunks(PayloadForm form) {
  return form == PayloadForm::kSignedChunks || form == PayloadForm::kSignedChunksTrailer;
}

struct AwsChunkedOptions {
  PayloadForm form = PayloadForm::kUnsignedChunksTrailer;
  ByteCount decoded_length = 0;  // of all chunks together
  /// The checksum announced as a trailer; kNone if there is to be none.
  ChecksumAlgorithm trailer = ChecksumAlgorithm::kNone;
  /// Only the last chunk may be smaller.
  ByteCount chunk_bytes_min = 8192;
};

/// The checksum that a trailer will bring, by x-amz-trailer; kNone = none. Errors: kInvalid
/// (InvalidRequest: a trailer that is no checksum, or more than one, or in no form with trailers).
Result<ChecksumAlgorithm> announced_trailer(const Headers& headers);

/// From x-amz-decoded-content-length and x-amz-trailer.
/// Errors: kInvalid (MissingContentLength; InvalidRequest: a trailer that is no checksum, or more
/// than one, or in a form without trailers).
Result<AwsChunkedOptions> parse_aws_chunked_options(PayloadForm form, const Headers& headers);

/// Decodes a body in aws-chunked form. The bytes of a signed chunk are handed out before its
/// signature is known, all but the last of them: nothing may come of them until finish() succeeds.
class AwsChunkedDecoder {
 public:
  /// @param signer  of the request; null exactly for kUnsignedChunksTrailer
  AwsChunkedDecoder(const AwsChunkedOptions& options, std::unique_ptr<ChunkSigner> signer);

  struct Step {
    std::size_t consumed = 0;  // how many bytes of the input are done with
    Bytes data;                // bytes of the object among them (a view of the input)
  };

  /// Takes the next bytes, up to the end of a chunk at most; a non-empty input is consumed at least
  /// in part. After an error the decoder stays failed. No allocation but for trailers.
  /// Errors: kDenied (SignatureDoesNotMatch), kInvalid (IncompleteBody: malformed, longer than was
  /// said, bytes after the end; InvalidChunkSizeError; MalformedTrailerError; InvalidRequest: the
  /// trailer's value is no checksum).
  Result<Step> next(Bytes input);

  /// Takes all of `bytes` and moves those of the object to its front; returns how many they are.
  /// Errors: as next().
  Result<std::size_t> decode_in_place(MutableBytes bytes);

  /// To be asked when no more bytes come. Errors: as next(); kInvalid (IncompleteBody).
  Result<void> finish();

  bool done() const { return state_ == State::kDone; }
  ByteCount decoded_bytes() const { return decoded_; }
  /// The checksum that came as a trailer, once done(). Whether it is that of the bytes is for the
  /// caller to find out.
  const std::optional<Digest>& trailing_checksum() const { return trailing_checksum_; }

 private:
  enum class State { kHead, kData, kDataEnd, kTrailers, kDone, kFailed };

  Result<Step> step(Bytes input);
  Result<Bytes> take_data(Bytes input);
  /// Moves input up to and with the next LF to line_. True when the line is complete.
  Result<bool> take_line(std::string_view text, std::size_t& at);
  Result<void> take_head(std::string_view line);
  Result<void> take_trailer_line();
  Result<void> take_trailer(std::string_view name, std::string_view value);
  Result<void> end_chunk();
  Result<void> end_trailers();

  const AwsChunkedOptions options_;
  const std::unique_ptr<ChunkSigner> signer_;
  std::optional<Checksum> sha256_;  // of the current chunk
  State state_ = State::kHead;
  ByteCount chunk_size_ = 0;
  ByteCount remaining_ = 0;  // of the current chunk
  ByteCount decoded_ = 0;
  std::string line_;
  std::string chunk_signature_;    // what the current chunk says
  std::string trailer_signature_;  // what the trailers say
  std::string canonical_trailers_;
  std::optional<Digest> trailing_checksum_;
  bool trailer_ended_in_lf_ = false;
};

/// A body that must have the hash in x-amz-content-sha256.
class PayloadCheck {
 public:
  /// @param sha256  64 hexadecimal digits
  explicit PayloadCheck(std::string_view sha256);

  void update(Bytes bytes) { checksum_.update(bytes); }
  /// After the last byte. Errors: kCorrupt (XAmzContentSHA256Mismatch).
  Result<void> finish();

 private:
  std::string expected_;  // lower case
  Checksum checksum_;
};

}  // namespace telpher
