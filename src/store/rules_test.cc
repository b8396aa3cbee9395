#include "store/rules.h"

#include "base/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace telpher {
namespace {

using Strings = std::vector<std::string>;

ListCursor cursor_over(const std::set<std::string>& keys) {
  return [&keys](const ListPosition& position) -> Result<std::optional<ListEntry>> {
    const auto it =
        position.after ? keys.upper_bound(position.key) : keys.lower_bound(position.key);
    if (it == keys.end()) return std::nullopt;
    return ListEntry{.key = *it};
  };
}

Strings all_pages(const std::set<std::string>& keys, ListOptions options) {
  Strings found;
  for (int pages = 0; pages < 10'000; ++pages) {
    const Result<ListPage> page = make_list_page(options, cursor_over(keys));
    if (!page) {
      ADD_FAILURE() << page.error().message;
      return found;
    }
    const std::size_t size = page->objects.size() + page->prefixes.size();
    EXPECT_LE(size, static_cast<std::size_t>(options.max_keys));
    for (const ListEntry& entry : page->objects) found.push_back(entry.key);
    found.insert(found.end(), page->prefixes.begin(), page->prefixes.end());
    if (page->continuation.empty()) break;
    EXPECT_GT(size, 0u);
    options.continuation = page->continuation;
  }
  std::sort(found.begin(), found.end());
  return found;
}

/// What a listing means, without pages.
Strings expected(const std::set<std::string>& keys, const ListOptions& options) {
  std::set<std::string> found;
  for (const std::string& key : keys) {
    if (!key.starts_with(options.prefix) || key <= options.start_after) continue;
    const std::size_t cut = options.delimiter.empty()
                                ? std::string::npos
                                : key.find(options.delimiter, options.prefix.size());
    const std::string name =
        cut == std::string::npos ? key : key.substr(0, cut + options.delimiter.size());
    // A common prefix that the start lies in is not listed again.
    if (cut == std::string::npos || !options.start_after.starts_with(name)) found.insert(name);
  }
  return {found.begin(), found.end()};
}

TEST(ListPage, PagesOfAnySizeAddUpToTheWhole) {
  Random random(7);
  const auto word = [&](std::size_t length_max) {
    std::string text;
    for (std::uint64_t left = random.below(length_max + 1); left > 0; --left) {
      text += "ab/\xff"[random.below(4)];
    }
    return text;
  };
  for (int round = 0; round < 2000; ++round) {
    std::set<std::string> keys;
    for (std::uint64_t left = random.below(40); left > 0; --left) keys.insert("k" + word(6));
    ListOptions options{.max_keys = static_cast<int>(1 + random.below(5))};
    if (random.chance(0.5)) options.prefix = "k" + word(2);
    if (random.chance(0.5)) options.delimiter = "/";
    if (random.chance(0.3)) options.start_after = "k" + word(4);
    EXPECT_EQ(all_pages(keys, options), expected(keys, options))
        << "round " << round << ", prefix " << options.prefix << ", start after "
        << options.start_after;
  }
}

TEST(ListPage, TheCommonPrefixThatTheStartLiesInIsNotListedAgain) {
  const std::set<std::string> keys = {"f/a/1", "f/a/2", "f/file1", "f/file2"};
  const ListOptions options{
      .prefix = "f/", .delimiter = "/", .start_after = "f/a/1", .max_keys = 1};
  const ListPage page = make_list_page(options, cursor_over(keys)).value();
  ASSERT_EQ(page.objects.size(), 1U);
  EXPECT_EQ(page.objects[0].key, "f/file1");
  EXPECT_TRUE(page.prefixes.empty());
  EXPECT_FALSE(page.continuation.empty());
}

TEST(ListPage, ForeignContinuationsAreRefused) {
  const std::set<std::string> keys = {"a"};
  for (const char* token : {"x", "####", "eA==", "YWJj"}) {
    const Result<ListPage> page = make_list_page({.continuation = token}, cursor_over(keys));
    ASSERT_FALSE(page) << token;
    EXPECT_EQ(page.error().kind, ErrorKind::kInvalid);
  }
}

TEST(AfterPrefix, IsTheFirstStringBeyond) {
  EXPECT_EQ(after_prefix("a/"), "a0");
  EXPECT_EQ(after_prefix("a\xff"), "b");
  EXPECT_EQ(after_prefix("\xff\xff"), std::nullopt);
  EXPECT_EQ(after_prefix(""), std::nullopt);
}

TEST(ResolveRange, CutsAtTheEnd) {
  EXPECT_EQ(*resolve_range(std::nullopt, 10), (ByteRange{0, 10}));
  EXPECT_EQ(*resolve_range(ByteRange{3, 100}, 10), (ByteRange{3, 7}));
  EXPECT_EQ(*resolve_range(ByteRange{3, ~0ULL}, 10), (ByteRange{3, 7}));
  EXPECT_FALSE(resolve_range(ByteRange{10, 1}, 10));
  EXPECT_FALSE(resolve_range(ByteRange{0, 1}, 0));
  EXPECT_EQ(*resolve_range(std::nullopt, 0), (ByteRange{0, 0}));
}

TEST(Tags, AreMeasuredInCharacters) {
  std::string key;
  for (int i = 0; i < 128; ++i) key += "\xC3\xA9";
  EXPECT_TRUE(check_tags({{key, key + key}}));
  EXPECT_FALSE(check_tags({{key + "a", ""}}));
  EXPECT_FALSE(check_tags({{"k", key + key + "a"}}));
}

TEST(ContentDigester, ChecksWhatWasAnnounced) {
  const auto digest = [](ContentDigester::Options options) {
    ContentDigester digester(options);
    digester.update(as_bytes("hel"));
    digester.update(as_bytes("lo"));
    return digester.finish();
  };
  const Digest sha = checksum_of(ChecksumAlgorithm::kSha256, as_bytes("hello"));
  const Digest md5 = checksum_of(ChecksumAlgorithm::kMd5, as_bytes("hello"));
  const Digest wrong = checksum_of(ChecksumAlgorithm::kMd5, as_bytes("jello"));
  EXPECT_TRUE(digest({.expected = sha}));
  EXPECT_TRUE(digest({.md5_etag = false, .expected = md5}));
  EXPECT_FALSE(digest({.md5_etag = false, .expected = wrong}));
  EXPECT_FALSE(digest({.content_md5 = "not base64"}));
  // What is kept is what was asked for, also when something else was announced.
  const auto kept = digest({.algorithm = ChecksumAlgorithm::kCrc32c, .expected = sha});
  ASSERT_TRUE(kept);
  EXPECT_EQ(kept->checksum, checksum_of(ChecksumAlgorithm::kCrc32c, as_bytes("hello")));
}

}  // namespace
}  // namespace telpher
