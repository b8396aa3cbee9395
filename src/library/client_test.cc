#include "tests/support/temporary_directory.h"

#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <netinet/in.h>
#include <sys/socket.h>
#include <telpher/telpher.h>
#include <thread>
#include <unistd.h>

namespace telpher {
namespace {

using std::filesystem::path;

class ClientTest : public testing::Test {
 protected:
  Client::Options options() const { return {.home = folder_ / "home"}; }

  std::string file(const std::string& name, const std::string& text) const {
    return directory_.write(name, text);
  }
  /// Enough for several parts.
  std::string large_file() { return file("large", std::string(24 << 20, 'x')); }
  std::string text_of(const std::string& name) const {
    std::ifstream in(folder_ / name);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  /// A copy that would take a minute.
  Client slow_client() const {
    Client::Options slow = options();
    slow.rate_bytes_per_s = 400'000;
    return Client(slow);
  }

  const TemporaryDirectory directory_;
  const path folder_ = directory_.path();
};

TEST_F(ClientTest, ThereAndBack) {
  Client client(options());
  const auto up = client.copy(file("a.txt", "hello"), "local://bucket/docs/");
  ASSERT_TRUE(up) << up.failure().message;
  EXPECT_EQ(up->destination, "local://bucket/docs/a.txt");
  EXPECT_EQ(up->size_bytes, 5U);
  EXPECT_FALSE(up->etag.empty());
  const auto down = client.copy("local://bucket/docs/a.txt", folder_ / "back");
  ASSERT_TRUE(down) << down.failure().message;
  EXPECT_EQ(text_of("back"), "hello");
}

TEST_F(ClientTest, HeadListRemove) {
  Client client(options());
  Client::CopyOptions typed;
  typed.content_type = "text/x-telpher";
  typed.metadata = {{"origin", "here"}};
  const std::string source = file("a", "12345");
  for (const char* key : {"a", "b/c", "b/d"}) {
    ASSERT_TRUE(client.copy(source, std::string("local://bucket/") + key, typed));
  }
  const auto head = client.head("local://bucket/b/c");
  ASSERT_TRUE(head);
  EXPECT_EQ(head->size_bytes, 5U);
  EXPECT_EQ(head->content_type, "text/x-telpher");
  EXPECT_EQ(head->metadata, typed.metadata);

  std::vector<std::string> keys;
  const auto note = [&](const Client::Entry& entry) { return keys.push_back(entry.key), true; };
  ASSERT_TRUE(client.list("local://bucket", note));
  EXPECT_EQ(keys, (std::vector<std::string>{"a", "b/c", "b/d"}));
  keys.clear();
  ASSERT_TRUE(client.list("local://bucket/", note, false));
  EXPECT_EQ(keys, (std::vector<std::string>{"b/", "a"}));

  ASSERT_TRUE(client.remove("local://bucket/a"));
  ASSERT_TRUE(client.remove("local://bucket/a"));
  EXPECT_EQ(client.head("local://bucket/a").failure().kind, "not-found");
}

TEST_F(ClientTest, FailuresSayWhoseTheyAre) {
  Client client(options());
  const auto missing = client.copy(folder_ / "missing", "local://bucket/x");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.failure().side, FailureSide::kSource);
  EXPECT_THROW((void)missing.value(), std::runtime_error);

  const std::string source = file("a", "hello");
  EXPECT_EQ(client.copy(source, "local://B").failure().side, FailureSide::kUsage);
  EXPECT_EQ(client.copy(folder_, "local://bucket/").failure().side, FailureSide::kUsage);
  EXPECT_EQ(client.copy(source, "https://example.com/").failure().side, FailureSide::kUsage);
  EXPECT_EQ(client.copy(source, folder_ / "none" / "x").failure().side, FailureSide::kDestination);

