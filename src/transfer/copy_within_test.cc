#include "base/units.h"
#include "store/layers/forwarding_store.h"
#include "tests/support/engine_bed.h"
#include "transfer/transfer.h"

#include <gtest/gtest.h>

#include <string>

namespace telpher {
namespace {

/// An engine, and a store with a bucket.
struct Bed : StoreBed {
  explicit Bed(Capabilities capabilities = {}) : StoreBed(capabilities, 64 * kMiB) {}
  /// {bucket, from} becomes {bucket, key}.
  Result<TransferResult> copy(ObjectStore& in) {
    return loop.run(copy_within(engine, in, {"bucket", "from"}, {"bucket", "key"},
                                "memory://bucket/key", options, progress));
  }
};

TEST(CopyWithin, TheStoreCopiesWithoutUs) {
  for (const std::size_t size : {std::size_t{1000}, std::size_t{300 * kMiB}}) {
    Bed bed{Capabilities{}};
    const std::string text(size, 'x');
    PutOptions put;
    put.metadata.content_type = "text/x-test";
    ASSERT_TRUE(bed.loop.run(bed.store.put({"bucket", "from"}, Body::of(as_bytes(text)), put)));
    const auto result = bed.copy(bed.store);
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_EQ(result->mode, TransferMode::kServerSideCopy);
    EXPECT_TRUE(bed.content() == text);
    EXPECT_EQ(bed.loop.run(bed.store.head({"bucket", "key"}))->metadata.content_type,
              "text/x-test");
    EXPECT_EQ(bed.stats.bytes_read.value(), 0u);
    EXPECT_EQ(bed.open_uploads(), 0u);
  }
}

/// A store that copies nothing by itself.
struct NoCopyStore final : ForwardingStore {
  using ForwardingStore::ForwardingStore;
  Task<Result<PutResult>> copy(ObjectAddress, ObjectAddress, CopyOptions) override {
    co_return make_error(ErrorKind::kUnsupported, "no CopyObject here");
  }
  Task<Result<PartInfo>> copy_part(ObjectAddress, ByteRange, ObjectAddress, std::string, PartNumber,
                                   std::string) override {
    co_return make_error(ErrorKind::kUnsupported, "no UploadPartCopy here");
  }
};

TEST(CopyWithin, WhatTheStoreCannotCopyIsReadAndWritten) {
  for (const std::size_t size : {std::size_t{1000}, std::size_t{70 * kMiB}}) {
    Capabilities can;
    can.part_size_min = 64 * kKiB;
    Bed bed{can};
    NoCopyStore store(bed.store);
    const std::string text = random_text(size);
    PutOptions put;
    put.metadata.content_type = "text/x-test";
    put.metadata.cache_control = "max-age=1";
    put.metadata.user["colour"] = "red";
    ASSERT_TRUE(bed.loop.run(bed.store.put({"bucket", "from"}, Body::of(as_bytes(text)), put)));
    const auto result = bed.copy(store);
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_TRUE(bed.content() == text);
    const auto made = bed.loop.run(bed.store.head({"bucket", "key"}));
    EXPECT_EQ(made->metadata.content_type, "text/x-test");
    EXPECT_EQ(made->metadata.cache_control, "max-age=1");
    EXPECT_EQ(made->metadata.user.at("colour"), "red");
    EXPECT_EQ(bed.open_uploads(), 0u);
  }
}

/// A store whose copies are cut short; `replaced`: somebody else writes there before anyone looks.
struct ShortCopyStore final : ForwardingStore {
  ShortCopyStore(ObjectStore& inner, bool replaced) : ForwardingStore(inner), replaced_(replaced) {}
  Task<Result<PutResult>> copy(ObjectAddress, ObjectAddress to, CopyOptions) override {
    CO_TRY(PutResult made, co_await inner().put(to, Body::of(as_bytes("sho")), PutOptions{}));
    if (replaced_) {
      CO_TRY_VOID(co_await inner().put(to, Body::of(as_bytes("theirs")), PutOptions{}));
    }
    co_return made;
  }

 private:
  const bool replaced_;
};

TEST(CopyWithin, ACopyOfAnotherLengthDoesNotStay) {
  for (const bool replaced : {false, true}) {
    Bed bed;
    ShortCopyStore store(bed.store, replaced);
    ASSERT_TRUE(bed.loop.run(bed.store.put({"bucket", "from"}, Body::of(as_bytes("short")), {})));
    const auto result = bed.copy(store);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().kind, replaced ? ErrorKind::kConflict : ErrorKind::kCorrupt);
    EXPECT_EQ(bed.content(), replaced ? std::optional<std::string>("theirs") : std::nullopt);
  }
}

TEST(CopyWithin, AnExpectedDigestIsProvenOrNothingAppears) {
  for (const ChecksumAlgorithm algorithm :
       {ChecksumAlgorithm::kSha256, ChecksumAlgorithm::kCrc64Nvme}) {
    for (const bool right : {true, false}) {
      Bed bed;
      const std::string text = random_text(1000);
      ASSERT_TRUE(bed.loop.run(bed.store.put({"bucket", "from"}, Body::of(as_bytes(text)), {})));
      bed.options.part_size = {};
      bed.options.expect = checksum_of(algorithm, as_bytes(right ? text : "other"));
      const auto result = bed.copy(bed.store);
      EXPECT_EQ(result.has_value(), right) << to_string(algorithm);
      EXPECT_EQ(bed.content().has_value(), right);
    }
  }
}

TEST(CopyWithin, NewMetadataIsMergedIntoTheOld) {
  Bed bed;
  PutOptions put;
  put.metadata.content_type = "text/old";
  put.metadata.cache_control = "max-age=1";
  put.metadata.user["k"] = "old";
  ASSERT_TRUE(bed.loop.run(bed.store.put({"bucket", "from"}, Body::of(as_bytes("hello")), put)));
  bed.options.metadata.content_type = "text/new";
  bed.options.metadata.user["k"] = "new";
  ASSERT_TRUE(bed.copy(bed.store));
  const auto made = bed.loop.run(bed.store.head({"bucket", "key"}));
  EXPECT_EQ(made->metadata.content_type, "text/new");
  EXPECT_EQ(made->metadata.cache_control, "max-age=1");
  EXPECT_EQ(made->metadata.user.at("k"), "new");
}

}  // namespace
}  // namespace telpher
