#include "runtime/loop.h"
#include "store/local/local_store.h"
#include "tests/support/forwarding_disk.h"
#include "tests/support/temporary_directory.h"

#include <gtest/gtest.h>

#include <functional>

namespace telpher {
namespace {

Task<Result<std::string>> read(ObjectStore* store, ObjectAddress object) {
  CO_TRY(const GetResult got, co_await store->get(object, {}));
  std::string content(got.length, '\0');
  CO_TRY([[maybe_unused]] const std::size_t count,
         co_await read_full(*got.body,
                            {reinterpret_cast<std::byte*>(content.data()), content.size()}));
  co_return content;
}

/// Calls `before` once, when the `at`-th data file from then on is opened.
class DisturbedDisk final : public ForwardingDisk {
 public:
  Result<UniqueFd> open(const std::string& path) override {
    if (path.find("/data/") != std::string::npos && at > 0 && --at == 0) before();
    return real_disk().open(path);
  }
  int at = 0;
  std::function<void()> before;
};

TEST(LocalStoreGet, AnObjectReplacedBetweenLookUpAndOpenIsLookedUpAgain) {
  const TemporaryDirectory folder;
  Loop loop;
  const std::string old(300'000, 'o');
  const std::string small(500, 's');
  const std::string large(200'000, 'l');
  DisturbedDisk disk;
  const auto store = LocalStore::open({.root = folder.path(), .disk = &disk}).value();
  ASSERT_TRUE(loop.run(store->create_bucket("bucket")));
  const ObjectAddress object{"bucket", "key"};
  for (const std::string& next : {small, large}) {
    for (const int at : {1, 2}) {  // of the files of its two parts
      const std::string id = loop.run(store->create_upload(object, {})).value();
      const auto one = loop.run(store->put_part(object, id, 1, Body::of(as_bytes(old)), {}));
      const auto two = loop.run(store->put_part(object, id, 2, Body::of(as_bytes(old)), {}));
      ASSERT_TRUE(one && two && loop.run(store->complete(object, id, {*one, *two}, {})));
      disk.before = [&] {
        Loop others;
        const auto other = LocalStore::open({.root = folder.path()}).value();
        EXPECT_TRUE(others.run(other->put(object, Body::of(as_bytes(next)), {})));
      };
      disk.at = at;
      const Result<std::string> got = loop.run(read(store.get(), object));
      ASSERT_TRUE(got) << got.error().message;
      EXPECT_EQ(disk.at, 0);
      EXPECT_TRUE(*got == next);
    }
  }
}

}  // namespace
}  // namespace telpher
