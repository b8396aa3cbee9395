#include "session/address.h"

#include <gtest/gtest.h>

namespace telpher {
namespace {

using Kind = Address::Kind;

TEST(Address, EveryWrittenFormIsRecognised) {
  struct Case {
    std::string_view text;
    Kind kind;
    std::string_view bucket, key, path;
  };
  const Case cases[] = {
      {"https://example.com/a?b=c", Kind::kUrl, "", "", ""},
      {"HTTP://example.com", Kind::kUrl, "", "", ""},
      {"sftp://host/x", Kind::kUrl, "", "", ""},
      {"s3://bucket/a b/ü", Kind::kS3, "bucket", "a b/ü", ""},
      {"s3://bucket", Kind::kS3, "bucket", "", ""},
      {"s3://bucket//x", Kind::kS3, "bucket", "/x", ""},
      {"local://bucket/k", Kind::kLocal, "bucket", "k", ""},
      {"s3://", Kind::kS3, "", "", ""},
      {"-", Kind::kStdio, "", "", ""},
      {"a.txt", Kind::kPath, "", "", "a.txt"},
      {"./dir/", Kind::kPath, "", "", "./dir/"},
      {"odd name://x", Kind::kPath, "", "", "odd name://x"},
      {"file:///tmp/a%20b", Kind::kPath, "", "", "/tmp/a b"},
      {"file://localhost/tmp/a", Kind::kPath, "", "", "/tmp/a"},
  };
  for (const Case& c : cases) {
    const Result<Address> address = parse_address(c.text);
    ASSERT_TRUE(address) << c.text << ": " << address.error().message;
    EXPECT_EQ(address->kind, c.kind) << c.text;
    EXPECT_EQ(address->object.bucket, c.bucket) << c.text;
    EXPECT_EQ(address->object.key, c.key) << c.text;
    EXPECT_EQ(address->path, c.path) << c.text;
  }
}

TEST(Address, WhatIsWrongIsSaid) {
  EXPECT_EQ(parse_address("").error().message, "URL is required");
  for (const char* text : {"http://", "gopher://x/", "http://a b/", "file://x", "s3://UPPER/k",
                           "s3://ab", "s3:///k", "http://h:99999/"}) {
    const Result<Address> address = parse_address(text);
    ASSERT_FALSE(address) << text;
    EXPECT_EQ(address.error().kind, ErrorKind::kInvalid) << text;
  }
  const std::string once = parse_address("http://").error().message;
  EXPECT_EQ(once.rfind("Invalid URL format"), 0u) << once;
  EXPECT_TRUE(parse_address("gopher://x/").error().message.starts_with("Invalid URL format"));
}

TEST(Address, SecretsInUrlsAreHidden) {
  const Address address = *parse_address("https://user:secret@host/a?X-Amz-Signature=abc");
  const std::string shown = redacted(address);
  EXPECT_EQ(shown.find("secret"), std::string::npos) << shown;
  EXPECT_EQ(shown.find("abc"), std::string::npos) << shown;
  EXPECT_NE(shown.find("host/a"), std::string::npos) << shown;
}

TEST(Address, ObjectsGoBelowPrefixesOrExactlyThere) {
  EXPECT_EQ(object_for(*parse_address("s3://bucket/a/"), "x/y").key, "a/x/y");
  EXPECT_EQ(object_for(*parse_address("s3://bucket"), "x").key, "x");
  EXPECT_EQ(object_for(*parse_address("s3://bucket/a"), "x").key, "a");
}

TEST(Address, KeysNeverLeaveTheDirectory) {
  EXPECT_EQ(file_for("out/", "a/b").value(), "out/a/b");
  EXPECT_EQ(file_for("out", "a").value(), "out/a");
  for (const char* name : {"../x", "a/../../x", "/etc/passwd", "a//b", "a/", "", ".", "a/./b"}) {
    EXPECT_FALSE(file_for("out", name)) << name;
  }
}

}  // namespace
}  // namespace telpher
