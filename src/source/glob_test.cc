#include "source/glob.h"

#include <gtest/gtest.h>

namespace telpher {
namespace {

bool matches(std::string_view pattern, std::string_view path) {
  const Result<Glob> glob = Glob::parse(pattern);
  return glob.has_value() && path.starts_with(glob->base()) &&
         glob->matches(path.substr(glob->base().size()));
}

TEST(Glob, StarAndQuestionMarkStayWithinASegment) {
  EXPECT_TRUE(matches("*.gz", "a.gz"));
  EXPECT_TRUE(matches("*.gz", ".gz"));
  EXPECT_TRUE(matches("*a*b*", "xaaybz"));
  EXPECT_FALSE(matches("*.gz", "d/a.gz"));
  EXPECT_FALSE(matches("*.gz", "a.gz.tmp"));
  EXPECT_TRUE(matches("logs/*/x", "logs/2024/x"));
  EXPECT_FALSE(matches("logs/*/x", "logs/a/b/x"));
  EXPECT_TRUE(matches("a?c", "abc"));
  EXPECT_TRUE(matches("a?c", "a\u00e9c"));  // a character, not a byte
  EXPECT_FALSE(matches("a?c", "ac"));
  EXPECT_FALSE(matches("a?c", "a/c"));
  EXPECT_TRUE(matches("*", ".hidden"));
}

TEST(Glob, DoubleStarIsAnyNumberOfSegments) {
  EXPECT_TRUE(matches("**", "a"));
  EXPECT_TRUE(matches("**", "a/b/c"));
  EXPECT_TRUE(matches("**/*.txt", "x.txt"));
  EXPECT_TRUE(matches("**/*.txt", "a/b/x.txt"));
  EXPECT_FALSE(matches("**/*.txt", "a/b/x.txt/y"));
  EXPECT_TRUE(matches("a/**", "a/b/c"));
  EXPECT_FALSE(matches("a/**", "a"));
  EXPECT_TRUE(matches("a/**/z", "a/z"));
  EXPECT_TRUE(matches("a/**/z", "a/b/z/c/z"));
  EXPECT_TRUE(matches("**/b/**/d", "b/x/b/d"));
  EXPECT_FALSE(matches("a/**/z", "b/z"));
}

TEST(Glob, Classes) {
  EXPECT_TRUE(matches("part-[0-9][0-9]", "part-42"));
  EXPECT_FALSE(matches("part-[0-9][0-9]", "part-4x"));
  EXPECT_TRUE(matches("[!a-c]x", "dx"));
  EXPECT_FALSE(matches("[^a-c]x", "bx"));
  EXPECT_TRUE(matches("[]]x", "]x"));
  EXPECT_TRUE(matches("[a-]x", "-x"));
  EXPECT_TRUE(matches("[\u00e0-\u00ef]", "\u00e9"));
  EXPECT_TRUE(matches("a\\*b", "a*b"));
  EXPECT_FALSE(matches("a\\*b", "axb"));
}

TEST(Glob, BaseIsTheLiteralDirectory) {
  EXPECT_EQ(Glob::parse("a/b/*.gz")->base(), "a/b/");
  EXPECT_EQ(Glob::parse("/var/log/*")->base(), "/var/log/");
  EXPECT_EQ(Glob::parse("*")->base(), "");
  EXPECT_EQ(Glob::parse("a\\[1\\]/*")->base(), "a[1]/");
  EXPECT_EQ(Glob::parse("x.txt")->base(), "");
}

TEST(Glob, PrefixIsAllThatMatchesBeginWith) {
  EXPECT_EQ(Glob::parse("logs/2026-*/x")->prefix(), "logs/2026-");
  EXPECT_EQ(Glob::parse("a\\*b[0-9]")->prefix(), "a*b");
  EXPECT_EQ(Glob::parse("**/x")->prefix(), "");
  EXPECT_EQ(Glob::parse("d/e**")->prefix(), "d/e");
  EXPECT_EQ(Glob::parse("d/plain")->prefix(), "d/plain");
}

TEST(Glob, OneLevelIsASingleSegmentBelowTheBase) {
  EXPECT_TRUE(Glob::parse("logs/*.gz")->is_one_level());
  EXPECT_FALSE(Glob::parse("logs/**")->is_one_level());
  EXPECT_FALSE(Glob::parse("logs/*/x")->is_one_level());
}

TEST(Glob, DirectoriesThatCannotMatchAreNotEntered) {
  const Result<Glob> glob = Glob::parse("logs-*/2024/*.gz");
  EXPECT_TRUE(glob->may_match_below("logs-a"));
  EXPECT_TRUE(glob->may_match_below("logs-a/2024"));
  EXPECT_FALSE(glob->may_match_below("logs-a/2023"));
  EXPECT_FALSE(glob->may_match_below("logs-a/2024/x.gz"));
  EXPECT_FALSE(glob->may_match_below("data"));
  EXPECT_TRUE(Glob::parse("a*/**/z")->may_match_below("ab/c/d/e"));
}

TEST(Glob, MalformedPatternsAreRefused) {
  EXPECT_FALSE(Glob::parse("a[bc"));
  EXPECT_FALSE(Glob::parse("x*\\"));
  EXPECT_FALSE(Glob::parse("[a\\"));
  EXPECT_EQ(Glob::parse("a[bc").error().message, "the pattern 'a[bc' has a [ without its ]");
}

TEST(Glob, ManyStarsTakeNoExponentialTime) {
  EXPECT_FALSE(matches("*a*a*a*a*a*a*a*a*a*a*a*a*b", std::string(5000, 'a')));
  std::string deep;
  for (int i = 0; i < 500; ++i) deep += "a/";
  EXPECT_FALSE(matches("**/a/**/a/**/a/**/a/**/a/**/b", deep + "c"));
}

}  // namespace
}  // namespace telpher
