// The contract on our own stores.

#include "runtime/task_group.h"
#include "store/layers/adaptive.h"
#include "store/layers/chaos.h"
#include "store/layers/limit.h"
#include "store/layers/metrics.h"
#include "store/layers/retry.h"
#include "store/layers/timeout.h"
#include "store/local/local_store.h"
#include "store/memory/memory_store.h"
#include "tests/contract/object_store_contract.h"
#include "tests/support/temporary_directory.h"

#include <algorithm>
#include <cstdlib>
#include <map>

namespace telpher {
namespace {

class MemorySubject : public ContractSubject {
 public:
  explicit MemorySubject(Capabilities capabilities) : store_(capabilities) {}
  Loop& loop() override { return loop_; }
  ObjectStore& store() override { return store_; }

 private:
  Loop loop_{Loop::Mode::kVirtual, 1};
  MemoryStore store_;
};

std::unique_ptr<ContractSubject> open_memory() {
  return std::make_unique<MemorySubject>(Capabilities{});
}

std::unique_ptr<ContractSubject> open_plain_memory() {
  return std::make_unique<MemorySubject>(Capabilities{.part_size_min = 1000,
                                                      .parts_max = 100,
                                                      .checksums = false,
                                                      .etag_is_md5 = false,
                                                      .conditional_writes = false,
                                                      .conditional_complete = false,
                                                      .conditional_removes = false,
                                                      .server_side_copy = false,
                                                      .tagging = false});
}

/// All layers in their order over a store that fails now and then.
class LayeredSubject : public MemorySubject {
 public:
  explicit LayeredSubject(FaultScript script)
      : MemorySubject(Capabilities{}), injector_(std::move(script)) {}
  ObjectStore& store() override { return limit_; }

 private:
  FaultInjector injector_;
  RetryQuota quota_;
  RetryStats retry_stats_;
  OperationRegistry metrics_;
  ChaosStore chaos_{MemorySubject::store(), injector_};
  TimeoutStore timeout_{chaos_, {std::chrono::seconds(30), std::chrono::seconds(60)}};
  AdaptiveStore adaptive_{timeout_, 16};
  RetryStore retry_{adaptive_, quota_, retry_stats_};
  MetricsStore counted_{retry_, metrics_, "s3_"};
  LimitStore limit_{counted_, 16};
};

std::unique_ptr<ContractSubject> open_layered() {
  return std::make_unique<LayeredSubject>(FaultScript{});
}

/// What the wire and the store do wrong must not show above the retry layer. Lost answers of Create
/// leave uploads behind, so those only fail before they run.
std::unique_ptr<ContractSubject> open_faulty() {
  FaultScript script{.seed = 11};
  script.rules = {
      {.probability = 0.05, .what = FaultKind::kStatus, .status = 503},
      {.probability = 0.1, .what = FaultKind::kStatus, .status = 500},
      {.on = Operation::kPutObject, .probability = 0.1, .what = FaultKind::kLoseAnswer},
      {.on = Operation::kPutPart, .probability = 0.1, .what = FaultKind::kLoseAnswer},
      {.on = Operation::kComplete, .probability = 0.3, .what = FaultKind::kLoseAnswer},
      {.on = Operation::kCopyObject, .probability = 0.1, .what = FaultKind::kErrorAfter},
      {.on = Operation::kDeleteBucket, .probability = 0.3, .what = FaultKind::kErrorAfter},
      {.on = Operation::kComplete, .probability = 0.1, .what = FaultKind::kErrorIn200},
      {.probability = 0.1, .what = FaultKind::kDelay, .delay_max = std::chrono::seconds(2)},
  };
  return std::make_unique<LayeredSubject>(std::move(script));
}

/// In a folder of its own, on the worker threads of a real loop.
class LocalSubject : public ContractSubject {
 public:
  explicit LocalSubject(LocalStoreOptions options) {
    options.root = root_.path() + "/store";
    Result<std::unique_ptr<LocalStore>> opened = LocalStore::open(std::move(options));
    if (!opened) ADD_FAILURE() << opened.error().message;
    store_ = std::move(opened).value();
  }
  Loop& loop() override { return loop_; }
  ObjectStore& store() override { return *store_; }

