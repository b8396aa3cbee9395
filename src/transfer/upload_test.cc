#include "base/units.h"
#include "codec/hex.h"
#include "runtime/task_group.h"
#include "source/file_source.h"
#include "store/layers/chaos.h"
#include "store/layers/forwarding_store.h"
#include "tests/support/engine_bed.h"
#include "transfer/transfer.h"
#include "transfer/upload_set.h"

#include <gtest/gtest.h>

#include <chrono>
#include <deque>
#include <fcntl.h>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace telpher {
namespace {

/// A source in memory whose behaviour the test decides.
class TextSource : public Source {
 public:
  explicit TextSource(std::string text) : text_(std::move(text)) {
    info.size = text_.size();
    info.ranges = info.rereadable = true;
    info.validator = "\"v1\"";
    info.name = "name.txt";
  }
  Task<Result<SourceInfo>> probe() override { co_return info; }
  Task<Result<std::unique_ptr<ByteReader>>> open(std::optional<ByteRange> range,
                                                 SourceInfo) override {
    ++opened;
    if (range && ranges_served-- == 0) ignores_ranges = true;
    if (range && ignores_ranges) co_return make_error(ErrorKind::kUnsupported, "no ranges");
    const std::string_view all = ignores_ranges && !replaced_by.empty() ? replaced_by : text_;
    co_return std::make_unique<Reader>(
        *this,
        range ? all.substr(std::min<std::size_t>(range->offset, all.size()), range->length) : all);
  }
  std::string redacted_address() const override { return "test://text"; }
  std::string identity() const override { return "test://text"; }

  SourceInfo info;
  bool ignores_ranges = false;
  int ranges_served = -1;   // then they are ignored; -1 = always served
  std::string replaced_by;  // what is read once ranges are ignored, under the same validator
  int break_every = 0;      // reads; 0 = never
  ByteCount bytes_read = 0;
  int opened = 0;
  std::string text_;

 private:
  class Reader : public ByteReader {
   public:
    Reader(TextSource& source, std::string_view text) : source_(source), text_(text) {}
    Task<Result<std::size_t>> read_some(MutableBytes buffer) override {
      CO_TRY_VOID(co_await sleep_for(std::chrono::milliseconds(1)));
      if (source_.break_every && ++source_.reads_ % source_.break_every == 0) {
        co_return make_temporary_error(ErrorKind::kNetwork, "reset");
      }
      const std::size_t count = std::min({buffer.size(), text_.size(), std::size_t{50'000}});
      std::copy_n(as_bytes(text_).data(), count, buffer.data());
      text_.remove_prefix(count);
      source_.bytes_read += count;
      co_return count;
    }

   private:
    TextSource& source_;
    std::string_view text_;
  };
  int reads_ = 0;
};

Capabilities small_parts() {
  Capabilities capabilities;
  capabilities.part_size_min = 64 * kKiB;
  capabilities.put_size_max = 1 * kMiB;
  return capabilities;
}

struct Bed : StoreBed {
  explicit Bed(Capabilities capabilities = small_parts()) : StoreBed(capabilities, 4 * kMiB) {
    options.part_size = {PartSizePolicy::Kind::kFixed, 64 * kKiB};
  }
  Result<TransferResult> copy(Source& source) {
    return loop.run(
        upload(engine, source, store, {"bucket", "key"}, "memory://bucket/key", options, progress));
  }
};

Task<Result<void>> upload_to(Bed* bed, Source* source, std::string key,
                             TransferProgress* progress) {
  FaultInjector latency;
  latency.reset({.latency = std::chrono::seconds(1)});
  ChaosStore store(bed->store, latency);
  CO_TRY_VOID(co_await upload(bed->engine, *source, store, {"bucket", key},
                              "memory://bucket/" + key, bed->options, *progress));
  co_return Result<void>();
}

Task<Result<void>> upload_both(Bed* bed, Source* one, Source* two) {
  TransferProgress progress[2];
  TaskGroup group(co_await current_context());
  group.spawn(upload_to(bed, one, "one", &progress[0]));
  group.spawn(upload_to(bed, two, "two", &progress[1]));
  co_return co_await group.join();
}

TEST(Upload, StreamsShareASmallBudget) {
  Bed bed;
  bed.options.part_size = {PartSizePolicy::Kind::kFixed, 1 * kMiB};
  TextSource one(random_text(24 * kMiB, 1));
  TextSource two(random_text(24 * kMiB, 2));
  one.info.ranges = two.info.ranges = false;
  ASSERT_TRUE(bed.loop.run(upload_both(&bed, &one, &two)));
  EXPECT_TRUE(bed.store.content("bucket", "one") == one.text_);
  EXPECT_TRUE(bed.store.content("bucket", "two") == two.text_);
}

TEST(Upload, RangedPartsMakeTheSource) {
  Bed bed;
  TextSource source(random_text(3 * kMiB + 17));
  const auto result = bed.copy(source);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->mode, TransferMode::kRanged);
  EXPECT_EQ(result->parts, 49);
  EXPECT_EQ(result->verified_by, "crc64nvme of the whole, by the store");
  EXPECT_EQ(bed.content(), source.text_);
  EXPECT_EQ(bed.progress.bytes_done, source.text_.size());
  EXPECT_EQ(bed.open_uploads(), 0u);
  EXPECT_EQ(bed.buffers.stats().bytes_in_use, 0u);
  EXPECT_LE(bed.buffers.stats().bytes_peak, 4 * kMiB);
}

TEST(Upload, SmallAndEmptyAreOnePut) {
  for (const std::size_t size : {0, 1, 1000}) {
    Bed bed;
    bed.options.part_size = {};
    TextSource source(random_text(size));
    const auto result = bed.copy(source);
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_EQ(result->mode, TransferMode::kPut);
    EXPECT_EQ(bed.content(), source.text_);
  }
}

TEST(Upload, SingleStreamWithoutRanges) {
  Bed bed;
  TextSource source(random_text(2 * kMiB + 1));
  source.info.ranges = false;
  const auto result = bed.copy(source);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->mode, TransferMode::kSingleStream);
  EXPECT_EQ(bed.content(), source.text_);
}

TEST(Upload, UnknownLength) {
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{100}, std::size_t{64 * kKiB}, std::size_t{1 * kMiB + 3}}) {
    Bed bed;
    TextSource source(random_text(size));
    source.info.size.reset();
    source.info.ranges = source.info.rereadable = false;
    const auto result = bed.copy(source);
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_EQ(result->mode, TransferMode::kUnknownLength);
    EXPECT_EQ(result->size, size);
    EXPECT_EQ(bed.content(), source.text_);
    EXPECT_EQ(bed.open_uploads(), 0u);
  }
}

