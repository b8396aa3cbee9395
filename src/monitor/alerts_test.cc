#include "monitor/alerts.h"

#include <gtest/gtest.h>

namespace telpher {
namespace {

using namespace std::chrono_literals;

OperationReport report(std::uint64_t count, std::uint64_t failed,
                       std::chrono::nanoseconds duration = 1ms, std::uint64_t memory = 0) {
  OperationReport report{.name = "upload"};
  report.recent.count = count;
  report.recent.failed = failed;
  report.recent.memory = memory;
  if (count > 0) report.recent.durations[static_cast<std::uint64_t>(duration.count())] = count;
  return report;
}

struct Bed {
  Alerts alerts{AlertSettings{}};
  TimePoint now{1h};
  /// The events as "duration fires", "errorRate resolved".
  std::vector<std::string> look(OperationReport report, double pausing = 0) {
    now += 5s;
    std::vector<std::string> texts;
    for (const Alert& alert : alerts.evaluate({std::move(report)}, pausing, now)) {
      texts.push_back(std::string(to_string(alert.metric)) +
                      (alert.resolved ? " resolved" : " fires"));
    }
    return texts;
  }
};

using Texts = std::vector<std::string>;

TEST(Alerts, FireOnceAndAreResolvedOnce) {
  Bed bed;
  EXPECT_EQ(bed.look(report(100, 5)), Texts{});
  EXPECT_EQ(bed.look(report(100, 6)), (Texts{"successRate fires", "errorRate fires"}));
  EXPECT_EQ(bed.look(report(100, 50)), Texts{});
  ASSERT_EQ(bed.alerts.firing().size(), 2u);
  EXPECT_DOUBLE_EQ(bed.alerts.firing()[1].value, 0.5);
  EXPECT_DOUBLE_EQ(bed.alerts.firing()[1].threshold, 0.05);
  EXPECT_EQ(bed.look(report(100, 5)), (Texts{"successRate resolved", "errorRate resolved"}));
  EXPECT_EQ(bed.look(report(100, 5)), Texts{});
  EXPECT_TRUE(bed.alerts.firing().empty());
  EXPECT_EQ(bed.alerts.resolved().size(), 2u);
}

TEST(Alerts, EachMetricHasItsThreshold) {
  EXPECT_EQ(Bed().look(report(100, 0, 6s)), Texts{"duration fires"});
  EXPECT_EQ(Bed().look(report(100, 0, 5s)), Texts{});
  EXPECT_EQ(Bed().look(report(10, 0, 1ms, 1001 * kMiB)), Texts{"memory fires"});
  EXPECT_EQ(Bed().look(report(10, 0, 1ms, 1000 * kMiB)), Texts{});
  EXPECT_EQ(Bed().look(report(0, 0), 0.6), Texts{"pausing fires"});
}

TEST(Alerts, FewSamplesSayNothing) {
  Bed bed;
  EXPECT_EQ(bed.look(report(9, 9)), Texts{});
  EXPECT_EQ(bed.look(report(10, 10)).size(), 2u);
  EXPECT_EQ(bed.look(report(9, 0)), Texts{});
  EXPECT_EQ(bed.alerts.firing().size(), 2u);
  // Nothing happens any more: there is nothing wrong either.
  EXPECT_EQ(bed.look(report(0, 0)), (Texts{"successRate resolved", "errorRate resolved"}));
}

TEST(Alerts, SuppressedOnesAreToldLaterIfTheyStillFire) {
  Bed bed;
  bed.alerts.suppress("upload", bed.now + 12s);
  EXPECT_EQ(bed.look(report(100, 0, 6s)), Texts{});
  ASSERT_EQ(bed.alerts.firing().size(), 1u);
  EXPECT_TRUE(bed.alerts.firing()[0].suppressed);
  EXPECT_EQ(bed.look(report(100, 0, 6s)), Texts{});
  EXPECT_EQ(bed.look(report(100, 0, 6s)), Texts{"duration fires"});
  EXPECT_EQ(bed.look(report(100, 0, 6s)), Texts{});
  bed.alerts.suppress("", bed.now + 7s);
  EXPECT_EQ(bed.look(report(100, 0, 1s)), Texts{});
  EXPECT_TRUE(bed.alerts.firing().empty());
}

TEST(Alerts, AnOperationMayHaveItsOwnThresholds) {
  Bed bed;
  AlertSettings settings;
  settings.by_operation["upload"].duration = 10s;
  ASSERT_TRUE(bed.alerts.change(settings));
  EXPECT_EQ(bed.look(report(100, 0, 6s)), Texts{});
  EXPECT_EQ(bed.look(report(100, 0, 11s)), Texts{"duration fires"});
  settings.by_operation["upload"].error_rate = 5;
  const Result<void> refused = bed.alerts.change(settings);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("errorRate of 'upload'"), std::string::npos);
}

}  // namespace
}  // namespace telpher
