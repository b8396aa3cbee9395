#include "source/sync_tree.h"

#include "runtime/loop.h"
#include "store/memory/memory_store.h"
#include "tests/support/temporary_directory.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <sys/stat.h>

namespace telpher {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::sys_seconds;

/// Entries and errors as they are told.
class ToldTree final : public Tree {
 public:
  struct Step {
    TreeEntry entry;
    std::optional<Error> error;
  };
  explicit ToldTree(std::vector<TreeEntry> entries) {
    for (TreeEntry& entry : entries) steps.push_back({std::move(entry), std::nullopt});
  }
  Task<Result<std::optional<TreeEntry>>> next() override {
    if (steps.empty()) co_return std::optional<TreeEntry>();
    Step step = std::move(steps.front());
    steps.pop_front();
    current_ = step.entry.name;
    if (step.error) co_return *step.error;
    co_return std::move(step.entry);
  }
  std::string_view base() const override { return ""; }
  std::string current() const override { return current_; }

  std::deque<Step> steps;

 private:
  std::string current_;
};

TreeEntry entry(std::string name, ByteCount size = 1, int second = 0, std::string etag = {}) {
  return {.name = std::move(name),
          .size = size,
          .modified = sys_seconds(seconds(second)),
          .etag = std::move(etag)};
}

struct Synced {
  std::vector<std::string> copied;  // with "?" when in doubt
  std::vector<std::string> extra;
  std::vector<std::string> errors;
  std::uint64_t same = 0;
  std::uint64_t withheld = 0;
};

Task<Result<void>> note_extra(std::vector<std::string>* extra, TreeEntry entry) {
  extra->push_back(std::move(entry.name));
  co_return Result<void>();
}

Task<Synced> walk(Tree* source, Tree* destination, Compare compare) {
  Synced synced;
  SyncOptions options{.compare = compare};
  options.extra = [&](TreeEntry entry) { return note_extra(&synced.extra, std::move(entry)); };
  SyncTree sync(*source, *destination, std::move(options));
  for (;;) {
    const Result<std::optional<TreeEntry>> next = co_await sync.next();
    if (!next) {
      synced.errors.push_back((sync.failed_at_destination() ? "there: " : "here: ") +
                              sync.current());
      continue;
    }
    if (!*next) break;
    synced.copied.push_back((*next)->name + ((*next)->in_doubt ? "?" : ""));
  }
  synced.same = sync.same();
  synced.withheld = sync.withheld();
  co_return synced;
}

Synced sync(ToldTree source, ToldTree destination, Compare compare = Compare::kTime) {
  Loop loop;
  return loop.run(walk(&source, &destination, compare));
}

using Names = std::vector<std::string>;

TEST(SyncTree, TellsWhatIsMissingAndWhatIsTooMuch) {
  const Synced synced = sync(ToldTree({entry("a"), entry("c"), entry("d/e")}),
                             ToldTree({entry("a", 1, 9), entry("b"), entry("d/f"), entry("z")}));
  EXPECT_EQ(synced.copied, (Names{"c", "d/e"}));
  EXPECT_EQ(synced.extra, (Names{"b", "d/f", "z"}));
  EXPECT_EQ(synced.same, 1u);
}

TEST(SyncTree, TimesDecideAndTheSameSecondIsADoubt) {
  const Synced synced = sync(ToldTree({entry("newer", 1, 7), entry("older", 1, 5),
                                       entry("same second", 1, 6), entry("size", 1, 5)}),
                             ToldTree({entry("newer", 1, 6, "\"n\""), entry("older", 1, 6, "\"o\""),
                                       entry("same second", 1, 6, "\"s\""), entry("size", 2, 6)}));
  EXPECT_EQ(synced.copied, (Names{"newer?", "same second?", "size"}));
  EXPECT_EQ(synced.same, 1u);
}

TEST(SyncTree, AFileWithTheTimeOfItsObjectIsTheSame) {
  const auto object = [](milliseconds behind_second) {
    TreeEntry told = entry("a", 1, 6, "\"a\"");
    told.modified += behind_second;
    return ToldTree({told});
  };
  ToldTree merely_written({entry("a", 1, 6)});
  merely_written.steps[0].entry.modified += milliseconds(1);
  EXPECT_EQ(sync(object(0ms), ToldTree({entry("a", 1, 6)})).same, 1u);
  EXPECT_EQ(sync(object(999ms), ToldTree({entry("a", 1, 6)})).same, 1u);
  EXPECT_EQ(sync(object(0ms), merely_written).copied, Names{"a?"});
  EXPECT_EQ(sync(object(0ms), ToldTree({entry("a", 1, 5)})).copied, Names{"a?"});
}

TEST(SyncTree, SizeAloneOrContentMayDecide) {
  const auto ours = [] { return ToldTree({entry("newer", 1, 7), entry("older", 1, 5)}); };
  const auto theirs = [] { return ToldTree({entry("newer", 1, 6), entry("older", 1, 6)}); };
  EXPECT_EQ(sync(ours(), theirs(), Compare::kSize).copied, Names{});
  EXPECT_EQ(sync(ours(), theirs(), Compare::kContent).copied, (Names{"newer?", "older?"}));
}

TEST(SyncTree, OneETagIsOneContent) {
  EXPECT_EQ(sync(ToldTree({entry("a", 1, 9, "\"x\"")}), ToldTree({entry("a", 1, 5, "\"x\"")})).same,
            1u);
}

TEST(SyncTree, AnEmptySourceRemovesNothing) {
  const Synced synced = sync(ToldTree({}), ToldTree({entry("a"), entry("b")}));
  EXPECT_EQ(synced.extra, Names{});
  EXPECT_EQ(synced.withheld, 2u);
}

TEST(SyncTree, WhatCouldNotBeReadIsNotGone) {
  ToldTree source({entry("a"), entry("closed/"), entry("z")});
  source.steps[1].error = make_error(ErrorKind::kDenied, "no");
  const Synced synced =
      sync(std::move(source), ToldTree({entry("0"), entry("closed/x"), entry("y")}));
  EXPECT_EQ(synced.copied, (Names{"a", "z"}));
  EXPECT_EQ(synced.extra, Names{"0"});  // that was known before
  EXPECT_EQ(synced.withheld, 2u);
  EXPECT_EQ(synced.errors, Names{"here: closed/"});
}

TEST(SyncTree, ADestinationThatCannotBeListedEndsIt) {
  ToldTree destination({entry("a", 1, 9), entry("")});
  destination.steps[1].error = make_error(ErrorKind::kNetwork, "cut");
  const Synced synced =
      sync(ToldTree({entry("a"), entry("b"), entry("c")}), std::move(destination));
  EXPECT_EQ(synced.copied, Names{});
  EXPECT_EQ(synced.errors, Names{"there: "});
}

TEST(SyncTree, ListsWithoutOrderEndIt) {
  const Synced theirs = sync(ToldTree({entry("a"), entry("b"), entry("c")}),
                             ToldTree({entry("c", 1, 9), entry("a", 1, 9), entry("b", 1, 9)}));
  EXPECT_EQ(theirs.extra, Names{});
  EXPECT_EQ(theirs.errors, Names{"there: "});
  const Synced ours = sync(ToldTree({entry("b"), entry("a")}),
                           ToldTree({entry("a", 1, 9), entry("b", 1, 9), entry("z", 1, 9)}));
  EXPECT_EQ(ours.errors, Names{"here: "});
  EXPECT_EQ(std::ranges::count(ours.extra, "b") + std::ranges::count(ours.extra, "z"), 0);
}

// --- the trees themselves --------------------------------------------------------------------

Task<Names> names_of(Tree* tree) {
  Names names;
  for (;;) {
    const Result<std::optional<TreeEntry>> next = co_await tree->next();
    if (!next || !*next) co_return names;
    names.push_back((*next)->name);
  }
}

TEST(FileTree, SortsByBytesOfTheWholePath) {
  const TemporaryDirectory directory;
  // "a.b" before "a/": '.' is less than '/'; "a0" behind it.
  for (const char* name : {"a0", "a/z", "a/b/c", "a.b", "b\xc3\xa4", "b", "B"}) {
    directory.write(name, "x");
  }
  std::filesystem::create_directory_symlink(directory.path() + "/a/b", directory.path() + "/link");
  Loop loop;
  const auto tree = FileTree::open(directory.path(), {.sorted = true, .attributes = true},
                                   [](std::string_view) { return true; });
  ASSERT_TRUE(tree);
  const Names names = loop.run(names_of(tree->get()));
  EXPECT_EQ(names, (Names{"B", "a.b", "a/b/c", "a/z", "a0", "b", "b\xc3\xa4", "link/c"}));
  EXPECT_TRUE(std::ranges::is_sorted(names));
}

TEST(ObjectTree, GoesOverItsPages) {
  Loop loop;
  MemoryStore store;
  ASSERT_TRUE(loop.run(store.create_bucket("bucket")));
  for (int i = 0; i < 2'500; ++i) {
    const std::string text = "x";
    ASSERT_TRUE(
        loop.run(store.put({"bucket", "p/" + std::to_string(i)}, Body::of(as_bytes(text)), {})));
  }
  const auto all = [](std::string_view) { return true; };
  const auto tree = ObjectTree::open(store, {"bucket", "p/"}, all);
  ASSERT_TRUE(tree);
  const Names names = loop.run(names_of(tree->get()));
  EXPECT_EQ(names.size(), 2'500u);
  EXPECT_TRUE(std::ranges::is_sorted(names));
  const auto some = ObjectTree::open(store, {"bucket", "p/24?9"}, all);
  ASSERT_TRUE(some);
  EXPECT_EQ(loop.run(names_of(some->get())).size(), 10u);
}

}  // namespace
}  // namespace telpher
