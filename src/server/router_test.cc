#include "server/router.h"

#include <gtest/gtest.h>

namespace telpher {
namespace {

using Captured = std::vector<std::string>;

TEST(Router, PatternsTakeSegmentsAndTheRest) {
  Captured captured;
  EXPECT_TRUE(match_pattern("/transfers/{id}/pause", "/transfers/t%201/pause", captured));
  EXPECT_EQ(captured, Captured{"t 1"});
  EXPECT_TRUE(match_pattern("/objects/{bucket}/{key...}", "/objects/b/a/%2Fb//c", captured));
  EXPECT_EQ(captured, (Captured{"b", "a//b//c"}));
  EXPECT_TRUE(match_pattern("/", "/", captured));
  for (const auto& [pattern, path] : std::vector<std::pair<std::string, std::string>>{
           {"/transfers/{id}", "/transfers"},
           {"/transfers/{id}", "/transfers/"},
           {"/transfers/{id}", "/transfers/a/b"},
           {"/transfers/{id}", "/transfers/%"},
           {"/objects/{bucket}/{key...}", "/objects/b/"},
           {"/objects/{bucket}/{key...}", "/objects/b"},
           {"/a", "/a/"},
           {"/a", "/"},
       }) {
    EXPECT_FALSE(match_pattern(pattern, path, captured)) << pattern << " " << path;
  }
}

TEST(Router, TellsWhatAPathCanDo) {
  Router router;
  router.add({.method = "GET", .pattern = "/t/{id}", .handler = {}});
  router.add({.method = "DELETE", .pattern = "/t/{id}", .handler = {}});
  EXPECT_EQ(router.find("DELETE", "/t/1").route->method, "DELETE");
  EXPECT_EQ(router.find("HEAD", "/t/1").route->method, "GET");
  EXPECT_EQ(router.find("POST", "/t/1").route, nullptr);
  EXPECT_EQ(router.find("POST", "/t/1").allow, "GET, HEAD, DELETE");
  EXPECT_EQ(router.find("GET", "/x").allow, "");
  EXPECT_EQ(router.find("GET", "*").route, nullptr);
}

}  // namespace
}  // namespace telpher