  Client::CopyOptions wrong;
  wrong.expect = "md5:00000000000000000000000000000000";
  EXPECT_EQ(client.copy(source, "local://bucket/x", wrong).failure().side, FailureSide::kIntegrity);
  EXPECT_FALSE(client.head("local://bucket/x"));
  wrong.expect = "md5";
  EXPECT_EQ(client.copy(source, "local://bucket/x", wrong).failure().side, FailureSide::kUsage);
}

TEST_F(ClientTest, OptionsThatCannotBeAreRefused) {
  const auto refused = [&](auto change) {
    Client::Options wrong = options();
    change(wrong);
    const auto copied = Client(wrong).copy(file("a", "hello"), "local://bucket/a");
    return !copied && copied.failure().side == FailureSide::kUsage;
  };
  EXPECT_TRUE(refused([](Client::Options& wrong) { wrong.memory_bytes = 1 << 20; }));
  EXPECT_TRUE(refused([](Client::Options& wrong) { wrong.attempts = 0; }));
  EXPECT_TRUE(refused([](Client::Options& wrong) { wrong.idle_timeout = {}; }));
  EXPECT_TRUE(refused([](Client::Options& wrong) { wrong.access_key_id = "half"; }));
  Client client(options());
  Client::CopyOptions wrong;
  wrong.part_size_bytes = 1;
  EXPECT_EQ(client.copy("a", "local://bucket/a", wrong).failure().side, FailureSide::kUsage);
  wrong = {};
  wrong.concurrency = 257;
  EXPECT_EQ(client.copy("a", "local://bucket/a", wrong).failure().side, FailureSide::kUsage);
}

TEST_F(ClientTest, CancelledFromAnotherThreadAndContinued) {
  const std::string source = large_file();
  Client::CopyOptions options;
  options.part_size_bytes = 5 << 20;
  options.cancel.emplace();
  options.progress_interval = std::chrono::milliseconds(10);
  std::promise<void> started;
  bool told = false;
  options.progress = [&](const Client::Progress&) {
    if (!std::exchange(told, true)) started.set_value();
  };
  std::thread other([&, token = *options.cancel] {
    started.get_future().wait();
    token.cancel();
  });
  Client slow = slow_client();
  const auto cut = slow.copy(source, "local://bucket/large", options);
  other.join();
  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.failure().side, FailureSide::kCancelled);

  Client client(this->options());
  EXPECT_FALSE(client.head("local://bucket/large"));
  ASSERT_TRUE(client.copy(source, "local://bucket/large"));
  ASSERT_TRUE(client.copy("local://bucket/large", folder_ / "back"));
  EXPECT_EQ(text_of("back"), text_of("large"));
}

TEST_F(ClientTest, ACancelledTokenEndsACallAtOnce) {
  Client slow = slow_client();
  Client::CopyOptions options;
  options.cancel.emplace().cancel();
  EXPECT_TRUE(options.cancel->cancelled());
  const auto copied = slow.copy(large_file(), "local://bucket/large", options);
  ASSERT_FALSE(copied);
  EXPECT_EQ(copied.failure().side, FailureSide::kCancelled);
}

TEST_F(ClientTest, ACancelledTokenEndsEveryCall) {
  Client client(options());
  ASSERT_TRUE(client.copy(file("a", "hello"), "local://bucket/a"));
  CancelToken token;
  token.cancel();
  int seen = 0;
  const auto count = [&](const Client::Entry&) { return ++seen > 0; };
  EXPECT_EQ(client.head("local://bucket/a", token).failure().side, FailureSide::kCancelled);
  EXPECT_EQ(client.list("local://bucket", count, true, token).failure().side,
            FailureSide::kCancelled);
  EXPECT_EQ(client.remove("local://bucket/a", token).failure().side, FailureSide::kCancelled);
  EXPECT_EQ(seen, 0);
  EXPECT_TRUE(client.head("local://bucket/a"));
}

/// It takes a connection and a request, and never answers.
class SilentServer {
 public:
  SilentServer() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const any = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(::bind(listener_, any, size), 0);
    EXPECT_EQ(::listen(listener_, 16), 0);
    EXPECT_EQ(::getsockname(listener_, any, &size), 0);
    url_ = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  }
  ~SilentServer() { ::close(listener_); }
  SilentServer(const SilentServer&) = delete;
  SilentServer& operator=(const SilentServer&) = delete;

