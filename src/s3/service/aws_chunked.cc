#include "s3/service/aws_chunked.h"

#include "base/check.h"
#include "codec/hex.h"
#include "codec/http_syntax.h"
#include "s3/service/refusals.h"
#include "s3/sigv4.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace telpher {
namespace {

constexpr std::size_t kLineBytesMax = 1024;
constexpr std::size_t kSignatureDigits = 64;

Error incomplete_body() {
  return store_error(ErrorKind::kInvalid, "IncompleteBody", 400,
                     "The request body terminated unexpectedly");
}

Error malformed_trailer() {
  return store_error(ErrorKind::kInvalid, "MalformedTrailerError", 400,
                     "The request contained trailing data that was not well-formed or did not "
                     "conform to our published schema.");
}

Error bad_signature() {
  return store_error(ErrorKind::kDenied, "SignatureDoesNotMatch", 403,
                     "The request signature we calculated does not match the signature you "
                     "provided. Check your key and signing method.");
}

bool is_sha256_hex(std::string_view text) {
  return text.size() == kSignatureDigits &&
         std::all_of(text.begin(), text.end(), [](char c) { return hex_value(c) >= 0; });
}

/// In a time that does not depend on where they differ.
bool same_signature(std::string_view claimed, std::string_view expected) {
  return claimed.size() == expected.size() &&
         CRYPTO_memcmp(claimed.data(), expected.data(), expected.size()) == 0;
}

}  // namespace

Result<PayloadForm> parse_payload_form(std::string_view payload_hash) {
  if (payload_hash == kUnsignedPayload) return PayloadForm::kUnsigned;
  if (payload_hash == "STREAMING-AWS4-HMAC-SHA256-PAYLOAD") return PayloadForm::kSignedChunks;
  if (payload_hash == "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER") {
    return PayloadForm::kSignedChunksTrailer;
  }
  if (payload_hash == "STREAMING-UNSIGNED-PAYLOAD-TRAILER") {
    return PayloadForm::kUnsignedChunksTrailer;
  }
  if (payload_hash.starts_with("STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD")) {
    return not_implemented("Signature version 4A");
  }
  if (is_sha256_hex(payload_hash)) return PayloadForm::kHashed;
  return store_error(ErrorKind::kInvalid, "InvalidArgument", 400,
                     "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, "
                     "STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, "
                     "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER or a valid sha256 value.");
}

Result<ChecksumAlgorithm> announced_trailer(const Headers& headers) {
  const std::string names = headers.joined("x-amz-trailer").value_or("");
  if (names.empty()) return ChecksumAlgorithm::kNone;
  if (names.find(',') != std::string::npos) {
    return invalid_request(
        "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.");
  }
  const auto algorithm = std::ranges::find_if(kS3Checksums, [&](ChecksumAlgorithm candidate) {
    return iequals(names, checksum_header(candidate));
  });
  if (algorithm == kS3Checksums.end()) return unknown_trailer();
  return *algorithm;
}

Result<AwsChunkedOptions> parse_aws_chunked_options(PayloadForm form, const Headers& headers) {
  DCHECK(is_aws_chunked(form));
  AwsChunkedOptions options{.form = form};
  const auto length =
      parse_decimal<ByteCount>(headers.find("x-amz-decoded-content-length").value_or(""));
  if (!length || headers.count("x-amz-decoded-content-length") != 1) {
    return store_error(ErrorKind::kInvalid, "MissingContentLength", 411,
                       "You must provide the Content-Length HTTP header.");
  }
  options.decoded_length = *length;
  TRY(options.trailer, announced_trailer(headers));
  if (options.trailer != ChecksumAlgorithm::kNone && form == PayloadForm::kSignedChunks) {
    return unknown_trailer();
  }
  return options;
}

// --- aws-chunked ------------------------------------------------------------------------------