TEST(Upload, ServerThatIgnoresRangesIsReadAsAStream) {
  Bed bed;
  TextSource source(random_text(2 * kMiB));
  source.ignores_ranges = true;
  const auto result = bed.copy(source);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->note, "the server ignores ranges: copied as a single stream");
  EXPECT_EQ(bed.content(), source.text_);
}

TEST(Upload, RangesOfOneVersionAndAStreamOfAnotherNeverAppear) {
  for (const ChecksumAlgorithm checksum :
       {ChecksumAlgorithm::kCrc64Nvme, ChecksumAlgorithm::kSha256, ChecksumAlgorithm::kNone}) {
    for (const bool replaced : {false, true}) {
      Bed bed;
      bed.options.checksum = checksum;
      bed.options.concurrency = 1;
      TextSource source(random_text(2 * kMiB, 1));
      source.ranges_served = 3;
      if (replaced) source.replaced_by = random_text(2 * kMiB, 2);
      const auto result = bed.copy(source);
      if (bed.content()) {
        EXPECT_TRUE(bed.content() == (replaced ? source.replaced_by : source.text_));
      }
      EXPECT_EQ(result.has_value(), bed.content().has_value());
      EXPECT_TRUE(result || replaced) << result.error().message;
      const bool can_tell = checksum != ChecksumAlgorithm::kNone;
      if (!result) EXPECT_EQ(result.error().kind, ErrorKind::kSourceChanged);
      EXPECT_EQ(result.has_value(), !(replaced && can_tell));
      EXPECT_EQ(bed.open_uploads(), 0u);
    }
  }
}

TEST(Upload, BrokenReadsGoOnAtTheByteWhereTheyBroke) {
  Bed bed;
  TextSource source(random_text(2 * kMiB));
  source.break_every = 3;
  const auto result = bed.copy(source);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(bed.content(), source.text_);
  EXPECT_EQ(source.bytes_read, source.text_.size()) << "nothing may be fetched twice";
}

TEST(Upload, BrokenStreamIsReadAgainAndSkipped) {
  Bed bed;
  TextSource source(random_text(1 * kMiB));
  source.info.ranges = false;
  source.break_every = 30;
  const auto result = bed.copy(source);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(bed.content(), source.text_);
}

