#include "codec/http_head.h"

#include "base/random.h"

#include <gtest/gtest.h>

#include <string>

namespace telpher {
namespace {

constexpr std::string_view kResponse =
    "HTTP/1.1 206 Partial Content\r\n"
    "Content-Length: 5\r\n"
    "ETag:\t\"abc\" \r\n"
    "X-Empty:\r\n"
    "\r\nhello";

ResponseHead response(std::string_view text) {
  auto parsed = parse_response_head(text);
  EXPECT_TRUE(parsed.has_value() && parsed->has_value()) << text;
  return parsed && *parsed ? (*parsed)->head : ResponseHead{};
}

RequestHead request(std::string_view text) {
  auto parsed = parse_request_head(text);
  EXPECT_TRUE(parsed.has_value() && parsed->has_value()) << text;
  return parsed && *parsed ? (*parsed)->head : RequestHead{};
}

TEST(ResponseHead, Parses) {
  const auto parsed = parse_response_head(kResponse);
  ASSERT_TRUE(parsed.has_value() && parsed->has_value());
  const ResponseHead& head = (*parsed)->head;
  EXPECT_EQ(head.status, 206);
  EXPECT_EQ(head.reason, "Partial Content");
  EXPECT_EQ(head.version_minor, 1);
  EXPECT_EQ(kResponse.substr((*parsed)->consumed), "hello");
  ASSERT_EQ(head.headers.size(), 3u);
  EXPECT_EQ(head.headers.find("content-LENGTH"), "5");
  EXPECT_EQ(head.headers.find("etag"), "\"abc\"");
  EXPECT_EQ(head.headers.find("x-empty"), "");
  EXPECT_FALSE(head.headers.contains("x"));
}

TEST(ResponseHead, EveryPrefixWantsMore) {
  const std::size_t size = kResponse.find("hello");
  for (std::size_t i = 0; i < size; ++i) {
    const auto parsed = parse_response_head(kResponse.substr(0, i));
    ASSERT_TRUE(parsed.has_value()) << i;
    EXPECT_FALSE(parsed->has_value()) << i;
  }
}

TEST(ResponseHead, ReasonMayBeMissing) {
  EXPECT_EQ(response("HTTP/1.1 200\r\n\r\n").status, 200);
  EXPECT_EQ(response("HTTP/1.0 404 \r\n\r\n").status, 404);
  EXPECT_EQ(response("HTTP/1.0 404 \r\n\r\n").version_minor, 0);
}

TEST(ResponseHead, RefusesWhatOthersMightReadDifferently) {
  for (std::string_view text : {
           "HTTP/2 200 OK\r\n\r\n",
           "ICY 200 OK\r\n\r\n",
           "HTTP/1.1 20 OK\r\n\r\n",
           "HTTP/1.1 2000 OK\r\n\r\n",
           "HTTP/1.1  200 OK\r\n\r\n",
           "HTTP/1.1 099 OK\r\n\r\n",
           "HTTP/1.1200 OK\r\n\r\n",
           "HTTP/1.11 200 OK\r\n\r\n",
           "HTTP/1.1 200 OK\r\nA: b\r\n folded\r\n\r\n",
           "HTTP/1.1 200 OK\r\n A: b\r\n\r\n",
           "HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
           "HTTP/1.1 200 OK\r\n: b\r\n\r\n",
           "HTTP/1.1 200 OK\r\nnocolon\r\n\r\n",
           "HTTP/1.1 200 OK\r\nA: b\rc\r\n\r\n",
           "HTTP/1.1 200 OK\r\nA: b\nC: d\r\n\r\n",
           "HTTP/1.1 200 OK\nA: b\r\n\r\n",
           "HTTP/1.1 200 OK\r\nA: b\x7f\r\n\r\n",
           "HTTP/1.1 200 OK\r\nA\xe9: b\r\n\r\n",
       }) {
    EXPECT_FALSE(parse_response_head(text).has_value()) << text;
  }
  using std::string_literals::operator""s;
  EXPECT_FALSE(parse_response_head("HTTP/1.1 200 OK\r\nA: b\0c\r\n\r\n"s).has_value());
}

TEST(ResponseHead, WhatIsNotHttpIsRefusedAtOnce) {
  EXPECT_FALSE(parse_response_head("SSH-2.0-OpenSSH").has_value());
  EXPECT_FALSE(parse_response_head("\x16\x03\x01").has_value());
  EXPECT_FALSE(parse_request_head("\x16\x03\x01").has_value());
}

TEST(ResponseHead, LimitsHold) {
  const std::string endless = "HTTP/1.1 200 OK\r\nA: " + std::string(100'000, 'x');
  const auto too_long = parse_response_head(endless);
  ASSERT_FALSE(too_long.has_value());
  EXPECT_EQ(too_long.error().kind, ErrorKind::kLimit);
  EXPECT_FALSE(parse_response_head(endless + "\r\n\r\n").has_value());

  std::string many = "HTTP/1.1 200 OK\r\n";
  for (int i = 0; i < 257; ++i) many += "a:b\r\n";
  const auto too_many = parse_response_head(many + "\r\n");
  ASSERT_FALSE(too_many.has_value());
  EXPECT_EQ(too_many.error().kind, ErrorKind::kLimit);
}

TEST(RequestHead, Parses) {
  const RequestHead head =
      request("\r\nPUT /b/k?partNumber=1 HTTP/1.1\r\nHost: s3\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(head.method, "PUT");
  EXPECT_EQ(head.target, "/b/k?partNumber=1");
  EXPECT_TRUE(head.headers.has_token("expect", "100-Continue"));
  EXPECT_EQ(request("GET / HTTP/1.0\r\n\r\n").version_minor, 0);
}

TEST(RequestHead, RefusesTheMalformed) {
  for (std::string_view text : {
           "GET / HTTP/1.1\r\n\r\n",
           "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
           "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n",
           "GET /\r\n\r\n",
           "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
           "GET / x HTTP/1.1\r\nHost: a\r\n\r\n",
           "GET /\t HTTP/1.1\r\nHost: a\r\n\r\n",
           "GET / HTTP/2.0\r\nHost: a\r\n\r\n",
           "GET / http/1.1\r\nHost: a\r\n\r\n",
           "G(T / HTTP/1.1\r\nHost: a\r\n\r\n",
           "GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n",
           "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
       }) {
    EXPECT_FALSE(parse_request_head(text).has_value()) << text;
  }
}

TEST(Framing, OfResponses) {
  using Kind = BodyFraming::Kind;
  const auto framing = [](std::string_view text, std::string_view method = "GET") {
    return response_framing(response(text), method);
  };
  EXPECT_EQ(framing(kResponse).value(), (BodyFraming{Kind::kLength, 5}));
  EXPECT_EQ(framing(kResponse, "HEAD").value().kind, Kind::kNone);
  EXPECT_EQ(framing("HTTP/1.1 200 OK\r\n\r\n").value().kind, Kind::kUntilClose);
  EXPECT_EQ(framing("HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n").value().kind,
            Kind::kChunked);
  EXPECT_EQ(framing("HTTP/1.1 204 No\r\nContent-Length: 3\r\n\r\n").value().kind, Kind::kNone);
  EXPECT_EQ(framing("HTTP/1.1 304 No\r\nContent-Length: 3\r\n\r\n").value().kind, Kind::kNone);
  EXPECT_EQ(framing("HTTP/1.1 100 C\r\n\r\n").value().kind, Kind::kNone);
  EXPECT_EQ(framing("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3, 3\r\n\r\n").value(),
            (BodyFraming{Kind::kLength, 3}));
}

TEST(Framing, RefusesAmbiguity) {
  for (std::string_view fields :
       {"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
        "Content-Length: 3\r\nContent-Length: 4\r\n", "Content-Length: 3, 4\r\n",
        "Content-Length: -1\r\n", "Content-Length: +1\r\n", "Content-Length: 0x3\r\n",
        "Content-Length:\r\n", "Content-Length: 3,\r\n", "Content-Length: 18446744073709551616\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: identity\r\n", "Transfer-Encoding: chunked;x\r\n"}) {
    const std::string text(fields);
    EXPECT_FALSE(
        response_framing(response("HTTP/1.1 200 OK\r\n" + text + "\r\n"), "GET").has_value())
        << text;
    EXPECT_FALSE(
        request_framing(request("PUT / HTTP/1.1\r\nHost: a\r\n" + text + "\r\n")).has_value())
        << text;
  }
  EXPECT_FALSE(
      response_framing(response("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), "GET")
          .has_value());
}

TEST(Framing, OfRequests) {
  EXPECT_EQ(request_framing(request("GET / HTTP/1.1\r\nHost: a\r\n\r\n")).value().kind,
            BodyFraming::Kind::kNone);
}

TEST(Connection, PersistsByVersionAndToken) {
  const auto keeps = [](std::string_view text) {
    const ResponseHead head = response(text);
    return keeps_connection(head.version_minor, head.headers);
  };
  EXPECT_TRUE(keeps("HTTP/1.1 200 OK\r\n\r\n"));
  EXPECT_FALSE(keeps("HTTP/1.1 200 OK\r\nConnection: upgrade, Close\r\n\r\n"));
  EXPECT_FALSE(keeps("HTTP/1.0 200 OK\r\n\r\n"));
  EXPECT_TRUE(keeps("HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\n\r\n"));
}

TEST(Headers, AreEditedInPlace) {
  Headers headers;
  headers.add("Accept", "a");
  headers.add("Vary", "x");
  headers.add("accept", "b");
  EXPECT_EQ(headers.joined("ACCEPT"), "a, b");
  EXPECT_EQ(headers.count("accept"), 2u);
  headers.set("Accept", "c");
  EXPECT_EQ(headers.joined("accept"), "c");
  headers.remove("vary");
  EXPECT_EQ(headers.size(), 1u);
  EXPECT_FALSE(headers.joined("vary").has_value());
}

TEST(Heads, InjectionIsRefusedWhenWriting) {
  RequestHead head{.method = "GET", .target = "/"};
  head.headers.add("Host", "a\r\nX: y");
  EXPECT_FALSE(make_request_head(head).has_value());
  EXPECT_FALSE(make_request_head({.method = "GET", .target = "/ HTTP/1.1\r\nA: b"}).has_value());
  EXPECT_FALSE(make_response_head({.status = 200, .reason = "a\r\nb"}).has_value());
  ResponseHead answer{.status = 200};
  answer.headers.add("a b", "c");
  EXPECT_FALSE(make_response_head(answer).has_value());
}

std::string random_from(Random& random, std::string_view letters, std::size_t size_min,
                        std::size_t size_max) {
  std::string text(size_min + random.below(size_max - size_min + 1), '\0');
  for (char& c : text) c = letters[random.below(letters.size())];
  return text;
}

TEST(Heads, ParsingUndoesMaking) {
  Random random(5);
  for (int round = 0; round < 1000; ++round) {
    Headers headers;
    headers.add("Host", "h");
    for (std::uint64_t i = random.below(12); i > 0; --i) {
      std::string value = random_from(random, "aZ09 \t:;,\"\xe9", 0, 30);
      headers.add(random_from(random, "aZ9-_!", 1, 12), trim_blanks(value));
    }
    const RequestHead request{random_from(random, "GETPUX", 1, 8),
                              random_from(random, "/?=%&a9", 1, 40), 1, headers};
    const auto request_back = parse_request_head(make_request_head(request).value() + "body");
    ASSERT_TRUE(request_back.has_value() && request_back->has_value());
    EXPECT_EQ((*request_back)->head.method, request.method);
    EXPECT_EQ((*request_back)->head.target, request.target);

    const ResponseHead response{static_cast<int>(100 + random.below(900)),
                                random_from(random, "OK \t'", 0, 20), 1, headers};
    const auto response_back = parse_response_head(make_response_head(response).value());
    ASSERT_TRUE(response_back.has_value() && response_back->has_value());
    EXPECT_EQ((*response_back)->head.status, response.status);
    EXPECT_EQ((*response_back)->head.reason, response.reason);
    const Headers& back = (*response_back)->head.headers;
    ASSERT_EQ(back.size(), headers.size());
    for (std::size_t i = 0; i < back.size(); ++i) {
      EXPECT_EQ(back[i].name, headers[i].name);
      EXPECT_EQ(back[i].value, headers[i].value);
    }
  }
}

TEST(OriginForm, IsAPathOfTheHostThatIsNamed) {
  const auto form = [](std::string method, std::string target) -> std::string {
    RequestHead head{.method = std::move(method), .target = std::move(target)};
    head.headers.add("Host", "a.example:80");
    return to_origin_form(head) ? head.target : "refused";
  };
  EXPECT_EQ(form("GET", "/b?c"), "/b?c");
  EXPECT_EQ(form("GET", "http://a.example:80/b?c"), "/b?c");
  EXPECT_EQ(form("GET", "HTTPS://A.EXAMPLE:80"), "/");
  EXPECT_EQ(form("GET", "http://a.example:80?c"), "/?c");
  EXPECT_EQ(form("OPTIONS", "*"), "*");
  for (const char* target :
       {"*", "b", "a.example:80", "http://b.example/c", "http://a.example/c", "http:///c",
        "http://u@a.example:80/c", "ftp://a.example:80/c", "http:/a.example:80/c"}) {
    EXPECT_EQ(form("GET", target), "refused") << target;
  }
}

}  // namespace
}  // namespace telpher
