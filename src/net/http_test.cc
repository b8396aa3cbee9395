// Client and server against each other, over real sockets on loopback.

#include "net/testing.h"
#include "net/tls.h"

#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <fcntl.h>
#include <unistd.h>

namespace telpher {
namespace {

using namespace std::chrono_literals;
using testing::Answer;
using testing::body_of;
using testing::fetch;
using testing::pattern;
using testing::serve_during;
using testing::talk_raw;

// Behaves by what the target asks for.
class Playground final : public HttpHandler {
 public:
  Task<Result<void>> handle(ServerRequest& request, ServerResponse& response) override {
    targets.push_back(request.method() + " " + request.target());
    const std::string& target = request.target();
    if (target == "/echo") co_return co_await echo(request, response);
    if (target == "/chunked") co_return co_await chunked(request, response);
    if (target == "/short") co_return co_await short_body(response);
    if (target == "/until-close") co_return co_await until_close(response);
    if (target == "/cut") {
      response.abandon();
      co_return co_await until_close(response);
    }
    if (target == "/deny") co_return co_await deny(response);
    if (target == "/drop") {
      response.reset();
      co_return Result<void>();
    }
    if (target == "/close-after") response.close_after();
    if (target == "/stall") CO_TRY_VOID(co_await sleep_for(1h));
    if (target == "/interim") {
      co_return co_await response.write_raw(as_bytes(
          "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"));
    }
    if (target == "/garbage") co_return co_await response.write_raw(as_bytes("220 ftp ready\r\n"));
    response.headers.add("X-Body", std::to_string((co_await request.read_all(1 << 20))->size()));
    co_return co_await response.send_text("hello");
  }

  std::vector<std::string> targets;
  std::string sent_by_chunked;