TEST(Upload, SourceOfAnotherLengthNeverAppears) {
  for (const bool ranges : {true, false}) {
    for (const long difference : {-70'000L, -1L, 1L, 70'000L}) {
      Bed bed;
      TextSource source(random_text(2 * kMiB));
      source.info.ranges = ranges;
      source.info.size = static_cast<ByteCount>(static_cast<long>(2 * kMiB) + difference);
      if (ranges && difference < 0) continue;  // a range cannot see what lies behind
      const auto result = bed.copy(source);
      ASSERT_FALSE(result) << ranges << " " << difference;
      EXPECT_EQ(bed.content(), std::nullopt);
      EXPECT_EQ(bed.open_uploads(), 0u);
    }
  }
}

TEST(Upload, WrongExpectedDigestNeverAppears) {
  for (const ChecksumAlgorithm algorithm :
       {ChecksumAlgorithm::kSha256, ChecksumAlgorithm::kCrc64Nvme, ChecksumAlgorithm::kCrc32c}) {
    for (const std::size_t size : {std::size_t{1000}, std::size_t{2 * kMiB}}) {
      for (const bool right : {true, false}) {
        Bed bed;
        TextSource source(random_text(size));
        bed.options.expect = checksum_of(algorithm, as_bytes(right ? source.text_ : "other"));
        const auto result = bed.copy(source);
        EXPECT_EQ(result.has_value(), right) << to_string(algorithm) << " " << size;
        EXPECT_EQ(bed.content().has_value(), right);
        if (!right) EXPECT_EQ(result.error().kind, ErrorKind::kCorrupt);
        EXPECT_EQ(bed.open_uploads(), 0u);
      }
    }
  }
}

TEST(Upload, StoresWithoutChecksumsAreProvenByMd5) {
  Capabilities capabilities = small_parts();
  capabilities.checksums = false;
  Bed bed(capabilities);
  TextSource source(random_text(2 * kMiB));
  const auto result = bed.copy(source);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->verified_by, "md5 of each part, by the store");
  EXPECT_EQ(bed.content(), source.text_);
}

TEST(Upload, Sha256IsCompositeInParts) {
  Bed bed;
  bed.options.checksum = ChecksumAlgorithm::kSha256;
  TextSource source(random_text(2 * kMiB));
  const auto result = bed.copy(source);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->verified_by, "sha256 of each part, by the store");
  EXPECT_EQ(bed.content(), source.text_);
}

TEST(Upload, OverwritePolicies) {
  Bed bed;
  TextSource source(random_text(1000));
  ASSERT_TRUE(bed.copy(source));
  bed.options.overwrite = OverwritePolicy::kNever;
  TextSource other(random_text(2000, 2));
  EXPECT_EQ(bed.copy(other).value().mode, TransferMode::kSkipped);
  EXPECT_EQ(bed.content(), source.text_);
  bed.options.overwrite = OverwritePolicy::kIfDifferent;
  EXPECT_EQ(bed.copy(other).value().mode, TransferMode::kPut);
  EXPECT_EQ(bed.content(), other.text_);
  bed.options.overwrite = OverwritePolicy::kAlways;
  bed.options.if_none_match = true;
  const auto refused = bed.copy(source);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kPrecondition);
  EXPECT_EQ(bed.content(), other.text_);
}

TEST(Upload, CancelledWithoutJournalLeavesNothing) {
  Bed bed;
  TextSource source(random_text(3 * kMiB));
  struct Expiry {
    static Task<Result<TransferResult>> run(Bed* bed, TextSource* source) {
      Loop& loop = co_await current_loop();
      co_return co_await with_deadline(upload(bed->engine, *source, bed->store, {"bucket", "key"},
                                              "memory://bucket/key", bed->options, bed->progress),
                                       loop.now() + std::chrono::milliseconds(8));
    }
  };
  const auto result = bed.loop.run(Expiry::run(&bed, &source));
  ASSERT_FALSE(result);
  EXPECT_GT(bed.progress.parts_done, 0);
  EXPECT_EQ(bed.content(), std::nullopt);
  EXPECT_EQ(bed.open_uploads(), 0u);
  EXPECT_EQ(bed.buffers.stats().bytes_in_use, 0u);
}

