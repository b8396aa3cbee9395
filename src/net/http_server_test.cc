// What HttpServer refuses, byte by byte over real sockets.

#include "net/http_server.h"

#include "net/testing.h"

#include <gtest/gtest.h>

namespace telpher {
namespace {

using namespace std::chrono_literals;
using testing::serve_during;
using testing::talk_raw;

/// Notes what gets through; answers with the target and the body.
class Guest : public HttpHandler {
 public:
  Task<Result<void>> handle(ServerRequest& request, ServerResponse& response) override {
    targets.push_back(request.method() + " " + request.target());
    CO_TRY(const std::string body, co_await request.read_all(1 << 20));
    co_return co_await response.send_text(request.target() + " " + body + "\n");
  }
  std::vector<std::string> targets;
};

class HttpServerRefuses : public ::testing::Test {
 protected:
  template <class T>
  Result<T> run(Task<Result<T>> task) {
    return loop.run(serve_during(server().get(), std::move(task)));
  }
  std::unique_ptr<HttpServer>& server() {
    if (!server_) server_ = HttpServer::open(loop, *handler, options).value();
    return server_;
  }
  /// All that comes back.
  std::string talk(std::string bytes) {
    auto answer = run(talk_raw(server()->port(), std::move(bytes)));
    EXPECT_TRUE(answer.has_value());
    return answer ? *answer : "";
  }
  /// The status of the one answer that came before the connection was closed.
  int status_of(std::string bytes) {
    const std::string answer = talk(std::move(bytes));
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 ")) << answer;
    EXPECT_EQ(answer.find("HTTP/1.1 ", 1), std::string::npos) << "more than one: " << answer;
    EXPECT_NE(answer.find("\r\nConnection: close\r\n"), std::string::npos) << answer;
    return answer.size() > 12 ? std::stoi(answer.substr(9, 3)) : 0;
  }

  Loop loop;
  Guest guest;
  HttpHandler* handler = &guest;
  HttpServerOptions options;

