#include "store/local/local_store.h"

#include "base/random.h"
#include "runtime/task_group.h"
#include "store/sqlite/database.h"
#include "tests/support/forwarding_disk.h"
#include "tests/support/temporary_directory.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sys/wait.h>
#include <unistd.h>

namespace telpher {
namespace {

namespace fs = std::filesystem;

std::string content_of(const std::string& key, std::size_t size) {
  Random random(std::hash<std::string>()(key));
  std::string content(size, '\0');
  for (char& c : content) c = static_cast<char>(random.next());
  return content;
}

class LocalStoreTest : public ::testing::Test {
 protected:
  std::unique_ptr<LocalStore> open(bool durable = false) {
    Result<std::unique_ptr<LocalStore>> store =
        LocalStore::open({.root = root_ + "/store", .durable = durable});
    EXPECT_TRUE(store) << store.error().message;
    return std::move(store).value();
  }
  Result<PutResult> put(ObjectStore& store, const std::string& key, std::string_view content) {
    return loop_.run(store.put({"bucket", key}, Body::of(as_bytes(content)), {}));
  }
  Result<std::string> get(ObjectStore& store, const std::string& key) {
    Result<GetResult> got = loop_.run(store.get({"bucket", key}, {}));
    if (!got) return got.error();
    return read(*std::move(got));
  }
  Result<std::string> read(GetResult got) {
    std::string content(got.length, '\0');
    const Result<std::size_t> count = loop_.run(
        read_full(*got.body, {reinterpret_cast<std::byte*>(content.data()), content.size()}));
    if (!count) return count.error();
    EXPECT_EQ(*count, got.length);
    return content;
  }
  /// Bytes and count of the files that hold objects.
  std::pair<ByteCount, int> on_disk() {
    std::pair<ByteCount, int> sum;
    for (const auto& entry : fs::recursive_directory_iterator(root_ + "/store/data")) {
      if (!entry.is_regular_file()) continue;
      sum.first += entry.file_size();
      ++sum.second;
    }
    return sum;
  }

