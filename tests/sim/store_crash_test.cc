// The local store on a disk that loses what was not synced: what it acknowledged must be there,
// whole, after a power cut at any write, sync, creation or deletion of its files or its index; what
// it did not acknowledge is there whole or not at all; and what was left half-way takes no room.

#include "runtime/task_group.h"
#include "store/local/local_store.h"
#include "tests/sim/crash_volume.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string>

namespace telpher::sim {
namespace {

std::string content_of(std::uint64_t seed, std::size_t size) {
  Random random(seed);
  std::string content(size, '\0');
  for (char& c : content) c = static_cast<char>(random.next());
  return content;
}

/// What a key may hold after a crash.
class Memory {
 public:
  using Content = std::optional<std::string>;  // nullopt = no object
  void begin(const std::string& key, Content content) {
    possible_[key].push_back(std::move(content));
  }
  void acknowledge(const std::string& key) {
    certain_[key] = possible_.at(key).back();
    possible_.erase(key);
  }
  bool allows(const std::string& key, const Content& content) const {
    const auto certain = certain_.find(key);
    if (content == (certain == certain_.end() ? std::nullopt : certain->second)) return true;
    const auto possible = possible_.find(key);
    return possible != possible_.end() &&
           std::ranges::find(possible->second, content) != possible->second.end();
  }
  std::vector<std::string> keys() const {
    std::vector<std::string> keys;
    for (const auto& [key, content] : certain_) keys.push_back(key);
    return keys;
  }

