#include "source/tree.h"

#include "runtime/loop.h"
#include "runtime/task_group.h"
#include "tests/support/temporary_directory.h"

#include <gtest/gtest.h>

#include <filesystem>

namespace telpher {
namespace {

Task<Result<void>> walk_to_end(FileTree* tree) {
  for (;;) {
    CO_TRY(const std::optional<TreeEntry> entry, co_await tree->next());
    if (!entry) co_return Result<void>();
  }
}

Task<Result<void>> cancel_in_between(CancelSource* cancel) {
  co_await Yield{};
  cancel->cancel();
  co_return Result<void>();
}

Task<Result<void>> walk_and_cancel(FileTree* tree) {
  TaskContext& context = co_await current_context();
  CancelSource cancel;
  TaskContext walk_context{context.loop, &cancel};
  TaskGroup group(context);
  group.spawn(cancel_in_between(&cancel));
  Result<void> walked = co_await walk_to_end(tree).in(walk_context);
  CO_TRY_VOID(co_await group.join());
  co_return walked;
}

/// How the walk through `directory` ends when it is cancelled as soon as anything else runs.
Result<void> walk_cancelled(const std::string& directory, bool sorted, bool wanted) {
  Loop loop(Loop::Mode::kVirtual, 1);
  Result<std::unique_ptr<FileTree>> tree =
      FileTree::open(directory, {.sorted = sorted}, [wanted](std::string_view) { return wanted; });
  if (!tree) return tree.error();
  return loop.run(walk_and_cancel(tree->get()));
}

Task<std::vector<std::string>> names_of(FileTree* tree) {
  std::vector<std::string> names;
  for (;;) {
    const Result<std::optional<TreeEntry>> entry = co_await tree->next();
    if (entry && !*entry) co_return names;
    names.push_back(entry ? (*entry)->name : entry.error().message);
  }
}

/// Names and errors of all but `unwanted`.
std::vector<std::string> walk(const std::string& path, WalkOptions options, std::string unwanted) {
  Loop loop(Loop::Mode::kVirtual, 1);
  Result<std::unique_ptr<FileTree>> tree = FileTree::open(
      path, std::move(options), [&](std::string_view name) { return name != unwanted; });
  if (!tree) return {tree.error().message};
  return loop.run(names_of(tree->get()));
}

TEST(FileTree, IsCancelledWhateverItFinds) {
  const TemporaryDirectory files;
  const TemporaryDirectory directories;
  for (int i = 0; i < 600; ++i) {
    files.write(std::to_string(i), "");
    std::filesystem::create_directory(directories.path() + "/" + std::to_string(i));
  }
  for (const bool sorted : {false, true}) {
    for (const bool wanted : {false, true}) {
      const Result<void> walked = walk_cancelled(files.path(), sorted, wanted);
      ASSERT_FALSE(walked) << sorted << wanted;
      EXPECT_EQ(walked.error().kind, ErrorKind::kCancelled);
    }
    const Result<void> walked = walk_cancelled(directories.path(), sorted, true);
    ASSERT_FALSE(walked) << "directories only";
    EXPECT_EQ(walked.error().kind, ErrorKind::kCancelled);
  }
}

TEST(FileTree, LinksMayBeLeftAlone) {
  const TemporaryDirectory directory;
  directory.write("d/file", "1");
  std::filesystem::create_symlink("d", directory.path() + "/there");
  std::filesystem::create_symlink("d/file", directory.path() + "/link");
  std::filesystem::create_symlink("nowhere", directory.path() + "/broken");
  for (const bool sorted : {false, true}) {
    const WalkOptions options{.sorted = sorted, .follow_links = false};
    EXPECT_EQ(walk(directory.path(), options, ""), std::vector<std::string>{"d/file"});
    EXPECT_EQ(walk(directory.path() + "/*/file", options, ""), std::vector<std::string>{"d/file"});
  }
}

TEST(FileTree, NamesThatAreLeftOutFailNothing) {
  const TemporaryDirectory directory;
  directory.write("good", "1");
  directory.write("a\xff.txt", "1");
  EXPECT_EQ(walk(directory.path(), {}, "").size(), 2u);  // the error, and the file
  EXPECT_EQ(walk(directory.path(), {}, "a\xff.txt"), std::vector<std::string>{"good"});
  EXPECT_EQ(walk(directory.path() + "/g*", {}, ""), std::vector<std::string>{"good"});
}

}  // namespace
}  // namespace telpher
