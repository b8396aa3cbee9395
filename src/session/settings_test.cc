#include "session/settings.h"

#include "base/units.h"
#include "tests/support/environment.h"

#include <gtest/gtest.h>

namespace telpher {
namespace {

TEST(Settings, DefaultsFollowTheMachine) {
  const Settings large = *read_settings(environment_of({{"HOME", "/h"}}), 64 * kGiB);
  EXPECT_EQ(large.memory, 256 * kMiB);
  EXPECT_EQ(large.concurrency, 10);
  EXPECT_EQ(large.home, "/h/.local/share/telpher");
  const Settings small = *read_settings(environment_of({{"HOME", "/h"}}), 512 * kMiB);
  EXPECT_EQ(small.memory, 128 * kMiB);
}

TEST(Settings, ConcurrencyOutsideItsRangeIsAnError) {
  for (const char* value : {"0", "257", "-1", "ten", "4x"}) {
    const auto settings =
        read_settings(environment_of({{"HOME", "/h"}, {"MAX_CONCURRENT_UPLOADS", value}}), kGiB);
    ASSERT_FALSE(settings) << value;
    EXPECT_NE(settings.error().message.find("MAX_CONCURRENT_UPLOADS"), std::string::npos);
  }
  EXPECT_EQ(read_settings(environment_of({{"HOME", "/h"}, {"MAX_CONCURRENT_UPLOADS", "256"}}), kGiB)
                ->concurrency,
            256);
}

TEST(Settings, OurOwnNameGoesFirst) {
  EXPECT_EQ(read_settings(environment_of({{"TELPHER_HOME", "/t"},
                                          {"MAX_CONCURRENT_UPLOADS", "3"},
                                          {"TELPHER_MAX_CONCURRENT_UPLOADS", "4"}}),
                          kGiB)
                ->concurrency,
            4);
}

}  // namespace
}  // namespace telpher
