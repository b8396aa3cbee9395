#include "cli/completion.h"

#include "cli/verbs.h"

#include <gtest/gtest.h>

namespace telpher {
namespace {

Completion completed(std::vector<std::string> words) {
  return complete(all_verbs(), Settings(), words);
}

std::vector<std::string> words_after(std::vector<std::string> words) {
  std::vector<std::string> found;
  for (const auto& candidate : completed(std::move(words)).candidates) {
    found.push_back(candidate.word);
  }
  return found;
}

using Words = std::vector<std::string>;

TEST(Completion, VerbsThenTheirOptions) {
  EXPECT_EQ(words_after({"co"}), Words{"completion"});
  EXPECT_EQ(words_after({"cp", "--prog"}), (Words{"--progress", "--progress-interval"}));
  EXPECT_EQ(words_after({"help", "swe"}), Words{"sweep"});
  EXPECT_EQ(words_after({"nonsense", "--x"}), Words{});
}

TEST(Completion, ValuesThatCanBeTyped) {
  EXPECT_EQ(words_after({"cp", "--progress", ""}), (Words{"auto", "always", "never"}));
  EXPECT_EQ(words_after({"cp", "--progress=n"}), Words{"--progress=never"});
  EXPECT_EQ(words_after({"cp", "--part-size", ""}), (Words{"auto", "tiered"}));
  EXPECT_EQ(words_after({"cp", "--checksum", "crc"}), (Words{"crc64nvme", "crc32c"}));
  EXPECT_EQ(words_after({"presign", "--method", ""}), (Words{"GET", "PUT"}));
  EXPECT_EQ(words_after({"completion", "f"}), Words{"fish"});
}

TEST(Completion, AnOptionOnceUnlessItRepeats) {
  EXPECT_EQ(words_after({"cp", "--region", "x", "--reg"}), Words{});
  EXPECT_EQ(words_after({"cp", "--metadata", "a=b", "--metad"}), Words{"--metadata"});
}

TEST(Completion, FilesAndAddressesWhereTheyMayStand) {
  const Completion copy = completed({"cp", ""});
  EXPECT_TRUE(copy.files && copy.buckets && copy.objects);
  const Completion list = completed({"ls", "s3://b/"});
  EXPECT_TRUE(!list.files && list.objects);
  const Completion make = completed({"mb", "s3"});
  EXPECT_TRUE(!make.files && make.buckets && !make.objects);
  EXPECT_TRUE(completed({"cp", "--ca-bundle", "/e"}).files);
  EXPECT_FALSE(completed({"jobs", ""}).files);
  EXPECT_FALSE(completed({"cp", "--region", ""}).buckets);
}

TEST(Completion, AfterTwoDashesNothingIsAnOption) {
  EXPECT_EQ(words_after({"cp", "--", "--prog"}), Words{});
}

}  // namespace
}  // namespace telpher
