#include "transfer/source_connections.h"

#include <gtest/gtest.h>

namespace telpher {
namespace {

using namespace std::chrono_literals;

/// Tells of `rate` bytes a second from every connection, for a second and in small pieces.
std::uint64_t allowed_after_a_second_of(SourceConnections& connections, ByteCount rate) {
  for (int i = 0; i < 1000; ++i) {
    const std::uint64_t side_by_side = connections.allowed();
    for (std::uint64_t one = 0; one < side_by_side; ++one) connections.received(rate / 1000, 1ms);
  }
  return connections.allowed();
}

TEST(SourceConnections, OpensMoreOnlyToASourceThatLimitsEach) {
  SourceConnections connections(8);
  EXPECT_EQ(allowed_after_a_second_of(connections, SourceConnections::kEnough + kMiB), 2U);
  EXPECT_EQ(allowed_after_a_second_of(connections, 50 * kKiB), 8U);
  EXPECT_EQ(allowed_after_a_second_of(connections, 0), 8U) << "never more than asked for";
}

TEST(SourceConnections, OneWindowIsOneStep) {
  SourceConnections connections(8);
  for (int i = 0; i < 99; ++i) connections.received(1, 1ms);
  EXPECT_EQ(connections.allowed(), 2U);
  connections.received(1, 1ms);  // 50 ms of each of two
  EXPECT_EQ(connections.allowed(), 4U);
}

TEST(SourceConnections, WhatCostsNoWaitingIsFast) {
  SourceConnections connections(8);
  for (int i = 0; i < 1000; ++i) connections.received(256 * kKiB, 0ms);
  EXPECT_EQ(connections.allowed(), 2U);
}

TEST(SourceConnections, OneIsOne) {
  SourceConnections connections(1);
  EXPECT_EQ(allowed_after_a_second_of(connections, 1), 1U);
}

}  // namespace
}  // namespace telpher
