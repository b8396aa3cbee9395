#include "codec/content_disposition.h"

#include "base/random.h"
#include "codec/utf8.h"

#include <gtest/gtest.h>

namespace telpher {
namespace {

TEST(ContentDisposition, NamesAsServersSendThem) {
  const std::pair<const char*, const char*> cases[] = {
      {"attachment; filename=\"a b.txt\"", "a b.txt"},
      {"attachment;filename=a.txt", "a.txt"},
      {"inline; FileName = a.txt ; x=y", "a.txt"},
      {"filename=a.txt", "a.txt"},
      {"attachment; filename=\"a\\\"b.txt\"", "a\"b.txt"},
      {"attachment; filename=\"a;b.txt\"; x=1", "a;b.txt"},
      {"attachment; filename=\"old.txt\"; filename*=UTF-8''na%C3%AFve.txt", "na\xc3\xafve.txt"},
      {"attachment; filename*=utf-8'en'%e2%82%ac.txt; filename=x", "\xe2\x82\xac.txt"},
      {"attachment; filename*=ISO-8859-1''%A3.txt", "\xc2\xa3.txt"},
      {"attachment; filename*=klingon''x; filename=y", "y"},
      {"attachment; filename*=UTF-8''%ff; filename=y", "y"},
      {"attachment; filename=\"\xe9.txt\"", "\xc3\xa9.txt"},
      {"attachment; filename=\"unclosed", "unclosed"},
  };
  for (const auto& [value, name] : cases) {
    EXPECT_EQ(parse_content_disposition_name(value), name) << value;
  }
}

TEST(ContentDisposition, NamesCannotLeadElsewhere) {
  const std::pair<const char*, const char*> cases[] = {
      {"attachment; filename=\"../../etc/passwd\"", "passwd"},
      {"attachment; filename=\"C:\\dir\\file.txt\"", "file.txt"},
      {"attachment; filename*=UTF-8''..%2F..%2Fx", "x"},
      {"attachment; filename*=UTF-8''a%00b%0Ac", "abc"},
      {"attachment; filename*=UTF-8''a%C2%9B31mb%1B[0m", "a31mb[0m"},
      {"attachment; filename=\" .bashrc \"", ".bashrc"},
  };
  for (const auto& [value, name] : cases) {
    EXPECT_EQ(parse_content_disposition_name(value), name) << value;
  }
  for (const char* value :
       {"", "attachment", "attachment; filename=", "attachment; filename=\"..\"", "attachment; x",
        "attachment; filename=\"a/\"", "attachment; filename=\". \"",
        "attachment; filename*=UTF-8''..", "attachment; filename=\".\x01.\""}) {
    EXPECT_FALSE(parse_content_disposition_name(value).has_value()) << value;
  }
}

TEST(ContentDisposition, LongNamesAreCutBetweenCharacters) {
  std::string name;
  for (int i = 0; i < 200; ++i) name += "\xe2\x82\xac";
  EXPECT_EQ(safe_file_name(name).size(), 255u);
  EXPECT_EQ(safe_file_name("a" + name).size(), 253u);
  EXPECT_TRUE(is_utf8(safe_file_name("a" + name)));
  EXPECT_EQ(safe_file_name(std::string(254, 'a') + " b"), std::string(254, 'a'));
}

TEST(ContentDisposition, ParsingUndoesMaking) {
  Random random(23);
  const std::string_view pieces[] = {
      "a", ".", " ", "\"", ";", "=", "'", "%41", "\xc3\xa9", "\xf0\x9f\x98\x80", "*", ",", "~"};
  for (int round = 0; round < 2000; ++round) {
    std::string name;
    for (std::uint64_t i = random.below(12); i > 0; --i)
      name += pieces[random.below(std::size(pieces))];
    const std::string safe = safe_file_name(name);
    const auto back = parse_content_disposition_name(make_content_disposition(safe));
    EXPECT_EQ(back.value_or(""), safe) << make_content_disposition(safe);
  }
}

TEST(Utf8, RefusesTheMalformed) {
  EXPECT_TRUE(is_utf8("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf"));
  for (const char* text :
       {"\x80", "\xc0\x80", "\xc1\xbf", "\xe0\x80\x80", "\xed\xa0\x80", "\xf0\x80\x80\x80",
        "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xc3", "\xe2\x82", "\xe2\x28\xa1"}) {
    EXPECT_FALSE(is_utf8(text));
  }
}

}  // namespace
}  // namespace telpher
