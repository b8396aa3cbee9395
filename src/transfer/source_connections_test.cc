#include "transfer/source_connections.h"

#include <gtest/gtest.h>

namespace telpher {
namespace {

using namespace std::chrono_literals;

/// Tells of `rate` bytes a second from every connection for `windows` windows.
std::uint64_t allowed_after(SourceConnections& connections, TimePoint& now, ByteCount rate,
                            int windows) {
  for (int i = 0; i < windows; ++i) {
    now += SourceConnections::kWindow;
    connections.received(rate * connections.allowed() / (1s / SourceConnections::kWindow), now);
  }
  return connections.allowed();
}

TEST(SourceConnections, OpensMoreOnlyToASourceThatLimitsEach) {
  SourceConnections connections(8);
  TimePoint now{};
  EXPECT_EQ(allowed_after(connections, now, SourceConnections::kEnough + kMiB, 10), 2U)
      << "fast enough";
  EXPECT_EQ(allowed_after(connections, now, 20 * kMiB, 1), 4U);
  EXPECT_EQ(allowed_after(connections, now, 20 * kMiB, 1), 8U);
  EXPECT_EQ(allowed_after(connections, now, 0, 10), 8U) << "never more than asked for";
}

TEST(SourceConnections, JudgesByWholeWindows) {
  SourceConnections connections(8);
  TimePoint now{};
  for (int i = 0; i < 49; ++i) connections.received(1, now += 1ms);
  EXPECT_EQ(connections.allowed(), 2U);
  connections.received(1, now += 1ms);
  EXPECT_EQ(connections.allowed(), 4U);
}

TEST(SourceConnections, OneIsOne) {
  SourceConnections connections(1);
  TimePoint now{};
  EXPECT_EQ(allowed_after(connections, now, 1, 5), 1U);
}

}  // namespace
}  // namespace telpher