 private:
  const TemporaryDirectory root_;
  Loop loop_;
  std::unique_ptr<LocalStore> store_;
};

std::unique_ptr<ContractSubject> open_local() {
  return std::make_unique<LocalSubject>(LocalStoreOptions{.durable = false});
}

std::unique_ptr<ContractSubject> open_local_like_s3() {
  return std::make_unique<LocalSubject>(
      LocalStoreOptions{.md5_etags = true, .part_size_min = 5 * 1024 * 1024});
}

/// What only our own backends keep, and the layers hand on.
class OwnStoreContract : public ObjectStoreContract {};

TEST_P(OwnStoreContract, BucketsHaveOwners) {
  const std::string name = bucket_ + "-owned";
  ASSERT_TRUE(run(store().create_bucket(name, "alice")));
  EXPECT_TRUE(run(store().create_bucket(name, "alice"))) << "again";
  const Result<void> refused = run(store().create_bucket(name, "bob"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kConflict);
  EXPECT_EQ(refused.error().context.code, "BucketAlreadyExists");
  const Result<BucketInfo> info = run(store().head_bucket(name));
  ASSERT_TRUE(info);
  EXPECT_EQ(info->name, name);
  EXPECT_EQ(info->owner, "alice");
  EXPECT_GT(info->created.time_since_epoch().count(), 0);
  const auto buckets = run(store().list_buckets());
  const auto listed = std::ranges::find(*buckets, name, &BucketInfo::name);
  ASSERT_NE(listed, buckets->end());
  EXPECT_EQ(listed->owner, "alice");
  EXPECT_TRUE(run(store().remove_bucket(name)));
}

TEST_P(OwnStoreContract, AnObjectSaysWhatPartsItWasMadeOf) {
  const ChecksumAlgorithm algorithm =
      capabilities().checksums ? ChecksumAlgorithm::kCrc32 : ChecksumAlgorithm::kNone;
  const Result<std::string> id =
      run(store().create_upload(at("key"), {.checksum = algorithm, .composite = true}));
  ASSERT_TRUE(id);
  const std::string bytes =
      test_content(std::max<ByteCount>(capabilities().part_size_min, 100'000), 1);
  const PartInfo two = put_part("key", *id, 2, bytes).value();
  const PartInfo seven = put_part("key", *id, 7, "seven").value();
  CompleteOptions options;
  if (capabilities().checksums) {
    Checksum joined(algorithm);
    joined.update(two.checksum->bytes());
    joined.update(seven.checksum->bytes());
    options.checksum = joined.finish();
    options.checksum_parts = 2;
    CompleteOptions wrong = options;
    wrong.checksum_parts = 3;
    EXPECT_EQ(run(store().complete(at("key"), *id, {two, seven}, wrong)).error().kind,
              ErrorKind::kCorrupt);
    wrong = options;
    wrong.checksum_parts = 0;
    EXPECT_EQ(run(store().complete(at("key"), *id, {two, seven}, wrong)).error().kind,
              ErrorKind::kInvalid)
        << "a full-object checksum of a composite upload";
  }
  ASSERT_TRUE(run(store().complete(at("key"), *id, {two, seven}, options)));
  const Result<ObjectInfo> info = run(store().head(at("key")));
  ASSERT_TRUE(info && info->parts);
  ASSERT_EQ(info->parts->size(), 2U);
  EXPECT_EQ((*info->parts)[0].number, 2);
  EXPECT_EQ((*info->parts)[0].size, bytes.size());
  EXPECT_EQ((*info->parts)[0].checksum, two.checksum);
  EXPECT_EQ((*info->parts)[1].number, 7);
  EXPECT_EQ((*info->parts)[1].size, 5U);
  if (!capabilities().server_side_copy) return;
  ASSERT_TRUE(run(store().copy(at("key"), at("copy"), {})));
  const Result<ObjectInfo> copy = run(store().head(at("copy")));
  ASSERT_TRUE(copy);
  EXPECT_FALSE(copy->parts);
  EXPECT_EQ(copy->checksum->parts, 0);
  EXPECT_EQ(copy->etag.find('-') != std::string::npos, !capabilities().etag_is_md5);
}

std::string version_of(int writer, int version) {
  return test_content(static_cast<std::size_t>(writer % 3 == 0 ? 200'000 : 5'000),
                      static_cast<std::uint64_t>(writer * 1000 + version));
}

struct OneKey {
  ObjectStore& store;
  const ObjectAddress object;
  std::map<std::string, int> known;  // content by digest
  std::string last;                  // acknowledged last
  int writers = 0;
  int mixed = 0;
};

std::string digest_of(std::string_view content) {
  return checksum_of(ChecksumAlgorithm::kSha256, as_bytes(content)).to_hex();
}

Task<Result<void>> write_versions(OneKey* key, int writer) {
  for (int version = 0; version < 10; ++version) {
    const std::string content = version_of(writer, version);
    key->known[digest_of(content)] = writer;
    const auto put = co_await key->store.put(key->object, Body::of(as_bytes(content)), {});
    if (!put) co_return put.error();
    key->last = digest_of(content);
  }
  --key->writers;
  co_return Result<void>();
}

Task<Result<void>> read_versions(OneKey* key) {
  while (key->writers > 0) {
    CO_TRY(const GetResult got, co_await key->store.get(key->object, {}));
    std::string content(got.length, '\0');
    CO_TRY_VOID(co_await read_full(*got.body,
                                   {reinterpret_cast<std::byte*>(content.data()), content.size()}));
    if (!key->known.contains(digest_of(content)) || got.info.size != content.size()) ++key->mixed;
    co_await Yield();
  }
  co_return Result<void>();
}

Task<Result<void>> write_and_read(OneKey* key) {
  TaskGroup group(co_await current_context());
  key->writers = 8;
  for (int writer = 0; writer < 8; ++writer) group.spawn(write_versions(key, writer));
  for (int reader = 0; reader < 4; ++reader) group.spawn(read_versions(key));
  co_return co_await group.join();
}

TEST_P(OwnStoreContract, WritersOfOneKeyReplaceEachOtherWhole) {
  OneKey key{store(), at("key"), {}, {}};
  ASSERT_TRUE(put("key", "first"));
  key.known[digest_of("first")] = 0;
  const Result<void> ran = run(write_and_read(&key));
  ASSERT_TRUE(ran) << ran.error().message;
  EXPECT_EQ(key.mixed, 0);
  EXPECT_EQ(digest_of(content("key")), key.last) << "the write acknowledged last wins";
}

const auto kOwnStores = ::testing::Values(&open_local, &open_local_like_s3, &open_layered,
                                          &open_faulty, &open_memory, &open_plain_memory);
INSTANTIATE_TEST_SUITE_P(All, OwnStoreContract, kOwnStores);
INSTANTIATE_TEST_SUITE_P(Local, ObjectStoreContract, ::testing::Values(&open_local));
INSTANTIATE_TEST_SUITE_P(LocalLikeS3, ObjectStoreContract, ::testing::Values(&open_local_like_s3));
INSTANTIATE_TEST_SUITE_P(Layered, ObjectStoreContract, ::testing::Values(&open_layered));
INSTANTIATE_TEST_SUITE_P(Faulty, ObjectStoreContract, ::testing::Values(&open_faulty));
INSTANTIATE_TEST_SUITE_P(Memory, ObjectStoreContract, ::testing::Values(&open_memory));
INSTANTIATE_TEST_SUITE_P(PlainMemory, ObjectStoreContract, ::testing::Values(&open_plain_memory));

}  // namespace
}  // namespace telpher
