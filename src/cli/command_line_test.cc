#include "cli/command_line.h"

#include <gtest/gtest.h>

namespace telpher {
namespace {

struct Flags {
  bool quiet = false;
  bool resume = true;
  int concurrency = 10;
  std::string profile;
  std::vector<std::string> headers;
};

CommandLine make_line(Flags& flags) {
  CommandLine line;
  line.name = "cp";
  line.summary = "copy";
  line.positionals = {.name = "SOURCE… DESTINATION", .min = 2, .max = -1};
  line.flag("-q,--quiet", "say nothing", flags.quiet);
  line.flag("--no-resume", "start anew", flags.resume, false);
  line.number("--concurrency", "parts in flight", {1, 256}, flags.concurrency);
  line.text("--profile", "NAME", "profile", flags.profile);
  line.list("--header", "'NAME: VALUE'", "sent to the source", flags.headers);
  return line;
}

Result<CommandLine::Parsed> parse(Flags& flags, std::vector<std::string> arguments) {
  return make_line(flags).parse(arguments);
}

TEST(CommandLine, OptionsMayStandAnywhere) {
  Flags flags;
  const auto parsed = parse(flags, {"a", "-q", "--concurrency", "4", "b", "--profile=x"});
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->arguments, (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(flags.quiet);
  EXPECT_EQ(flags.concurrency, 4);
  EXPECT_EQ(flags.profile, "x");
}

TEST(CommandLine, RepeatedOptionsAddUpAndTakeOneValueEach) {
  Flags flags;
  const auto parsed =
      parse(flags, {"--header", "A: 1", "https://x/?a=[1,2]", "--header", "B: 2", "s3://b/k"});
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(flags.headers, (std::vector<std::string>{"A: 1", "B: 2"}));
  EXPECT_EQ(parsed->arguments, (std::vector<std::string>{"https://x/?a=[1,2]", "s3://b/k"}));
}

TEST(CommandLine, TheLastOfASingleOptionCounts) {
  Flags flags;
  ASSERT_TRUE(parse(flags, {"a", "b", "--concurrency", "3", "--concurrency", "5"}));
  EXPECT_EQ(flags.concurrency, 5);
}

TEST(CommandLine, ADashIsAnArgument) {
  Flags flags;
  const auto parsed = parse(flags, {"-", "s3://b/k"});
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->arguments[0], "-");
}

TEST(CommandLine, NamesThatLookLikeOptionsFollowTwoDashes) {
  Flags flags;
  const auto parsed = parse(flags, {"-q", "--", "-file", "s3://b/k"});
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->arguments, (std::vector<std::string>{"-file", "s3://b/k"}));
}

TEST(CommandLine, WrongUsageSaysWhatIsWrong) {
  Flags flags;
  EXPECT_EQ(parse(flags, {"a", "b", "--concurrency", "300"}).error().message,
            "--concurrency: must be a number from 1 to 256, not '300'");
  EXPECT_EQ(parse(flags, {"a", "b", "--concurency", "3"}).error().message,
            "unknown option '--concurency'; see: telpher cp --help");
  EXPECT_EQ(parse(flags, {"a"}).error().message,
            "telpher cp needs SOURCE… DESTINATION; see: telpher cp --help");
  EXPECT_EQ(parse(flags, {"a", "b", "--profile"}).error().kind, ErrorKind::kInvalid);
}

TEST(CommandLine, HelpWinsOverEverything) {
  Flags flags;
  const auto parsed = parse(flags, {"--help"});
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_TRUE(parsed->help);
}

TEST(CommandLine, HelpKeepsWithinTheWidth) {
  Flags flags;
  CommandLine line = make_line(flags);
  std::string words;
  for (int i = 0; i < 40; ++i) words += "word ";
  line.flag("--long-option-name-that-fills-the-column", words, flags.quiet);
  const std::string help = line.help(80);
  std::size_t start = 0;
  for (std::size_t end; (end = help.find('\n', start)) != std::string::npos; start = end + 1) {
    EXPECT_LE(end - start, 84u) << help.substr(start, end - start);  // "…" has 3 bytes
  }
}

}  // namespace
}  // namespace telpher
