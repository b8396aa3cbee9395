// Bodies in aws-chunked form. The first byte says into what pieces they are cut, the second what is
// tried: bytes as they are, or a body that is well signed and then damaged.

#include "codec/chunked.h"
#include "s3/service/aws_chunked.h"
#include "s3/sigv4.h"
#include "tests/fuzz/fuzz.h"

#include <algorithm>
#include <string>
#include <vector>

namespace {

using namespace telpher;

constexpr std::string_view kTrailer = "x-amz-checksum-crc32:AAAAAA==\r\n";

std::unique_ptr<ChunkSigner> make_signer() {
  static SigV4Signer signer("us-east-1");
  const std::vector<Header> headers = {{"host", "h"}};
  (void)signer.signature("secret", *parse_amz_date("20260101T000000Z"),
                         {"PUT", "/b/k", headers, "STREAMING"});
  return signer.make_chunk_signer();
}

struct Outcome {
  std::string code;  // of the error; "" = a complete body
  std::string bytes;
};

Outcome decode(const AwsChunkedOptions& options, std::string_view body, std::size_t piece) {
  AwsChunkedDecoder decoder(options, has_signed_chunks(options.form) ? make_signer() : nullptr);
  Outcome outcome;
  while (!body.empty()) {
    std::string buffer(body.substr(0, piece));
    body.remove_prefix(buffer.size());
    const auto size = decoder.decode_in_place(std::as_writable_bytes(std::span(buffer)));
    if (!size) {
      CHECK(!decoder.done() && !decoder.finish().has_value());
      CHECK(!decoder.next(as_bytes("x")).has_value());
      outcome.code = size.error().context.code;
      CHECK(!outcome.code.empty());
      return outcome;
    }
    CHECK(*size <= buffer.size());
    outcome.bytes.append(buffer, 0, *size);
    CHECK(decoder.decoded_bytes() == outcome.bytes.size());
    CHECK(outcome.bytes.size() <= options.decoded_length);
  }
  const auto finished = decoder.finish();
  CHECK(finished.has_value() == decoder.done());
  if (!finished) {
    outcome.code = finished.error().context.code;
    return outcome;
  }
  CHECK(outcome.bytes.size() == options.decoded_length);
  CHECK(decoder.trailing_checksum().has_value() == (options.trailer != ChecksumAlgorithm::kNone));
  return outcome;
}

std::string encode(std::string_view bytes, PayloadForm form, std::size_t chunk_size) {
  const auto signer = make_signer();
  std::string body;
  for (bool last = false; !last;) {
    const std::string_view chunk = bytes.substr(0, chunk_size);
    bytes.remove_prefix(chunk.size());
    last = chunk.empty();
    const Digest hash = checksum_of(ChecksumAlgorithm::kSha256, as_bytes(chunk));
    body += make_chunk_head(chunk.size(),
                            ";chunk-signature=" + std::string(signer->sign_chunk(hash.bytes())));
    if (!last) body.append(chunk).append("\r\n");
  }
  if (form == PayloadForm::kSignedChunksTrailer) {
    const std::string line = std::string(kTrailer.substr(0, kTrailer.size() - 2)) + "\n";
    const Digest hash = checksum_of(ChecksumAlgorithm::kSha256, as_bytes(line));
    body += kTrailer;
    body += "x-amz-trailer-signature:" + std::string(signer->sign_trailers(hash.bytes())) + "\r\n";
  }
  return body + "\r\n";
}

/// Whatever is changed in a signed body, what comes out is what was signed, or nothing.
void damage(std::string_view input, PayloadForm form, std::size_t piece) {
  if (input.size() < 4) return;
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(input[i]); };
  const std::size_t chunk_size = 1 + byte(0);
  const std::size_t where = byte(1) << 8 | byte(2);
  const char flip = input[3];
  const std::string_view bytes = input.substr(4, 1024);  // each chunk costs a signature, four times
  const AwsChunkedOptions options{form, bytes.size(),
                                  form == PayloadForm::kSignedChunksTrailer
                                      ? ChecksumAlgorithm::kCrc32
                                      : ChecksumAlgorithm::kNone,
                                  1};
  std::string body = encode(bytes, form, chunk_size);
  const Outcome good = decode(options, body, piece);
  CHECK(good.code.empty() && good.bytes == bytes);
  body[where % body.size()] = static_cast<char>(body[where % body.size()] ^ flip);
  const Outcome damaged = decode(options, body, piece);
  if (damaged.code.empty()) CHECK(damaged.bytes == bytes);
  const Outcome cut = decode(options, std::string_view(body).substr(0, where % body.size()), piece);
  CHECK(!cut.code.empty());
}

}  // namespace

FUZZ(std::string_view input) {
  if (input.size() < 3) return;
  const std::size_t piece = 1 + static_cast<unsigned char>(input[0]) % 64;
  const auto what = static_cast<unsigned char>(input[1]);
  const auto length = static_cast<unsigned char>(input[2]);
  if (what % 4 == 0) return damage(input.substr(2), PayloadForm::kSignedChunks, piece);
  if (what % 4 == 1) return damage(input.substr(2), PayloadForm::kSignedChunksTrailer, piece);
  const std::string_view body = input.substr(3);
  AwsChunkedOptions options{.decoded_length = length, .chunk_bytes_min = what & 8 ? 8u : 1u};
  if (what & 16) options.trailer = ChecksumAlgorithm::kCrc32;
  if (what % 4 == 3) options.form = PayloadForm::kSignedChunksTrailer;
  const Outcome whole = decode(options, body, std::max<std::size_t>(body.size(), 1));
  const Outcome cut = decode(options, body, piece);
  CHECK(whole.code == cut.code);
  if (whole.code.empty()) CHECK(whole.bytes == cut.bytes);
}
