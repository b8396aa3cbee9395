#include "base/random.h"
#include "runtime/task_group.h"
#include "store/local/local_store.h"
#include "store/sqlite/database.h"
#include "tests/support/temporary_directory.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>

namespace telpher {
namespace {

namespace fs = std::filesystem;

std::string content_of(std::uint64_t seed, std::size_t size) {
  Random random(seed);
  std::string content(size, '\0');
  for (char& c : content) c = static_cast<char>(random.next());
  return content;
}

class ScrubTest : public ::testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    store_ = LocalStore::open({.root = root_, .durable = false, .md5_etags = GetParam()}).value();
    ASSERT_TRUE(loop_.run(store_->create_bucket("bucket")));
  }

  void put(const std::string& key, const std::string& content) {
    ASSERT_TRUE(loop_.run(store_->put({"bucket", key}, Body::of(as_bytes(content)), {})));
  }
  /// Two parts, the second small.
  void put_in_parts(const std::string& key, CreateUploadOptions options) {
    const ObjectAddress object{"bucket", key};
    const std::string id = loop_.run(store_->create_upload(object, options)).value();
    const std::string first = content_of(7, 100'000);
    const auto one = loop_.run(store_->put_part(object, id, 1, Body::of(as_bytes(first)), {}));
    const auto two = loop_.run(store_->put_part(object, id, 2, Body::of(as_bytes("last")), {}));
    ASSERT_TRUE(one && two);
    ASSERT_TRUE(loop_.run(store_->complete(object, id, {*one, *two}, {})));
  }
  ScrubReport scrub(ScrubOptions options = {}) {
    damaged_.clear();
    options.on_damage = [this](const ScrubDamage& damage) {
      EXPECT_FALSE(damage.what.empty());
      damaged_.insert(damage.object.key + (damage.part > 0 ? "#" : "") +
                      (damage.part > 0 ? std::to_string(damage.part) : ""));
    };
    Result<ScrubReport> report = loop_.run(store_->scrub(options));
    EXPECT_TRUE(report) << report.error().message;
    EXPECT_EQ(report->damaged, damaged_.size());
    return *report;
  }
  /// The data file of this size.
  fs::path file_of_size(std::uintmax_t size) {
    for (const auto& entry : fs::recursive_directory_iterator(root_ + "/data")) {
      if (entry.is_regular_file() && entry.file_size() == size) return entry.path();
    }
    ADD_FAILURE() << "no file of " << size << " bytes";
    return {};
  }
  static void flip_a_bit(const fs::path& path, std::streamoff at) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(at);
    const char byte = static_cast<char>(file.get() ^ 4);
    file.seekp(at);
    file.put(byte);
  }

  const TemporaryDirectory folder_;
  const std::string root_ = folder_.path();
  Loop loop_;
  std::unique_ptr<LocalStore> store_;
  std::set<std::string> damaged_;
};

using Keys = std::set<std::string>;

