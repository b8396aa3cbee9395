#include "store/memory/memory_store.h"

#include "runtime/loop.h"
#include "runtime/task_group.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <utility>

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
  MemoryStore store(Capabilities{.part_size_min = 1}, 1'010'000);
  const std::string bytes(600'000, 'x');
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
  EXPECT_EQ(store.bytes_held(), 600'000U);
  ASSERT_TRUE(loop.run(store.copy({"bucket", "a"}, {"bucket", "copy"}, {})));
  EXPECT_EQ(store.bytes_held(), 600'000U) << "copies share their bytes";
  ASSERT_TRUE(loop.run(store.remove_many("bucket", {"a", "copy"})));
  EXPECT_EQ(store.bytes_held(), 0U);

  const std::string id = loop.run(store.create_upload({"bucket", "c"}, {})).value();
  const auto put_part = [&](PartNumber number) {
    return loop.run(
        store.put_part({"bucket", "c"}, id, number, Body::of(as_bytes(bytes).first(400'000)), {}));
  };
  const auto first = put_part(1);
  ASSERT_TRUE(first && put_part(2));
  EXPECT_EQ(put_part(3).error().context.code, "InsufficientStorage");
  ASSERT_TRUE(loop.run(store.complete({"bucket", "c"}, id, {*first}, {})));
  EXPECT_EQ(store.bytes_held(), 400'000U) << "what was not named is gone";
  ASSERT_TRUE(put("d"));
  ASSERT_TRUE(loop.run(store.remove({"bucket", "c"})));
  ASSERT_TRUE(loop.run(store.remove({"bucket", "d"})));
  EXPECT_EQ(store.bytes_held(), 0U);
}

/// A client that says how much it will send, and then takes its time.
class SlowSender : public ByteReader {
 public:
  SlowSender(std::size_t arrives, std::function<void()> then)
      : left_(arrives), then_(std::move(then)) {}
  Task<Result<std::size_t>> read_some(MutableBytes buffer) override {
    const std::size_t count = std::min(buffer.size(), left_);
    std::fill_n(buffer.begin(), count, std::byte{'x'});
    left_ -= count;
    if (count > 0) co_return count;
    then_();
    co_return make_temporary_error(ErrorKind::kNetwork, "the client is gone");
  }

 private:
  std::size_t left_;
  std::function<void()> then_;
};

TEST(MemoryStore, WhatDescribesBytesCounts) {
  Loop loop(Loop::Mode::kVirtual, 1);
  MemoryStore store(Capabilities{}, 1'000'000);
  ASSERT_TRUE(loop.run(store.create_bucket("bucket")));
  const auto fill = [](auto add) {
    int count = 0;
    while (count < 10'000) {
      const auto added = add(std::to_string(count));
      if (!added) {
        EXPECT_EQ(added.error().context.code, "InsufficientStorage");
        break;
      }
      ++count;
    }
    return count;
  };
  const PutOptions described = {.metadata = {.user = {{"about", std::string(2'000, 'x')}}}};
  const auto put_empty = [&](const std::string& key) {
    return loop.run(store.put({"bucket", key}, {}, described));
  };
  const int objects = fill(put_empty);
  EXPECT_GT(objects, 200);
  EXPECT_LT(objects, 500);
  ASSERT_TRUE(loop.run(store.remove({"bucket", "0"})));
  ASSERT_TRUE(put_empty("again"));
  const Tags tags = {{"key", std::string(256, 'x')}};
  EXPECT_FALSE(loop.run(store.set_tags({"bucket", "again"}, tags)));
  ASSERT_TRUE(loop.run(store.remove({"bucket", "1"})));

  std::string last;
  const int uploads = fill([&](const std::string& key) {
    const auto id = loop.run(store.create_upload({"bucket", key}, {}));
    if (id) last = *id;
    return id;
  });
  EXPECT_GT(uploads, 0);
  EXPECT_LT(uploads, 10);
  ASSERT_TRUE(loop.run(store.abort({"bucket", std::to_string(uploads - 1)}, last)));
  EXPECT_TRUE(loop.run(store.create_upload({"bucket", "one more"}, {})));
}

TEST(MemoryStore, BytesThatAreOnlyAnnouncedTakeNoRoomFromOthers) {
  constexpr std::size_t kMiB = 1 << 20;
  Loop loop(Loop::Mode::kVirtual, 1);
  MemoryStore store({}, 8 * kMiB);
  ASSERT_TRUE(loop.run(store.create_bucket("bucket")));
  ByteCount held = 0;
  SlowSender sender(2 * kMiB, [&] { held = store.bytes_held(); });
  const auto put = loop.run(store.put({"bucket", "a"}, Body::of_stream(sender, 7 * kMiB), {}));
  ASSERT_FALSE(put);
  EXPECT_EQ(held, 2 * kMiB) << "what has come, not what was announced";
  EXPECT_EQ(store.bytes_held(), 0U) << "given back";
}

TEST(MemoryStore, TwoThatFitEachButNotTogetherAreToldSo) {
  constexpr std::size_t kMiB = 1 << 20;
  Loop loop(Loop::Mode::kVirtual, 1);
  MemoryStore store({}, 8 * kMiB);
  ASSERT_TRUE(loop.run(store.create_bucket("bucket")));
  const std::string bytes(6 * kMiB, 'y');
  SlowSender sender(6 * kMiB, [&] {});
  class Between : public ByteReader {
   public:
    Between(ByteReader& reader, std::function<void()> first) : reader_(reader), first_(first) {}
    Task<Result<std::size_t>> read_some(MutableBytes buffer) override {
      if (first_) std::exchange(first_, nullptr)();
      return reader_.read_some(buffer);
    }

   private:
    ByteReader& reader_;
    std::function<void()> first_;
  };
  std::optional<Result<PutResult>> other;
  const PutOptions plain;
  Task<Result<PutResult>> put_other =
      store.put({"bucket", "other"}, Body::of(as_bytes(bytes)), plain);
  Loop other_loop(Loop::Mode::kVirtual, 2);
  Between between(sender, [&] { other = other_loop.run(std::move(put_other)); });
  const auto put = loop.run(store.put({"bucket", "a"}, Body::of_stream(between, 6 * kMiB), plain));
  ASSERT_TRUE(other && *other);
  ASSERT_FALSE(put);
  EXPECT_EQ(put.error().context.code, "InsufficientStorage");
  EXPECT_EQ(store.bytes_held(), 6 * kMiB);
}

Task<Result<void>> count_turns(const bool* done, int* turns) {
  for (; !*done; ++*turns) co_await Yield{};
  co_return Result<void>();
}

Task<Result<void>> copy_both_ways(MemoryStore* store, std::string id, bool* done) {
  CopyOptions other_checksum;
  other_checksum.algorithm = ChecksumAlgorithm::kCrc32c;
  CO_TRY_VOID(co_await store->copy({"bucket", "a"}, {"bucket", "b"}, other_checksum));
  CO_TRY_VOID(
      co_await store->copy_part({"bucket", "a"}, {1, (8 << 20) - 1}, {"bucket", "c"}, id, 1, ""));
  *done = true;
  co_return Result<void>();
}

Task<Result<void>> copy_beside_others(MemoryStore* store, std::string id, int* turns) {
  bool done = false;
  TaskGroup group(co_await current_context());
  group.spawn(copy_both_ways(store, std::move(id), &done));
  group.spawn(count_turns(&done, turns));
  co_return co_await group.join();
}

TEST(MemoryStore, CopiesLetOthersTakeTheirTurns) {
  Loop loop(Loop::Mode::kVirtual, 1);
  MemoryStore store;
  ASSERT_TRUE(loop.run(store.create_bucket("bucket")));
  const std::string bytes(8 << 20, 'z');
  ASSERT_TRUE(loop.run(store.put({"bucket", "a"}, Body::of(as_bytes(bytes)), {})));
  const std::string id = loop.run(store.create_upload({"bucket", "c"}, {})).value();
  int turns = 0;
  ASSERT_TRUE(loop.run(copy_beside_others(&store, id, &turns)));
  EXPECT_GE(turns, 14) << "one for each MiB";
  EXPECT_EQ(store.content("bucket", "b"), bytes);
}

TEST(MemoryStore, PartsThatAreWholeObjectsShareTheirBytes) {
  Loop loop(Loop::Mode::kVirtual, 1);
  MemoryStore store;
  ASSERT_TRUE(loop.run(store.create_bucket("bucket")));
  const auto put = loop.run(store.put({"bucket", "a"}, Body::of(as_bytes("hello")), {}));
  const std::string id = loop.run(store.create_upload({"bucket", "c"}, {})).value();
  const auto part = loop.run(store.copy_part({"bucket", "a"}, {0, 5}, {"bucket", "c"}, id, 1, ""));
  ASSERT_TRUE(put && part);
  EXPECT_EQ(store.bytes_held(), 5U);
  EXPECT_EQ(part->etag, put->etag);
  EXPECT_EQ(part->checksum, put->checksum->digest);
  ASSERT_TRUE(loop.run(store.complete({"bucket", "c"}, id, {*part}, {})));
  EXPECT_EQ(store.content("bucket", "c"), "hello");
}

#ifndef __has_feature
#define __has_feature(feature) 0
#endif

TEST(MemoryStore, MemoryThatIsNotThereIsAnError) {
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
  GTEST_SKIP() << "sanitizers end the process instead";
#endif
  Loop loop(Loop::Mode::kVirtual, 1);
  MemoryStore store({.put_size_max = MemoryStore::kUnlimited});
  ASSERT_TRUE(loop.run(store.create_bucket("bucket")));
  SlowSender sender(0, [] {});
  const auto put =
      loop.run(store.put({"bucket", "a"}, Body::of_stream(sender, ByteCount{1} << 62), {}));
  ASSERT_FALSE(put);
  EXPECT_EQ(put.error().kind, ErrorKind::kLimit);
  EXPECT_EQ(put.error().context.http_status, 507);
}

}  // namespace
}  // namespace telpher
