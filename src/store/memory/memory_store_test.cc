#include "store/memory/memory_store.h"

#include "runtime/loop.h"

#include <gtest/gtest.h>

namespace telpher {
namespace {

TEST(MemoryStore, PutThenGet) {
  Loop loop(Loop::Mode::kVirtual, 1);
  MemoryStore store;
  ASSERT_TRUE(loop.run(store.create_bucket("bucket")));
  const auto put = loop.run(store.put({"bucket", "key"}, Body::of(as_bytes("hello")), {}));
  ASSERT_TRUE(put);
  EXPECT_EQ(put->etag, "\"5d41402abc4b2a76b9719d911017c592\"");
  EXPECT_EQ(store.content("bucket", "key"), "hello");
}

TEST(MemoryStore, RefusesWhatItsCapabilitiesLack) {
  Loop loop(Loop::Mode::kVirtual, 1);
  MemoryStore store({.checksums = false, .conditional_writes = false, .tagging = false});
  ASSERT_TRUE(loop.run(store.create_bucket("bucket")));
  const Body body = Body::of(as_bytes("hello"));
  const Digest digest = checksum_of(ChecksumAlgorithm::kCrc64Nvme, as_bytes("hello"));
  const auto with_checksum = loop.run(store.put({"bucket", "key"}, body, {.checksum = digest}));
  ASSERT_FALSE(with_checksum);
  EXPECT_EQ(with_checksum.error().kind, ErrorKind::kUnsupported);
  const auto conditional =
      loop.run(store.put({"bucket", "key"}, body, {.condition = {.if_none_match = true}}));
  ASSERT_FALSE(conditional);
  EXPECT_EQ(conditional.error().kind, ErrorKind::kUnsupported);
  EXPECT_EQ(loop.run(store.tags({"bucket", "key"})).error().kind, ErrorKind::kUnsupported);
  const auto plain = loop.run(store.put({"bucket", "key"}, body, {}));
  ASSERT_TRUE(plain);
  EXPECT_FALSE(plain->checksum);
}

}  // namespace
}  // namespace telpher
