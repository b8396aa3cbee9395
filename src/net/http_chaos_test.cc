// A server that misbehaves at random and a client that gives up at random: whatever happens, a
// request ends with the right bytes or a temporary error, and nothing is left behind.

#include "net/testing.h"
#include "net/tls.h"

#include <gtest/gtest.h>

#include <dirent.h>

namespace telpher {
namespace {

using namespace std::chrono_literals;
using testing::pattern;
using testing::serve_during;

constexpr std::size_t kBodyBytesMax = 600'000;

class Chaos final : public HttpHandler {
 public:
  explicit Chaos(std::uint64_t seed) : random_(seed), content_(pattern(kBodyBytesMax)) {}
  const std::string& content() const { return content_; }

  Task<Result<void>> handle(ServerRequest& request, ServerResponse& response) override {
    const std::size_t size = random_.below(kBodyBytesMax);
    switch (random_.below(10)) {
      case 0: response.reset(); co_return Result<void>();
      case 1: response.abandon(); co_return Result<void>();
      case 2: co_return co_await deny(response);
      case 3: co_return co_await cut_short(response, size);
      case 4: co_return co_await send_in_pieces(response, std::nullopt, size);
      case 5: co_return co_await send_in_pieces(response, size, size);
      case 6: co_return co_await response.write_raw(as_bytes("HTTP/1.1 100 Continue\r\n\r\n"));
      default: co_return co_await answer(request, response, size);
    }
  }

 private:
  Bytes first(std::size_t size) const { return as_bytes(content_).first(size); }

  Task<Result<void>> deny(ServerResponse& response) {
    response.status = 403;
    if (random_.below(2) == 0) response.close_after();
    co_return co_await response.send_text("no");
  }
  Task<Result<void>> cut_short(ServerResponse& response, std::size_t size) {
    CO_TRY_VOID(co_await response.begin(size + 1));
    CO_TRY_VOID(co_await response.write(first(size)));
    if (random_.below(2) == 0) response.reset();
    co_return Result<void>();
  }
  Task<Result<void>> send_in_pieces(ServerResponse& response, std::optional<ByteCount> length,
                                    std::size_t size) {
    CO_TRY_VOID(co_await response.begin(length));
    for (std::size_t at = 0; at < size;) {
      const std::size_t piece = std::min<std::size_t>(size - at, 1 + random_.below(100'000));
      CO_TRY_VOID(co_await response.write(first(size).subspan(at, piece)));
      at += piece;
      if (random_.below(4) == 0) co_await Yield{};
    }
    co_return Result<void>();
  }
  Task<Result<void>> answer(ServerRequest& request, ServerResponse& response, std::size_t size) {
    CO_TRY(const std::string body, co_await request.read_all(kBodyBytesMax));
    EXPECT_TRUE(as_text(first(body.size())) == body);
    co_return co_await response.send(Body::of(first(size)));
  }

  Random random_;
  const std::string content_;
};

struct Tally {
  int good = 0;
  int failed = 0;
  int given_up = 0;
};

Task<Result<void>> read_and_compare(HttpResponse* response, std::string_view content,
                                    std::size_t step) {
  std::string buffer(step, '\0');
  for (std::size_t at = 0;;) {
    CO_TRY(const std::size_t count,
           co_await response->read_some(std::as_writable_bytes(std::span(buffer))));
    if (count == 0) co_return Result<void>();
    const std::string_view got = std::string_view(buffer).substr(0, count);
    EXPECT_TRUE(content.substr(at, count) == got);
    at += count;
  }
}

Task<Result<void>> one_request(HttpClient* client, Origin origin, std::string_view content,
                               Random* random) {
  const std::size_t size = random->below(3) == 0 ? 0 : random->below(kBodyBytesMax);
  HttpRequest request{.method = size == 0               ? "GET"
                                : random->below(2) == 0 ? "PUT"
                                                        : "POST",
                      .target = "/x",
                      .body = Body::of(as_bytes(content.substr(0, size))),
                      .expect_continue = size > 0 && random->below(4) == 0};
  CO_TRY(std::unique_ptr<HttpResponse> response,
         co_await client->send(std::move(origin), std::move(request)));
  if (random->below(10) == 0) co_return Result<void>();  // nobody cares for the body
  const std::string_view expected = response->status == 403 ? "no" : content;
  co_return co_await read_and_compare(response.get(), expected, 1 + random->below(200'000));
}

Task<Result<void>> many_requests(HttpClient* client, Origin origin, std::string_view content,
                                 std::uint64_t seed, int count, Tally* tally) {
  Loop& loop = co_await current_loop();
  Random random(seed);
  for (int i = 0; i < count; ++i) {
    const TimePoint patience =
        random.below(8) == 0 ? loop.now() + std::chrono::microseconds(random.below(3000)) : kNever;
    const Result<void> done =
        co_await with_deadline(one_request(client, origin, content, &random), patience);
    if (done) {
      ++tally->good;
    } else if (done.error().kind == ErrorKind::kTimeout) {
      ++tally->given_up;
    } else {
      EXPECT_TRUE(done.error().is_temporary()) << done.error().message;
      EXPECT_EQ(done.error().kind, ErrorKind::kNetwork) << done.error().message;
      ++tally->failed;
    }
  }
  co_return Result<void>();
}

Task<Result<void>> run_all(HttpClient* client, Origin origin, std::string_view content,
                           std::uint64_t seed, Tally* tally) {
  TaskGroup group(co_await current_context());
  for (std::uint64_t i = 0; i < 12; ++i) {
    group.spawn(many_requests(client, origin, content, seed * 100 + i, 25, tally));
  }
  co_return co_await group.join();
}

std::size_t open_descriptors() {
  std::size_t count = 0;
  DIR* directory = opendir("/proc/self/fd");
  while (readdir(directory)) ++count;
  closedir(directory);
  return count;
}

void run_chaos(std::uint64_t seed, TlsServerContext* tls) {
  const std::size_t descriptors = open_descriptors();
  Tally tally;
  {
    Loop loop;
    Chaos chaos(seed);
    auto server = HttpServer::open(loop, chaos, {.tls = tls});
    ASSERT_TRUE(server);
    const auto client = make_http_client(
        loop, {.idle_timeout = 20s, .connections_per_origin_max = 8, .verify_tls = false});
    const Origin origin{tls != nullptr, "127.0.0.1", (*server)->port()};
    const Result<void> done = loop.run(serve_during(
        server->get(), with_deadline(run_all(client.get(), origin, chaos.content(), seed, &tally),
                                     loop.now() + 120s)));
    ASSERT_TRUE(done) << done.error().message << ", seed " << seed;
  }
  EXPECT_EQ(tally.good + tally.failed + tally.given_up, 300);
  EXPECT_GT(tally.good, 100);
  EXPECT_EQ(open_descriptors(), descriptors);
}

TEST(HttpChaos, EndsWellOverPlainConnections) {
  for (std::uint64_t seed = 1; seed <= 3; ++seed) run_chaos(seed, nullptr);
}

TEST(HttpChaos, EndsWellOverTls) {
  const SelfSigned pair = make_self_signed("IP:127.0.0.1", 1).value();
  const auto context = TlsServerContext::make({pair.certificate_pem, pair.private_key_pem});
  ASSERT_TRUE(context);
  for (std::uint64_t seed = 1; seed <= 3; ++seed) run_chaos(seed, context->get());
}

}  // namespace
}  // namespace telpher