  const TemporaryDirectory folder_;
  const std::string root_ = folder_.path();
  Loop loop_;
};

TEST_F(LocalStoreTest, EverythingIsThereAfterReopening) {
  const std::string large = content_of("large", 300'000);
  std::string upload_id;
  {
    const auto store = open(true);
    ASSERT_TRUE(loop_.run(store->create_bucket("bucket")));
    ASSERT_TRUE(put(*store, "small", "hello"));
    ASSERT_TRUE(put(*store, "empty", ""));
    ASSERT_TRUE(put(*store, "large", large));
    ASSERT_TRUE(loop_.run(store->set_tags({"bucket", "small"}, {{"a", "b"}})));
    upload_id = loop_.run(store->create_upload({"bucket", "parts"}, {})).value();
    ASSERT_TRUE(loop_.run(
        store->put_part({"bucket", "parts"}, upload_id, 1, Body::of(as_bytes(large)), {})));
  }
  const auto store = open(true);
  EXPECT_EQ(get(*store, "small").value(), "hello");
  EXPECT_EQ(get(*store, "empty").value(), "");
  EXPECT_TRUE(get(*store, "large").value() == large);
  EXPECT_EQ(loop_.run(store->tags({"bucket", "small"}))->at("a"), "b");
  const Result<PartsPage> parts = loop_.run(store->list_parts({"bucket", "parts"}, upload_id, 0));
  ASSERT_TRUE(parts);
  ASSERT_TRUE(loop_.run(store->complete({"bucket", "parts"}, upload_id, parts->parts, {})));
  EXPECT_TRUE(get(*store, "parts").value() == large);
}

TEST_F(LocalStoreTest, RemovingGivesTheDiskBack) {
  {
    const auto store = open();
    ASSERT_TRUE(loop_.run(store->create_bucket("bucket")));
    for (int i = 0; i < 20; ++i) ASSERT_TRUE(put(*store, "small", content_of("small", 10'000)));
    ASSERT_TRUE(put(*store, "large", content_of("large", 200'000)));
    ASSERT_TRUE(put(*store, "large", content_of("large", 100'000)));
    ASSERT_TRUE(loop_.run(store->copy({"bucket", "large"}, {"bucket", "copy"}, {})));
    // A copy takes no room, an overwritten object leaves none.
    EXPECT_EQ(on_disk().first, 20u * 10'000 + 100'000);
    ASSERT_TRUE(loop_.run(store->remove({"bucket", "large"})));
    EXPECT_EQ(get(*store, "copy").value().size(), 100'000u);
    ASSERT_TRUE(loop_.run(store->remove({"bucket", "copy"})));
    EXPECT_EQ(on_disk().first, 20u * 10'000);
    ASSERT_TRUE(loop_.run(store->remove({"bucket", "small"})));
    const std::string id = loop_.run(store->create_upload({"bucket", "parts"}, {})).value();
    const std::string part = content_of("part", 100'000);
    ASSERT_TRUE(
        loop_.run(store->put_part({"bucket", "parts"}, id, 1, Body::of(as_bytes(part)), {})));
    ASSERT_TRUE(loop_.run(store->abort({"bucket", "parts"}, id)));
  }
  const auto store = open();
  EXPECT_EQ(on_disk().second, 0) << "segments of sessions that have ended";
}

TEST_F(LocalStoreTest, NoFoldersPileUp) {
  for (int i = 0; i < 5; ++i) {
    const auto store = open();
    ASSERT_TRUE(loop_.run(store->create_bucket("bucket")));
    ASSERT_TRUE(put(*store, "key", content_of("key", 100'000)));
  }
  const auto folders = fs::directory_iterator(root_ + "/store/data");
  EXPECT_EQ(std::distance(fs::begin(folders), fs::end(folders)), 1);
}

TEST_F(LocalStoreTest, SeveralMayHaveItOpen) {
  const auto one = open();
  const auto two = open();
  ASSERT_TRUE(loop_.run(one->create_bucket("bucket")));
  ASSERT_TRUE(put(*two, "small", "by two"));
  ASSERT_TRUE(put(*two, "large", content_of("two", 200'000)));
  EXPECT_EQ(get(*one, "small").value(), "by two");
  // One removes what two wrote, while two goes on writing to the same segment.
  ASSERT_TRUE(loop_.run(one->remove({"bucket", "small"})));
  ASSERT_TRUE(loop_.run(one->remove({"bucket", "large"})));
  ASSERT_TRUE(put(*two, "more", "from two"));
  const auto three = open();
  EXPECT_EQ(get(*three, "more").value(), "from two");
  EXPECT_EQ(on_disk().second, 1);
}

TEST_F(LocalStoreTest, AReaderKeepsWhatItOpened) {
  const auto store = open();
  ASSERT_TRUE(loop_.run(store->create_bucket("bucket")));
  const std::string first = content_of("first", 1'000'000);
  ASSERT_TRUE(put(*store, "key", first));
  Result<GetResult> got = loop_.run(store->get({"bucket", "key"}, {}));
  ASSERT_TRUE(got);
  ASSERT_TRUE(put(*store, "key", content_of("second", 1'000'000)));
  EXPECT_EQ(on_disk().second, 1);
  EXPECT_TRUE(read(*std::move(got)).value() == first);
}

TEST_F(LocalStoreTest, AnObjectOfManyFilesIsReadWholeOrNot) {
  const auto store = open();
  ASSERT_TRUE(loop_.run(store->create_bucket("bucket")));
  const std::string id = loop_.run(store->create_upload({"bucket", "key"}, {})).value();
  std::vector<PartInfo> parts;
  std::string whole;
  for (int i = 1; i <= 100; ++i) {
    const std::string part = content_of(std::to_string(i), 70'000);
    whole += part;
    parts.push_back(
        loop_.run(store->put_part({"bucket", "key"}, id, i, Body::of(as_bytes(part)), {})).value());
  }
  ASSERT_TRUE(loop_.run(store->complete({"bucket", "key"}, id, parts, {})));
  EXPECT_TRUE(get(*store, "key").value() == whole);
  Result<GetResult> got = loop_.run(store->get({"bucket", "key"}, {}));
  ASSERT_TRUE(got);
  ASSERT_TRUE(put(*store, "key", "another"));
  const Result<std::string> late = read(*std::move(got));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().kind, ErrorKind::kSourceChanged);
}

TEST_F(LocalStoreTest, DamageIsNoticed) {
  const auto store = open();
  ASSERT_TRUE(loop_.run(store->create_bucket("bucket")));
  ASSERT_TRUE(put(*store, "small", "hello"));
  ASSERT_TRUE(put(*store, "large", content_of("large", 200'000)));
  for (const auto& entry : fs::recursive_directory_iterator(root_ + "/store/data")) {
    if (!entry.is_regular_file()) continue;
    if (entry.file_size() == 5) std::ofstream(entry.path()) << "jello";
    if (entry.file_size() == 200'000) fs::resize_file(entry.path(), 100'000);
  }
  EXPECT_EQ(get(*store, "small").error().kind, ErrorKind::kCorrupt);
  EXPECT_EQ(get(*store, "large").error().kind, ErrorKind::kCorrupt);
}

Task<Result<void>> put_named(ObjectStore& store, std::string key) {
  const std::string content = content_of(key, 1000);
  const Result<PutResult> result =
      co_await store.put({"bucket", key}, Body::of(as_bytes(content)), {});
  if (!result) co_return result.error();
  co_return Result<void>();
}

Task<Result<void>> put_side_by_side(ObjectStore& store, int count) {
  TaskGroup group(co_await current_context());
  for (int i = 0; i < count; ++i) group.spawn(put_named(store, std::to_string(i)));
  co_return co_await group.join();
}

TEST_F(LocalStoreTest, ManySmallObjectsShareFiles) {
  const auto store = open(true);
  ASSERT_TRUE(loop_.run(store->create_bucket("bucket")));
  ASSERT_TRUE(loop_.run(put_side_by_side(*store, 500)));
  EXPECT_EQ(on_disk().second, 1);
  for (int i = 0; i < 500; i += 50) {
    EXPECT_TRUE(get(*store, std::to_string(i)).value() == content_of(std::to_string(i), 1000));
  }
}

TEST_F(LocalStoreTest, AFolderThatCannotBeWrittenIsAnError) {
  std::ofstream(root_ + "/file") << "not a folder";
  const auto store = LocalStore::open({.root = root_ + "/file/store"});
  ASSERT_FALSE(store);
}

// A process that is killed in the middle of writing.

constexpr std::size_t kSizes[] = {100, 10'000, 70'000, 400'000};
std::size_t size_of(int i) { return kSizes[static_cast<std::size_t>(i) % std::size(kSizes)]; }

class StringReader final : public ByteReader {
 public:
  explicit StringReader(std::string_view text) : text_(text) {}
  Task<Result<std::size_t>> read_some(MutableBytes buffer) override {
    co_await Yield();  // as if it came from far away
    const Bytes some = as_bytes(text_.substr(0, std::min<std::size_t>(buffer.size(), 50'000)));
    std::ranges::copy(some, buffer.begin());
    text_.remove_prefix(some.size());
    co_return some.size();
  }

 private:
  std::string_view text_;
};

Task<Result<void>> write_one(ObjectStore& store, int i, int acknowledged) {
  const std::string key = std::to_string(i);
  const std::string content = content_of(key, size_of(i));
  const ObjectAddress object{"bucket", key};
  if (i % 3 == 0) {
    CO_TRY(const std::string id, co_await store.create_upload(object, {}));
    const Bytes bytes = as_bytes(content);
    CO_TRY(const PartInfo first,
           co_await store.put_part(object, id, 1, Body::of(bytes.first(bytes.size() / 2)), {}));
    CO_TRY(const PartInfo second,
           co_await store.put_part(object, id, 2, Body::of(bytes.subspan(bytes.size() / 2)), {}));
    CO_TRY_VOID(co_await store.complete(object, id, {first, second}, {}));
  } else if (i % 3 == 1) {
    StringReader stream(content);
    CO_TRY_VOID(co_await store.put(object, Body::of_stream(stream, content.size()), {}));
  } else {
    CO_TRY_VOID(co_await store.put(object, Body::of(as_bytes(content)), {}));
  }
  if (::write(acknowledged, &i, sizeof i) != sizeof i) ::_exit(3);
  co_return Result<void>();
}

Task<Result<void>> write_on_and_on(ObjectStore& store, int acknowledged) {
  TaskGroup group(co_await current_context());
  for (int i = 0; i < 100'000; ++i) {
    co_await group.wait_until_at_most(7);
    group.spawn(write_one(store, i, acknowledged));
  }
  co_return co_await group.join();
}

[[noreturn]] void be_killed(const std::string& root, int acknowledged) {
  Loop loop;
  Result<std::unique_ptr<LocalStore>> store = LocalStore::open({.root = root});
  if (store && loop.run((*store)->create_bucket("bucket"))) {
    (void)loop.run(write_on_and_on(**store, acknowledged));
  }
  ::_exit(2);
}

Task<Result<void>> write_some(ObjectStore& store, int first, int acknowledged) {
  for (int i = first; i < first + 10; ++i) CO_TRY_VOID(co_await write_one(store, i, acknowledged));
  co_return Result<void>();
}

TEST_F(LocalStoreTest, ProcessesThatStartTogetherDoNotDisturbEachOther) {
#if __has_feature(thread_sanitizer)
  GTEST_SKIP() << "threads after a fork";
#endif
  constexpr int kProcesses = 6;
  int pipe_fds[2];
  ASSERT_EQ(::pipe(pipe_fds), 0);
  std::vector<pid_t> children;
  for (int i = 0; i < kProcesses; ++i) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      Loop loop;
      Result<std::unique_ptr<LocalStore>> store = LocalStore::open({.root = root_ + "/store"});
      if (!store) std::fprintf(stderr, "open: %s\n", store.error().message.c_str());
      if (!store || !loop.run((*store)->create_bucket("bucket"))) ::_exit(1);
      const Result<void> written = loop.run(write_some(**store, i * 10, pipe_fds[1]));
      if (!written) std::fprintf(stderr, "write: %s\n", written.error().message.c_str());
      store->reset();
      ::_exit(written ? 0 : 1);
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
  ::close(pipe_fds[0]);
  ::close(pipe_fds[1]);
  const auto store = open();
  for (int i = 0; i < kProcesses * 10; ++i) {
    const std::string key = std::to_string(i);
    EXPECT_TRUE(get(*store, key).value() == content_of(key, size_of(i))) << key;
  }
}

TEST_F(LocalStoreTest, AfterAKillOnlyWholeObjectsAndAllThatWereAcknowledged) {
#if __has_feature(thread_sanitizer)
  GTEST_SKIP() << "threads after a fork";
#endif
  for (const int acknowledgements : {1, 7, 20, 45}) {
    int pipe_fds[2];
    ASSERT_EQ(::pipe(pipe_fds), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      ::close(pipe_fds[0]);
      be_killed(root_ + "/store", pipe_fds[1]);
    }
    ::close(pipe_fds[1]);
    std::vector<int> acknowledged;
    int i = 0;
    while (static_cast<int>(acknowledged.size()) < acknowledgements &&
           ::read(pipe_fds[0], &i, sizeof i) == sizeof i) {
      acknowledged.push_back(i);
    }
    ::kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the child ended by itself: " << WEXITSTATUS(status);
    while (::read(pipe_fds[0], &i, sizeof i) == sizeof i) acknowledged.push_back(i);
    ::close(pipe_fds[0]);

    const auto store = open();
    for (const int key : acknowledged) {
      EXPECT_TRUE(loop_.run(store->head({"bucket", std::to_string(key)}))) << key;
    }
    const Result<ListPage> page = loop_.run(store->list("bucket", {}));
    ASSERT_TRUE(page);
    EXPECT_GE(page->objects.size(), acknowledged.size());
    for (const ListEntry& entry : page->objects) {
      const std::string expected = content_of(entry.key, size_of(std::atoi(entry.key.c_str())));
      EXPECT_TRUE(get(*store, entry.key).value() == expected) << entry.key;
      ASSERT_TRUE(loop_.run(store->remove({"bucket", entry.key})));
    }
    const Result<UploadsPage> uploads = loop_.run(store->list_uploads("bucket", {}));
    ASSERT_TRUE(uploads);
    for (const UploadInfo& upload : uploads->uploads) {
      ASSERT_TRUE(loop_.run(store->abort({"bucket", upload.key}, upload.upload_id)));
    }
    EXPECT_EQ(on_disk().second, 0) << "files that nobody refers to";
  }
}

/// Counts the files that a start-up looks at.
class CountingDisk final : public ForwardingDisk {
 public:
  std::vector<std::string> names_in(const std::string& folder) override {
    std::vector<std::string> names = real_disk().names_in(folder);
    if (folder.find("/data/") != std::string::npos) looks += names.size();
    return names;
  }
  bool exists(const std::string& path) override {
    const bool there = real_disk().exists(path);
    if (there && path.find("/data/") != std::string::npos) ++looks;
    return there;
  }
  std::size_t looks = 0;
};

Task<Result<void>> put_large(ObjectStore& store, int count) {
  const std::string content(64 * 1024, 'x');
  for (int i = 0; i < count; ++i) {
    CO_TRY_VOID(co_await store.put({"bucket", std::to_string(i)}, Body::of(as_bytes(content)), {}));
  }
  co_return Result<void>();
}

TEST_F(LocalStoreTest, StartingLooksOnlyAtWhatMayBeUnfinished) {
#if __has_feature(thread_sanitizer)
  GTEST_SKIP() << "threads after a fork";
#endif
  constexpr int kFiles = 1500;
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    Loop loop;
    const auto store = LocalStore::open({.root = root_ + "/store", .durable = false});
    if (!store || !loop.run((*store)->create_bucket("bucket"))) ::_exit(1);
    if (!loop.run(put_large(**store, kFiles))) ::_exit(1);
    ::kill(::getpid(), SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  CountingDisk disk;
  {
    const auto store = LocalStore::open({.root = root_ + "/store", .disk = &disk});
    ASSERT_TRUE(store) << store.error().message;
    EXPECT_LT(disk.looks, 600U) << "after a crash: what it had not noted as settled";
    ASSERT_TRUE(loop_.run(put_large(**store, kFiles)));
    EXPECT_TRUE(get(**store, std::to_string(kFiles - 1)));
  }
  EXPECT_EQ(on_disk().second, kFiles);
  disk.looks = 0;
  const auto store = LocalStore::open({.root = root_ + "/store", .disk = &disk});
  EXPECT_EQ(disk.looks, 0U) << "after a clean end: nothing";
}

TEST_F(LocalStoreTest, NobodyElseMayReadTheIndex) {
  // The folder was there, for all to read; and again with an index that an older version made.
  fs::create_directory(root_ + "/store");
  fs::permissions(root_ + "/store", fs::perms(0755));
  for (const bool again : {false, true}) {
    const auto store = open();
    ASSERT_TRUE(loop_.run(store->create_bucket("bucket")));
    ASSERT_TRUE(put(*store, "key", "hello"));
    for (const char* name : {"index.db", "index.db-wal", "index.db-shm"}) {
      const fs::path path = root_ + "/store/" + name;
      EXPECT_EQ(fs::status(path).permissions(), fs::perms(0600)) << name << again;
      fs::permissions(path, fs::perms(0644));
    }
  }
}

TEST_F(LocalStoreTest, AnIndexOfTheFirstFormatIsTakenOver) {
  std::string upload_id;
  {
    const auto store = open(true);
    ASSERT_TRUE(loop_.run(store->create_bucket("bucket")));
    ASSERT_TRUE(put(*store, "key", "hello"));
    upload_id = loop_.run(store->create_upload({"bucket", "parts"}, {})).value();
  }
  {
    const auto database = Database::open({.path = root_ + "/store/index.db"}).value();
    for (const char* sql :
         {"ALTER TABLE buckets DROP COLUMN owner", "ALTER TABLE objects DROP COLUMN parts",
          "ALTER TABLE uploads DROP COLUMN composite", "ALTER TABLE uploads DROP COLUMN tags",
          "ALTER TABLE parts DROP COLUMN modified", "PRAGMA user_version = 1"}) {
      ASSERT_TRUE(database->execute(sql)) << sql;
    }
  }
  const auto store = open(true);
  EXPECT_EQ(get(*store, "key").value(), "hello");
  EXPECT_EQ(loop_.run(store->head_bucket("bucket"))->owner, "");
  const auto part =
      loop_.run(store->put_part({"bucket", "parts"}, upload_id, 1, Body::of(as_bytes("part")), {}));
  ASSERT_TRUE(part);
  ASSERT_TRUE(loop_.run(store->complete({"bucket", "parts"}, upload_id, {*part}, {})));
  EXPECT_EQ(get(*store, "parts").value(), "part");
}

}  // namespace
}  // namespace telpher
