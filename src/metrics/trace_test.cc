#include "metrics/trace.h"

#include <gtest/gtest.h>

namespace telpher {
namespace {

TEST(Trace, ContextsGoThereAndBack) {
  Random random(1);
  const TraceContext transfer = begin_trace(random);
  const TraceContext part = begin_span(transfer, random);
  EXPECT_EQ(part.trace, transfer.trace);
  EXPECT_NE(part.span, transfer.span);
  const auto back = parse_traceparent(traceparent(part));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->trace, part.trace);
  EXPECT_EQ(back->span, part.span);
  EXPECT_TRUE(back->sampled);
}

// The examples and rules of W3C Trace Context, 3.2.
TEST(Trace, ReadsWhatTheStandardAllows) {
  const auto read = [](std::string_view text) { return parse_traceparent(text).has_value(); };
  const auto given = parse_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00");
  ASSERT_TRUE(given);
  EXPECT_FALSE(given->sampled);
  EXPECT_EQ(traceparent(*given), "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00");
  EXPECT_TRUE(read("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-is-to-come"));
  EXPECT_FALSE(read("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.what"));
  EXPECT_FALSE(read("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more"));
  EXPECT_FALSE(read("ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"));
  EXPECT_FALSE(read("00-00000000000000000000000000000000-00f067aa0ba902b7-01"));
  EXPECT_FALSE(read("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01"));
  EXPECT_FALSE(read("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01"));
  EXPECT_FALSE(read("00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01"));
  EXPECT_FALSE(read("00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01"));
  EXPECT_FALSE(read(""));
}

TEST(SpanBuffer, IsBoundedAndCountsWhatItDrops) {
  SpanBuffer spans(2);
  for (const char* name : {"a", "b", "c"}) spans.add({.name = name});
  EXPECT_EQ(spans.dropped(), 1u);
  EXPECT_EQ(spans.take(1).front().name, "a");
  spans.add({.name = "d"});
  const std::vector<Span> rest = spans.take(10);
  ASSERT_EQ(rest.size(), 2u);
  EXPECT_EQ(rest[1].name, "d");
  EXPECT_TRUE(spans.take(10).empty());
}

}  // namespace
}  // namespace telpher
