#include "cli/store_options.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace telpher {
namespace {

TEST(StoreOptions, AreFoundAmongThoseOfAnyVerb) {
  const std::vector<std::string> typed = {
      "cp",          "--endpoint-url", "http://x", "--no-verify-ssl", "-q",
      "--region=eu", "--retries",      "many",     "s3://b/"};
  StoreAccess meant;
  meant.s3.endpoint_url = "http://x";
  meant.s3.no_verify_tls = true;
  meant.s3.region = "eu";
  EXPECT_EQ(access_in(typed), meant);
}

TEST(StoreOptions, WithoutTheirValueTheySayNothing) {
  const std::vector<std::string> typed = {"ls", "--region"};
  EXPECT_EQ(access_in(typed), StoreAccess());
}

}  // namespace
}  // namespace telpher