 private:
  Task<Result<void>> echo(ServerRequest& request, ServerResponse& response) {
    CO_TRY(const std::string body, co_await request.read_all(std::size_t{1} << 30));
    co_return co_await response.send(Body::of(as_bytes(body)));
  }
  Task<Result<void>> chunked(ServerRequest&, ServerResponse& response) {
    CO_TRY_VOID(co_await response.begin(std::nullopt));
    for (const std::size_t size : {1u, 10u, 70'000u, 300'000u, 3u}) {
      const std::string chunk = pattern(size);
      sent_by_chunked += chunk;
      CO_TRY_VOID(co_await response.write(as_bytes(chunk)));
    }
    co_return Result<void>();
  }
  Task<Result<void>> short_body(ServerResponse& response) {
    CO_TRY_VOID(co_await response.begin(100));
    co_return co_await response.write(as_bytes("only this"));
  }
  Task<Result<void>> until_close(ServerResponse& response) {
    co_return co_await response.write_raw(as_bytes("HTTP/1.0 200 OK\r\n\r\nto the end"));
  }
  Task<Result<void>> deny(ServerResponse& response) {
    response.status = 403;
    response.close_after();
    co_return co_await response.send_text("no");
  }
};

// Files that go away with the test.
class PemFile {
 public:
  explicit PemFile(const std::string& text) : path_("/tmp/telpher_net_test_XXXXXX") {
    const int fd = mkstemp(path_.data());
    EXPECT_EQ(write(fd, text.data(), text.size()), static_cast<ssize_t>(text.size()));
    close(fd);
  }
  ~PemFile() { unlink(path_.c_str()); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

enum class Transport { kPlain, kTls };

class Http : public ::testing::TestWithParam<Transport> {
 protected:
  void SetUp() override { start("IP:127.0.0.1", 1); }
  void start(const std::string& names, int days) {
    const bool tls = GetParam() == Transport::kTls;
    if (tls) {
      const Result<SelfSigned> pair = make_self_signed(names, days);
      ASSERT_TRUE(pair);
      ca_file = std::make_unique<PemFile>(pair->certificate_pem);
      auto context = TlsServerContext::make({pair->certificate_pem, pair->private_key_pem});
      ASSERT_TRUE(context) << context.error().message;
      tls_context = *std::move(context);
      server_options.tls = tls_context.get();
    }
    auto opened = HttpServer::open(loop, playground, server_options);
    ASSERT_TRUE(opened) << opened.error().message;
    server = *std::move(opened);
    origin = {tls, "127.0.0.1", server->port()};
    set_options({});
  }
  template <class T>
  Result<T> run(Task<Result<T>> task) {
    return loop.run(serve_during(server.get(), std::move(task)));
  }
  Result<Answer> get(std::string target, std::string method = "GET") {
    return run(fetch(client.get(), origin, {std::move(method), std::move(target)}));
  }
  Result<Answer> get_twice(HttpRequest request) {
    return run([](HttpClient* http, Origin where, HttpRequest again) -> Task<Result<Answer>> {
      CO_TRY_VOID(co_await fetch(http, where, again));
      co_return co_await fetch(http, where, again);
    }(client.get(), origin, std::move(request)));
  }
  void set_options(HttpClientOptions options) {
    if (ca_file) options.ca_bundle = ca_file->path();
    client = make_http_client(loop, std::move(options));
  }

  Loop loop;
  Playground playground;
  HttpServerOptions server_options;
  std::unique_ptr<PemFile> ca_file;
  std::unique_ptr<TlsServerContext> tls_context;
  std::unique_ptr<HttpServer> server;
  std::unique_ptr<HttpClient> client;
  Origin origin;
};

Task<Result<void>> fetch_many(HttpClient* client, Origin origin, int count) {
  const std::string body(10'240, 'x');
  for (int i = 0; i < count; ++i) {
    CO_TRY(const Answer answer, co_await fetch(client, origin, {"PUT", "/x", {}, body_of(body)}));
    EXPECT_EQ(answer.body, "hello");
  }
  co_return Result<void>();
}

INSTANTIATE_TEST_SUITE_P(, Http, ::testing::Values(Transport::kPlain, Transport::kTls),
                         [](const auto& of) {
                           return std::string(of.param == Transport::kTls ? "Tls" : "Plain");
                         });

TEST_P(Http, KeepsOneConnectionForManyRequests) {
  ASSERT_TRUE(run(fetch_many(client.get(), origin, 20)));
  EXPECT_EQ(client->stats().connections_opened, 1u);
  EXPECT_EQ(client->stats().connections_reused, 19u);
  EXPECT_EQ(server->stats().connections, 1u);
}

Task<Result<void>> fetch_side_by_side(HttpClient* client, Origin origin) {
  TaskGroup group(co_await current_context());
  for (int i = 0; i < 20; ++i) group.spawn(fetch_many(client, origin, 5));
  co_return co_await group.join();
}

TEST_P(Http, LimitsConnectionsPerOrigin) {
  set_options({.connections_per_origin_max = 3});
  ASSERT_TRUE(run(fetch_side_by_side(client.get(), origin)));
  EXPECT_EQ(client->stats().connections_opened, 3u);
  EXPECT_EQ(playground.targets.size(), 100u);
}

TEST_P(Http, EchoesLargeBodies) {
  const std::string body = pattern(20'000'000);
  const Result<Answer> answer =
      run(fetch(client.get(), origin, {"PUT", "/echo", {}, body_of(body)}));
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_TRUE(answer->body == body);
}

class TemporaryFile {
 public:
  explicit TemporaryFile(std::string_view content) {
    char path[] = "/tmp/telpher_net_test_XXXXXX";
    fd_ = mkstemp(path);
    unlink(path);
    EXPECT_EQ(write(fd_, content.data(), content.size()), static_cast<ssize_t>(content.size()));
  }
  ~TemporaryFile() { close(fd_); }
  int fd() const { return fd_; }

 private:
  int fd_;
};

TEST_P(Http, SendsFileRangesBothWays) {
  const std::string content = pattern(5'000'000);
  const TemporaryFile file(content);
  for (const ByteRange range : {ByteRange{0, 5'000'000}, ByteRange{7, 1000}, ByteRange{5, 0}}) {
    const Result<Answer> answer =
        run(fetch(client.get(), origin, {"PUT", "/echo", {}, Body::of_file(file.fd(), range)}));
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_TRUE(answer->body == content.substr(range.offset, range.length));
  }
}

TEST_P(Http, NoticesThatAFileShrank) {
  const TemporaryFile file(pattern(1'000'000));
  for (const ByteCount size : {1'000'001u, 64'000u}) {
    if (size == 64'000) EXPECT_EQ(ftruncate(file.fd(), 63'999), 0);
    const Result<Answer> answer =
        run(fetch(client.get(), origin, {"PUT", "/echo", {}, Body::of_file(file.fd(), {0, size})}));
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().kind, ErrorKind::kSourceChanged);
  }
}

TEST_P(Http, ReadsChunkedBodies) {
  const Result<Answer> answer = get_twice({"GET", "/chunked"});
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_TRUE(playground.sent_by_chunked == answer->body + answer->body);
  EXPECT_EQ(client->stats().connections_opened, 1u);
}

TEST_P(Http, ReportsBodiesThatEndEarly) {
  const Result<Answer> answer = get("/short");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind, ErrorKind::kNetwork);
  EXPECT_TRUE(answer.error().is_temporary());
}

TEST_P(Http, ReadsBodiesUntilClose) {
  const Result<Answer> answer = get("/until-close");
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->body, "to the end");
}

// Without a length only TLS can tell a whole body from the first half of one.
TEST_P(Http, NoticesATruncatedBodyWithoutLengthOverTls) {
  const Result<Answer> answer = get("/cut");
  EXPECT_EQ(answer.has_value(), !origin.tls);
  if (!answer) {
    EXPECT_EQ(answer.error().kind, ErrorKind::kNetwork);
  }
}

TEST_P(Http, SkipsInterimAnswers) {
  const Result<Answer> answer = get("/interim");
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->body, "ok");
}

TEST_P(Http, RefusesWhatIsNoHttp) {
  const Result<Answer> answer = get("/garbage");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind, ErrorKind::kProtocol);
}

