#include "net/proxy.h"

#include <gtest/gtest.h>

namespace telpher {
namespace {

TEST(HttpProxyTest, Addresses) {
  const auto proxy = parse_http_proxy("http://me:p%40ss@Proxy.example:3128/");
  ASSERT_TRUE(proxy);
  EXPECT_EQ(proxy->name(), "proxy.example:3128");
  EXPECT_EQ(proxy->authorization, "Basic bWU6cEBzcw==");
  EXPECT_EQ(parse_http_proxy("proxy:8080")->name(), "proxy:8080");
  EXPECT_EQ(parse_http_proxy("http://[::1]:8080")->name(), "[::1]:8080");
  EXPECT_EQ(parse_http_proxy("socks5://proxy:1080").error().kind, ErrorKind::kUnsupported);
  const auto malformed = parse_http_proxy("http://me:hunter2@:x");
  ASSERT_FALSE(malformed);
  EXPECT_EQ(malformed.error().message.find("hunter2"), std::string::npos);
}

TEST(DirectHostsTest, AsNoProxyIsRead) {
  const DirectHosts direct(
      "localhost,.internal.example example.org, 10.0.0.0/8 ,192.168.1.7,"
      "store:9000,[::1]:80,fd00::/8,*.lan");
  const auto is_direct = [&](std::string_view host, std::uint16_t port = 443) {
    return direct.contain(host, port);
  };
  EXPECT_TRUE(is_direct("localhost"));
  EXPECT_TRUE(is_direct("a.internal.example"));
  EXPECT_TRUE(is_direct("internal.example"));
  EXPECT_TRUE(is_direct("Example.org"));
  EXPECT_TRUE(is_direct("deep.example.org"));
  EXPECT_FALSE(is_direct("notexample.org"));
  EXPECT_FALSE(is_direct("example.org.evil"));
  EXPECT_TRUE(is_direct("10.1.2.3"));
  EXPECT_FALSE(is_direct("11.1.2.3"));
  EXPECT_TRUE(is_direct("192.168.1.7"));
  EXPECT_TRUE(is_direct("store", 9000));
  EXPECT_FALSE(is_direct("store", 9001));
  EXPECT_TRUE(is_direct("::1", 80));
  EXPECT_FALSE(is_direct("::1", 81));
  EXPECT_TRUE(is_direct("fd00::17"));
  EXPECT_FALSE(is_direct("fe80::17"));
  EXPECT_TRUE(is_direct("nas.lan"));
  EXPECT_TRUE(DirectHosts("*").contain("anything", 1));
  EXPECT_FALSE(DirectHosts("").contain("anything", 1));
  EXPECT_FALSE(DirectHosts(", ,/8,.,:,[]").contain("anything", 1));
}

}  // namespace
}  // namespace telpher
