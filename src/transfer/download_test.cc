#include "base/unique_fd.h"
#include "base/units.h"
#include "runtime/task_group.h"
#include "source/file_source.h"
#include "tests/support/engine_bed.h"
#include "tests/support/temporary_directory.h"
#include "transfer/download_file.h"
#include "transfer/transfer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <sstream>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

namespace telpher {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

struct Folder : TemporaryDirectory {
  std::string file(const std::string& name) const { return path() + '/' + name; }
  std::string read(const std::string& name) const {
    std::ostringstream text;
    text << std::ifstream(file(name), std::ios::binary).rdbuf();
    return text.str();
  }
  std::size_t files() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(path()), {}));
  }
  mode_t mode(const std::string& name) const {
    struct stat status{};
    EXPECT_EQ(stat(file(name).c_str(), &status), 0);
    return status.st_mode & 07777;
  }
};

/// A source in memory that is read slowly, so that its readers work side by side.
class SlowText : public Source {
 public:
  explicit SlowText(std::string text) : text_(std::move(text)) {
    info.size = text_.size();
    info.ranges = info.rereadable = true;
    info.validator = "\"v1\"";
    info.name = "name";
  }
  Task<Result<SourceInfo>> probe() override { co_return info; }
  Task<Result<std::unique_ptr<ByteReader>>> open(std::optional<ByteRange> range,
                                                 SourceInfo) override {
    const std::string_view all = text_;
    co_return std::make_unique<Reader>(*this,
                                       range ? all.substr(range->offset, range->length) : all);
  }
  std::string redacted_address() const override { return "test://text"; }
  std::string identity() const override { return "test://text"; }

  SourceInfo info;
  std::function<void()> on_read;
  int damaged_readers = 0;  // so many of the next ones flip a bit
  int readers = 0;
  int readers_most = 0;

 private:
  class Reader : public ByteReader {
   public:
    Reader(SlowText& source, std::string_view text) : source_(source), text_(text) {
      source_.readers_most = std::max(source_.readers_most, ++source_.readers);
      damaged_ = source_.damaged_readers > 0 && source_.damaged_readers-- > 0;
    }
    ~Reader() override { --source_.readers; }
    Task<Result<std::size_t>> read_some(MutableBytes buffer) override {
      CO_TRY_VOID(co_await sleep_for(std::chrono::milliseconds(1)));
      const std::size_t count = std::min(buffer.size(), text_.size());
      std::copy_n(as_bytes(text_).data(), count, buffer.data());
      text_.remove_prefix(count);
      if (std::exchange(damaged_, false)) buffer[0] ^= std::byte{1};
      if (source_.on_read) source_.on_read();
      co_return count;
    }

   private:
    SlowText& source_;
    std::string_view text_;
    bool damaged_ = false;
  };
  const std::string text_;
};

/// A file with which something happens after it has been opened.
class MeddledFile : public Source {
 public:
  MeddledFile(std::unique_ptr<Source> file, std::function<void()> meddle)
      : file_(std::move(file)), meddle_(std::move(meddle)) {}
  Task<Result<SourceInfo>> probe() override { return file_->probe(); }
  Task<Result<std::unique_ptr<ByteReader>>> open(std::optional<ByteRange> range,
                                                 SourceInfo seen) override {
    auto reader = co_await file_->open(range, std::move(seen));
    meddle_();
    co_return reader;
  }
  Task<Result<void>> check_unchanged(SourceInfo seen) override {
    return file_->check_unchanged(std::move(seen));
  }
  std::string redacted_address() const override { return file_->redacted_address(); }
  std::string identity() const override { return file_->identity(); }

 private:
  std::unique_ptr<Source> file_;
  std::function<void()> meddle_;
};

struct Bed : EngineBed {
  Result<TransferResult> copy(Source& source, const std::string& name) {
    return loop.run(download(engine, source, folder.file(name), options, progress));
  }
  Folder folder;
};

/// What others may do to a file while it is copied.
enum class Meddling { kNone, kOverwritten, kAppended };

