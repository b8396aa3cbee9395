#include "cli/progress_view.h"

#include "base/units.h"

#include <gtest/gtest.h>

namespace telpher {
namespace {

ProgressView one_file() {
  ProgressView view;
  view.active = {{.name = "debian-12.iso",
                  .phase = "copying",
                  .size = 4 * kGiB,
                  .bytes_done = kGiB,
                  .parts_in_flight = 8}};
  view.size = 4 * kGiB;
  view.bytes_done = kGiB;
  view.speed = 512.0 * kMiB;
  view.speed_average = 500.0 * kMiB;
  return view;
}

TEST(ProgressView, OneFileSaysWhatASpectatorWants) {
  const auto lines = render_progress(one_file(), 120, 24);
  ASSERT_EQ(lines.size(), 1u);
  for (const char* piece : {"debian-12.iso", "25%", "1.00/4.00 GiB", "512.0 MiB/s", "(avg 500.0)",
                            "ETA 6s", "8 parts"}) {
    EXPECT_NE(lines[0].find(piece), std::string::npos) << piece << " in " << lines[0];
  }
}

TEST(ProgressView, NoLineIsWiderThanTheTerminal) {
  ProgressView view = one_file();
  view.active[0].name = std::string(300, 'x') + "漢字漢字漢字漢字.iso";
  for (int width = 20; width <= 250; ++width) {
    view.several = false;
    for (const std::string& line : render_progress(view, width, 24)) {
      EXPECT_LE(display_width(line), width) << line;
    }
    view.several = true;
    for (const std::string& line : render_progress(view, width, 24)) {
      EXPECT_LE(display_width(line), width) << line;
    }
  }
}

TEST(ProgressView, NarrowTerminalsKeepTheEssentials) {
  const auto lines = render_progress(one_file(), 40, 24);
  EXPECT_NE(lines[0].find("25%"), std::string::npos) << lines[0];
  EXPECT_NE(lines[0].find("512.0 MiB/s"), std::string::npos) << lines[0];
}

TEST(ProgressView, EightyColumnsHoldEverything) {
  const auto lines = render_progress(one_file(), 79, 24);
  for (const char* piece : {"25%", "1.00/4.00 GiB", "512.0 MiB/s", "avg", "ETA", "8 parts"}) {
    EXPECT_NE(lines[0].find(piece), std::string::npos) << piece << " in " << lines[0];
  }
}

TEST(ProgressView, UnknownSizeShowsNoPercentage) {
  ProgressView view = one_file();
  view.size.reset();
  view.active[0].size.reset();
  const auto lines = render_progress(view, 100, 24);
  EXPECT_EQ(lines[0].find('%'), std::string::npos) << lines[0];
  EXPECT_EQ(lines[0].find("ETA"), std::string::npos) << lines[0];
  EXPECT_NE(lines[0].find("1.00 GiB"), std::string::npos) << lines[0];
}

TEST(ProgressView, AHundredPercentMeansAllBytes) {
  ProgressView view = one_file();
  view.bytes_done = *view.size - 1;
  EXPECT_NE(render_progress(view, 100, 24)[0].find("99%"), std::string::npos);
  view.bytes_done = *view.size;
  EXPECT_NE(render_progress(view, 100, 24)[0].find("100%"), std::string::npos);
}

TEST(ProgressView, SeveralFilesHaveALineEachAndATotalWithinTheHeight) {
  ProgressView view = one_file();
  view.several = true;
  view.files_done = 3;
  view.files_failed = 1;
  view.files_total = 20;
  view.active.resize(10, view.active[0]);
  const auto lines = render_progress(view, 150, 6);
  ASSERT_EQ(lines.size(), 6u);
  EXPECT_EQ(lines[4], "... and 6 more");
  EXPECT_NE(lines[5].find("3 of 20 files"), std::string::npos) << lines[5];
  EXPECT_NE(lines[5].find("1 failed"), std::string::npos) << lines[5];
  EXPECT_NE(lines[5].find("80 parts"), std::string::npos) << lines[5];
}

TEST(ProgressView, NamesCannotCommandTheTerminal) {
  EXPECT_EQ(printable("a\x1b[2Jb\nc"), "a?[2Jb?c");
  EXPECT_EQ(printable("\xff\xfe"), "??");
  EXPECT_EQ(printable("a\u202eb"), "a?b");
  EXPECT_EQ(printable("grün"), "grün");
}

TEST(SpeedMeter, FollowsTheLastSecondsAndTheWhole) {
  SpeedMeter meter;
  using S = SpeedMeter::Seconds;
  for (int second = 0; second <= 10; ++second) {
    meter.sample(S(second), static_cast<ByteCount>(second) * 100);
  }
  for (int second = 11; second <= 20; ++second) {
    meter.sample(S(second), 1000 + static_cast<ByteCount>(second - 10) * 300);
  }
  EXPECT_NEAR(meter.now_per_second(), 300, 1);
  EXPECT_NEAR(meter.average_per_second(), 200, 1);
}

TEST(SpeedMeter, APartSentAgainIsNoNegativeSpeed) {
  SpeedMeter meter;
  using S = SpeedMeter::Seconds;
  meter.sample(S(0), 1000);
  meter.sample(S(1), 500);
  EXPECT_EQ(meter.now_per_second(), 0);
}

}  // namespace
}  // namespace telpher
