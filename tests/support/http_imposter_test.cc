#include "tests/support/http_imposter.h"

#include <gtest/gtest.h>

namespace telpher {
namespace {

TEST(HttpImposter, ScriptsAreReadStrictly) {
  const auto rules = parse_imposter_script(
      R"({"rules": [{"path": "/f", "size": "2MiB", "close_at": 5, "ranges": false,
          "headers": {"X-A": "b"}, "content_range_shift": -1, "times": 2}]})");
  ASSERT_TRUE(rules) << rules.error().message;
  const ImposterRule& rule = rules->at(0);
  EXPECT_EQ(rule.path, "/f");
  EXPECT_EQ(rule.size, 2u << 20);
  EXPECT_EQ(rule.close_at, 5u);
  EXPECT_FALSE(rule.ranges);
  EXPECT_EQ(rule.headers.at(0).second, "b");
  EXPECT_EQ(rule.content_range_shift, -1);
  EXPECT_EQ(rule.times, 2);
  for (const char* bad : {"{", "[]", R"({"rules": [{"pat": "/f"}]})", R"({"rules": [{"path": 1}]})",
                          R"({"rules": [{"size": -1}]})", R"({"rules": [{"typo": 1}]})"}) {
    EXPECT_FALSE(parse_imposter_script(bad)) << bad;
  }
}

TEST(HttpImposter, ContentIsTheSameFromAnywhere) {
  const std::string whole = imposter_content(7, {0, 1000});
  for (const ByteCount offset : {0u, 1u, 7u, 8u, 501u}) {
    EXPECT_EQ(imposter_content(7, {offset, 100}), whole.substr(offset, 100));
  }
  EXPECT_NE(imposter_content(8, {0, 1000}), whole);
}

}  // namespace
}  // namespace telpher