std::unique_ptr<Source> meddled(const Bed& bed, Meddling meddling) {
  bed.folder.write("from", std::string(100'000, 'a'));
  // Long ago, so that every clock sees that it has been written to.
  const std::array<timespec, 2> long_ago{timespec{1, 0}, timespec{1, 0}};
  const std::string path = bed.folder.file("from");
  EXPECT_EQ(utimensat(AT_FDCWD, path.c_str(), long_ago.data(), 0), 0);
  auto file = open_file_source(path);
  EXPECT_TRUE(file);
  return std::make_unique<MeddledFile>(*std::move(file), [path, meddling] {
    if (meddling == Meddling::kNone) return;
    const UniqueFd fd(::open(path.c_str(), O_WRONLY));
    const off_t place = meddling == Meddling::kAppended ? 100'000 : 50'000;
    EXPECT_EQ(pwrite(fd.get(), "b", 1, place), 1);
  });
}

/// A source that says what its bytes are.
SlowText proven_text(ByteCount size) {
  std::string text = random_text(size);
  const Digest digest = checksum_of(ChecksumAlgorithm::kCrc64Nvme, as_bytes(text));
  SlowText source(std::move(text));
  source.info.digest = digest;
  return source;
}

TEST(Download, BytesDamagedOnTheirWayAreReadAgain) {
  for (const ByteCount size : {10 * kKiB, 33 * kMiB}) {
    Bed bed;
    SlowText source = proven_text(size);
    source.damaged_readers = 2;
    const auto copied = bed.copy(source, "to");
    ASSERT_TRUE(copied) << copied.error().message;
    EXPECT_EQ(bed.folder.read("to"), random_text(size));
    EXPECT_EQ(copied->size, size);
    EXPECT_EQ(bed.progress.bytes_done, size);
  }
}

TEST(Download, BytesThatAreAlwaysDamagedNeverAppear) {
  Bed bed;
  SlowText source = proven_text(10 * kKiB);
  source.damaged_readers = 1000;
  const auto copied = bed.copy(source, "to");
  ASSERT_FALSE(copied);
  EXPECT_EQ(copied.error().kind, ErrorKind::kCorrupt);
  EXPECT_EQ(source.damaged_readers, 997);
  EXPECT_EQ(bed.folder.files(), 0u);
}

TEST(Download, WhatOnlyTheUserExpectsIsNotReadAgain) {
  Bed bed;
  SlowText source = proven_text(10 * kKiB);
  source.damaged_readers = 1000;
  bed.options.expect = checksum_of(ChecksumAlgorithm::kCrc64Nvme, as_bytes("other"));
  EXPECT_EQ(bed.copy(source, "to").error().kind, ErrorKind::kCorrupt);
  EXPECT_EQ(source.damaged_readers, 999);
}

TEST(Download, FileThatIsWrittenToMeanwhileDoesNotAppear) {
  for (const Meddling meddling : {Meddling::kOverwritten, Meddling::kAppended}) {
    Bed bed;
    bed.folder.write("to", "old");
    const auto result = bed.copy(*meddled(bed, meddling), "to");
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().kind, ErrorKind::kSourceChanged);
    EXPECT_EQ(bed.folder.read("to"), "old");
    EXPECT_EQ(bed.folder.files(), 2u);
  }
}

TEST(Download, AFileIsNotCopiedOntoItself) {
  Bed bed;
  bed.folder.write("from", "hello");
  fs::create_hard_link(bed.folder.file("from"), bed.folder.file("other"));
  auto source = open_file_source(bed.folder.file("from"));
  ASSERT_TRUE(source);
  for (const char* name : {"from", "other"}) {
    const auto result = bed.copy(**source, name);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().kind, ErrorKind::kInvalid);
    EXPECT_EQ(bed.folder.read(name), "hello");
  }
}

TEST(DownloadStream, FileThatIsWrittenToMeanwhileIsNoSuccess) {
  for (const Meddling meddling : {Meddling::kNone, Meddling::kOverwritten, Meddling::kAppended}) {
    Bed bed;
    const UniqueFd out(::open("/dev/null", O_WRONLY));
    const auto source = meddled(bed, meddling);
    const auto result =
        bed.loop.run(download_stream(bed.engine, *source, out.get(), bed.options, bed.progress));
    EXPECT_EQ(result.has_value(), meddling == Meddling::kNone);
    if (!result) EXPECT_EQ(result.error().kind, ErrorKind::kSourceChanged);
  }
}

TEST(Download, DigestIsOfTheWholeOrNotTold) {
  for (const ChecksumAlgorithm algorithm :
       {ChecksumAlgorithm::kSha256, ChecksumAlgorithm::kMd5, ChecksumAlgorithm::kCrc32c}) {
    for (const std::size_t size : {std::size_t{1000}, 17 * kMiB}) {
      Bed bed;
      bed.options.checksum = algorithm;
      const std::string text = random_text(size);
      SlowText source(text);
      const auto result = bed.copy(source, "to");
      ASSERT_TRUE(result) << result.error().message;
      if (result->parts > 1 && !checksum_combines(algorithm)) {
        EXPECT_TRUE(result->digest.empty()) << to_string(algorithm);
      } else {
        EXPECT_EQ(result->digest, checksum_of(algorithm, as_bytes(text))) << to_string(algorithm);
      }
    }
  }
}

TEST(Download, PipesAreWrittenToUnderAnyName) {
  Bed bed;
  SlowText source("hello");
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe(ends.data()), 0);
  const UniqueFd reader(ends[0]);
  const UniqueFd writer(ends[1]);
  const std::string path = "/dev/fd/" + std::to_string(writer.get());
  const auto result = bed.loop.run(download(bed.engine, source, path, bed.options, bed.progress));
  ASSERT_TRUE(result) << result.error().message;
  std::array<char, 8> text{};
  EXPECT_EQ(read(reader.get(), text.data(), text.size()), 5);
  EXPECT_STREQ(text.data(), "hello");
}

