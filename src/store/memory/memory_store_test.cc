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

TEST(MemoryStore, HoldsNoMoreThanItMay) {
  Loop loop(Loop::Mode::kVirtual, 1);
  MemoryStore store(Capabilities{.part_size_min = 1}, 1000);
  const std::string bytes(600, 'x');
  const auto put = [&](const std::string& key) {
    return loop.run(store.put({"bucket", key}, Body::of(as_bytes(bytes)), {}));
  };
  ASSERT_TRUE(loop.run(store.create_bucket("bucket")));
  ASSERT_TRUE(put("a"));
  const auto refused = put("b");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kLimit);
  EXPECT_EQ(refused.error().context.code, "InsufficientStorage");
  EXPECT_FALSE(store.content("bucket", "b"));
  EXPECT_EQ(store.bytes_held(), 600U);
  ASSERT_TRUE(loop.run(store.copy({"bucket", "a"}, {"bucket", "copy"}, {})));
  EXPECT_EQ(store.bytes_held(), 600U) << "copies share their bytes";
  ASSERT_TRUE(loop.run(store.remove_many("bucket", {"a", "copy"})));
  EXPECT_EQ(store.bytes_held(), 0U);

  const std::string id = loop.run(store.create_upload({"bucket", "c"}, {})).value();
  const auto put_part = [&](PartNumber number) {
    return loop.run(
        store.put_part({"bucket", "c"}, id, number, Body::of(as_bytes(bytes).first(400)), {}));
  };
  const auto first = put_part(1);
  ASSERT_TRUE(first && put_part(2));
  EXPECT_EQ(put_part(3).error().context.code, "InsufficientStorage");
  ASSERT_TRUE(loop.run(store.complete({"bucket", "c"}, id, {*first}, {})));
  EXPECT_EQ(store.bytes_held(), 400U) << "what was not named is gone";
  ASSERT_TRUE(put("d"));
  ASSERT_TRUE(loop.run(store.remove({"bucket", "c"})));
  ASSERT_TRUE(loop.run(store.remove({"bucket", "d"})));
  EXPECT_EQ(store.bytes_held(), 0U);
}

}  // namespace
}  // namespace telpher
