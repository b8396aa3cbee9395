#include "cli/removal.h"

#include "store/layers/forwarding_store.h"
#include "store/memory/memory_store.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace telpher {
namespace {

/// Answers requests for many keys as told, and counts requests for one.
class PickyStore : public ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;

  Task<Result<std::vector<RemoveFailure>>> remove_many(std::string bucket,
                                                       std::vector<std::string> keys) override {
    ++batches;
    if (refuses_batches) co_return make_error(ErrorKind::kUnsupported, "not implemented");
    std::vector<RemoveFailure> failures;
    std::vector<std::string> others;
    for (std::string& key : keys) {
      if (busy.contains(key)) {
        failures.push_back({key, make_temporary_error(ErrorKind::kServer, "InternalError")});
      } else if (locked.contains(key)) {
        failures.push_back({key, make_error(ErrorKind::kDenied, "AccessDenied")});
      } else {
        others.push_back(std::move(key));
      }
    }
    CO_TRY_VOID(co_await ForwardingStore::remove_many(std::move(bucket), std::move(others)));
    co_return failures;
  }
  Task<Result<void>> remove(ObjectAddress object, std::string if_match) override {
    ++singles;
    return ForwardingStore::remove(std::move(object), std::move(if_match));
  }

  std::set<std::string> busy;
  std::set<std::string> locked;
  bool refuses_batches = false;
  int batches = 0;
  int singles = 0;
};

struct Bed {
  explicit Bed(int objects) : count(objects) {
    EXPECT_TRUE(loop.run(memory.create_bucket("bucket")));
    for (int i = 0; i < objects; ++i) {
      EXPECT_TRUE(loop.run(memory.put({"bucket", key(i)}, Body::of({}), {})));
    }
  }
  static std::string key(int i) { return "key" + std::to_string(i); }
  void remove() {
    int next = 0;
    EXPECT_TRUE(loop.run(removal.remove_listed(&store, Address::Kind::kS3, "bucket",
                                               [&]() -> Result<std::optional<std::string>> {
                                                 if (next == count) return std::nullopt;
                                                 return key(next++);
                                               })));
  }
  std::size_t left() { return loop.run(memory.list("bucket", {})).value().objects.size(); }

  Loop loop{Loop::Mode::kVirtual, 1};
  MemoryStore memory;
  PickyStore store{memory};
  ItemReport report{kWrites, false};
  CountView view{loop, false};
  Removal removal{{}, report, view};
  int count;
};

TEST(Removal, AThousandKeysInARequest) {
  Bed bed(2001);
  bed.remove();
  EXPECT_EQ(bed.store.batches, 3);
  EXPECT_EQ(bed.store.singles, 0);
  EXPECT_EQ(bed.left(), 0u);
  EXPECT_EQ(bed.removal.removed(), 2001u);
  EXPECT_EQ(bed.report.exit_code(), kExitDone);
}

TEST(Removal, KeysThatAreBusyAreAskedForOneByOne) {
  Bed bed(10);
  bed.store.busy = {"key3", "key7"};
  bed.remove();
  EXPECT_EQ(bed.store.singles, 2);
  EXPECT_EQ(bed.left(), 0u);
  EXPECT_EQ(bed.removal.removed(), 10u);
}

TEST(Removal, KeysThatAreRefusedFailAndTheOthersGo) {
  Bed bed(10);
  bed.store.locked = {"key3"};
  bed.remove();
  EXPECT_EQ(bed.left(), 1u);
  EXPECT_EQ(bed.removal.removed(), 9u);
  EXPECT_EQ(bed.removal.failed(), 1u);
  EXPECT_EQ(bed.report.exit_code(), kExitSomeFailed);
}

TEST(Removal, AStoreWithoutBatchesIsAskedOnce) {
  Bed bed(2500);
  bed.store.refuses_batches = true;
  bed.remove();
  EXPECT_EQ(bed.store.singles, 2500);
  EXPECT_LE(bed.store.batches, 3);
  EXPECT_EQ(bed.left(), 0u);
}

}  // namespace
}  // namespace telpher