TEST(Download, IfNoneMatchLeavesWhatIsThere) {
  Bed bed;
  bed.options.if_none_match = true;
  SlowText source("hello");
  int reads = 0;
  source.on_read = [&reads] { ++reads; };
  bed.folder.write("to", "old");
  const auto result = bed.copy(source, "to");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, ErrorKind::kPrecondition);
  EXPECT_EQ(reads, 0) << "found out before anything is fetched";
  EXPECT_EQ(bed.folder.read("to"), "old");
  ASSERT_TRUE(bed.copy(source, "new"));
  EXPECT_EQ(bed.folder.read("new"), "hello");
}

TEST(Download, IfNoneMatchLeavesWhatAppearsMeanwhile) {
  for (const std::size_t size : {std::size_t{1000}, 17 * kMiB}) {  // in one part, in two
    Bed bed;
    bed.options.if_none_match = true;
    SlowText source(random_text(size));
    source.on_read = [&bed] { bed.folder.write("to", "another's"); };
    const auto result = bed.copy(source, "to");
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().kind, ErrorKind::kPrecondition);
    EXPECT_EQ(bed.folder.read("to"), "another's");
    EXPECT_EQ(bed.folder.files(), 1u);
  }
}

TEST(DownloadFile, WithANameOfItsOwnReplacesOrRefuses) {
  Folder folder;
  for (const bool there : {false, true}) {
    for (const auto if_exists :
         {DownloadFile::IfExists::kReplace, DownloadFile::IfExists::kRefuse}) {
      unlink(folder.file("to").c_str());
      if (there) folder.write("to", "old");
      DownloadFile file;
      ASSERT_TRUE(file.create(folder.file("to"), 3));
      ASSERT_TRUE(file.write(0, as_bytes("new")));
      const auto committed = file.commit(if_exists);
      const bool refused = there && if_exists == DownloadFile::IfExists::kRefuse;
      EXPECT_EQ(committed.has_value(), !refused);
      if (!committed) EXPECT_EQ(committed.error().kind, ErrorKind::kPrecondition);
      EXPECT_EQ(folder.read("to"), refused ? "old" : "new");
      file.remove();
      EXPECT_EQ(folder.files(), 1u);
    }
  }
}

TEST(Download, TakesOverTheModeOfTheFileItReplaces) {
  for (const mode_t mode : {0600, 0640, 0755, 0444}) {
    Bed bed;
    SlowText source("hello");
    bed.folder.write("to", "old");
    ASSERT_EQ(chmod(bed.folder.file("to").c_str(), mode), 0);
    const auto result = bed.copy(source, "to");
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_EQ(bed.folder.mode("to"), mode);
    EXPECT_EQ(bed.folder.read("to"), "hello");
  }
}

TEST(Download, TheFileGetsTheTimeOfItsSource) {
  using std::chrono::system_clock;
  const auto second = [](system_clock::time_point time) { return system_clock::to_time_t(time); };
  for (const ByteCount size : {10 * kKiB, 33 * kMiB}) {
    Bed bed;
    SlowText source(random_text(size));
    struct stat status{};
    const auto now = bed.loop.wall_now();
    source.info.last_modified = now - 24h;
    ASSERT_TRUE(bed.copy(source, "old"));
    ASSERT_EQ(stat(bed.folder.file("old").c_str(), &status), 0);
    EXPECT_EQ(status.st_mtim.tv_sec, second(now - 24h));
    EXPECT_EQ(status.st_mtim.tv_nsec, 0);
    // Its second may not be over, and times to come are nonsense.
    for (const auto modified : {now, now + 24h, system_clock::time_point()}) {
      source.info.last_modified = modified;
      ASSERT_TRUE(bed.copy(source, "fresh"));
      ASSERT_EQ(stat(bed.folder.file("fresh").c_str(), &status), 0);
      EXPECT_LE(std::abs(status.st_mtim.tv_sec - second(system_clock::now())), 60);
      EXPECT_NE(status.st_mtim.tv_nsec, 0);
    }
  }
}

TEST(Download, ANewFileHasTheUsualMode) {
  Bed bed;
  SlowText source("hello");
  const mode_t before = umask(027);
  const auto result = bed.copy(source, "to");
  umask(before);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(bed.folder.mode("to"), 0640u);
}

TEST(Download, WhoeverIsKilledInASmallOneLeavesNothing) {
  Bed bed;
  if (const UniqueFd fd(::open(bed.folder.path().c_str(), O_TMPFILE | O_RDWR, 0600)); !fd) {
    GTEST_SKIP() << "this file system has no files without names";
  }
  SlowText source(random_text(1000));
  std::size_t files_most = 0;
  source.on_read = [&] { files_most = std::max(files_most, bed.folder.files()); };
  ASSERT_TRUE(bed.copy(source, "to"));
  EXPECT_EQ(files_most, 0u) << "there was a file to be left behind";
  ASSERT_TRUE(bed.copy(source, "to"));
  EXPECT_EQ(bed.folder.files(), 1u);
}

TEST(Download, OpensNoMoreConnectionsThanAllowed) {
  for (const int limit : {1, 2}) {
    Bed bed;
    bed.options.source_connections = limit;
    SlowText source(random_text(65 * kMiB));
    const auto result = bed.copy(source, "to");
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_EQ(source.readers_most, limit);
  }
}

}  // namespace
}  // namespace telpher
