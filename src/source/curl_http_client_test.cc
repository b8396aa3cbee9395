#include "source/curl_http_client.h"

#include "runtime/loop.h"
#include "source/http_source.h"
#include "tests/support/http_imposter.h"

#include <gtest/gtest.h>

namespace telpher {
namespace {

using namespace std::chrono_literals;

struct Answer {
  int status = 0;
  std::string body;
  std::string etag;
};

Task<Result<Answer>> fetch(HttpClient* client, Origin origin, HttpRequest request) {
  CO_TRY(std::unique_ptr<HttpResponse> response,
         co_await client->send(std::move(origin), std::move(request)));
  Answer answer{response->status, {}, std::string(response->headers.find("ETag").value_or(""))};
  CO_TRY(answer.body, co_await response->read_all(10'000'000));
  co_return answer;
}

HttpRequest request(std::string method, std::string target, std::string_view body = {}) {
  HttpRequest request{.method = std::move(method), .target = std::move(target)};
  request.body = Body::of(as_bytes(body));
  return request;
}

// The imposter takes what is asked of it as a proxy ("GET http://host/f") for its own, so that a
// name nobody can resolve proves that the proxy was asked.
const Origin kFar{false, "far.test", 80};

class CurlHttpClientTest : public ::testing::Test {
 protected:
  void serve(std::vector<ImposterRule> rules) {
    imposter = std::make_unique<HttpImposter>(std::move(rules));
    client = make_curl_http_client(loop, {.idle_timeout = 5s}, imposter->url());
  }
  Result<Answer> ask(HttpRequest asked) {
    return loop.run(fetch(client.get(), kFar, std::move(asked)));
  }

  Loop loop;
  std::unique_ptr<HttpImposter> imposter;
  std::unique_ptr<HttpClient> client;
};

TEST_F(CurlHttpClientTest, AsksThroughTheProxyAndKeepsTheConnection) {
  serve({{.path = "/f", .size = 1'000'000, .etag = "\"v1\""}});
  for (int i = 0; i < 3; ++i) {
    const Result<Answer> answer = ask(request("GET", "/f?a=%2F..%2F"));
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_EQ(answer->status, 200);
    EXPECT_EQ(answer->etag, "\"v1\"");
    EXPECT_TRUE(answer->body == imposter_content(1, {0, 1'000'000}));
  }
  EXPECT_EQ(imposter->requests()[0].target, "http://far.test/f?a=%2F..%2F");
  EXPECT_EQ(client->stats().connections_opened, 1u);
  EXPECT_EQ(client->stats().connections_reused, 2u);
  EXPECT_EQ(ask(request("GET", "/none"))->status, 404);
}

TEST_F(CurlHttpClientTest, SendsBodiesAndMethods) {
  serve({{.path = "/f", .body = "ok"}});
  EXPECT_EQ(ask(request("PUT", "/f", "hello"))->body, "ok");
  EXPECT_EQ(ask(request("POST", "/f"))->body, "ok");
  EXPECT_EQ(ask(request("DELETE", "/f"))->body, "ok");
  const std::vector<ImposterRequest> seen = imposter->requests();
  EXPECT_EQ(seen[0].method + seen[1].method + seen[2].method, "PUTPOSTDELETE");
  EXPECT_EQ(seen[0].header("Content-Length"), "5");
  EXPECT_EQ(seen[0].header("Expect"), "");
  EXPECT_EQ(seen[1].header("Content-Length"), "0");
}

TEST_F(CurlHttpClientTest, BrokenBodiesAreErrors) {
  serve({{.path = "/f", .size = 100'000, .close_at = 50'000}});
  const Result<Answer> broken = ask(request("GET", "/f"));
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().kind, ErrorKind::kNetwork);
  EXPECT_TRUE(broken.error().is_temporary());
}

TEST_F(CurlHttpClientTest, AProxyThatDoesNotAnswerIsANetworkError) {
  serve({});
  imposter.reset();
  EXPECT_EQ(ask(request("GET", "/f")).error().kind, ErrorKind::kNetwork);
}

TEST_F(CurlHttpClientTest, ServesTheHttpSource) {
  serve({{.path = "/f", .size = 100'000, .etag = "\"v1\""}});
  const auto source = make_http_source(*client, *parse_uri("http://far.test/f"), {});
  const Result<SourceInfo> info = loop.run(source->probe());
  ASSERT_TRUE(info) << info.error().message;
  EXPECT_EQ(info->size, 100'000u);
  EXPECT_TRUE(info->ranges);
}

}  // namespace
}  // namespace telpher
