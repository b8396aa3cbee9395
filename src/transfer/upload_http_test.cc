// The engine and the http source together, against servers that disappoint: what appears is the
// source, byte for byte, or nothing does.

#include "base/units.h"
#include "source/http_source.h"
#include "store/memory/memory_store.h"
#include "tests/support/http_imposter.h"
#include "transfer/transfer.h"

#include <gtest/gtest.h>

namespace telpher {
namespace {

using namespace std::chrono_literals;

constexpr ByteCount kSize = 40 * kMiB + 12'345;  // three parts

ImposterRule file() { return {.path = "/f", .size = kSize, .etag = "\"v1\""}; }

ImposterRule head_only() {
  ImposterRule rule = file();
  rule.method = "HEAD";
  return rule;
}

struct Copied {
  Result<TransferResult> result;
  std::optional<std::string> content;
  ObjectMetadata metadata;
};

Copied copy(std::vector<ImposterRule> rules,
            std::chrono::milliseconds idle_timeout = std::chrono::seconds(10)) {
  const HttpImposter imposter(std::move(rules));
  Loop loop;
  const auto client = make_http_client(loop, {.idle_timeout = idle_timeout});
  HttpSourceOptions http;
  http.backoff_first = http.backoff_max = 1ms;
  const auto source = make_http_source(*client, *parse_uri(imposter.url("/f")), http);
  MemoryStore store;
  EXPECT_TRUE(loop.run(store.create_bucket("bucket")));
  BufferPool buffers(128 * kMiB);
  RateLimiter rate(0);
  TransferStats stats;
  Engine engine{buffers, nullptr, rate, stats};
  TransferProgress progress;
  Copied copied{loop.run(upload(engine, *source, store, {"bucket", "key"}, "memory://bucket/key",
                                {}, progress)),
                store.content("bucket", "key"),
                {}};
  if (copied.content) copied.metadata = loop.run(store.head({"bucket", "key"}))->metadata;
  EXPECT_TRUE(loop.run(store.list_uploads("bucket", {}))->uploads.empty());
  return copied;
}

void expect_whole(const Copied& copied) {
  ASSERT_TRUE(copied.result) << copied.result.error().message;
  EXPECT_TRUE(copied.content == imposter_content(1, {0, kSize}));
}

TEST(UploadHttp, RangesMakeTheObject) { expect_whole(copy({file()})); }

TEST(UploadHttp, RangesThatAreIgnored) {
  ImposterRule plain = file();
  plain.ranges = false;
  expect_whole(copy({plain}));
  ImposterRule liar = plain;
  liar.headers = {{"Accept-Ranges", "bytes"}};
  expect_whole(copy({liar}));
}

TEST(UploadHttp, AWrongContentRange) {
  ImposterRule shifted = file();
  shifted.content_range_shift = -1;
  expect_whole(copy({shifted}));
}

TEST(UploadHttp, BodiesThatEndEarlyGoOnWhereTheyBroke) {
  for (const bool reset : {false, true}) {
    ImposterRule broken = file();
    (reset ? broken.reset_at : broken.close_at) = 1'234'567;
    broken.times = 5;
    expect_whole(copy({head_only(), broken, file()}));
  }
}

TEST(UploadHttp, AStreamThatBreaksGoesOnByRange) {
  ImposterRule broken = file();
  broken.ranges = false;
  broken.headers = {{"Accept-Ranges", "none"}};
  ImposterRule head = broken;
  head.method = "HEAD";
  broken.times = 2;
  broken.close_at = 30 * kMiB;
  ImposterRule whole = broken;
  whole.times = -1;
  whole.close_at.reset();
  expect_whole(copy({head, broken, whole}));
}

TEST(UploadHttp, AStallIsGivenUpAndTheRestReadAnew) {
  ImposterRule stalled = file();
  stalled.stall_at = 1'000'000;
  stalled.times = 1;
  expect_whole(copy({head_only(), stalled, file()}, 300ms));
}

TEST(UploadHttp, BusyServersAreWaitedFor) {
  ImposterRule busy{.path = "/f", .times = 3, .status = 503, .headers = {{"Retry-After", "0"}}};
  expect_whole(copy({head_only(), busy, file()}));
}

TEST(UploadHttp, ASourceThatChangesNeverAppears) {
  ImposterRule first = file();
  first.times = 2;  // the probe and one part
  for (const bool conditions : {true, false}) {
    ImposterRule other = file();
    other.seed = 2;
    other.etag = "\"v2\"";
    other.conditions = conditions;
    const Copied copied = copy({first, other});
    ASSERT_FALSE(copied.result);
    EXPECT_EQ(copied.result.error().kind, ErrorKind::kSourceChanged);
    EXPECT_NE(copied.result.error().message.find("the source changed while it was being copied"),
              std::string::npos);
    EXPECT_EQ(copied.content, std::nullopt);
  }
}

TEST(UploadHttp, GzipDespiteIdentityKeepsItsName) {
  ImposterRule packed = file();
  packed.gzip = true;
  packed.size = 1000;
  const Copied copied = copy({packed});
  ASSERT_TRUE(copied.result) << copied.result.error().message;
  EXPECT_EQ(copied.metadata.content_encoding, "gzip");
  EXPECT_EQ(copied.content->substr(0, 2), "\x1f\x8b");
}

TEST(UploadHttp, AWrongDigestOfTheSourceNeverAppears) {
  ImposterRule lying = file();
  lying.headers = {{"x-goog-hash", "crc32c=AAAAAA=="}};
  const Copied copied = copy({lying});
  ASSERT_FALSE(copied.result);
  EXPECT_EQ(copied.result.error().kind, ErrorKind::kCorrupt);
  EXPECT_EQ(copied.content, std::nullopt);
}

}  // namespace
}  // namespace telpher
