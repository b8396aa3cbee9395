#include "s3/service/aws_chunked.h"

#include "base/random.h"
#include "codec/chunked.h"
#include "s3/sigv4_verify.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace telpher {
namespace {

constexpr std::string_view kKey = "AKIAIOSFODNN7EXAMPLE";
constexpr std::string_view kSecret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const std::chrono::sys_seconds kNow = *parse_amz_date("20130524T000000Z");

/// What came out of a body: its bytes, or the code of the error.
struct Outcome {
  std::string bytes;
  std::string code;
  std::optional<Digest> checksum;
};

Outcome decode(AwsChunkedDecoder& decoder, std::string_view body, std::size_t piece) {
  Outcome outcome;
  std::string buffer;
  for (; !body.empty(); body.remove_prefix(std::min(piece, body.size()))) {
    buffer = body.substr(0, piece);
    const auto size = decoder.decode_in_place(std::as_writable_bytes(std::span(buffer)));
    if (!size) {
      outcome.code = size.error().context.code;
      EXPECT_FALSE(decoder.finish().has_value()) << "stays failed";
      return outcome;
    }
    outcome.bytes.append(buffer, 0, *size);
  }
  const auto finished = decoder.finish();
  if (!finished) outcome.code = finished.error().context.code;
  outcome.checksum = decoder.trailing_checksum();
  return outcome;
}

// --- the examples of S3's reference -----------------------------------------------------------

Headers example_headers(std::string_view form, std::string_view signed_headers,
                        std::string_view seed) {
  Headers headers;
  headers.add("Host", "s3.amazonaws.com");
  headers.add("x-amz-date", "20130524T000000Z");
  headers.add("x-amz-storage-class", "REDUCED_REDUNDANCY");
  headers.add("x-amz-content-sha256", form);
  headers.add("Content-Encoding", "aws-chunked");
  headers.add("x-amz-decoded-content-length", "66560");
  headers.add("Content-Length", "66824");
  headers.add("Authorization", "AWS4-HMAC-SHA256 Credential=" + std::string(kKey) +
                                   "/20130524/us-east-1/s3/aws4_request,SignedHeaders=" +
                                   std::string(signed_headers) + ",Signature=" + std::string(seed));
  return headers;
}

Result<Outcome> receive(const Headers& headers, std::string_view body, std::size_t piece) {
  SigV4Verifier verifier([](std::string_view) { return std::string(kSecret); });
  TRY(Signatory signatory,
      verifier.verify({"PUT", "/examplebucket/chunkObject.txt", headers}, kNow));
  TRY(const PayloadForm form, parse_payload_form(signatory.payload_hash));
  TRY(const AwsChunkedOptions options, parse_aws_chunked_options(form, headers));
  AwsChunkedDecoder decoder(options, std::move(signatory.chunk_signer));
  return decode(decoder, body, piece);
}

// Source: Amazon S3 API reference, "Transferring Payload in Multiple Chunks".
TEST(AwsChunked, TakesTheExampleOfTheS3Reference) {
  const Headers headers =
      example_headers("STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
                      "content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;"
                      "x-amz-decoded-content-length;x-amz-storage-class",
                      "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9");
  const std::string bytes(66560, 'a');
  const std::string body =
      "10000;chunk-signature=ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648\r\n" +
      bytes.substr(0, 65536) +
      "\r\n400;chunk-signature=0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497"
      "\r\n" +
      bytes.substr(65536) +
      "\r\n0;chunk-signature=b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"
      "\r\n\r\n";
  ASSERT_EQ(body.size(), 66824u);
  for (const std::size_t piece : {1, 7, 4096, 65536 + 80, 100'000}) {
    const auto outcome = receive(headers, body, piece);
    ASSERT_TRUE(outcome.has_value()) << outcome.error().message;
    EXPECT_EQ(outcome->code, "");
    EXPECT_EQ(outcome->bytes, bytes);
  }
}

// Source: Amazon S3 API reference, "… Including Trailing Headers". The reference ends the trailer
// in "\n\r\n"; the SDKs in "\r\n".
TEST(AwsChunked, TakesTheExampleWithTrailers) {
  Headers headers = example_headers(
      "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
      "content-encoding;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;"
      "x-amz-storage-class;x-amz-trailer",
      "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e");
  headers.add("x-amz-trailer", "x-amz-checksum-crc32c");
  const std::string bytes(66560, 'a');
  for (const std::string end : {"\r\n", "\n\r\n"}) {
    const std::string body =
        "10000;chunk-signature=b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2"
        "\r\n" +
        bytes.substr(0, 65536) +
        "\r\n400;chunk-signature=1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7"
        "\r\n" +
        bytes.substr(65536) +
        "\r\n0;chunk-signature=2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992"
        "\r\nx-amz-checksum-crc32c:sOO8/Q==" +
        end +
        "x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435"
        "\r\n\r\n";
    const auto outcome = receive(headers, body, 1000);
    ASSERT_TRUE(outcome.has_value()) << outcome.error().message;
    EXPECT_EQ(outcome->code, "");
    EXPECT_EQ(outcome->bytes, bytes);
    EXPECT_EQ(outcome->checksum, checksum_of(ChecksumAlgorithm::kCrc32c, as_bytes(bytes)));
  }
}

// --- bodies of our own ------------------------------------------------------------------------

constexpr std::string_view kSeedTarget = "/bucket/key";

std::unique_ptr<ChunkSigner> make_signer() {
  SigV4Signer signer("us-east-1");
  const std::vector<Header> headers = {{"host", "h"}};
  (void)signer.signature(kSecret, kNow, {"PUT", kSeedTarget, headers, "STREAMING"});
  return signer.make_chunk_signer();  // outlives the signer it is from
}

struct Encoding {
  PayloadForm form = PayloadForm::kSignedChunksTrailer;
  std::size_t chunk = 100;
  std::string trailers = "x-amz-checksum-crc32:AAAAAA==\r\n";  // as they are sent
};

/// `bytes` in aws-chunked form.
std::string encode(std::string_view bytes, const Encoding& encoding) {
  const auto signer = has_signed_chunks(encoding.form) ? make_signer() : nullptr;
  const auto head = [&](std::string_view chunk) {
    if (!signer) return make_chunk_head(chunk.size());
    const Digest hash = checksum_of(ChecksumAlgorithm::kSha256, as_bytes(chunk));
    return make_chunk_head(chunk.size(),
                           ";chunk-signature=" + std::string(signer->sign_chunk(hash.bytes())));
  };
  std::string body;
  for (; !bytes.empty(); bytes.remove_prefix(std::min(encoding.chunk, bytes.size()))) {
    const std::string_view chunk = bytes.substr(0, encoding.chunk);
    body.append(head(chunk)).append(chunk).append("\r\n");
  }
  body += head("");
  if (encoding.form != PayloadForm::kSignedChunks) body += encoding.trailers;
  if (encoding.form == PayloadForm::kSignedChunksTrailer) {
    std::string lines;
    std::copy_if(encoding.trailers.begin(), encoding.trailers.end(), std::back_inserter(lines),
                 [](char c) { return c != '\r'; });
    const Digest hash = checksum_of(ChecksumAlgorithm::kSha256, as_bytes(lines));
    body += "x-amz-trailer-signature:" + std::string(signer->sign_trailers(hash.bytes())) + "\r\n";
  }
  return body + "\r\n";
}

AwsChunkedDecoder make_decoder(PayloadForm form, ByteCount length,
                               ChecksumAlgorithm trailer = ChecksumAlgorithm::kCrc32) {
  if (form == PayloadForm::kSignedChunks) trailer = ChecksumAlgorithm::kNone;
  const AwsChunkedOptions options{form, length, trailer, 1};
  return AwsChunkedDecoder(options, has_signed_chunks(form) ? make_signer() : nullptr);
}

std::string code_of(PayloadForm form, std::string_view body, ByteCount length = 10,
                    ChecksumAlgorithm trailer = ChecksumAlgorithm::kCrc32) {
  AwsChunkedDecoder in_pieces = make_decoder(form, length, trailer);
  const std::string code = decode(in_pieces, body, 3).code;
  AwsChunkedDecoder at_once = make_decoder(form, length, trailer);
  EXPECT_EQ(code, decode(at_once, body, body.size() + 1).code) << body;
  return code;
}

constexpr auto kForms = {PayloadForm::kSignedChunks, PayloadForm::kSignedChunksTrailer,
                         PayloadForm::kUnsignedChunksTrailer};

TEST(AwsChunked, DecodingUndoesEncodingHoweverItIsCut) {
  Random random(4);
  for (int round = 0; round < 300; ++round) {
    const PayloadForm form = *(kForms.begin() + random.below(3));
    std::string bytes(random.below(700), '\0');
    for (char& c : bytes) c = static_cast<char>(random.below(20) == 0 ? '\r' : random.next());
    const std::string body = encode(bytes, {.form = form, .chunk = 1 + random.below(300)});
    AwsChunkedDecoder decoder = make_decoder(form, bytes.size());
    const Outcome outcome = decode(decoder, body, 1 + random.below(400));
    ASSERT_EQ(outcome.code, "") << round;
    ASSERT_EQ(outcome.bytes, bytes) << round;
    EXPECT_EQ(outcome.checksum.has_value(), form != PayloadForm::kSignedChunks);
  }
}

TEST(AwsChunked, TruncationIsNeverTheEnd) {
  for (const PayloadForm form : kForms) {
    const std::string body = encode("0123456789", {.form = form, .chunk = 8});
    ASSERT_EQ(code_of(form, body), "");
    for (std::size_t size = 0; size < body.size(); ++size) {
      EXPECT_EQ(code_of(form, body.substr(0, size)), "IncompleteBody") << size;
    }
    EXPECT_EQ(code_of(form, body + "x"), "IncompleteBody") << "bytes after the end";
    EXPECT_EQ(code_of(form, body + "\r\n"), "IncompleteBody");
  }
}

TEST(AwsChunked, NoByteOfASignedBodyCanBeChanged) {
  for (const PayloadForm form : {PayloadForm::kSignedChunks, PayloadForm::kSignedChunksTrailer}) {
    const std::string body = encode("0123456789", {.form = form, .chunk = 8});
    for (std::size_t at = 0; at < body.size(); ++at) {
      for (const char flip : {1, 4, 16, 32}) {
        std::string other = body;
        other[at] = static_cast<char>(other[at] ^ flip);
        const std::size_t line = body.rfind('\n', at) + 1;
        const bool in_name = body.find("x-amz-", line) == line && at < body.find(':', line);
        if (in_name && iequals(other, body)) continue;  // the case of a name says nothing
        EXPECT_NE(code_of(form, other), "") << at << " " << other;
      }
    }
  }
}

TEST(AwsChunked, RefusesWrongSignatures) {
  const std::string good = encode("0123456789", {.chunk = 8});
  const auto damaged = [&good](std::string_view after, std::size_t which) {
    std::size_t at = 0;
    for (std::size_t i = 0; i <= which; ++i) at = good.find(after, at) + after.size();
    std::string body = good;
    body[at] = body[at] == 'a' ? 'b' : 'a';
    return body;
  };
  constexpr PayloadForm kForm = PayloadForm::kSignedChunksTrailer;
  for (const std::size_t chunk : {0, 1, 2}) {
    EXPECT_EQ(code_of(kForm, damaged("chunk-signature=", chunk)), "SignatureDoesNotMatch");
  }
  EXPECT_EQ(code_of(kForm, damaged("x-amz-trailer-signature:", 0)), "SignatureDoesNotMatch");
  EXPECT_EQ(code_of(kForm, damaged("crc32:", 0)), "SignatureDoesNotMatch") << "the value itself";
  std::string upper = good;
  for (std::size_t at = upper.find('=') + 1; upper[at] != '\r'; ++at) {
    upper[at] = static_cast<char>(std::toupper(upper[at]));
  }
  EXPECT_EQ(code_of(kForm, upper), "SignatureDoesNotMatch") << "as AWS: lower case only";
  // Chunks signed for themselves cannot change places.
  const std::string eight = encode("aaaabbbb", {.chunk = 4});
  const std::size_t line = eight.find("\r\n") + 2 + 4 + 2;
  const std::string swapped =
      eight.substr(line, line) + eight.substr(0, line) + eight.substr(2 * line);
  EXPECT_EQ(code_of(kForm, swapped, 8), "SignatureDoesNotMatch");
}

// The last bytes of a chunk are not handed out before its signature has been checked.
TEST(AwsChunked, HoldsBackTheEndOfABadChunk) {
  std::string body = encode("0123456789", {.chunk = 10});
  body[body.find("\r\n") + 2] = 'x';
  AwsChunkedDecoder decoder = make_decoder(PayloadForm::kSignedChunksTrailer, 10);
  const Outcome outcome = decode(decoder, body, 1);
  EXPECT_EQ(outcome.code, "SignatureDoesNotMatch");
  EXPECT_EQ(outcome.bytes, "x12345678");
}

TEST(AwsChunked, RefusesTheMalformedAsS3Does) {
  constexpr PayloadForm kForm = PayloadForm::kUnsignedChunksTrailer;
  const std::string sum = "x-amz-checksum-crc32:AAAAAA==\r\n\r\n";
  EXPECT_EQ(code_of(kForm, "A\r\n0123456789\r\n0\r\n" + sum), "");
  EXPECT_EQ(code_of(kForm, "0000000a\r\n0123456789\r\n00\r\n" + sum), "");
  EXPECT_EQ(code_of(kForm, "0\r\n" + sum, 0), "");
  for (const std::string& body : std::vector<std::string>{
           "A\n0123456789\r\n0\r\n" + sum, "A\r\n01234567890\r\n" + sum,
           "A\r\nXYZ\r\n0123456789\r\n0\r\n" + sum, "B\r\n0123456789\r\n0\r\n" + sum, "A\r\n",
           std::string("\r\n"), "A\r\n0123456789\r\nJ\r\n" + sum,
           "invalid\r\n0123456789\r\n0\r\n" + sum, "A \r\n0123456789\r\n0\r\n" + sum,
           "+A\r\n0123456789\r\n0\r\n" + sum, "-1\r\n0123456789\r\n0\r\n" + sum,
           "0xA\r\n0123456789\r\n0\r\n" + sum, "A;x=y\r\n0123456789\r\n0\r\n" + sum,
           "1000000000000000A\r\n0123456789\r\n0\r\n" + sum, "FFFFFFFFFFFFFFFF\r\n0123456789" + sum,
           std::string(2000, '0') + "A\r\n0123456789\r\n0\r\n" + sum}) {
    EXPECT_EQ(code_of(kForm, body), "IncompleteBody") << body;
  }
}

TEST(AwsChunked, SignedChunksMustSaySo) {
  const std::string good = encode("0123456789", {.form = PayloadForm::kSignedChunks});
  const std::string signature = good.substr(1, good.find('\r') - 1);
  for (const std::string& other :
       {std::string(), signature.substr(0, signature.size() - 1), signature + "0",
        ";chunk-signatur=" + signature.substr(17), ";x=y" + signature, " " + signature,
        ";chunk-signature=" + std::string(64, 'g')}) {
    std::string body = good;
    body.replace(1, signature.size(), other);
    EXPECT_EQ(code_of(PayloadForm::kSignedChunks, body), "IncompleteBody") << other;
  }
}

TEST(AwsChunked, TheDecodedLengthMustBeTheOneAnnounced) {
  for (const PayloadForm form : kForms) {
    const std::string body = encode("0123456789", {.form = form});
    EXPECT_EQ(code_of(form, body, 9), "IncompleteBody");
    EXPECT_EQ(code_of(form, body, 11), "IncompleteBody");
    EXPECT_EQ(code_of(form, body, 0), "IncompleteBody");
  }
}

TEST(AwsChunked, TrailersAreThoseAnnounced) {
  constexpr auto kNone = ChecksumAlgorithm::kNone;
  for (const PayloadForm form :
       {PayloadForm::kSignedChunksTrailer, PayloadForm::kUnsignedChunksTrailer}) {
    const auto code = [&](std::string trailers, ChecksumAlgorithm announced) {
      return code_of(form, encode("0123456789", {form, 10, std::move(trailers)}), 10, announced);
    };
    EXPECT_EQ(code("", kNone), "");
    const std::string sum = "x-amz-checksum-crc32:AAAAAA==\r\n";
    EXPECT_EQ(code(sum, ChecksumAlgorithm::kCrc32), "");
    EXPECT_EQ(code(sum, kNone), "MalformedTrailerError") << "not announced";
    EXPECT_EQ(code(sum, ChecksumAlgorithm::kSha1), "MalformedTrailerError");
    EXPECT_EQ(code("", ChecksumAlgorithm::kCrc32), "MalformedTrailerError") << "missing";
    EXPECT_EQ(code(sum + sum, ChecksumAlgorithm::kCrc32), "MalformedTrailerError");
    EXPECT_EQ(code(sum + "x-amz-meta-a:b\r\n", ChecksumAlgorithm::kCrc32), "MalformedTrailerError");
    for (const char* line :
         {":AAAAAA==\r\n", "x-amz-checksum-crc32\r\n", "\n", "x-amz-checksum-crc32 :AAAAAA==\r\n",
          " x-amz-checksum-crc32:AAAAAA==\r\n"}) {
      EXPECT_EQ(code(line, ChecksumAlgorithm::kCrc32), "MalformedTrailerError") << line;
    }
    EXPECT_EQ(code("x-amz-checksum-crc32:AAAA\r\n", ChecksumAlgorithm::kCrc32), "InvalidRequest");
    EXPECT_EQ(
        code("x-amz-checksum-crc32:" + std::string(5000, 'A') + "\r\n", ChecksumAlgorithm::kCrc32),
        "IncompleteBody");
  }
}

// Some clients end an unsigned trailer in LF and the body in an empty line of its own.
TEST(AwsChunked, TakesTrailersEndedInLf) {
  EXPECT_EQ(code_of(PayloadForm::kUnsignedChunksTrailer,
                    "a\r\n0123456789\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\n\r\n\r\n"),
            "");
}

TEST(AwsChunked, UnsignedTrailersOfASignedBodyAreRefused) {
  std::string body = encode("0123456789", {});
  const std::size_t at = body.find("x-amz-trailer-signature:");
  EXPECT_EQ(code_of(PayloadForm::kSignedChunksTrailer, body.substr(0, at) + "\r\n"),
            "MalformedTrailerError");
  body.insert(body.size() - 2, "x-amz-checksum-crc32:AAAAAA==\r\n");
  EXPECT_EQ(code_of(PayloadForm::kSignedChunksTrailer, body), "MalformedTrailerError")
      << "after the signature";
  // A form without trailers has none.
  std::string plain = encode("0123456789", {.form = PayloadForm::kSignedChunks});
  plain.insert(plain.size() - 2, "x-amz-checksum-crc32:AAAAAA==\r\n");
  EXPECT_EQ(code_of(PayloadForm::kSignedChunks, plain), "IncompleteBody");
}

TEST(AwsChunked, OnlyTheLastChunkMayBeSmall) {
  const auto code = [](std::size_t chunk) {
    AwsChunkedDecoder decoder({.decoded_length = 20'000}, nullptr);
    return decode(
               decoder,
               encode(std::string(20'000, 'a'), {PayloadForm::kUnsignedChunksTrailer, chunk, ""}),
               1000)
        .code;
  };
  EXPECT_EQ(code(8191), "InvalidChunkSizeError");
  EXPECT_EQ(code(8192), "");
  EXPECT_EQ(code(20'000), "");
}

// --- what headers say -------------------------------------------------------------------------

TEST(AwsChunked, ReadsItsOptionsFromHeaders) {
  const auto code = [](PayloadForm form, std::string_view length, const char* trailer) {
    Headers headers;
    if (!length.empty()) headers.add("X-Amz-Decoded-Content-Length", length);
    if (trailer != nullptr) headers.add("X-Amz-Trailer", trailer);
    const auto options = parse_aws_chunked_options(form, headers);
    return options ? "" : options.error().context.code;
  };
  constexpr auto kUnsigned = PayloadForm::kUnsignedChunksTrailer;
  EXPECT_EQ(code(kUnsigned, "12", nullptr), "");
  EXPECT_EQ(code(kUnsigned, "12", "x-amz-checksum-crc64nvme"), "");
  EXPECT_EQ(code(kUnsigned, "12", "X-Amz-Checksum-SHA256"), "");
  for (const char* length : {"", "abc", "12x", "-1", "+1", "1.5", "99999999999999999999"}) {
    EXPECT_EQ(code(kUnsigned, length, nullptr), "MissingContentLength") << length;
  }
  for (const char* trailer :
       {"x-amz-meta-a", "etag", "x-amz-checksum-md5", "x-amz-checksum-crc32,x-amz-checksum-sha1"}) {
    EXPECT_EQ(code(kUnsigned, "12", trailer), "InvalidRequest") << trailer;
  }
  EXPECT_EQ(code(PayloadForm::kSignedChunks, "12", "x-amz-checksum-crc32"), "InvalidRequest");
}

TEST(PayloadForm, IsOneOfAFew) {
  const std::string hash(64, 'A');
  EXPECT_EQ(*parse_payload_form("UNSIGNED-PAYLOAD"), PayloadForm::kUnsigned);
  EXPECT_EQ(*parse_payload_form(hash), PayloadForm::kHashed);
  EXPECT_EQ(*parse_payload_form("STREAMING-UNSIGNED-PAYLOAD-TRAILER"),
            PayloadForm::kUnsignedChunksTrailer);
  EXPECT_EQ(parse_payload_form("STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD").error().context.code,
            "NotImplemented");
  for (const std::string& text : {std::string(), hash + "a", hash.substr(1), hash.substr(1) + "g",
                                  std::string("unsigned-payload"), std::string("STREAMING-")}) {
    EXPECT_EQ(parse_payload_form(text).error().context.code, "InvalidArgument") << text;
  }
}

TEST(PayloadCheck, ComparesTheHashOfAllBytes) {
  const std::string hash = checksum_of(ChecksumAlgorithm::kSha256, as_bytes("hello")).to_hex();
  const auto code = [](std::string_view expected, std::string_view bytes) {
    PayloadCheck check(expected);
    check.update(as_bytes(bytes.substr(0, 2)));
    check.update(as_bytes(bytes.substr(2)));
    const auto finished = check.finish();
    return finished ? "" : finished.error().context.code;
  };
  EXPECT_EQ(code(hash, "hello"), "");
  EXPECT_EQ(code(hash, "hellp"), "XAmzContentSHA256Mismatch");
  EXPECT_EQ(code(hash, "hello "), "XAmzContentSHA256Mismatch");
}

}  // namespace
}  // namespace telpher