 private:
  std::unique_ptr<HttpServer> server_;
};

std::string put(std::string_view fields, std::string_view body = "hello") {
  return "PUT /x HTTP/1.1\r\nHost: a\r\n" + std::string(fields) + "\r\n" + std::string(body);
}

// Two readers that disagree about where a request ends let the second one in unseen.
TEST_F(HttpServerRefuses, WhatHasTwoEnds) {
  const std::string inner = "GET /inner HTTP/1.1\r\nHost: a\r\n\r\n";
  const std::string chunks = "0\r\n\r\n" + inner;
  const std::pair<const char*, int> heads[] = {
      {"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", 400},
      {"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", 400},
      {"Content-Length: 5\r\nContent-Length: 6\r\n", 400},
      {"Content-Length: 5, 6\r\n", 400},
      {"Content-Length: +5\r\n", 400},
      {"Content-Length: -5\r\n", 400},
      {"Content-Length: 0x5\r\n", 400},
      {"Content-Length: 5 5\r\n", 400},
      {"Content-Length:\r\n", 400},
      {"Content-Length: 99999999999999999999\r\n", 400},
      {"Transfer-Encoding: chunked, identity\r\n", 501},
      {"Transfer-Encoding: identity, chunked\r\n", 501},
      {"Transfer-Encoding: chunked, chunked\r\n", 501},
      {"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", 501},
      {"Transfer-Encoding: xchunked\r\n", 501},
      {"Transfer-Encoding: \"chunked\"\r\n", 501},
      {"Transfer-Encoding:\r\n", 501},
      {"Transfer-Encoding : chunked\r\n", 400},
      {"Transfer-Encoding\t: chunked\r\n", 400},
      {" Transfer-Encoding: chunked\r\n", 400},
      {"X: a\r\n Transfer-Encoding: chunked\r\n", 400},
      {"X: a\r\n\tb\r\n", 400},
      {"X: a\nTransfer-Encoding: chunked\r\n", 400},
      {"X: a\rTransfer-Encoding: chunked\r\n", 400},
      {"Content-Length: 5\n", 400},
      {"Transfer-Encoding: chunked\v\r\n", 400},
      {"Host: b\r\n", 400},
      {"No colon\r\n", 400},
      {": no name\r\n", 400},
  };
  for (const auto& [fields, status] : heads) {
    EXPECT_EQ(status_of(put(fields, chunks)), status) << fields;
  }
  EXPECT_EQ(status_of(put(std::string_view("X: a\0b\r\n", 8), chunks)), 400);
  EXPECT_EQ(status_of("PUT /x HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks), 400);
  EXPECT_EQ(guest.targets, std::vector<std::string>()) << "nothing got through";
}

TEST_F(HttpServerRefuses, RequestLinesThatAreNone) {
  for (const char* line : {"GET  /x HTTP/1.1", "GET /x  HTTP/1.1", "GET /x y HTTP/1.1", "GET /x",
                           "GET /x HTTP/2.0", "GET /x HTTP/1.1 ", "GET\t/x\tHTTP/1.1",
                           "GET /x\x7f HTTP/1.1", "GET /\xe2\x82\xac HTTP/1.1", "G(T /x HTTP/1.1",
                           " GET /x HTTP/1.1", "\nGET /x HTTP/1.1", "PRI * HTTP/2.0"}) {
    EXPECT_EQ(status_of(std::string(line) + "\r\nHost: a\r\n\r\nGET /inner HTTP/1.1\r\n\r\n"), 400)
        << line;
  }
  EXPECT_EQ(status_of("GET /x HTTP/1.1\nHost: a\n\n"), 400) << "bare line feeds";
  EXPECT_EQ(status_of("GET /x HTTP/1.1\r\n\r\n"), 400) << "no Host";
  EXPECT_EQ(status_of("\x16\x03\x01\x02"), 400) << "TLS";
  EXPECT_EQ(guest.targets, std::vector<std::string>());
}

TEST_F(HttpServerRefuses, TargetsOfOtherHosts) {
  const auto get = [](std::string_view target) {
    return "GET " + std::string(target) + " HTTP/1.1\r\nHost: a:1\r\nConnection: close\r\n\r\n";
  };
  EXPECT_EQ(status_of(get("http://a:1/k?x")), 200);
  for (const char* target : {"http://b/k", "http://a/k", "http://a:1@b/k", "a:1", "*", "k"}) {
    EXPECT_EQ(status_of(get(target)), 400) << target;
  }
  EXPECT_EQ(guest.targets, std::vector<std::string>{"GET /k?x"});
}

TEST_F(HttpServerRefuses, HeadsThatAreTooLong) {
  options.head_bytes_max = 20'000;
  EXPECT_EQ(status_of("GET /" + std::string(30'000, 'x') + " HTTP/1.1\r\n"), 431);
  EXPECT_EQ(status_of(put("X: " + std::string(30'000, 'x') + "\r\n")), 431);
  std::string many;
  for (int i = 0; i < 300; ++i) many += "a: b\r\n";
  EXPECT_EQ(status_of(put(many)), 431);
  EXPECT_EQ(guest.targets, std::vector<std::string>());
}

TEST_F(HttpServerRefuses, HeadsThatAreTooSlow) {
  options.head_timeout = 20ms;
  EXPECT_EQ(status_of("GET /x HTTP/1.1\r\nHost: a\r\n"), 408);
  EXPECT_EQ(status_of("G"), 408);
}

TEST_F(HttpServerRefuses, BodiesThatStop) {
  options.idle_timeout = 20ms;
  EXPECT_EQ(status_of(put("Content-Length: 10\r\n")), 408);
  EXPECT_EQ(status_of(put("Transfer-Encoding: chunked\r\n", "5\r\nhel")), 408);
}

TEST_F(HttpServerRefuses, ChunksThatAreNone) {
  for (const char* body : {"x\r\nhello\r\n", "5\r\nhello!\r\n", "5\nhello\r\n", "-5\r\nhello\r\n",
                           "5\r\nhello\r\n0\r\nbad trailer\r\n\r\n"}) {
    EXPECT_EQ(status_of(put("Transfer-Encoding: chunked\r\n", body)), 400) << body;
  }
}

/// Sends a byte of a body now and then until it is answered. How many bytes that took.
Task<Result<int>> trickle(std::uint16_t port, std::string head, std::string bytes) {
  CO_TRY(std::unique_ptr<Socket> socket,
         co_await connect_tcp({*SocketAddress::parse("127.0.0.1", port)}, kNever));
  HttpConnection connection(std::make_unique<PlainStream>(std::move(socket)), 4096);
  CO_TRY_VOID(co_await write_message(connection, head, {}, 5s));
  for (int sent = 0; sent < 3000; ++sent) {
    CO_TRY(const IoStep step, connection.fill());
    if (!step.blocked) {
      EXPECT_TRUE(as_text(connection.input()).starts_with("HTTP/1.1 408 "));
      co_return sent;
    }
    const std::string_view next = std::string_view(bytes).substr(sent % bytes.size(), 1);
    CO_TRY_VOID(co_await write_message(connection, next, {}, 5s));
    Loop& loop = co_await current_loop();
    const auto waited = co_await connection.stream().wait(FdWatch::kRead, loop.now() + 2ms);
    if (!waited && waited.error().kind != ErrorKind::kTimeout) co_return waited.error();
  }
  co_return 3000;
}

// Never idle, and never done: each such connection would hold its memory for days.
TEST_F(HttpServerRefuses, BodiesThatTrickle) {
  options.body_grace = 30ms;
  options.body_bytes_per_second_min = 1 << 20;
  const std::pair<const char*, const char*> bodies[] = {
      {"Content-Length: 1000000\r\n", "x"},
      {"Transfer-Encoding: chunked\r\n", "1\r\nx\r\n"},
      {"Transfer-Encoding: chunked\r\n", "0"},
  };
  for (const auto& [field, bytes] : bodies) {
    const auto sent = run(trickle(server()->port(), put(field, ""), bytes));
    ASSERT_TRUE(sent.has_value()) << sent.error().message;
    EXPECT_LT(*sent, 3000) << field;
  }
}

TEST_F(HttpServerRefuses, NothingThatIsSlowButAlive) {
  options.body_bytes_per_second_min = 1;
  options.body_grace = 30s;
  const std::string answer = talk(put("Content-Length: 5\r\nConnection: close\r\n"));
  EXPECT_NE(answer.find("/x hello"), std::string::npos) << answer;
}

// --- in the handler's words -------------------------------------------------------------------

class Eloquent final : public Guest {
 public:
  HttpRefusal refusal(int status, const Error& error) override {
    HttpRefusal refusal{.status = status};
    refusal.headers.add("Content-Type", "application/xml");
    refusal.body = "<Error>" + std::string(to_string(error.kind)) + "</Error>";
    return refusal;
  }
};

TEST_F(HttpServerRefuses, InTheWordsOfItsHandler) {
  Eloquent eloquent;
  handler = &eloquent;
  const std::string answer = talk("GET /x\r\n\r\n");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 400 ")) << answer;
  EXPECT_NE(answer.find("\r\nContent-Type: application/xml\r\n"), std::string::npos) << answer;
  EXPECT_TRUE(answer.ends_with("\r\n\r\n<Error>protocol</Error>")) << answer;
  EXPECT_TRUE(talk(put("Transfer-Encoding: chunked\r\n", "x\r\n")).ends_with("</Error>"));
}

}  // namespace
}  // namespace telpher
