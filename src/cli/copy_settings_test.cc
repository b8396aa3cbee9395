#include "cli/copy_settings.h"

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
  };
  for (const auto& arguments : wrong) {
    const auto copy = parse(arguments);
    ASSERT_FALSE(copy) << arguments[0] << ' ' << arguments[1];
    EXPECT_EQ(copy.error().kind, ErrorKind::kInvalid);
    EXPECT_TRUE(copy.error().message.starts_with(arguments[0])) << copy.error().message;
  }
}

TEST(NameFilter, IncludesThenExcludes) {
  const NameFilter filter = *NameFilter::make({"*.txt", "img/**"}, {"secret*"});
  EXPECT_TRUE(filter.accepts("a.txt"));
  EXPECT_TRUE(filter.accepts("deep/down/a.txt"));
  EXPECT_TRUE(filter.accepts("img/x/y.png"));
  EXPECT_FALSE(filter.accepts("a.png"));
  EXPECT_FALSE(filter.accepts("deep/secret.txt"));
  EXPECT_TRUE(NameFilter::make({}, {})->accepts("anything"));
}

}  // namespace
}  // namespace telpher
