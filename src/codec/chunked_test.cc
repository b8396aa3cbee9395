#include "codec/chunked.h"

#include "base/random.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace telpher {
namespace {

struct Decoded {
  std::string body;
  std::string rest;
  bool done = false;
};

Result<Decoded> decode(ChunkedDecoder& decoder, std::string_view text, std::size_t piece) {
  Decoded decoded;
  std::size_t at = 0;
  while (at < text.size() && !decoder.done()) {
    const std::string_view input = text.substr(at, piece);
    TRY(const ChunkedDecoder::Step step, decoder.next(as_bytes(input)));
    EXPECT_GT(step.consumed, 0u);
    EXPECT_LE(step.consumed, input.size());
    decoded.body += as_text(step.data);
    at += step.consumed;
  }
  decoded.rest = text.substr(at);
  decoded.done = decoder.done();
  return decoded;
}

TEST(Chunked, DecodesInPiecesOfAnySize) {
  constexpr std::string_view kText =
      "5\r\nhello\r\n6;sig=\"x\"\r\n world\r\n000\r\nX-Sum: abc\r\nEtag: 1\r\n\r\nNEXT";
  for (std::size_t piece = 1; piece <= kText.size(); ++piece) {
    ChunkedDecoder decoder;
    const auto decoded = decode(decoder, kText, piece);
    ASSERT_TRUE(decoded.has_value()) << piece;
    EXPECT_EQ(decoded->body, "hello world");
    EXPECT_EQ(decoded->rest, "NEXT");
    EXPECT_TRUE(decoded->done);
    EXPECT_EQ(decoder.trailers().find("x-sum"), "abc");
    EXPECT_EQ(decoder.trailers().size(), 2u);
  }
}

TEST(Chunked, ShowsTheExtensionOfTheCurrentChunk) {
  ChunkedDecoder decoder;
  const std::string text = "3;chunk-signature=ab\r\nxyz\r\n0;chunk-signature=cd\r\n\r\n";
  const auto step = decoder.next(as_bytes(text));
  ASSERT_TRUE(step.has_value());
  EXPECT_EQ(as_text(step->data), "xyz");
  EXPECT_EQ(decoder.extension(), ";chunk-signature=ab");
  EXPECT_EQ(decoder.chunk_remaining(), 0u);
  ASSERT_TRUE(decoder.next(as_bytes(text).subspan(step->consumed)).has_value());
  EXPECT_TRUE(decoder.done());
  EXPECT_EQ(decoder.extension(), ";chunk-signature=cd");
}

TEST(Chunked, TruncationIsNotTheEnd) {
  constexpr std::string_view kText = "3\r\nabc\r\n0\r\n\r\n";
  for (std::size_t size = 0; size < kText.size(); ++size) {
    ChunkedDecoder decoder;
    const auto decoded = decode(decoder, kText.substr(0, size), 100);
    ASSERT_TRUE(decoded.has_value());
    EXPECT_FALSE(decoded->done) << size;
  }
}

TEST(Chunked, RefusesTheMalformedAndStaysFailed) {
  for (std::string_view text :
       {"\r\nabc", "x\r\n", "-1\r\n", "+1\r\na\r\n", "0x1\r\na\r\n", "1\na\r\n", "1\r\nab\r\n",
        "1\r\na\n", "1 2\r\na\r\n", "1;a\rb\r\na\r\n", "10000000000000000\r\n",
        "0\r\nbad trailer\r\n\r\n", "0\r\nA: b\n\r\n\r\n"}) {
    ChunkedDecoder decoder;
    EXPECT_FALSE(decode(decoder, text, 100).has_value()) << text;
    EXPECT_FALSE(decoder.next(as_bytes("0\r\n\r\n")).has_value()) << text;
    EXPECT_FALSE(decoder.done());
  }
}

TEST(Chunked, EndlessLinesAndTrailersAreCutOff) {
  for (std::string start : {"1;", "0\r\nA: ", "0\r\n"}) {
    std::string text = start;
    while (text.size() < 40'000) text += start == "0\r\n" ? "a:b\r\n" : "aaaa";
    for (std::size_t piece : {std::size_t{100}, text.size()}) {
      ChunkedDecoder decoder;
      const auto decoded = decode(decoder, text, piece);
      ASSERT_FALSE(decoded.has_value());
      EXPECT_EQ(decoded.error().kind, ErrorKind::kLimit);
    }
  }
}

TEST(Chunked, DecodingUndoesEncoding) {
  Random random(9);
  for (int round = 0; round < 500; ++round) {
    std::string body;
    std::string text;
    for (std::uint64_t i = random.below(6); i > 0; --i) {
      const std::string chunk(1 + random.below(300), static_cast<char>(random.next()));
      text += make_chunk_head(chunk.size(), random.chance(0.3) ? ";a=b" : "") + chunk + "\r\n";
      body += chunk;
    }
    text += make_chunk_head(0) + "\r\n";
    ChunkedDecoder decoder;
    const auto decoded = decode(decoder, text, 1 + random.below(64));
    ASSERT_TRUE(decoded.has_value());
    EXPECT_EQ(decoded->body, body);
    EXPECT_TRUE(decoded->done);
  }
}

}  // namespace
}  // namespace telpher