  const std::string& url() const { return url_; }
  /// Makes a call and cancels it when it has been asked for something: the first line of that.
  /// Empty when the call did not end by that.
  template <class Call>
  std::string asked_by(Call call) {
    const CancelToken token;
    std::string line(1000, ' ');
    std::thread other([&] {
      const int asked = ::accept(listener_, nullptr, nullptr);
      line.resize(static_cast<std::size_t>(::recv(asked, line.data(), line.size(), 0)));
      token.cancel();
      ::close(asked);
    });
    const auto outcome = call(token);
    other.join();
    if (outcome || outcome.failure().side != FailureSide::kCancelled) return "";
    return line.substr(0, line.find('\r'));
  }

 private:
  const int listener_;
  std::string url_;
};

TEST_F(ClientTest, CallsToAStoreThatIsSilentCanBeCancelled) {
  SilentServer server;
  Client::Options silent = options();
  silent.endpoint_url = server.url();
  silent.access_key_id = "id";
  silent.secret_access_key = "secret";
  Client client(silent);
  const auto goes_on = [](const Client::Entry&) { return true; };
  EXPECT_EQ(server.asked_by([&](auto& token) { return client.head("s3://bucket/k", token); }),
            "HEAD /bucket/k HTTP/1.1");
  const std::string listed = server.asked_by(
      [&](auto& token) { return client.list("s3://bucket", goes_on, true, token); });
  EXPECT_TRUE(listed.starts_with("GET /bucket")) << listed;
  EXPECT_EQ(server.asked_by([&](auto& token) { return client.remove("s3://bucket/k", token); }),
            "DELETE /bucket/k HTTP/1.1");
}

TEST_F(ClientTest, ProxyAndAddressingAreTheOptions) {
  SilentServer proxy;
  Client::Options options = this->options();
  options.endpoint_url = "http://s3.test";
  options.no_sign_request = true;
  options.proxy = proxy.url();
  const auto asked = [&] {
    Client client(options);
    return proxy.asked_by([&](auto& token) { return client.head("s3://bucket/k", token); });
  };
  EXPECT_EQ(asked(), "HEAD http://s3.test/bucket/k HTTP/1.1");
  options.addressing = Client::Options::Addressing::kVirtual;
  EXPECT_EQ(asked(), "HEAD http://bucket.s3.test/k HTTP/1.1");
  options.addressing = Client::Options::Addressing::kPath;
  EXPECT_EQ(asked(), "HEAD http://s3.test/bucket/k HTTP/1.1");
  options.proxy = "gopher://x";
  EXPECT_EQ(Client(options).head("s3://bucket/k").failure().side, FailureSide::kUsage);
}

TEST_F(ClientTest, ACallThatWaitsForItsTurnCanBeCancelled) {
  Client slow = slow_client();
  Client::CopyOptions options;
  options.cancel.emplace();
  options.progress_interval = std::chrono::milliseconds(10);
  std::promise<void> started;
  bool told = false;
  options.progress = [&](const Client::Progress&) {
    if (!std::exchange(told, true)) started.set_value();
  };
  std::thread copies([&] { (void)slow.copy(large_file(), "local://bucket/large", options); });
  started.get_future().wait();
  const CancelToken token;
  std::thread other([&] { token.cancel(); });
  EXPECT_EQ(slow.head("local://bucket/a", token).failure().side, FailureSide::kCancelled);
  other.join();
  options.cancel->cancel();
  copies.join();
}

