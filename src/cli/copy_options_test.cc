#include "cli/copy_options.h"

#include "base/units.h"
#include "cli/command_line.h"

#include <gtest/gtest.h>

namespace telpher {
namespace {

Result<CopySettings> parse(std::vector<std::string> arguments) {
  CopySettings copy;
  CommandLine line;
  line.name = "cp";
  line.positionals.max = -1;
  Settings settings;
  settings.memory = 256 * kMiB;
  add_copy_options(line, copy, settings);
  add_expect_option(line, copy);
  TRY_VOID(line.parse(arguments));
  TRY_VOID(check_copy_settings(copy));
  return copy;
}

TEST(CopySettings, OptionsReachTheEngine) {
  const auto copy = parse({"--part-size", "8MiB", "--overwrite", "if-different", "--checksum",
                           "crc32c", "--rate", "10MiB/s", "--metadata", "Owner=me", "--no-resume",
                           "--storage-class", "STANDARD_IA", "--memory", "64MiB"});
  ASSERT_TRUE(copy) << copy.error().message;
  EXPECT_EQ(copy->transfer.part_size.fixed_size, 8 * kMiB);
  EXPECT_EQ(copy->transfer.overwrite, OverwritePolicy::kIfDifferent);
  EXPECT_EQ(copy->transfer.checksum, ChecksumAlgorithm::kCrc32c);
  EXPECT_EQ(copy->rate, 10 * kMiB);
  EXPECT_EQ(copy->transfer.metadata.user.at("owner"), "me");
  EXPECT_FALSE(copy->transfer.resume);
  EXPECT_EQ(copy->transfer.storage.storage_class, "STANDARD_IA");
  EXPECT_EQ(copy->memory, 64 * kMiB);
}

TEST(CopySettings, WrongValuesAreRefused) {
  const std::vector<std::string> wrong[] = {
      {"--part-size", "1MiB"},   {"--part-size", "6GiB"},   {"--part-size", "x"},
      {"--overwrite", "maybe"},  {"--checksum", "crc16"},   {"--expect", "sha256:zz"},
      {"--metadata", "novalue"}, {"--rate", "0"},           {"--concurrency", "0"},
      {"--memory", "1MiB"},      {"--sse-kms-key-id", "k"}, {"--expect", "9f86d0"},
      {"--header", "NoColon"},   {"--header", "Host: x"},
  };
  for (const auto& arguments : wrong) {
    const auto copy = parse(arguments);
    ASSERT_FALSE(copy) << arguments[0] << ' ' << arguments[1];
    EXPECT_EQ(copy.error().kind, ErrorKind::kInvalid);
    EXPECT_TRUE(copy.error().message.starts_with(arguments[0])) << copy.error().message;
  }
}

NameFilter filter(const std::vector<NameRule>& rules) { return *NameFilter::make(rules); }

TEST(NameFilter, IncludesThenExcludes) {
  const NameFilter texts = filter({{true, "*.txt"}, {true, "img/**"}, {false, "secret*"}});
  EXPECT_TRUE(texts.accepts("a.txt"));
  EXPECT_TRUE(texts.accepts("deep/down/a.txt"));
  EXPECT_TRUE(texts.accepts("img/x/y.png"));
  EXPECT_FALSE(texts.accepts("a.png"));
  EXPECT_FALSE(texts.accepts("deep/secret.txt"));
  EXPECT_TRUE(filter({}).accepts("anything"));
}

TEST(NameFilter, TheLastThatMatchesDecides) {
  const NameFilter only = filter({{false, "*"}, {true, "*.gz"}});
  EXPECT_TRUE(only.accepts("logs/a.gz"));
  EXPECT_FALSE(only.accepts("logs/a.txt"));
  EXPECT_FALSE(filter({{true, "*.gz"}, {false, "*"}}).accepts("a.gz"));
  const NameFilter back = filter({{false, "*.tmp"}, {true, "kept.tmp"}});
  EXPECT_TRUE(back.accepts("kept.tmp"));
  EXPECT_TRUE(back.accepts("a.txt")) << "who begins with an exclude wants the rest";
  EXPECT_FALSE(back.accepts("a.tmp"));
}

}  // namespace
}  // namespace telpher