TEST_P(Http, AnswersHeadWithTheLengthAlone) {
  const Result<Answer> answer = get_twice({"HEAD", "/x"});
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->body, "");
  EXPECT_EQ(client->stats().connections_opened, 1u);
}

// The server sees nothing of the body but what has been sent when it answers.
TEST_P(Http, ReturnsAnAnswerThatComesInTheMiddleOfTheBody) {
  const std::string body(64'000'000, 'x');
  for (int i = 0; i < 3; ++i) {
    const Result<Answer> answer =
        run(fetch(client.get(), origin, {"PUT", "/deny", {}, body_of(body)}));
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_EQ(answer->status, 403);
    EXPECT_EQ(answer->body, "no");
  }
  EXPECT_EQ(client->stats().connections_opened, 3u);
}

TEST_P(Http, WaitsForContinue) {
  const std::string body(1'000'000, 'x');
  Result<Answer> answer =
      run(fetch(client.get(), origin, {"PUT", "/echo", {}, body_of(body), true}));
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_TRUE(answer->body == body);
  const ByteCount sent = client->stats().bytes_sent;
  answer = run(fetch(client.get(), origin, {"PUT", "/deny", {}, body_of(body), true}));
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->status, 403);
  EXPECT_LT(client->stats().bytes_sent - sent, 1000u);  // the head only
  EXPECT_EQ(answer->headers.find("connection"), "close");
}

TEST_P(Http, ReplacesAConnectionTheServerHasClosed) {
  ASSERT_TRUE(get("/x"));
  // The server ends with run(): its side of the kept connection is closed.
  ASSERT_TRUE(get("/x"));
  ASSERT_TRUE(get("/x", "POST"));
  EXPECT_EQ(client->stats().connections_opened, 3u);
}

TEST_P(Http, RepeatsOnceWhenAKeptConnectionBreaks) {
  Result<Answer> answer = run([](HttpClient* http, Origin where) -> Task<Result<Answer>> {
    CO_TRY_VOID(co_await fetch(http, where, {"GET", "/x"}));
    co_return co_await fetch(http, where, {"GET", "/drop"});
  }(client.get(), origin));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind, ErrorKind::kNetwork);
  EXPECT_EQ(client->stats().stale_connections, 1u);
  EXPECT_EQ(playground.targets.size(), 3u);
  answer = run([](HttpClient* http, Origin where) -> Task<Result<Answer>> {
    CO_TRY_VOID(co_await fetch(http, where, {"GET", "/x"}));
    co_return co_await fetch(http, where, {"POST", "/drop"});
  }(client.get(), origin));
  EXPECT_FALSE(answer);
  EXPECT_EQ(client->stats().stale_connections, 1u);  // a POST may have had its effect
}

TEST_P(Http, HonoursConnectionClose) {
  ASSERT_TRUE(get("/close-after"));
  ASSERT_TRUE(get("/x"));
  EXPECT_EQ(client->stats().connections_opened, 2u);
}

TEST_P(Http, GivesUpOnAStalledServer) {
  set_options({.idle_timeout = 30ms});
  const Result<Answer> answer = get("/stall");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind, ErrorKind::kTimeout);
  EXPECT_TRUE(answer.error().is_temporary());
  EXPECT_EQ(client->stats().stale_connections, 0u);
}

TEST_P(Http, NeverSendsHeadersThatBreakTheHead) {
  HttpRequest request{"GET", "/x"};
  request.headers.add("X-Evil", "a\r\nHost: other");
  const Result<Answer> answer = run(fetch(client.get(), origin, std::move(request)));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind, ErrorKind::kInvalid);
  EXPECT_TRUE(playground.targets.empty());
}

Task<Result<void>> expect_dns_error(HttpClient* client, Origin origin) {
  const Result<Answer> answer = co_await fetch(client, origin, {"GET", "/x"});
  EXPECT_FALSE(answer);
  if (!answer) EXPECT_EQ(answer.error().context.code, "DNS");
  co_return Result<void>();
}

Task<Result<void>> look_up_side_by_side(HttpClient* client, Origin origin) {
  TaskGroup group(co_await current_context());
  for (int i = 0; i < 10; ++i) group.spawn(expect_dns_error(client, origin));
  co_return co_await group.join();
}

