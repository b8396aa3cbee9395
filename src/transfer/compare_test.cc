#include "transfer/compare.h"

#include "base/units.h"
#include "tests/support/engine_bed.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>

namespace telpher {
namespace {

/// Bytes in memory that count how often they are read.
class Text : public Source {
 public:
  explicit Text(std::string text) : text_(std::move(text)) {
    info.size = text_.size();
    info.ranges = info.rereadable = true;
    info.name = "name";
  }
  Text& with(ChecksumAlgorithm algorithm) {
    info.digest = checksum_of(algorithm, std::as_bytes(std::span(text_)));
    return *this;
  }
  Text& with_etag(std::string etag) {
    info.validator = std::move(etag);
    return *this;
  }
  Text& with_md5() {
    const Digest md5 = checksum_of(ChecksumAlgorithm::kMd5, std::as_bytes(std::span(text_)));
    return with_etag('"' + md5.to_hex() + '"');
  }
  Text& as_pipe() {
    info.size.reset();
    info.ranges = info.rereadable = false;
    return *this;
  }
  Task<Result<SourceInfo>> probe() override { co_return info; }
  Task<Result<std::unique_ptr<ByteReader>>> open(std::optional<ByteRange>, SourceInfo) override {
    ++reads;
    co_return std::make_unique<Reader>(text_);
  }
  std::string redacted_address() const override { return "test://text"; }
  std::string identity() const override { return "test://text"; }

  SourceInfo info;
  int reads = 0;

 private:
  struct Reader : ByteReader {
    explicit Reader(std::string_view all) : text(all) {}
    Task<Result<std::size_t>> read_some(MutableBytes buffer) override {
      const std::size_t count = std::min({buffer.size(), text.size(), std::size_t{100'000}});
      std::memcpy(buffer.data(), text.data(), count);
      text.remove_prefix(count);
      co_return count;
    }
    std::string_view text;
  };
  std::string text_;
};

struct Bed : EngineBed {
  Comparison compared(Text& a, Text& b, CompareOptions how = {}) {
    return loop.run(compare(engine, {a, true}, {b, true}, how)).value();
  }
};

TEST(Compare, ChecksumsOfBothEndsProveWithoutReading) {
  Bed bed;
  Text a = Text("abc").with(ChecksumAlgorithm::kCrc64Nvme);
  Text same = Text("abc").with(ChecksumAlgorithm::kCrc64Nvme);
  Text other = Text("abd").with(ChecksumAlgorithm::kCrc64Nvme);
  EXPECT_TRUE(bed.compared(a, same).same);
  EXPECT_EQ(bed.compared(a, same).how, "crc64nvme at both ends");
  EXPECT_FALSE(bed.compared(a, other).same);
  EXPECT_EQ(a.reads + same.reads + other.reads, 0);
}

TEST(Compare, SizesThatDifferNeedNoReading) {
  Bed bed;
  Text a("abc");
  Text b("abcd");
  const Comparison compared = bed.compared(a, b);
  EXPECT_FALSE(compared.same);
  EXPECT_EQ(compared.difference, "3 and 4 bytes");
  EXPECT_EQ(a.reads + b.reads, 0);
}

TEST(Compare, AChecksumOfOneEndSavesItsReading) {
  Bed bed;
  Text plain("abc");
  Text known = Text("abc").with(ChecksumAlgorithm::kSha256);
  EXPECT_TRUE(bed.compared(plain, known).same);
  EXPECT_EQ(bed.compared(known, plain).how, "sha256 of the first, the second was read");
  EXPECT_EQ(known.reads, 0);
  EXPECT_EQ(plain.reads, 2);
  Text wrong = Text("abd").with(ChecksumAlgorithm::kSha256);
  EXPECT_FALSE(bed.compared(plain, wrong).same);
}

TEST(Compare, ChecksumsOfTwoAlgorithmsAreNotCompared) {
  Bed bed;
  Text a = Text("abc").with(ChecksumAlgorithm::kSha256);
  Text b = Text("abc").with(ChecksumAlgorithm::kCrc32c);
  EXPECT_TRUE(bed.compared(a, b).same);
  EXPECT_EQ(a.reads, 1);
}

TEST(Compare, EqualMd5EtagsProve) {
  Bed bed;
  Text a = Text("abc").with_md5();
  Text b = Text("abc").with_md5();
  EXPECT_EQ(bed.compared(a, b).how, "MD5 (ETag) at both ends");
  EXPECT_EQ(a.reads + b.reads, 0);
}

TEST(Compare, EtagsThatDifferProveNothing) {
  Bed bed;
  Text a = Text("abc").with_etag("\"0123456789abcdef0123456789abcdef\"");  // encrypted
  Text b = Text("abc").with_md5();
  EXPECT_TRUE(bed.compared(a, b).same);
  Text parts = Text("abc").with_etag("\"0123456789abcdef0123456789abcdef-2\"");
  EXPECT_TRUE(bed.compared(parts, parts).same);
  EXPECT_GT(parts.reads, 0);
}

TEST(Compare, EtagsOfStoresThatMakeThemOtherwiseAreNotUsed) {
  Bed bed;
  Text a = Text("abc").with_etag("\"0123456789abcdef0123456789abcdef\"");
  Text b = Text("abd").with_etag("\"0123456789abcdef0123456789abcdef\"");
  const Result<Comparison> compared = bed.loop.run(compare(bed.engine, {a, false}, {b, true}, {}));
  EXPECT_FALSE(compared->same);
}

TEST(Compare, ReadingFindsTheFirstByteThatDiffers) {
  Bed bed;
  std::string text = random_text(3 * kMiB);
  Text a(text);
  text[2'500'000] ^= 1;
  Text b(text);
  const Comparison compared = bed.compared(a, b);
  EXPECT_FALSE(compared.same);
  EXPECT_EQ(compared.difference, "first at byte 2500000");
}

TEST(Compare, APipeIsReadOnceAndItsEndIsSeen) {
  Bed bed;
  for (const std::size_t size : {std::size_t{0}, std::size_t{kMiB}, std::size_t{kMiB + 1}}) {
    const std::string text = random_text(size);
    Text pipe = Text(text).as_pipe();
    Text same(text);
    EXPECT_TRUE(bed.compared(pipe, same).same);
    EXPECT_EQ(pipe.reads, 1);
    Text longer(text + "x");
    EXPECT_EQ(bed.compared(pipe, longer).difference,
              "the first ends at byte " + std::to_string(size));
    Text md5 = Text(text).with_md5();
    EXPECT_TRUE(bed.compared(pipe, md5).same);
    EXPECT_EQ(pipe.reads, 3);
  }
}

TEST(Compare, ReadingBothTrustsNoChecksum) {
  Bed bed;
  Text a = Text("abc").with(ChecksumAlgorithm::kCrc64Nvme);
  Text liar = Text("abd");
  liar.info.digest = a.info.digest;
  EXPECT_TRUE(bed.compared(a, liar).same);
  EXPECT_FALSE(bed.compared(a, liar, {.read_both = true}).same);
}

}  // namespace
}  // namespace telpher
