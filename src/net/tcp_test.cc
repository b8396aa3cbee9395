#include "net/tcp.h"

#include <gtest/gtest.h>

#include <netinet/in.h>
#include <sys/resource.h>
#include <unistd.h>

namespace telpher {
namespace {

using namespace std::chrono_literals;

SocketAddress address_of(int fd) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  EXPECT_EQ(getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size), 0);
  return {reinterpret_cast<const sockaddr*>(&storage), size};
}

// Listens, but its queue is full: further attempts get no reply at all.
class BlackHole {
 public:
  BlackHole() : listener_(socket(AF_INET, SOCK_STREAM, 0)) {
    const SocketAddress any = *SocketAddress::parse("127.0.0.1", 0);
    EXPECT_EQ(bind(listener_.get(), any.get(), any.size()), 0);
    EXPECT_EQ(listen(listener_.get(), 0), 0);
    for (int i = 0; i < 4; ++i) {
      fillers_.emplace_back(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
      (void)connect(fillers_.back().get(), address().get(), address().size());
    }
  }
  SocketAddress address() const { return address_of(listener_.get()); }

 private:
  UniqueFd listener_;
  std::vector<UniqueFd> fillers_;
};

SocketAddress refusing_address() {
  const UniqueFd fd(socket(AF_INET, SOCK_STREAM, 0));
  const SocketAddress any = *SocketAddress::parse("127.0.0.1", 0);
  EXPECT_EQ(bind(fd.get(), any.get(), any.size()), 0);
  return address_of(fd.get());
}

class Connect : public ::testing::Test {
 protected:
  void SetUp() override {
    auto opened = Listener::open(loop, {});
    ASSERT_TRUE(opened);
    listener = *std::move(opened);
  }
  Result<std::unique_ptr<Socket>> connect_to(std::vector<SocketAddress> addresses,
                                             Duration limit = 20s) {
    return loop.run(connect_tcp(std::move(addresses), loop.now() + limit));
  }

  Loop loop;
  std::unique_ptr<Listener> listener;
};

TEST_F(Connect, PassesOverAnAddressThatRefuses) {
  const auto socket = connect_to({refusing_address(), listener->address()});
  ASSERT_TRUE(socket) << socket.error().message;
  EXPECT_EQ((*socket)->peer(), listener->address());
}

TEST_F(Connect, PassesOverAnAddressThatNeverAnswers) {
  const BlackHole hole;
  const auto socket = connect_to({hole.address(), refusing_address(), listener->address()});
  ASSERT_TRUE(socket) << socket.error().message;
  EXPECT_EQ((*socket)->peer(), listener->address());
}

TEST_F(Connect, GivesUpAtItsDeadline) {
  const BlackHole hole;
  for (const auto& addresses :
       {std::vector{hole.address()}, std::vector{hole.address(), hole.address()}}) {
    const auto socket = connect_to(addresses, 20ms);
    ASSERT_FALSE(socket);
    EXPECT_EQ(socket.error().kind, ErrorKind::kTimeout);
  }
}

TEST_F(Connect, SaysWhyAllFailed) {
  const auto socket = connect_to({refusing_address(), refusing_address()});
  ASSERT_FALSE(socket);
  EXPECT_EQ(socket.error().kind, ErrorKind::kNetwork);
  EXPECT_EQ(socket.error().context.code, "ECONNREFUSED");
  EXPECT_TRUE(socket.error().is_temporary());
}

TEST_F(Connect, EndsWhenCancelled) {
  const BlackHole hole;
  for (const auto& addresses :
       {std::vector{hole.address()}, std::vector{hole.address(), hole.address()}}) {
    CancelSource cancel;
    loop.post([&] { cancel.cancel(); });
    const auto socket = loop.run(connect_tcp(addresses, kNever), cancel);
    ASSERT_FALSE(socket);
    EXPECT_EQ(socket.error().kind, ErrorKind::kCancelled);
  }
}

/// Lets the process open nothing more while this lives.
class NoMoreDescriptors {
 public:
  NoMoreDescriptors() {
    EXPECT_EQ(getrlimit(RLIMIT_NOFILE, &before_), 0);
    const UniqueFd lowest_free(dup(STDERR_FILENO));
    const rlimit none{.rlim_cur = static_cast<rlim_t>(lowest_free.get()),
                      .rlim_max = before_.rlim_max};
    EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  }
  ~NoMoreDescriptors() { setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

TEST(Descriptors, WithoutOneAConnectionFailsAtOnceAndSaysHowToGetMore) {
  Loop loop;
  const SocketAddress address = refusing_address();
  const NoMoreDescriptors limit;
  const auto refused = loop.run(connect_tcp({address}, loop.now() + 5s));
  ASSERT_FALSE(refused);
  EXPECT_TRUE(is_shortage_here(refused.error()));
  EXPECT_FALSE(refused.error().is_temporary());
  EXPECT_TRUE(refused.error().message.contains("ulimit -n")) << refused.error().message;
}

TEST(Descriptors, WithoutOneALoopSaysSo) {
  const NoMoreDescriptors limit;
  const Loop loop;
  ASSERT_TRUE(loop.problem());
  EXPECT_TRUE(is_shortage_here(*loop.problem()));
}

TEST(Address, ReadsAndWritesLiterals) {
  EXPECT_EQ(SocketAddress::parse("127.0.0.1", 80)->to_string(), "127.0.0.1:80");
  EXPECT_EQ(SocketAddress::parse("[::1]", 80)->to_string(), "[::1]:80");
  EXPECT_EQ(SocketAddress::parse("::ffff:1.2.3.4", 1)->family(), AF_INET6);
  for (const char* name : {"", "localhost", "1.2.3", "1.2.3.4.5", "[::1", "0x7f.1", "127.1"}) {
    EXPECT_FALSE(SocketAddress::parse(name, 80)) << name;
  }
}

TEST(Resolve, FindsLocalhost) {
  Loop loop;
  const auto addresses = loop.run(resolve("localhost", 80));
  ASSERT_TRUE(addresses) << addresses.error().message;
  EXPECT_EQ(addresses->front().port(), 80);
}

TEST(Resolve, NamesTheUnknownHost) {
  Loop loop;
  const auto addresses = loop.run(resolve("no-such-host.invalid", 80));
  ASSERT_FALSE(addresses);
  EXPECT_EQ(addresses.error().context.code, "DNS");
  EXPECT_EQ(addresses.error().message.find("Unable to resolve URL: DNS lookup failed"), 0u);
  EXPECT_NE(addresses.error().message.find("no-such-host.invalid"), std::string::npos);
}

}  // namespace
}  // namespace telpher
