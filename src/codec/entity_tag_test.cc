#include "codec/entity_tag.h"

#include <gtest/gtest.h>

namespace telpher {
namespace {

TEST(EntityTag, ParsesAndWrites) {
  for (const char* text : {"\"abc\"", "W/\"abc\"", "\"\"", "\"d41d8-2\""}) {
    EXPECT_EQ(parse_entity_tag(text).value().to_string(), text);
  }
  EXPECT_EQ(parse_entity_tag("abc").value().to_string(), "\"abc\"");
  for (const char* text : {"", "*", "\"", "\"a", "a\"", "\"a\"b\"", "\"a b\"", "W/\"a"}) {
    EXPECT_FALSE(parse_entity_tag(text).has_value()) << text;
  }
}

TEST(EntityTag, IfMatchIsStrong) {
  const EntityTag strong{"a"};
  const EntityTag weak{"a", true};
  EXPECT_TRUE(if_match_holds("\"x\", \"a\"", strong));
  EXPECT_TRUE(if_match_holds("*", strong));
  EXPECT_FALSE(if_match_holds("*", std::nullopt));
  EXPECT_FALSE(if_match_holds("\"a\"", std::nullopt));
  EXPECT_FALSE(if_match_holds("W/\"a\"", strong));
  EXPECT_FALSE(if_match_holds("\"a\"", weak));
  EXPECT_FALSE(if_match_holds("\"x", strong));
}

TEST(EntityTag, IfNoneMatchIsWeak) {
  EXPECT_FALSE(if_none_match_holds("*", EntityTag{"a"}));
  EXPECT_TRUE(if_none_match_holds("*", std::nullopt));
  EXPECT_FALSE(if_none_match_holds("\"x\",W/\"a\"", EntityTag{"a"}));
  EXPECT_TRUE(if_none_match_holds("\"x\"", EntityTag{"a"}));
}

TEST(EntityTag, CommasMayStandInATag) {
  EXPECT_TRUE(if_match_holds("\"a,b\"", EntityTag{"a,b"}));
  EXPECT_FALSE(if_match_holds("\"a,b\"", EntityTag{"a"}));
}

}  // namespace
}  // namespace telpher
