#include "net/address_guard.h"

#include "net/http_client.h"
#include "net/tcp.h"
#include "runtime/task_group.h"

#include <gtest/gtest.h>

namespace telpher {
namespace {

AddressScope scope(std::string_view host) {
  return scope_of(SocketAddress::parse(host, 80).value());
}

TEST(AddressGuard, KnowsWhatIsPublic) {
  for (const char* host : {"1.1.1.1",         "8.8.8.8",
                           "9.255.255.255",   "11.0.0.0",
                           "100.63.255.255",  "100.128.0.0",
                           "126.255.255.255", "128.0.0.1",
                           "169.253.255.255", "169.255.0.0",
                           "172.15.255.255",  "172.32.0.0",
                           "192.0.1.0",       "192.0.3.1",
                           "192.167.255.255", "192.169.0.0",
                           "198.17.255.255",  "198.20.0.0",
                           "223.255.255.255", "2606:4700:4700::1111",
                           "2a00:1450::1",    "2001:4860:4860::8888",
                           "3ffe::1",         "2001:200::1"}) {
    EXPECT_EQ(scope(host), AddressScope::kPublic) << host;
  }
}

TEST(AddressGuard, KnowsWhatIsPrivate) {
  for (const char* host :
       {"10.0.0.0", "10.255.255.255", "100.64.0.0", "100.127.255.255", "127.0.0.1",
        "127.255.255.255", "172.16.0.0", "172.31.255.255", "192.168.0.0", "192.168.255.255", "::1",
        "fc00::1", "fdff::1", "fd12:3456:789a:1::1"}) {
    EXPECT_EQ(scope(host), AddressScope::kPrivate) << host;
  }
}

TEST(AddressGuard, KnowsWhatIsNeverMeant) {
  for (const char* host : {"0.0.0.0",
                           "0.1.2.3",
                           "100.100.100.200",
                           "168.63.129.16",
                           "169.254.0.1",
                           "169.254.169.254",
                           "169.254.170.2",
                           "192.0.0.192",
                           "192.0.2.1",
                           "192.88.99.1",
                           "198.18.0.1",
                           "198.19.255.255",
                           "198.51.100.7",
                           "203.0.113.9",
                           "224.0.0.1",
                           "239.255.255.255",
                           "240.0.0.1",
                           "255.255.255.255",
                           "::",
                           "::127.0.0.1",
                           "::ffff:127.0.0.1",
                           "::ffff:8.8.8.8",
                           "::ffff:0:127.0.0.1",
                           "64:ff9b::7f00:1",
                           "64:ff9b::808:808",
                           "64:ff9b:1::1",
                           "100::1",
                           "2001::1",
                           "2001:0:4136:e378:8000:63bf:3fff:fdd2",
                           "2001:10::1",
                           "2001:20::1",
                           "2001:db8::1",
                           "2002:7f00:1::",
                           "2002:c0a8:101::1",
                           "3fff::1",
                           "5f00::1",
                           "fd00:ec2::254",
                           "fd20:ce::254",
                           "fe80::1",
                           "febf::1",
                           "fec0::1",
                           "ff02::1",
                           "ff0e::1"}) {
    EXPECT_EQ(scope(host), AddressScope::kNever) << host;
  }
}

TEST(AddressGuard, PortsAndTheServiceItself) {
  const auto at = [](const char* host, std::uint16_t port) {
    return SocketAddress::parse(host, port).value();
  };
  AddressGuard guard;
  EXPECT_TRUE(guard.check(at("1.1.1.1", 443)));
  EXPECT_FALSE(guard.check(at("1.1.1.1", 22)));
  const Result<void> refused = guard.check(at("127.0.0.1", 80));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kDenied);
  EXPECT_EQ(refused.error().context.code, "FORBIDDEN_ADDRESS");
  guard = {.allow_private = true, .ports = {}, .own_ports = {8080}};
  EXPECT_TRUE(guard.check(at("127.0.0.1", 9000)));
  EXPECT_FALSE(guard.check(at("127.0.0.1", 8080)));
  EXPECT_FALSE(guard.check(at("127.3.2.1", 8080)));
  EXPECT_FALSE(guard.check(at("::1", 8080)));
  EXPECT_FALSE(guard.check(at("169.254.169.254", 80)));
}

/// Answers each name as the test says, each time it is asked.
struct Names {
  std::vector<std::vector<std::string>> answers;  // one after the other, the last for ever
  std::size_t asked = 0;

  Task<Result<std::vector<SocketAddress>>> resolve(std::string, std::uint16_t port, TimePoint) {
    std::vector<SocketAddress> addresses;
    for (const std::string& host : answers[std::min(asked++, answers.size() - 1)]) {
      addresses.push_back(SocketAddress::parse(host, port).value());
    }
    co_return addresses;
  }
};

Result<void> fetch(Names& names, AddressGuard guard, std::uint16_t port) {
  Loop loop;
  HttpClientOptions options{.guard = std::move(guard)};
  options.resolver = [&](std::string host, std::uint16_t port, TimePoint deadline) {
    return names.resolve(std::move(host), port, deadline);
  };
  const auto client = make_http_client(loop, std::move(options));
  const auto response = loop.run(client->send({false, "innocent.example", port}, {"GET", "/"}));
  if (!response) return response.error();
  return {};
}

TEST(AddressGuard, TheClientConnectsNowhereElse) {
  Loop loop;
  const auto inside = Listener::open(loop, {}).value();
  Names names{{{"127.0.0.1"}}};
  const Result<void> refused = fetch(names, {.ports = {}}, inside->port());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().context.code, "FORBIDDEN_ADDRESS");
  EXPECT_FALSE(refused.error().is_temporary());
  // Nobody has come.
  const auto came =
      loop.run(with_deadline(inside->accept(), loop.now() + std::chrono::milliseconds(1)));
  ASSERT_FALSE(came);
  EXPECT_EQ(came.error().kind, ErrorKind::kTimeout);
}

}  // namespace
}  // namespace telpher