TEST_F(ClientTest, ACallbackThatCallsItsOwnClientIsToldSo) {
  Client client(options());
  Client another(options());
  const std::string source = file("a", "hello");
  std::vector<FailureSide> sides;
  const auto call_all = [&] {
    const auto note = [&](const auto& outcome) {
      sides.push_back(outcome ? FailureSide::kIntegrity : outcome.failure().side);
    };
    note(client.copy(source, "local://bucket/b"));
    note(client.head("local://bucket/a"));
    note(client.list("local://bucket", [](const Client::Entry&) { return true; }));
    note(client.remove("local://bucket/a"));
    EXPECT_TRUE(another.copy(source, "local://bucket/by-another"));
  };
  Client::CopyOptions options;
  options.progress = [&](const Client::Progress&) {
    if (sides.empty()) call_all();
  };
  ASSERT_TRUE(client.copy(source, "local://bucket/a", options));
  EXPECT_EQ(sides, std::vector(4, FailureSide::kUsage));
  sides.clear();
  ASSERT_TRUE(
      client.list("local://bucket", [&](const Client::Entry&) { return call_all(), false; }));
  EXPECT_EQ(sides, std::vector(4, FailureSide::kUsage));
  EXPECT_TRUE(client.head("local://bucket/a"));
  EXPECT_TRUE(client.head("local://bucket/by-another"));
  EXPECT_FALSE(client.head("local://bucket/b"));
}

TEST_F(ClientTest, PatternsAreRefusedAndNamesThatLookLikeThemAreNot) {
  Client client(options());
  const std::string source = file("report[1].csv", "hello");
  ASSERT_TRUE(client.copy(source, "local://bucket/report[1].csv"));
  ASSERT_TRUE(client.copy("local://bucket/report[1].csv", folder_ / "back"));
  EXPECT_EQ(text_of("back"), "hello");
  const std::string here = folder_.string();
  for (const std::string& pattern :
       {std::string("local://bucket/*.csv"), here + "/*.csv", here + "/report?1?.csv"}) {
    const auto refused = client.copy(pattern, "local://bucket/x");
    ASSERT_FALSE(refused) << pattern;
    EXPECT_EQ(refused.failure().side, FailureSide::kUsage) << refused.failure().message;
    EXPECT_TRUE(refused.failure().message.contains("pattern")) << refused.failure().message;
  }
}

TEST_F(ClientTest, WhatACallbackThrowsComesOut) {
  Client slow = slow_client();
  Client::CopyOptions options;
  options.progress_interval = std::chrono::milliseconds(10);
  options.progress = [](const Client::Progress&) { throw std::length_error("enough"); };
  EXPECT_THROW((void)slow.copy(large_file(), "local://bucket/large", options), std::length_error);
  EXPECT_THROW((void)slow.list("local://", [](const auto&) -> bool { throw 1; }), int);
  // It is of use afterwards.
  EXPECT_TRUE(slow.copy(file("a", "hello"), "local://bucket/a"));
}

TEST_F(ClientTest, SignalsAreLeftAsTheyWere) {
  sigset_t before;
  sigset_t after;
  pthread_sigmask(SIG_SETMASK, nullptr, &before);
  Client client(options());
  ASSERT_TRUE(client.copy(file("a", "hello"), "local://bucket/a"));
  pthread_sigmask(SIG_SETMASK, nullptr, &after);
  for (const int signal : {SIGPIPE, SIGXFSZ, SIGINT}) {
    EXPECT_EQ(sigismember(&before, signal), sigismember(&after, signal));
  }
  struct sigaction action{};
  sigaction(SIGPIPE, nullptr, &action);
  EXPECT_EQ(action.sa_handler, SIG_DFL);
}

TEST_F(ClientTest, ThreadsShareAClientOrHaveTheirOwn) {
  Client shared(options());
  const std::string source = file("a", "hello");
  std::vector<std::thread> threads;
  std::atomic<int> copied = 0;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      Client own(options());
      const std::string key = "local://bucket/" + std::to_string(i);
      copied += shared.copy(source, key + "-shared").ok();
      copied += own.copy(source, key + "-own").ok();
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(copied, 8);
}

}  // namespace
}  // namespace telpher
