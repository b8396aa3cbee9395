#include "source/file_source.h"

#include "runtime/loop.h"
#include "runtime/task_group.h"
#include "source/stdin_source.h"
#include "tests/support/temporary_directory.h"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace telpher {
namespace {

Task<Result<std::string>> read_all(Source& source, std::optional<ByteRange> range,
                                   SourceInfo seen) {
  CO_TRY(std::unique_ptr<ByteReader> reader, co_await source.open(range, std::move(seen)));
  std::string text;
  std::byte chunk[7];
  for (;;) {
    CO_TRY(const std::size_t count, co_await reader->read_some(chunk));
    if (count == 0) co_return text;
    text += as_text({chunk, count});
  }
}

class FileSourceTest : public testing::Test {
 protected:
  Result<std::string> read(Source& source, std::optional<ByteRange> range = {}) {
    Result<SourceInfo> info = loop.run(source.probe());
    if (!info) return info.error();
    return loop.run(read_all(source, range, *info));
  }

  Loop loop;
  TemporaryDirectory directory;
};

TEST_F(FileSourceTest, ReadsWholeAndByRanges) {
  const std::string path = directory.write("a.txt", "hello, wide world");
  const Result<std::unique_ptr<Source>> source = open_file_source(path);
  ASSERT_TRUE(source);
  const Result<SourceInfo> info = loop.run((*source)->probe());
  EXPECT_EQ(info->size, 17u);
  EXPECT_TRUE(info->ranges && info->rereadable);
  EXPECT_EQ(info->name, "a.txt");
  EXPECT_GE((*source)->fd(), 0);
  EXPECT_EQ(read(**source).value(), "hello, wide world");
  EXPECT_EQ(read(**source, ByteRange{7, 4}).value(), "wide");
  EXPECT_EQ(read(**source, ByteRange{17, 0}).value(), "");
  EXPECT_EQ(read(**source, ByteRange{10, 8}).error().kind, ErrorKind::kInvalid);
}

TEST_F(FileSourceTest, AnEmptyFileIsASource) {
  const Result<std::unique_ptr<Source>> source = open_file_source(directory.write("e", ""));
  EXPECT_EQ(loop.run((*source)->probe())->size, 0u);
  EXPECT_EQ(read(**source).value(), "");
}

TEST_F(FileSourceTest, AFileThatChangesIsNoticed) {
  for (const std::string after : {"longer than before", "short", "same size!"}) {
    const std::string path = directory.write("x", "0123456789");
    const Result<std::unique_ptr<Source>> source = open_file_source(path);
    const SourceInfo seen = *loop.run((*source)->probe());
    EXPECT_TRUE(loop.run((*source)->check_unchanged(seen)));
    directory.write("x", after);
    timespec times[2] = {{1, 0}, {2, 0}};  // the kernel's clock may not have ticked in between
    ASSERT_EQ(utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
    const Result<void> changed = loop.run((*source)->check_unchanged(seen));
    ASSERT_FALSE(changed) << after;
    EXPECT_EQ(changed.error().kind, ErrorKind::kSourceChanged);
    EXPECT_EQ(changed.error().message.find("the source changed while it was being copied"), 0u);
    EXPECT_EQ(loop.run(read_all(**source, {}, seen)).error().kind, ErrorKind::kSourceChanged);
  }
}

Task<Result<std::size_t>> read_after_truncation(Source& source, SourceInfo seen, std::string path) {
  CO_TRY(std::unique_ptr<ByteReader> reader, co_await source.open(std::nullopt, std::move(seen)));
  std::byte chunk[4];
  CO_TRY(std::size_t count, co_await reader->read_some(chunk));
  if (truncate(path.c_str(), 6) != 0) co_return make_errno_error(errno, "truncate");
  for (;;) {
    CO_TRY(count, co_await reader->read_some(chunk));
    if (count == 0) co_return count;
  }
}

TEST_F(FileSourceTest, AFileThatShrinksWhileBeingReadNeverEndsEarly) {
  const std::string path = directory.write("x", "0123456789");
  const Result<std::unique_ptr<Source>> source = open_file_source(path);
  const SourceInfo seen = *loop.run((*source)->probe());
  EXPECT_EQ(loop.run(read_after_truncation(**source, seen, path)).error().kind,
            ErrorKind::kSourceChanged);
}

TEST_F(FileSourceTest, FilesThatOnlyClaimToBeEmptyAreStreams) {
  const Result<std::unique_ptr<Source>> source = open_file_source("/proc/self/status");
  EXPECT_EQ(loop.run((*source)->probe())->size, std::nullopt);
  EXPECT_EQ((*source)->fd(), -1);
  EXPECT_NE(read(**source).value().find("Name:"), std::string::npos);
}

TEST_F(FileSourceTest, WhatIsNoRegularFileIsRefused) {
  const auto message = [](std::string path) {
    const Result<std::unique_ptr<Source>> source = open_file_source(std::move(path));
    return source ? "" : source.error().message;
  };
  const std::string pipe = directory.path() + "/pipe";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_NE(message(pipe).find("is a pipe. Read it from standard input"), std::string::npos);
  EXPECT_NE(message(directory.path()).find("is a directory"), std::string::npos);
  EXPECT_NE(message("/dev/null").find("is a device"), std::string::npos);
  EXPECT_EQ(open_file_source(directory.path() + "/none").error().kind, ErrorKind::kNotFound);

  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  const std::string path = directory.path() + "/s";
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  EXPECT_NE(message(path).find("is a socket"), std::string::npos);
  close(fd);
}

TEST_F(FileSourceTest, SmallFilesAreReadWholeOrNotAtAll) {
  const std::string path = directory.write("s", "12345");
  std::byte buffer[8];
  EXPECT_EQ(read_small_file(AT_FDCWD, path.c_str(), buffer).value(), 5u);
  EXPECT_EQ(as_text({buffer, 5}), "12345");
  EXPECT_EQ(read_small_file(AT_FDCWD, path.c_str(), MutableBytes(buffer, 5)).value(), 5u);
  EXPECT_EQ(read_small_file(AT_FDCWD, path.c_str(), MutableBytes(buffer, 4)).error().kind,
            ErrorKind::kLimit);
  const std::string empty = directory.write("e", "");
  EXPECT_EQ(read_small_file(AT_FDCWD, empty.c_str(), buffer).value(), 0u);
  const std::string pipe = directory.path() + "/pipe";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_EQ(read_small_file(AT_FDCWD, pipe.c_str(), buffer).error().kind, ErrorKind::kUnsupported);
}

TEST_F(FileSourceTest, StandardInputFromAPipeIsReadOnce) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  ASSERT_EQ(write(ends[1], "piped text", 10), 10);
  close(ends[1]);
  const Result<std::unique_ptr<Source>> source = make_stdin_source(ends[0]);
  const Result<SourceInfo> info = loop.run((*source)->probe());
  EXPECT_EQ(info->size, std::nullopt);
  EXPECT_FALSE(info->ranges || info->rereadable);
  EXPECT_EQ(read(**source).value(), "piped text");
  EXPECT_EQ(read(**source).error().kind, ErrorKind::kUnsupported);
  close(ends[0]);
}

Task<Result<void>> write_later(int fd) {
  for (int i = 0; i < 3; ++i) {
    co_await Yield();
    if (write(fd, "abc", 3) != 3) co_return make_errno_error(errno, "write");
  }
  close(fd);
  co_return Result<void>();
}

Task<Result<void>> copy_to(Source& source, std::string* text) {
  CO_TRY(*text, co_await read_all(source, std::nullopt, {}));
  co_return Result<void>();
}

Task<Result<std::string>> read_while_written(Source& source, int fd) {
  TaskGroup group(co_await current_context());
  std::string text;
  group.spawn(copy_to(source, &text));
  group.spawn(write_later(fd));
  CO_TRY_VOID(co_await group.join());
  co_return text;
}

TEST_F(FileSourceTest, AnEmptyPipeIsWaitedFor) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const Result<std::unique_ptr<Source>> source = make_stdin_source(ends[0]);
  EXPECT_EQ(loop.run(read_while_written(**source, ends[1])).value(), "abcabcabc");
  close(ends[0]);
}

TEST_F(FileSourceTest, ARedirectedFileIsReadFromWhereItStands) {
  const int fd = ::open(directory.write("f", "header\nbody").c_str(), O_RDONLY);
  {
    const Result<std::unique_ptr<Source>> whole = make_stdin_source(fd);
    EXPECT_GE((*whole)->fd(), 0);
    EXPECT_EQ(read(**whole).value(), "header\nbody");
  }
  lseek(fd, 7, SEEK_SET);
  const Result<std::unique_ptr<Source>> rest = make_stdin_source(fd);
  EXPECT_EQ(loop.run((*rest)->probe())->size, 4u);
  EXPECT_EQ((*rest)->fd(), -1);  // its offsets are not those of the descriptor
  EXPECT_EQ(read(**rest).value(), "body");
  EXPECT_EQ(read(**rest, ByteRange{1, 2}).value(), "od");
  close(fd);
}

TEST_F(FileSourceTest, ADeviceIsReadOnAWorker) {
  const int fd = ::open("/dev/null", O_RDONLY);
  const Result<std::unique_ptr<Source>> source = make_stdin_source(fd);
  EXPECT_EQ(read(**source).value(), "");
  close(fd);
}

}  // namespace
}  // namespace telpher