/// A file with random content that is removed at the end.
struct TemporaryFile {
  explicit TemporaryFile(const std::string& text) {
    path = ::testing::TempDir() + "telpher-upload-test-" + std::to_string(getpid());
    write(text);
  }
  void write(const std::string& text) const {
    const int fd = open(path.c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0600);
    EXPECT_EQ(::write(fd, text.data(), text.size()), static_cast<ssize_t>(text.size()));
    close(fd);
  }
  ~TemporaryFile() { unlink(path.c_str()); }
  std::string path;
};

// Such a store tells times in whole seconds: a file written just now looks newer than its copy.
TEST(Upload, TheMd5OfAnETagSaysThatAFileIsTheSame) {
  Capabilities without_checksums = small_parts();
  without_checksums.checksums = false;
  Bed bed(without_checksums);
  bed.options.overwrite = OverwritePolicy::kIfDifferent;
  TemporaryFile file(random_text(1000));
  const auto copy_newer = [&] {
    const auto later = std::chrono::file_clock::now() + std::chrono::hours(1);
    std::filesystem::last_write_time(file.path, later);
    auto source = open_file_source(file.path);
    return bed.copy(*source.value()).value().mode;
  };
  EXPECT_EQ(copy_newer(), TransferMode::kPut);
  EXPECT_EQ(copy_newer(), TransferMode::kSkipped);
  file.write(random_text(1000, 2));
  EXPECT_EQ(copy_newer(), TransferMode::kPut);
  EXPECT_EQ(bed.content(), random_text(1000, 2));
}

TEST(Upload, FilesNeedNoBuffers) {
  Bed bed;
  const std::string text = random_text(2 * kMiB + 5);
  TemporaryFile file(text);
  auto source = open_file_source(file.path);
  ASSERT_TRUE(source) << source.error().message;
  const auto result = bed.copy(**source);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(bed.content(), text);
  EXPECT_EQ(bed.buffers.stats().allocations, 0u);
}

/// A store that is slow to take its first part: meanwhile something happens.
struct MeanwhileStore final : ForwardingStore {
  MeanwhileStore(ObjectStore& inner, std::function<void()> happens)
      : ForwardingStore(inner), happens_(std::move(happens)) {}
  Task<Result<PartInfo>> put_part(ObjectAddress object, std::string upload_id, PartNumber number,
                                  Body body, PutPartOptions part) override {
    if (happens_) std::exchange(happens_, nullptr)();
    return inner().put_part(std::move(object), std::move(upload_id), number, body, std::move(part));
  }

 private:
  std::function<void()> happens_;
};

TEST(Upload, FileThatChangesWhileItIsReadNeverAppears) {
  const auto write_at = [](const std::string& path, off_t offset) {
    const int fd = open(path.c_str(), O_WRONLY);
    EXPECT_EQ(pwrite(fd, "x", 1, offset), 1);
    close(fd);
  };
  struct Change {
    const char* name;
    std::function<void(const std::string& path)> make;
  };
  const Change changes[] = {
      {"written to at its start", [&](const auto& path) { write_at(path, 0); }},
      {"written to in the middle", [&](const auto& path) { write_at(path, 1 * kMiB); }},
      {"longer", [&](const auto& path) { write_at(path, 2 * kMiB); }},
      {"shorter", [](const auto& path) { EXPECT_EQ(truncate(path.c_str(), 1 * kMiB), 0); }},
  };
  for (const Change& change : changes) {
    SCOPED_TRACE(change.name);
    Bed bed;
    TemporaryFile file(random_text(2 * kMiB));
    // A time of long ago: the clock of file systems is too coarse for two writes in a row.
    const timespec long_ago[2] = {{1'000'000'000, 0}, {1'000'000'000, 0}};
    ASSERT_EQ(utimensat(AT_FDCWD, file.path.c_str(), long_ago, 0), 0);
    auto source = open_file_source(file.path);
    ASSERT_TRUE(source);
    bool changed = false;
    MeanwhileStore store(bed.store, [&] {
      change.make(file.path);
      changed = true;
    });
    const auto result = bed.loop.run(upload(bed.engine, **source, store, {"bucket", "key"},
                                            "memory://bucket/key", bed.options, bed.progress));
    EXPECT_TRUE(changed);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().kind, ErrorKind::kSourceChanged) << result.error().message;
    EXPECT_EQ(bed.content(), std::nullopt);
    EXPECT_EQ(bed.open_uploads(), 0u);
  }
}

/// A store that lets nobody in.
class ClosedStore : public MemoryStore {
 public:
  Task<Result<PutResult>> put(ObjectAddress, Body, const PutOptions&) override {
    ++puts;
    co_return make_error(ErrorKind::kDenied, "no credentials");
  }
  int puts = 0;
};

