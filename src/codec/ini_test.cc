#include "codec/ini.h"

#include <gtest/gtest.h>

namespace telpher {
namespace {

TEST(Ini, AwsConfig) {
  const IniFile file = parse_ini(R"(# comment
[default]
Region = eu-west-1   ; trailing
aws_secret_access_key=ab#c/d+e==
output =

[profile   "dev"] # more
s3 =
  max_concurrent_requests = 20
  addressing_style=path
# between
  multipart_chunksize = 16MB
endpoint_url = http://127.0.0.1:9000
   indented_after_value = kept
[default]
region = eu-west-2
)")
                           .value();
  EXPECT_EQ(*file.find("default", "region"), "eu-west-2");
  EXPECT_EQ(*file.find("default", "aws_secret_access_key"), "ab#c/d+e==");
  EXPECT_EQ(*file.find("default", "output"), "");
  EXPECT_EQ(*file.find("profile dev", "s3.max_concurrent_requests"), "20");
  EXPECT_EQ(*file.find("profile dev", "s3.addressing_style"), "path");
  EXPECT_EQ(*file.find("profile dev", "s3.multipart_chunksize"), "16MB");
  EXPECT_EQ(*file.find("profile dev", "endpoint_url"), "http://127.0.0.1:9000");
  EXPECT_EQ(*file.find("profile dev", "indented_after_value"), "kept");
  EXPECT_EQ(file.find("profile dev", "region"), nullptr);
  EXPECT_EQ(file.find("dev", "s3"), nullptr);
}

TEST(Ini, WindowsFilesAndMissingLastNewline) {
  const IniFile file = parse_ini("\xef\xbb\xbf[a]\r\nx = 1\r\n\r\ny = 2").value();
  EXPECT_EQ(*file.find("a", "x"), "1");
  EXPECT_EQ(*file.find("a", "y"), "2");
}

TEST(Ini, MistakesAreFoundByLineAndShowNoSecret) {
  for (const char* text : {"x = secret\n", "[a]\nsecret\n", "[a\n", "[]\n", "[a]\n= secret\n",
                           "[a] secret\n", "[ \"\" ]\n"}) {
    const auto file = parse_ini(text);
    ASSERT_FALSE(file.has_value()) << text;
    EXPECT_TRUE(file.error().message.starts_with("line ")) << text;
    EXPECT_EQ(file.error().message.find("secret"), std::string::npos) << text;
  }
  EXPECT_EQ(parse_ini("[a]\nx = " + std::string(5000, 'x')).error().kind, ErrorKind::kLimit);
  EXPECT_EQ(parse_ini(std::string(2'000'000, '\n')).error().kind, ErrorKind::kLimit);
}

TEST(Ini, WhereAProfileStands) {
  EXPECT_EQ(aws_profile_section("dev", AwsFileKind::kConfig), "profile dev");
  EXPECT_EQ(aws_profile_section("dev", AwsFileKind::kCredentials), "dev");
  EXPECT_EQ(aws_profile_section("default", AwsFileKind::kConfig), "default");
}

}  // namespace
}  // namespace telpher