TEST_P(ScrubTest, WhatIsWholeIsFoundWhole) {
  put("small", "hello");
  put("empty", "");
  put("large", content_of(1, 3'000'000));
  put_in_parts("parts", {});
  put_in_parts("composite", {.checksum = ChecksumAlgorithm::kSha256});
  const auto id = loop_.run(store_->create_upload({"bucket", "open"}, {})).value();
  ASSERT_TRUE(loop_.run(store_->put_part({"bucket", "open"}, id, 1, Body::of(as_bytes("x")), {})));
  const ScrubReport report = scrub();
  EXPECT_EQ(damaged_, Keys{});
  EXPECT_EQ(report.objects, 5U);
  EXPECT_EQ(report.parts, 1U);
  EXPECT_EQ(report.bytes, 5 + 3'000'000 + 2 * 100'004 + 1U);
  EXPECT_EQ(report.unproven, 0U);
  EXPECT_EQ(report.reached.key, "small");
}

TEST_P(ScrubTest, OneBitIsFound) {
  put("large", content_of(1, 3'000'000));
  put("also large", content_of(2, 300'000));
  put("small", std::string(10, 'x'));
  put("smaller", "y");
  put_in_parts("parts", {});
  put_in_parts("composite", {.checksum = ChecksumAlgorithm::kSha256});
  const auto id = loop_.run(store_->create_upload({"bucket", "open"}, {})).value();
  const std::string part = content_of(3, 200'000);
  ASSERT_TRUE(loop_.run(store_->put_part({"bucket", "open"}, id, 9, Body::of(as_bytes(part)), {})));
  flip_a_bit(file_of_size(3'000'000), 2'999'999);
  flip_a_bit(file_of_size(19), 3);  // the segment, which begins with "small"
  scrub();
  EXPECT_EQ(damaged_, (Keys{"large", "small"}));
  flip_a_bit(file_of_size(200'000), 0);
  flip_a_bit(file_of_size(19), 17);  // "last" of "composite"
  scrub();
  EXPECT_EQ(damaged_, (Keys{"large", "small", "composite", "open#9"}));
}

TEST_P(ScrubTest, FilesThatAreGoneOrShortAreFound) {
  put("gone", content_of(1, 300'000));
  put("short", content_of(2, 200'000));
  put("good", content_of(2, 100'000));
  fs::remove(file_of_size(300'000));
  fs::resize_file(file_of_size(200'000), 199'999);
  scrub();
  EXPECT_EQ(damaged_, (Keys{"gone", "short"}));
}

TEST_P(ScrubTest, GoesOnWhereItWasStopped) {
  for (int i = 0; i < 250; ++i) put(std::to_string(1000 + i), "x");
  std::vector<ScrubReport> told;
  CancelSource cancel;
  ScrubOptions options;
  options.on_progress = [&](const ScrubReport& report) {
    told.push_back(report);
    cancel.cancel();
  };
  const Result<ScrubReport> stopped = loop_.run(store_->scrub(options), cancel);
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().kind, ErrorKind::kCancelled);
  ASSERT_EQ(told.size(), 1U);
  const ScrubReport rest = scrub({.after = told[0].reached});
  EXPECT_EQ(told[0].objects + rest.objects, 250U);
}

TEST_P(ScrubTest, OfTheStoreGoesOnAfterARestart) {
  for (int i = 0; i < 250; ++i) put(std::to_string(1000 + i), "x");
  std::uint64_t seen = 0;
  for (int restart = 0; restart < 2; ++restart) {
    CancelSource cancel;
    ScrubOptions options{.goes_on = true};
    options.on_progress = [&](const ScrubReport& report) {
      seen += report.objects;
      cancel.cancel();
    };
    EXPECT_FALSE(loop_.run(store_->scrub(options), cancel));
    store_.reset();
    store_ = LocalStore::open({.root = root_, .durable = false, .md5_etags = GetParam()}).value();
  }
  EXPECT_EQ(seen + scrub({.goes_on = true}).objects, 250U);
  EXPECT_EQ(scrub({.goes_on = true}).objects, 250U) << "after its end it begins anew";
}

TEST_P(ScrubTest, RowsThatCannotBeReadHideNoOthers) {
  for (const char* key : {"a", "bad", "c"}) put(key, content_of(1, 100'000));
  const auto id = loop_.run(store_->create_upload({"bucket", "open"}, {})).value();
  for (PartNumber number : {1, 2}) {
    const Body body = Body::of(as_bytes("part"));
    ASSERT_TRUE(loop_.run(store_->put_part({"bucket", "open"}, id, number, body, {})));
  }
  {
    const auto database = Database::open({.path = root_ + "/index.db"}).value();
    for (const char* sql : {"UPDATE objects SET extents = x'00' WHERE key = CAST('bad' AS BLOB)",
                            "UPDATE parts SET checksum = '?' WHERE number = 1"}) {
      ASSERT_TRUE(database->execute(sql)) << sql;
      ASSERT_GT(database->changes(), 0);
    }
  }
  for (const auto& entry : fs::recursive_directory_iterator(root_ + "/data")) {
    if (entry.is_regular_file() && entry.file_size() == 100'000) flip_a_bit(entry.path(), 5);
  }
  const ScrubReport report = scrub();
  EXPECT_EQ(damaged_, (Keys{"a", "bad", "c", "open#1"}));
  EXPECT_EQ(report.objects, 3U);
  EXPECT_EQ(report.parts, 2U);
}

TEST_P(ScrubTest, HasItsSpeed) {
  Loop loop(Loop::Mode::kVirtual, 1);
  put("large", content_of(1, 3'000'000));
  const TimePoint start = loop.now();
  ASSERT_TRUE(loop.run(store_->scrub({.bytes_per_second = 1'000'000})));
  EXPECT_GE(loop.now() - start, std::chrono::seconds(2));
}

Task<Result<void>> replace_again_and_again(ObjectStore* store, const bool* done) {
  for (std::uint64_t i = 0; !*done; ++i) {
    const std::string content = content_of(i, i % 2 == 0 ? 100'000 : 1'000);
    CO_TRY_VOID(
        co_await store->put({"bucket", std::to_string(i % 5)}, Body::of(as_bytes(content)), {}));
    if (i % 3 == 0) CO_TRY_VOID(co_await store->remove({"bucket", std::to_string(i % 5)}));
  }
  co_return Result<void>();
}

Task<Result<void>> scrub_a_few_times(LocalStore* store, bool* done, std::uint64_t* damaged) {
  for (int i = 0; i < 50; ++i) {
    const auto report = co_await store->scrub({});
    if (!report) co_return report.error();
    *damaged += report->damaged;
  }
  *done = true;
  co_return Result<void>();
}

Task<Result<void>> both(LocalStore* store, std::uint64_t* damaged) {
  bool done = false;
  TaskGroup group(co_await current_context());
  group.spawn(replace_again_and_again(store, &done));
  group.spawn(scrub_a_few_times(store, &done, damaged));
  co_return co_await group.join();
}

TEST_P(ScrubTest, WritersCauseNoFalseAlarm) {
  std::uint64_t damaged = 0;
  const Result<void> ran = loop_.run(both(store_.get(), &damaged));
  ASSERT_TRUE(ran) << ran.error().message;
  EXPECT_EQ(damaged, 0U);
}

/// Reads all of it; what had come when it failed.
struct ReadThrough {
  Result<std::size_t> end = std::size_t{0};
  ByteCount came = 0;
};

Task<ReadThrough> read_through(ObjectStore* store, ObjectAddress object) {
  ReadThrough read;
  Result<GetResult> got = co_await store->get(object, {});
  if (!got) {
    read.end = std::move(got).error();
    co_return read;
  }
  std::vector<std::byte> buffer(64 * 1024);
  do {
    read.end = co_await got->body->read_some(buffer);
    if (read.end) read.came += *read.end;
  } while (read.end && *read.end > 0);
  co_return read;
}

TEST_P(ScrubTest, DamagedObjectsNeverArriveWhole) {
  put("flipped", content_of(1, 1'000'000));
  put("gone", content_of(2, 2'000'000));
  flip_a_bit(file_of_size(1'000'000), 999'999);
  fs::remove(file_of_size(2'000'000));
  const ReadThrough flipped = loop_.run(read_through(store_.get(), {"bucket", "flipped"}));
  ASSERT_FALSE(flipped.end);
  EXPECT_EQ(flipped.end.error().kind, ErrorKind::kCorrupt);
  EXPECT_LT(flipped.came, 1'000'000U);
  const ReadThrough gone = loop_.run(read_through(store_.get(), {"bucket", "gone"}));
  ASSERT_FALSE(gone.end);
  EXPECT_EQ(gone.end.error().kind, ErrorKind::kCorrupt);
  EXPECT_EQ(gone.end.error().context.http_status, 500);
  EXPECT_FALSE(gone.end.error().is_temporary()) << "asking again does not help";
}

TEST_P(ScrubTest, DamageThatIsReadIsNotCopied) {
  put("flipped", content_of(1, 1'000'000));
  put("gone", content_of(2, 2'000'000));
  flip_a_bit(file_of_size(1'000'000), 500'000);
  fs::remove(file_of_size(2'000'000));
  CopyOptions options;
  options.algorithm = ChecksumAlgorithm::kSha256;
  CreateUploadOptions other;
  other.checksum = ChecksumAlgorithm::kCrc32;
  const ObjectAddress copy{"bucket", "copy"};
  const std::string id = loop_.run(store_->create_upload(copy, other)).value();
  for (const char* key : {"flipped", "gone"}) {
    const auto copied = loop_.run(store_->copy({"bucket", key}, copy, options));
    ASSERT_FALSE(copied) << key;
    EXPECT_EQ(copied.error().kind, ErrorKind::kCorrupt) << key;
    EXPECT_FALSE(copied.error().is_temporary()) << key;
    const ByteCount size = key == std::string_view("gone") ? 2'000'000 : 1'000'000;
    const auto part = loop_.run(store_->copy_part({"bucket", key}, {0, size}, copy, id, 1, ""));
    ASSERT_FALSE(part) << key;
    EXPECT_EQ(part.error().kind, ErrorKind::kCorrupt) << key;
  }
}

INSTANTIATE_TEST_SUITE_P(Etags, ScrubTest, ::testing::Bool(), [](const auto& info) {
  return info.param ? std::string("Md5") : std::string("Crc");
});

}  // namespace
}  // namespace telpher