 private:
  std::map<std::string, Content> certain_;
  std::map<std::string, std::vector<Content>> possible_;  // failed, or not done yet
};

Task<Result<void>> put(ObjectStore* store, Memory* memory, std::string key, std::string content) {
  memory->begin(key, content);
  CO_TRY_VOID(co_await store->put({"bucket", key}, Body::of(as_bytes(content)), {}));
  memory->acknowledge(key);
  co_return Result<void>();
}

Task<Result<void>> remove(ObjectStore* store, Memory* memory, std::string key) {
  memory->begin(key, std::nullopt);
  CO_TRY_VOID(co_await store->remove({"bucket", key}));
  memory->acknowledge(key);
  co_return Result<void>();
}

Task<Result<void>> put_in_parts(ObjectStore* store, Memory* memory, std::string key,
                                std::uint64_t seed) {
  const ObjectAddress object{"bucket", key};
  const std::string large = content_of(seed, 70'000);
  const std::string small = content_of(seed + 1, 3'000);
  CO_TRY(const std::string id, co_await store->create_upload(object, {}));
  CO_TRY(const PartInfo one,
         co_await store->put_part(object, id, 1, Body::of(as_bytes(large)), {}));
  CO_TRY_VOID(co_await store->put_part(object, id, 2, Body::of(as_bytes(large)), {}));
  CO_TRY(const PartInfo two,
         co_await store->put_part(object, id, 2, Body::of(as_bytes(small)), {}));
  memory->begin(key, large + small);
  CO_TRY_VOID(co_await store->complete(object, id, {one, two}, {}));
  memory->acknowledge(key);
  co_return Result<void>();
}

Task<Result<void>> copy(ObjectStore* store, Memory* memory, std::string from, std::string to,
                        std::string content) {
  memory->begin(to, std::move(content));
  CO_TRY_VOID(co_await store->copy({"bucket", from}, {"bucket", to}, {}));
  memory->acknowledge(to);
  co_return Result<void>();
}

/// Each lane has keys of its own, and what they write meets in group commits.
Task<Result<void>> lane(ObjectStore* store, Memory* memory, std::uint64_t number) {
  const std::string key = "lane-" + std::to_string(number);
  const std::uint64_t seed = number * 100;
  CO_TRY_VOID(co_await put(store, memory, key, content_of(seed, 700)));
  const std::string large = content_of(seed + 1, 66'000);
  CO_TRY_VOID(co_await put(store, memory, key, large));
  if (number % 2 == 0) CO_TRY_VOID(co_await copy(store, memory, key, key + "-copy", large));
  CO_TRY_VOID(co_await put(store, memory, key, content_of(seed + 2, 1'500)));
  if (number % 2 == 1) CO_TRY_VOID(co_await put_in_parts(store, memory, key, seed + 3));
  CO_TRY_VOID(co_await remove(store, memory, key));
  co_return co_await put(store, memory, key, content_of(seed + 5, 900));
}

Task<Result<void>> work(ObjectStore* store, Memory* memory) {
  CO_TRY_VOID(co_await store->create_bucket("bucket"));
  TaskGroup group(co_await current_context());
  for (std::uint64_t i = 0; i < 2; ++i) group.spawn(lane(store, memory, i));
  co_return co_await group.join();
}

class Process {
 public:
  explicit Process(Machine& machine) : vfs_(machine), volume_(vfs_) {}
  CrashVfs& vfs() { return vfs_; }
  Loop& loop() { return loop_; }
  Result<std::unique_ptr<LocalStore>> open() {
    return LocalStore::open({.root = "disk/store",
                             .durable = true,
                             .reserve = 64 * 1024,  // as small as its objects are
                             .disk = &volume_,
                             .vfs = vfs_.name()});
  }

 private:
  CrashVfs vfs_;
  CrashVolume volume_;
  Loop loop_{Loop::Mode::kVirtual, 1};
};

Task<Result<std::string>> read(ObjectStore* store, std::string key) {
  CO_TRY(const GetResult got, co_await store->get({"bucket", key}, {}));
  std::string content(got.length, '\0');
  CO_TRY(const std::size_t count,
         co_await read_full(*got.body,
                            {reinterpret_cast<std::byte*>(content.data()), content.size()}));
  EXPECT_EQ(count, content.size());
  co_return content;
}

Task<Result<void>> remove_everything(ObjectStore* store) {
  CO_TRY(const ListPage page, co_await store->list("bucket", {}));
  for (const ListEntry& entry : page.objects) {
    CO_TRY_VOID(co_await store->remove({"bucket", entry.key}));
  }
  CO_TRY(const UploadsPage uploads, co_await store->list_uploads("bucket", {}));
  for (const UploadInfo& upload : uploads.uploads) {
    CO_TRY_VOID(co_await store->abort({"bucket", upload.key}, upload.upload_id));
  }
  co_return Result<void>();
}

/// What must hold of a store that is opened after a crash.
void check(Machine& machine, const Memory& memory) {
  Process process(machine);
  {
    const auto store = process.open();
    ASSERT_TRUE(store) << store.error().message;
    Loop& loop = process.loop();
    const Result<ListPage> page = loop.run((*store)->list("bucket", {}));
    if (!page) {
      EXPECT_EQ(page.error().context.code, "NoSuchBucket");
      EXPECT_TRUE(memory.keys().empty());
      return;
    }
    std::vector<std::string> listed;
    for (const ListEntry& entry : page->objects) {
      listed.push_back(entry.key);
      const Result<std::string> content = loop.run(read(store->get(), entry.key));
      ASSERT_TRUE(content) << entry.key << ": " << content.error().message;
      EXPECT_TRUE(memory.allows(entry.key, *content)) << entry.key << " holds other bytes";
    }
    for (const std::string& key : memory.keys()) {
      if (std::ranges::find(listed, key) != listed.end()) continue;
      EXPECT_TRUE(memory.allows(key, std::nullopt)) << key << " is gone";
    }
    const Result<ScrubReport> scrubbed = loop.run((*store)->scrub({}));
    ASSERT_TRUE(scrubbed) << scrubbed.error().message;
    EXPECT_EQ(scrubbed->damaged, 0U);
    const Result<void> removed = loop.run(remove_everything(store->get()));
    ASSERT_TRUE(removed) << removed.error().message;
  }
  {
    ASSERT_TRUE(process.open());  // sweeps what the session before could not remove
  }
  for (const std::string& name : machine.disk().names()) {
    EXPECT_FALSE(name.starts_with("disk/store/data/") && !name.ends_with('/'))
        << name << " belongs to nobody";
  }
}

enum class Ending { kKilled, kPowerCutLater, kPowerCut, kPowerCutWithLuck };

/// Goes on after failures.
Task<Result<void>> lane_again(ObjectStore* store, Memory* memory, std::uint64_t first) {
  for (std::uint64_t i = 0; i < 3; ++i) {
    const Result<void> done = co_await lane(store, memory, first + 2 * i);
    if (!done) EXPECT_EQ(done.error().kind, ErrorKind::kIo) << done.error().message;
  }
  co_return Result<void>();
}

Task<Result<void>> work_on(ObjectStore* store, Memory* memory, std::uint64_t first) {
  Result<void> made = co_await store->create_bucket("bucket");
  if (!made) made = co_await store->create_bucket("bucket");
  if (!made) co_return Result<void>();
  TaskGroup group(co_await current_context());
  for (std::uint64_t i = 0; i < 2; ++i) group.spawn(lane_again(store, memory, first + i));
  co_return co_await group.join();
}

/// What is acknowledged can be read, whatever has failed.
Task<Result<void>> read_all(ObjectStore* store, const Memory* memory) {
  for (const std::string& key : memory->keys()) {
    const Result<std::string> got = co_await read(store, key);
    const bool none = !got && got.error().kind == ErrorKind::kNotFound;
    EXPECT_TRUE(got || none) << got.error().message;
    EXPECT_TRUE(memory->allows(key, got ? Memory::Content(*got) : std::nullopt)) << key;
  }
  co_return Result<void>();
}

/// Lets the process die at `step`; true when it came to its end before.
bool survives(Ending ending, int step, std::uint64_t seed) {
  CrashDisk disk;
  Machine machine(disk);
  Memory memory;
  bool ended = false;
  {
    Process process(machine);
    process.vfs().kill_at(step);
    const auto store = process.open();
    ended = store && process.loop().run(work(store->get(), &memory));
  }
  if (ending == Ending::kPowerCutLater) {
    // What the first one left unsynced is used by the next.
    machine.all_ended();
    Process process(machine);
    const auto store = process.open();
    EXPECT_TRUE(store) << store.error().message;
    if (store) EXPECT_TRUE(process.loop().run(work_on(store->get(), &memory, 100)));
  }
  Random luck(seed * 10'000 + static_cast<std::uint64_t>(step));
  if (ending != Ending::kKilled) {
    machine.power_cut(ending == Ending::kPowerCutWithLuck ? &luck : nullptr);
  }
  check(machine, memory);
  return ended;
}

/// Lets a sync fail, once; true when there were not so many.
bool survives_sync_error(int sync, bool reopened) {
  CrashDisk disk;
  Machine machine(disk);
  Memory memory;
  bool all = false;
  {
    Process process(machine);
    process.vfs().fail_sync_at(sync);
    const auto store = process.open();
    if (store) {
      EXPECT_TRUE(process.loop().run(work_on(store->get(), &memory, 0)));
      EXPECT_TRUE(process.loop().run(read_all(store->get(), &memory)));
    }
    all = process.vfs().syncs() < sync;
  }
  if (reopened) {
    machine.all_ended();
    Process process(machine);
    const auto store = process.open();
    EXPECT_TRUE(store) << store.error().message;
    if (!store) return all;
    EXPECT_TRUE(process.loop().run(work_on(store->get(), &memory, 100)));
    EXPECT_TRUE(process.loop().run(read_all(store->get(), &memory)));
  }
  machine.power_cut(nullptr);
  check(machine, memory);
  return all;
}

/// A failed sync is told once: the next one succeeds without what was lost.
TEST(StoreSyncError, LosesNothingThatWasAcknowledged) {
  for (const bool reopened : {false, true}) {
    int sync = 1;
    while (!survives_sync_error(sync, reopened)) {
      if (HasFailure()) FAIL() << "sync " << sync << (reopened ? ", reopened" : "");
      ASSERT_LT(++sync, 2000);
    }
    EXPECT_GT(sync, 50);
  }
}

/// Objects until one is refused; how many there are.
Task<Result<int>> fill(ObjectStore* store, Memory* memory) {
  CO_TRY_VOID(co_await store->create_bucket("bucket"));
  for (int i = 0;; ++i) {
    // Some have a file of their own, some share one.
    const std::size_t size = i % 4 == 0 ? 70'000 : 900;
    const Result<void> done = co_await put(store, memory, "key-" + std::to_string(i),
                                           content_of(static_cast<std::uint64_t>(i), size));
    if (done) continue;
    EXPECT_EQ(done.error().context.code, "InsufficientStorage") << done.error().message;
    EXPECT_EQ(done.error().kind, ErrorKind::kLimit);
    co_return i;
  }
}

Task<Result<void>> remove_all(ObjectStore* store, Memory* memory, int count) {
  for (int i = 0; i < count; ++i) {
    CO_TRY_VOID(co_await remove(store, memory, "key-" + std::to_string(i)));
  }
  co_return Result<void>();
}

constexpr ByteCount kSmallDisk = 1'000'000;

/// Fills a disk, and lets the process that empties it die at `step`; true when it came to its end.
bool survives_emptying(int step, bool other_process) {
  CrashDisk disk;
  disk.set_room(kSmallDisk);
  Machine machine(disk);
  Memory memory;
  bool ended = false;
  {
    auto process = std::make_unique<Process>(machine);
    auto store = process->open();
    EXPECT_TRUE(store) << store.error().message;
    if (!store) return true;
    const Result<int> count = process->loop().run(fill(store->get(), &memory));
    EXPECT_TRUE(count && *count > 10);
    disk.set_room(disk.used());  // somebody else has taken what was left
    if (other_process) {
      store->reset();
      process = std::make_unique<Process>(machine);
      store = process->open();
      EXPECT_TRUE(store) << store.error().message;
      if (!store) return true;
    }
    process->vfs().kill_at(step);
    const Result<void> removed = process->loop().run(remove_all(store->get(), &memory, *count));
    ended = removed.has_value();
    if (!removed) EXPECT_TRUE(process->vfs().dead()) << removed.error().message;
  }
  disk.set_room(std::nullopt);
  machine.power_cut(nullptr);
  check(machine, memory);
  return ended;
}

/// Somebody who removes is the one who makes room: even that is first written down.
TEST(StoreFull, CanBeEmptied) {
  for (const bool other_process : {false, true}) {
    int step = 1;
    while (!survives_emptying(step, other_process)) {
      if (HasFailure()) FAIL() << "crash at step " << step;
      ASSERT_LT(step += 7, 5000);
    }
    if (HasFailure()) return;
    EXPECT_GT(step, 50);
  }
}

/// The reserve is made again, and the room that was freed is used.
TEST(StoreFull, IsFilledAndEmptiedAgain) {
  CrashDisk disk;
  disk.set_room(kSmallDisk);
  Machine machine(disk);
  Memory memory;
  Process process(machine);
  const auto store = process.open();
  ASSERT_TRUE(store) << store.error().message;
  for (int round = 0; round < 3; ++round) {
    const Result<int> count = process.loop().run(fill(store->get(), &memory));
    ASSERT_TRUE(count) << count.error().message;
    EXPECT_GT(*count, 1) << "round " << round;  // the log and a segment take their room, too
    const Result<void> removed = process.loop().run(remove_all(store->get(), &memory, *count));
    ASSERT_TRUE(removed) << removed.error().message;
  }
  EXPECT_TRUE(disk.find("disk/store/reserve"));
}

/// What can be done when really nothing can be written any more.
TEST(StoreFull, SaysWhatToDoWithoutAReserve) {
  CrashDisk disk;
  Machine machine(disk);
  Process process(machine);
  Memory memory;
  const auto store = process.open();
  ASSERT_TRUE(store) << store.error().message;
  ASSERT_TRUE(process.loop().run((*store)->create_bucket("bucket")));
  ASSERT_TRUE(process.loop().run(put(store->get(), &memory, "key", "text")));
  disk.remove("disk/store/reserve");
  disk.set_room(0);
  const Result<void> removed = process.loop().run((*store)->remove({"bucket", "key"}));
  ASSERT_FALSE(removed);
  EXPECT_EQ(removed.error().context.code, "InsufficientStorage");
  EXPECT_NE(removed.error().message.find("free 1 MiB"), std::string::npos);
  EXPECT_TRUE(process.loop().run(read(store->get(), "key")));
  disk.set_room(std::nullopt);
  EXPECT_TRUE(process.loop().run((*store)->remove({"bucket", "key"})));
}

class StoreCrash : public testing::TestWithParam<Ending> {};

TEST_P(StoreCrash, KeepsWhatItAcknowledged) {
  const std::uint64_t seeds = GetParam() == Ending::kPowerCutWithLuck ? 4 : 1;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    int step = 1;
    while (!survives(GetParam(), step, seed)) {
      if (HasFailure()) FAIL() << "crash at step " << step << ", seed " << seed;
      ASSERT_LT(++step, 5000);
    }
    EXPECT_GT(step, 100);
  }
}

std::string name_of(const testing::TestParamInfo<Ending>& info) {
  constexpr std::array kNames = {"Killed", "PowerCutLater", "PowerCut", "PowerCutWithLuck"};
  return kNames[static_cast<std::size_t>(info.param)];
}

INSTANTIATE_TEST_SUITE_P(Endings, StoreCrash,
                         testing::Values(Ending::kKilled, Ending::kPowerCutLater, Ending::kPowerCut,
                                         Ending::kPowerCutWithLuck),
                         name_of);

}  // namespace
}  // namespace telpher::sim
