#include "source/directory.h"

#include "tests/support/temporary_directory.h"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <map>
#include <set>
#include <sys/stat.h>
#include <unistd.h>

namespace telpher {
namespace {

struct Walked {
  std::map<std::string, std::optional<ByteCount>> files;
  std::vector<Error> errors;
};

Walked walk(const std::string& root, WalkOptions options = {}) {
  Walked walked;
  const Result<std::unique_ptr<DirectoryWalk>> walking =
      DirectoryWalk::open(root, std::move(options));
  for (int i = 0; walking && i < 10'000; ++i) {
    const Result<std::optional<FileEntry>> entry = (*walking)->next();
    if (!entry) {
      walked.errors.push_back(entry.error());
    } else if (*entry) {
      walked.files[(*entry)->path] = (*entry)->size;
    } else {
      break;
    }
  }
  return walked;
}

std::set<std::string> paths(const Walked& walked) {
  std::set<std::string> result;
  for (const auto& [path, size] : walked.files) result.insert(path);
  return result;
}

TEST(DirectoryWalk, FindsEveryFileOnce) {
  const TemporaryDirectory directory;
  std::set<std::string> expected;
  for (int i = 0; i < 2000; ++i) {  // several batches of names, directories in between
    const std::string name = "d" + std::to_string(i % 7) + "/e" + std::to_string(i % 3) +
                             "/file number " + std::to_string(i);
    directory.write(name, std::string(static_cast<std::size_t>(i % 5), 'x'));
    expected.insert(name);
  }
  directory.write("top", "");
  expected.insert("top");
  std::filesystem::create_directory(directory.path() + "/empty");
  const Walked walked = walk(directory.path(), {.attributes = true});
  EXPECT_EQ(paths(walked), expected);
  EXPECT_TRUE(walked.errors.empty());
  EXPECT_EQ(walked.files.at("d4/e1/file number 4"), 4u);
  EXPECT_EQ(paths(walk(directory.path() + "/")), expected);
}

TEST(DirectoryWalk, PatternsSelectFilesAndSpareDirectories) {
  const TemporaryDirectory directory;
  for (const char* name : {"a/x.gz", "a/b/y.gz", "a/b/z.txt", "c/x.gz", "x.gz"}) {
    directory.write(name, "1");
  }
  std::filesystem::permissions(directory.path() + "/c", std::filesystem::perms::none);
  const auto matching = [&](std::string_view pattern) {
    return walk(directory.path(), {.pattern = *Glob::parse(pattern)});
  };
  EXPECT_EQ(paths(matching("*.gz")), std::set<std::string>({"x.gz"}));
  const Walked below = matching("[ab]/**/*.gz");
  EXPECT_EQ(paths(below), std::set<std::string>({"a/x.gz", "a/b/y.gz"}));
  EXPECT_TRUE(below.errors.empty());  // c was not entered
  std::filesystem::permissions(directory.path() + "/c", std::filesystem::perms::owner_all);
}

TEST(DirectoryWalk, LinksAreFollowedAndLoopsReported) {
  const TemporaryDirectory directory;
  const TemporaryDirectory elsewhere;
  directory.write("a/file", "12345");
  elsewhere.write("far", "1");
  std::filesystem::create_symlink("a/file", directory.path() + "/link");
  std::filesystem::create_symlink(elsewhere.path(), directory.path() + "/there");
  std::filesystem::create_symlink("..", directory.path() + "/a/up");
  std::filesystem::create_symlink("nowhere", directory.path() + "/broken");
  std::filesystem::create_symlink("self", directory.path() + "/self");
  const Walked walked = walk(directory.path());
  EXPECT_EQ(paths(walked), std::set<std::string>({"a/file", "link", "there/far"}));
  EXPECT_EQ(walked.files.at("link"), 5u);
  ASSERT_EQ(walked.errors.size(), 3u);
  int loops = 0;
  for (const Error& error : walked.errors) {
    if (error.message.find("/a/up' is a link to a directory that holds it") != error.message.npos) {
      ++loops;
    } else {
      EXPECT_TRUE(error.message.find("broken") != error.message.npos ||
                  error.message.find("self") != error.message.npos)
          << error.message;
    }
  }
  EXPECT_EQ(loops, 1);
}

TEST(DirectoryWalk, WhatCannotBeCopiedIsReportedAndTheWalkGoesOn) {
  const TemporaryDirectory directory;
  directory.write("good", "1");
  directory.write("caf\xe9", "1");
  ASSERT_EQ(mkfifo((directory.path() + "/pipe").c_str(), 0600), 0);
  const Walked walked = walk(directory.path());
  EXPECT_EQ(paths(walked), std::set<std::string>({"good"}));
  ASSERT_EQ(walked.errors.size(), 2u);
  std::string messages = walked.errors[0].message + walked.errors[1].message;
  EXPECT_NE(messages.find("/caf\\xe9' has a name that is not UTF-8"), std::string::npos);
  EXPECT_NE(messages.find("/pipe' is neither a file nor a directory"), std::string::npos);
}

TEST(DirectoryWalk, DepthIsLimited) {
  const TemporaryDirectory directory;
  directory.write("1/2/3/deep", "1");
  directory.write("1/shallow", "1");
  const Walked walked = walk(directory.path(), {.depth_max = 3});
  EXPECT_EQ(paths(walked), std::set<std::string>({"1/shallow"}));
  ASSERT_EQ(walked.errors.size(), 1u);
  EXPECT_EQ(walked.errors[0].kind, ErrorKind::kLimit);
}

TEST(DirectoryWalk, RootMustBeADirectory) {
  const TemporaryDirectory directory;
  EXPECT_EQ(DirectoryWalk::open(directory.path() + "/no", {}).error().kind, ErrorKind::kNotFound);
  EXPECT_EQ(DirectoryWalk::open(directory.write("f", ""), {}).error().kind, ErrorKind::kIo);
}

}  // namespace
}  // namespace telpher