AwsChunkedDecoder::AwsChunkedDecoder(const AwsChunkedOptions& options,
                                     std::unique_ptr<ChunkSigner> signer)
    : options_(options), signer_(std::move(signer)) {
  CHECK(has_signed_chunks(options_.form) == (signer_ != nullptr));
  if (signer_) sha256_.emplace(ChecksumAlgorithm::kSha256);
}

Result<AwsChunkedDecoder::Step> AwsChunkedDecoder::next(Bytes input) {
  Result<Step> result = step(input);
  if (!result) state_ = State::kFailed;
  return result;
}

Result<std::size_t> AwsChunkedDecoder::decode_in_place(MutableBytes bytes) {
  std::size_t kept = 0;
  for (std::size_t taken = 0; taken < bytes.size();) {
    TRY(const Step part, next(bytes.subspan(taken)));
    if (!part.data.empty() && part.data.data() != bytes.data() + kept) {
      std::memmove(bytes.data() + kept, part.data.data(), part.data.size());
    }
    kept += part.data.size();
    taken += part.consumed;
  }
  return kept;
}

Result<void> AwsChunkedDecoder::finish() {
  if (done()) return {};
  state_ = State::kFailed;
  return incomplete_body();
}

Result<AwsChunkedDecoder::Step> AwsChunkedDecoder::step(Bytes input) {
  const std::string_view text = as_text(input);
  std::size_t at = 0;
  while (at < text.size()) {
    switch (state_) {
      case State::kHead: {
        TRY(const bool complete, take_line(text, at));
        if (!complete) break;
        if (!line_.ends_with("\r\n")) return incomplete_body();
        TRY_VOID(take_head(std::string_view(line_).substr(0, line_.size() - 2)));
        line_.clear();
        break;
      }
      case State::kData: {
        TRY(const Bytes data, take_data(input.subspan(at)));
        return Step{at + data.size(), data};
      }
      case State::kDataEnd:
        if (text[at] != (line_.empty() ? '\r' : '\n')) return incomplete_body();
        line_ += text[at++];
        if (line_.size() == 2) {
          line_.clear();
          state_ = State::kHead;
        }
        break;
      case State::kTrailers: {
        TRY(const bool complete, take_line(text, at));
        if (!complete) break;
        TRY_VOID(take_trailer_line());
        line_.clear();
        break;
      }
      case State::kDone:
      case State::kFailed: return incomplete_body();
    }
  }
  return Step{at, {}};
}

Result<bool> AwsChunkedDecoder::take_line(std::string_view text, std::size_t& at) {
  const std::string_view rest = text.substr(at, kLineBytesMax - line_.size());
  const std::size_t end = rest.find('\n');
  const std::size_t size = end == std::string_view::npos ? rest.size() : end + 1;
  line_.append(rest.substr(0, size));
  at += size;
  if (end != std::string_view::npos) return true;
  if (line_.size() == kLineBytesMax) return incomplete_body();
  return false;
}

/// "10000;chunk-signature=ad80…", "10000".
Result<void> AwsChunkedDecoder::take_head(std::string_view line) {
  constexpr std::size_t kSizeDigitsMax = 16;
  std::size_t digits = 0;
  ByteCount size = 0;
  for (; digits < line.size() && hex_value(line[digits]) >= 0; ++digits) {
    if (digits == kSizeDigitsMax) return incomplete_body();
    size = size << 4 | static_cast<ByteCount>(hex_value(line[digits]));
  }
  if (digits == 0) return incomplete_body();
  std::string_view extension = line.substr(digits);
  if (signer_) {
    constexpr std::string_view kName = ";chunk-signature=";
    if (!extension.starts_with(kName)) return incomplete_body();
    chunk_signature_ = extension.substr(kName.size());
    if (!is_sha256_hex(chunk_signature_)) return incomplete_body();
  } else if (!extension.empty()) {
    return incomplete_body();
  }
  if (size > options_.decoded_length - decoded_) return incomplete_body();
  if (size > 0 && chunk_size_ > 0 && chunk_size_ < options_.chunk_bytes_min) {
    return store_error(ErrorKind::kInvalid, "InvalidChunkSizeError", 403,
                       "Only the last chunk is allowed to have a size less than 8192 bytes");
  }
  chunk_size_ = remaining_ = size;
  state_ = State::kData;
  if (size > 0) return {};
  state_ = State::kTrailers;
  TRY_VOID(end_chunk());
  if (decoded_ != options_.decoded_length) return incomplete_body();
  return {};
}

