// The contract on our own stores.

#include "store/memory/memory_store.h"
#include "tests/contract/object_store_contract.h"

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

INSTANTIATE_TEST_SUITE_P(Memory, ObjectStoreContract, ::testing::Values(&open_memory));
INSTANTIATE_TEST_SUITE_P(PlainMemory, ObjectStoreContract, ::testing::Values(&open_plain_memory));

}  // namespace
}  // namespace telpher