TEST_P(Http, SharesOneFailedLookup) {
  origin.host = "no-such-host.invalid";
  EXPECT_TRUE(run(look_up_side_by_side(client.get(), origin)));
}

TEST_P(Http, SaysWhenNobodyListens) {
  auto other = HttpServer::open(loop, playground, {});
  ASSERT_TRUE(other);
  origin.port = (*other)->port();
  other->reset();
  const Result<Answer> answer = get("/x");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind, ErrorKind::kNetwork);
  EXPECT_EQ(answer.error().context.code, "ECONNREFUSED");
}

class Server : public Http {};
INSTANTIATE_TEST_SUITE_P(, Server, ::testing::Values(Transport::kPlain));

TEST_P(Server, AnswersPipelinedRequestsInOrder) {
  const Result<std::string> answer =
      run(talk_raw(server->port(),
                   "PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\none"
                   "PUT /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                   "3\r\ntwo\r\n0\r\n\r\n"
                   "PUT /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                   "Content-Length: 5\r\n\r\nthree"));
  ASSERT_TRUE(answer) << answer.error().message;
  const std::size_t one = answer->find("\r\n\r\none");
  const std::size_t two = answer->find("\r\n\r\ntwo");
  const std::size_t three = answer->find("\r\n\r\nthree");
  EXPECT_TRUE(one < two && two < three && three != std::string::npos) << *answer;
}

TEST_P(Server, KeepsConnectionsOfOldClientsThatAsk) {
  const std::string once = "GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
  const Result<std::string> answer =
      run(talk_raw(server->port(), once + "GET /x HTTP/1.0\r\n\r\n"));
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_NE(answer->find("Connection: keep-alive\r\n"), std::string::npos) << *answer;
  EXPECT_EQ(playground.targets.size(), 2u);
}

class Tls : public Http {
 protected:
  void SetUp() override {}
};
INSTANTIATE_TEST_SUITE_P(, Tls, ::testing::Values(Transport::kTls));

TEST_P(Tls, RefusesUnknownCertificatesForGood) {
  start("IP:127.0.0.1", 1);
  ca_file.reset();
  set_options({});
  const Result<Answer> answer = get("/x");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind, ErrorKind::kProtocol);
  EXPECT_FALSE(answer.error().is_temporary());
  EXPECT_NE(answer.error().message.find("127.0.0.1"), std::string::npos);
  EXPECT_NE(answer.error().message.find("--ca-bundle"), std::string::npos);
  set_options({.verify_tls = false});
  EXPECT_TRUE(get("/x"));
}

TEST_P(Tls, RefusesTheCertificateOfAnotherHost) {
  start("DNS:example.com,IP:127.0.0.2", 1);
  Result<Answer> answer = get("/x");
  ASSERT_FALSE(answer);
  EXPECT_FALSE(answer.error().is_temporary());
  EXPECT_NE(answer.error().message.find("mismatch"), std::string::npos) << answer.error().message;
  origin.host = "localhost";
  answer = get("/x");
  ASSERT_FALSE(answer);
  EXPECT_FALSE(answer.error().is_temporary());
}

TEST_P(Tls, RefusesAnExpiredCertificate) {
  start("IP:127.0.0.1", -1);
  const Result<Answer> answer = get("/x");
  ASSERT_FALSE(answer);
  EXPECT_FALSE(answer.error().is_temporary());
  EXPECT_NE(answer.error().message.find("expired"), std::string::npos) << answer.error().message;
}

TEST_P(Tls, AcceptsACertificateByName) {
  start("DNS:localhost", 1);
  origin.host = "localhost";
  const Result<Answer> answer = get("/x");
  EXPECT_TRUE(answer) << answer.error().message;
}

TEST_P(Tls, SaysWhenTheServerSpeaksPlainHttp) {
  start("IP:127.0.0.1", 1);
  server_options.tls = nullptr;
  server = *HttpServer::open(loop, playground, server_options);
  origin.port = server->port();
  const Result<Answer> answer = get("/x");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind, ErrorKind::kProtocol);
}

TEST_P(Tls, SaysWhichBundleIsMissing) {
  start("IP:127.0.0.1", 1);
  client = make_http_client(loop, {.ca_bundle = "/nowhere/ca.pem"});
  const Result<Answer> answer = get("/x");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind, ErrorKind::kInvalid);
  EXPECT_NE(answer.error().message.find("/nowhere/ca.pem"), std::string::npos);
}

TEST_P(Tls, ResumesSessions) {
  start("IP:127.0.0.1", 1);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(get("/x"));  // run() ends the server's connections
  EXPECT_EQ(client->stats().connections_opened, 3u);
  EXPECT_EQ(SSL_CTX_sess_hits(tls_context->get()), 2);
}

}  // namespace
}  // namespace telpher