Task<Result<std::optional<SetItem>>> take_first(std::shared_ptr<std::deque<SetItem>> left) {
  if (left->empty()) co_return std::optional<SetItem>();
  SetItem first = std::move(left->front());
  left->pop_front();
  co_return first;
}

NextItem items(std::vector<SetItem> list) {
  // In the order given, one a call.
  auto left = std::make_shared<std::deque<SetItem>>(list.begin(), list.end());
  return [left] { return take_first(left); };
}

TEST(UploadSet, OneBadFileDoesNotHarmTheOthers) {
  Bed bed;
  TemporaryFile file("hello");
  std::vector<std::string> failed;
  UploadSet set{
      .engine = &bed.engine, .store = &bed.store, .bucket = "bucket", .directory_fd = AT_FDCWD};
  set.report = [&](const SetItem& item, const Result<TransferResult>& result) {
    if (!result) failed.push_back(item.key);
  };
  SetProgress progress;
  const auto result = bed.loop.run(upload_set(
      set,
      items({{"/nowhere/at/all", "lost", {}}, {file.path, "key", {}}, {"/proc", "folder", {}}}),
      progress));
  EXPECT_TRUE(result);
  EXPECT_EQ(bed.content(), "hello");
  EXPECT_EQ(failed, (std::vector<std::string>{"lost", "folder"}));
  EXPECT_EQ(progress.files_done, 1u);
  EXPECT_EQ(progress.files_failed, 2u);
}

TEST(UploadSet, WhatConcernsAllIsSaidOnce) {
  Bed bed;
  ClosedStore closed;
  TemporaryFile file("hello");
  UploadSet set{.engine = &bed.engine,
                .store = &closed,
                .bucket = "bucket",
                .directory_fd = AT_FDCWD,
                .concurrency = 2};
  SetProgress progress;
  const auto result = bed.loop.run(
      upload_set(set, items(std::vector<SetItem>(1000, {file.path, "key", {}})), progress));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, ErrorKind::kDenied);
  EXPECT_LE(closed.puts, 2);
}

TEST(Download, RangesMakeTheFile) {
  Bed bed;
  TextSource source(random_text(40 * kMiB + 3));
  source.info.digest = checksum_of(ChecksumAlgorithm::kCrc64Nvme, as_bytes(source.text_));
  TemporaryFile file("old");
  const auto result =
      bed.loop.run(download(bed.engine, source, file.path, bed.options, bed.progress));
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->parts, 3);
  EXPECT_EQ(result->verified_by, "crc64nvme of the whole, as the source says");
  auto back = open_file_source(file.path);
  ASSERT_TRUE(back);
  const auto info = bed.loop.run((*back)->probe());
  EXPECT_EQ(info->size, source.text_.size());
}

TEST(Download, LinksStayAndDevicesAreWrittenTo) {
  Bed bed;
  TextSource source(random_text(1000));
  TemporaryFile file("old");
  const std::string link = file.path + ".link";
  ASSERT_EQ(symlink(file.path.c_str(), link.c_str()), 0);
  ASSERT_TRUE(bed.loop.run(download(bed.engine, source, link, bed.options, bed.progress)));
  char target[512] = {};
  EXPECT_GT(readlink(link.c_str(), target, sizeof target - 1), 0) << "the link was replaced";
  unlink(link.c_str());
  auto back = open_file_source(file.path);
  ASSERT_TRUE(back);
  EXPECT_EQ(bed.loop.run((*back)->probe())->size, 1000u);

  ASSERT_TRUE(bed.loop.run(download(bed.engine, source, "/dev/null", bed.options, bed.progress)));
  struct stat status{};
  ASSERT_EQ(stat("/dev/null", &status), 0);
  EXPECT_TRUE(S_ISCHR(status.st_mode));
}

TEST(Download, WrongBytesLeaveTheOldFile) {
  Bed bed;
  TextSource source(random_text(1000));
  source.info.digest = checksum_of(ChecksumAlgorithm::kCrc64Nvme, as_bytes("other"));
  TemporaryFile file("old");
  const auto result =
      bed.loop.run(download(bed.engine, source, file.path, bed.options, bed.progress));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, ErrorKind::kCorrupt);
  char text[8] = {};
  const int fd = open(file.path.c_str(), O_RDONLY);
  EXPECT_EQ(read(fd, text, sizeof text), 3);
  close(fd);
  EXPECT_STREQ(text, "old");
}

}  // namespace
}  // namespace telpher
