#include "cli/doctor/report.h"

#include "cli/progress_view.h"

#include <gmock/gmock.h>

namespace telpher {
namespace {

using ::testing::ElementsAre;

TEST(RenderFinding, InAPipeALineIsALine) {
  EXPECT_THAT(render_finding("clock", ok("as the store's"), {}),
              ElementsAre("  ok    clock          as the store's"));
  EXPECT_THAT(
      render_finding("region", failure(4, "wrong", "Say --region x"), {}),
      ElementsAre("  FAIL  region         wrong", "                       → Say --region x"));
}

TEST(RenderFinding, LinesAreBrokenAtBlanksSoThatCommandsCanBeCopied) {
  const Finding finding =
      warning("one two three four five six", "Type telpher://a-word-that-is-longer-than-the-line");
  EXPECT_THAT(
      render_finding("name", finding, {.width = 43}),
      ElementsAre("  warn  name           one two three four",
                  "                       five six",  //
                  "                       → Type",
                  "                         telpher://a-word-that-is-longer-than-the-line"));
}

TEST(RenderFinding, NoWordOfAServerCommandsTheTerminal) {
  for (const std::string& line : render_finding("x", failure(4, "a\x1b[2Jb\nc", "d\x07"), {})) {
    EXPECT_EQ(line.find_first_of("\x1b\x07\n"), std::string::npos) << line;
  }
}

}  // namespace
}  // namespace telpher
