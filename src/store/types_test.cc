#include "store/types.h"

#include <gtest/gtest.h>

namespace telpher {
namespace {

TEST(BucketName, TakesWhatS3Takes) {
  for (const char* name : {"abc", "my-bucket", "a.b.c", "123", "1.2.3", "1.2.3.4a", "a--b"}) {
    EXPECT_TRUE(check_bucket_name(name)) << name;
  }
  EXPECT_TRUE(check_bucket_name(std::string(63, 'a')));
}

TEST(BucketName, EachRuleRefuses) {
  for (const char* name : {"",
                           "ab",
                           "Abc",
                           "a_b",
                           "-abc",
                           "abc-",
                           ".abc",
                           "abc.",
                           "a..b",
                           "1.2.3.4",
                           "192.168.000.1",
                           "xn--abc",
                           "sthree-abc",
                           "amzn-s3-demo-abc",
                           "abc-s3alias",
                           "abc--ol-s3",
                           "abc.mrap",
                           "abc--x-s3",
                           "abc--table-s3",
                           "foo-.bar",
                           "foo.-bar",
                           "a/b",
                           "a b",
                           "bücket"}) {
    const Result<void> checked = check_bucket_name(name);
    ASSERT_FALSE(checked) << name;
    EXPECT_EQ(checked.error().kind, ErrorKind::kInvalid);
  }
  EXPECT_FALSE(check_bucket_name(std::string(64, 'a')));
}

TEST(Key, AnyUtf8UpTo1024Bytes) {
  for (const char* key : {"a", "/", "..", "a b", "ключ", "日本語/🙂", "a//b", "\x01", "%2F"}) {
    EXPECT_TRUE(check_key(key)) << key;
  }
  EXPECT_TRUE(check_key(std::string(1024, 'k')));
}

TEST(Key, RefusesEmptyLongAndMalformed) {
  EXPECT_FALSE(check_key(""));
  EXPECT_FALSE(check_key(std::string(1025, 'k')));
  EXPECT_EQ(check_key(std::string_view("a\0b", 3)).error().context.code, "InvalidArgument");
  for (const char* key : {"\xff", "\x80", "\xc0\xaf", "\xe2\x82", "\xed\xa0\x80",
                          "\xf5\x80\x80\x80", "\xf4\x90\x80\x80", "\xe0\x80\xaf", "ok\xc3"}) {
    EXPECT_FALSE(check_key(key));
  }
}

}  // namespace
}  // namespace telpher