Result<Bytes> AwsChunkedDecoder::take_data(Bytes input) {
  const Bytes data =
      input.first(static_cast<std::size_t>(std::min<ByteCount>(remaining_, input.size())));
  if (sha256_) sha256_->update(data);
  remaining_ -= data.size();
  decoded_ += data.size();
  if (remaining_ == 0) {
    TRY_VOID(end_chunk());
    state_ = State::kDataEnd;
  }
  return data;
}

Result<void> AwsChunkedDecoder::end_chunk() {
  if (!signer_) return {};
  const Digest hash = sha256_->finish();
  if (!same_signature(chunk_signature_, signer_->sign_chunk(hash.bytes()))) return bad_signature();
  return {};
}

// Some clients end a trailer with LF, then CRLF, as the examples in S3's reference do.
Result<void> AwsChunkedDecoder::take_trailer_line() {
  std::string_view line = line_;
  line.remove_suffix(1);
  const bool ended_in_crlf = line.ends_with('\r');
  if (ended_in_crlf) line.remove_suffix(1);
  if (line.empty()) {
    if (!ended_in_crlf) return malformed_trailer();
    if (!trailer_ended_in_lf_) return end_trailers();
    trailer_ended_in_lf_ = false;
    return {};
  }
  if (options_.form == PayloadForm::kSignedChunks) return incomplete_body();
  if (trailer_ended_in_lf_) return malformed_trailer();
  trailer_ended_in_lf_ = !ended_in_crlf;
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || !is_field_text(line)) return malformed_trailer();
  return take_trailer(line.substr(0, colon), trim_blanks(line.substr(colon + 1)));
}

Result<void> AwsChunkedDecoder::take_trailer(std::string_view name, std::string_view value) {
  if (!trailer_signature_.empty()) return malformed_trailer();  // it is the last one
  if (signer_ && iequals(name, "x-amz-trailer-signature")) {
    if (!is_sha256_hex(value)) return malformed_trailer();
    trailer_signature_ = value;
    return {};
  }
  const std::string_view announced = checksum_header(options_.trailer);
  if (announced.empty() || !iequals(name, announced) || trailing_checksum_) {
    return malformed_trailer();
  }
  const auto digest = Digest::from_base64(options_.trailer, value);
  if (!digest) {
    return invalid_request("Value for " + std::string(announced) + " trailing header is invalid.");
  }
  trailing_checksum_ = *digest;
  canonical_trailers_.append(announced).append(":").append(value).append("\n");
  return {};
}

Result<void> AwsChunkedDecoder::end_trailers() {
  if (options_.trailer != ChecksumAlgorithm::kNone && !trailing_checksum_) {
    return malformed_trailer();
  }
  if (options_.form == PayloadForm::kSignedChunksTrailer) {
    if (trailer_signature_.empty()) return malformed_trailer();
    const Digest hash = checksum_of(ChecksumAlgorithm::kSha256, as_bytes(canonical_trailers_));
    if (!same_signature(trailer_signature_, signer_->sign_trailers(hash.bytes()))) {
      return bad_signature();
    }
  }
  state_ = State::kDone;
  return {};
}

// --- hashed -----------------------------------------------------------------------------------

PayloadCheck::PayloadCheck(std::string_view sha256)
    : expected_(to_lower(sha256)), checksum_(ChecksumAlgorithm::kSha256) {}

Result<void> PayloadCheck::finish() {
  if (checksum_.finish().to_hex() == expected_) return {};
  return store_error(
      ErrorKind::kCorrupt, "XAmzContentSHA256Mismatch", 400,
      "The provided 'x-amz-content-sha256' header does not match what was computed.");
}

}  // namespace telpher
