// The contract on our own stores.

#include "store/layers/adaptive.h"
#include "store/layers/chaos.h"
#include "store/layers/limit.h"
#include "store/layers/metrics.h"
#include "store/layers/retry.h"
#include "store/layers/timeout.h"
#include "store/local/local_store.h"
#include "store/memory/memory_store.h"
#include "tests/contract/object_store_contract.h"

#include <cstdlib>
#include <filesystem>

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
  std::unique_ptr<StoreMetrics> metrics_ = std::make_unique<StoreMetrics>();
  ChaosStore chaos_{MemorySubject::store(), injector_};
  TimeoutStore timeout_{chaos_, {std::chrono::seconds(30), std::chrono::seconds(60)}};
  AdaptiveStore adaptive_{timeout_, 16};
  RetryStore retry_{adaptive_, quota_, retry_stats_};
  MetricsStore counted_{retry_, *metrics_};
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
    std::string name = (std::filesystem::temp_directory_path() / "telpher-XXXXXX").string();
    root_ = ::mkdtemp(name.data());
    options.root = root_ + "/store";
    Result<std::unique_ptr<LocalStore>> opened = LocalStore::open(std::move(options));
    if (!opened) ADD_FAILURE() << opened.error().message;
    store_ = std::move(opened).value();
  }
  ~LocalSubject() override {
    store_.reset();
    std::filesystem::remove_all(root_);
  }
  Loop& loop() override { return loop_; }
  ObjectStore& store() override { return *store_; }

 private:
  std::string root_;
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

INSTANTIATE_TEST_SUITE_P(Local, ObjectStoreContract, ::testing::Values(&open_local));
INSTANTIATE_TEST_SUITE_P(LocalLikeS3, ObjectStoreContract, ::testing::Values(&open_local_like_s3));
INSTANTIATE_TEST_SUITE_P(Layered, ObjectStoreContract, ::testing::Values(&open_layered));
INSTANTIATE_TEST_SUITE_P(Faulty, ObjectStoreContract, ::testing::Values(&open_faulty));
INSTANTIATE_TEST_SUITE_P(Memory, ObjectStoreContract, ::testing::Values(&open_memory));
INSTANTIATE_TEST_SUITE_P(PlainMemory, ObjectStoreContract, ::testing::Values(&open_plain_memory));

}  // namespace
}  // namespace telpher
