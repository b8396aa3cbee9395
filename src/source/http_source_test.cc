// The http source against servers that behave and servers that do not: every row of the failure
// table that concerns a source of this kind.

#include "source/http_source.h"

#include "runtime/loop.h"
#include "source/http_facts.h"
#include "tests/support/http_imposter.h"

#include <gtest/gtest.h>

#include <map>

namespace telpher {
namespace {

using namespace std::chrono_literals;

constexpr char kOldDate[] = "Tue, 01 Jul 2025 00:00:00 GMT";

Task<Result<std::string>> read_all(Source* source, std::optional<ByteRange> range,
                                   SourceInfo seen) {
  CO_TRY(std::unique_ptr<ByteReader> reader, co_await source->open(range, std::move(seen)));
  std::string text;
  std::byte chunk[1000];
  for (;;) {
    CO_TRY(const std::size_t count, co_await reader->read_some(chunk));
    if (count == 0) co_return text;
    text += as_text({chunk, count});
  }
}

class HttpSourceTest : public ::testing::Test {
 protected:
  HttpSourceTest() {
    options.backoff_first = options.backoff_max = 1ms;
    client = make_http_client(loop, {});
  }

  void serve(std::vector<ImposterRule> rules) {
    imposter = std::make_unique<HttpImposter>(std::move(rules));
    open("/f");
  }
  void open(std::string_view path, std::string_view userinfo = "") {
    std::string url = imposter->url(path);
    if (!userinfo.empty()) url.insert(7, std::string(userinfo) + "@");
    source = make_http_source(*client, *parse_uri(url), options);
  }
  Result<SourceInfo> probe() { return loop.run(source->probe()); }
  Result<std::string> read(std::optional<ByteRange> range, const SourceInfo& seen) {
    return loop.run(read_all(source.get(), range, seen));
  }
  Result<std::string> read(std::optional<ByteRange> range = {}) {
    const Result<SourceInfo> info = probe();
    if (!info) return info.error();
    return read(range, *info);
  }
  std::string asked() const {
    std::string text;
    for (const ImposterRequest& request : imposter->requests()) {
      text += request.method + " " + request.target + "\n";
    }
    return text;
  }
  int count_of(std::string_view method) const {
    int count = 0;
    for (const ImposterRequest& request : imposter->requests()) count += request.method == method;
    return count;
  }

  Loop loop;
  HttpSourceOptions options;
  std::unique_ptr<HttpClient> client;
  std::unique_ptr<HttpImposter> imposter;
  std::unique_ptr<Source> source;
};

ImposterRule file(ByteCount size) {
  return {.path = "/f", .size = size, .etag = "\"v1\"", .content_type = "text/plain"};
}

TEST_F(HttpSourceTest, ProbesByHeadAndReadsByRanges) {
  serve({file(100'000)});
  const Result<SourceInfo> info = probe();
  ASSERT_TRUE(info);
  EXPECT_EQ(info->size, 100'000u);
  EXPECT_TRUE(info->ranges && info->rereadable);
  EXPECT_EQ(info->validator, "\"v1\"");
  EXPECT_EQ(info->name, "f");
  EXPECT_EQ(info->metadata.content_type, "text/plain");
  EXPECT_EQ(read({}, *info).value(), imposter_content(1, {0, 100'000}));
  EXPECT_EQ(read(ByteRange{99'000, 1000}, *info).value(), imposter_content(1, {99'000, 1000}));
  EXPECT_EQ(asked(), "HEAD /f\nGET /f\nGET /f\n");
  const ImposterRequest ranged = imposter->requests().back();
  EXPECT_EQ(ranged.header("Range"), "bytes=99000-99999");
  EXPECT_EQ(ranged.header("If-Match"), "\"v1\"");
  EXPECT_EQ(ranged.header("Accept-Encoding"), "identity");
  EXPECT_EQ(client->stats().connections_opened, 1u);
}

TEST_F(HttpSourceTest, HeadRefusedMeansGetOfOneByte) {
  for (const int status : {403, 405, 501}) {
    ImposterRule refused{.method = "HEAD", .status = status};
    serve({refused, file(5000)});
    const Result<SourceInfo> info = probe();
    ASSERT_TRUE(info) << status;
    EXPECT_EQ(info->size, 5000u);
    EXPECT_TRUE(info->ranges);
    EXPECT_EQ(imposter->requests().back().header("Range"), "bytes=0-0");
    EXPECT_EQ(read({}, *info).value(), imposter_content(1, {0, 5000}));
  }
}

TEST_F(HttpSourceTest, HeadWithoutALengthOrWithNoneIsNotBelieved) {
  for (const char* length : {"", "0"}) {
    ImposterRule head = file(0);
    head.method = "HEAD";
    head.chunked = true;
    head.headers = {{"Content-Length", length}};
    serve({head, file(5000)});
    EXPECT_EQ(probe()->size, 5000u);
  }
}

TEST_F(HttpSourceTest, AnEmptyFileIsEmpty) {
  serve({file(0)});
  EXPECT_EQ(probe()->size, 0u);
  EXPECT_EQ(read().value(), "");
}

TEST_F(HttpSourceTest, AServerThatIgnoresRangesIsReadAsOneStream) {
  ImposterRule plain = file(3'000'000);
  plain.ranges = false;
  serve({plain});
  const Result<SourceInfo> info = probe();
  ASSERT_TRUE(info);
  EXPECT_FALSE(info->ranges);
  EXPECT_EQ(read({}, *info)->size(), 3'000'000u);
  EXPECT_EQ(read(ByteRange{5, 5}, *info).error().kind, ErrorKind::kUnsupported);
}

TEST_F(HttpSourceTest, AServerThatClaimsRangesAndIgnoresThemIsFoundOut) {
  ImposterRule liar = file(10'000);
  liar.ranges = false;
  liar.headers = {{"Accept-Ranges", "bytes"}};
  serve({liar});
  const Result<SourceInfo> info = probe();
  EXPECT_TRUE(info->ranges);
  EXPECT_EQ(read(ByteRange{5, 5}, *info).error().kind, ErrorKind::kUnsupported);
  EXPECT_EQ(read(ByteRange{0, 10'000}, *info)->size(), 10'000u);  // the whole is what it sends
}

TEST_F(HttpSourceTest, RangesThatNobodyAnnouncesAreTriedOnLargeFiles) {
  ImposterRule silent = file(3'000'000);
  silent.headers = {{"Accept-Ranges", ""}};
  serve({silent});
  EXPECT_TRUE(probe()->ranges);
  silent.headers = {{"Accept-Ranges", "none"}};
  serve({silent});
  EXPECT_FALSE(probe()->ranges);
  EXPECT_EQ(asked(), "HEAD /f\n");
}

TEST_F(HttpSourceTest, AWrongContentRangeNeverYieldsBytes) {
  ImposterRule shifted = file(10'000);
  shifted.content_range_shift = 1;
  serve({shifted});
  EXPECT_EQ(read(ByteRange{5, 5}).error().kind, ErrorKind::kUnsupported);
  ImposterRule longer = file(10'000);
  longer.content_range_total = 1;
  serve({longer});
  EXPECT_EQ(read(ByteRange{5, 5}).error().kind, ErrorKind::kSourceChanged);
}

TEST_F(HttpSourceTest, OtherBytesAreASourceThatChanged) {
  ImposterRule first = file(10'000);
  first.times = 1;  // the probe
  for (const bool conditions : {true, false}) {
    ImposterRule other = file(10'000);
    other.etag = "\"v2\"";
    other.conditions = conditions;  // else only the answer's ETag tells
    serve({first, other});
    for (const auto& range : {std::optional<ByteRange>(), std::optional(ByteRange{5, 5})}) {
      serve({first, other});
      const Result<std::string> text = read(range);
      ASSERT_FALSE(text);
      EXPECT_EQ(text.error().kind, ErrorKind::kSourceChanged);
      EXPECT_EQ(text.error().message.find("the source changed while it was being copied"), 0u);
    }
  }
  ImposterRule shorter = file(4000);
  serve({first, shorter});
  EXPECT_EQ(read(ByteRange{5, 5}).error().kind, ErrorKind::kSourceChanged);
  serve({first, shorter});
  EXPECT_EQ(read(ByteRange{9000, 5}).error().kind, ErrorKind::kSourceChanged);  // 416
  serve({first, shorter});
  EXPECT_EQ(read().error().kind, ErrorKind::kSourceChanged);
}

TEST_F(HttpSourceTest, LongerOrShorterThanProbedWithoutALengthIsNoticed) {
  for (const ByteCount size : {9000u, 11'000u}) {
    ImposterRule head = file(10'000);
    head.method = "HEAD";
    ImposterRule chunked = file(size);
    chunked.chunked = true;
    serve({head, chunked});
    EXPECT_EQ(read().error().kind, size < 10'000 ? ErrorKind::kNetwork : ErrorKind::kSourceChanged);
  }
}

TEST_F(HttpSourceTest, WithoutAStrongValidatorThereAreNoRanges) {
  ImposterRule weak = file(3'000'000);
  weak.etag = "W/\"v1\"";
  serve({weak});
  EXPECT_FALSE(probe()->ranges);
  EXPECT_EQ(probe()->validator, "");
  ImposterRule dated = weak;
  dated.last_modified = kOldDate;
  serve({dated});
  const Result<SourceInfo> info = probe();
  EXPECT_TRUE(info->ranges);
  EXPECT_EQ(read(ByteRange{7, 9}, *info).value(), imposter_content(1, {7, 9}));
  EXPECT_EQ(imposter->requests().back().header("If-Unmodified-Since"), kOldDate);
  ImposterRule dated_again = dated;
  dated_again.last_modified = "Tue, 01 Jul 2025 00:00:01 GMT";
  serve({dated_again});
  EXPECT_EQ(read(ByteRange{7, 9}, *info).error().kind, ErrorKind::kSourceChanged);
}

TEST_F(HttpSourceTest, GzipDespiteIdentityIsCopiedAsItIsAndNamed) {
  ImposterRule packed = file(3000);
  packed.gzip = true;
  serve({packed});
  const Result<SourceInfo> info = probe();
  EXPECT_EQ(info->metadata.content_encoding, "gzip");
  EXPECT_FALSE(info->ranges);
  EXPECT_EQ(read({}, *info)->substr(0, 2), "\x1f\x8b");
}

TEST_F(HttpSourceTest, GzipThatTheProbeDidNotSeeIsRefused) {
  ImposterRule head = file(3000);
  head.method = "HEAD";
  ImposterRule packed = file(3000);
  packed.gzip = true;
  serve({head, packed});
  const Result<std::string> text = read();
  EXPECT_EQ(text.error().kind, ErrorKind::kProtocol);
  EXPECT_NE(text.error().message.find("encoded as 'gzip'"), std::string::npos);
}

TEST_F(HttpSourceTest, ABodyThatBreaksIsNeverTakenForWhole) {
  for (const int way : {0, 1, 2}) {
    ImposterRule broken = file(300'000);
    (way == 0 ? broken.close_at : way == 1 ? broken.reset_at : broken.stall_at) = 123'456;
    ImposterRule head = file(300'000);
    head.method = "HEAD";
    if (way == 2) client = make_http_client(loop, {.idle_timeout = 200ms});
    serve({head, broken});
    const Result<std::string> text = read();
    ASSERT_FALSE(text) << way;
    EXPECT_EQ(text.error().kind, way == 2 ? ErrorKind::kTimeout : ErrorKind::kNetwork);
    EXPECT_TRUE(text.error().is_temporary());
  }
}

TEST_F(HttpSourceTest, TemporaryRefusalsOfTheProbeAreTriedAgain) {
  for (const int status : {429, 500, 503}) {
    ImposterRule busy{
        .path = "/f", .times = 2, .status = status, .headers = {{"Retry-After", "0"}}};
    serve({busy, file(5000)});
    EXPECT_EQ(probe()->size, 5000u);
    EXPECT_EQ(count_of("HEAD"), 3);
  }
  serve({{.path = "/f", .status = 503}});
  const Result<SourceInfo> info = probe();
  EXPECT_EQ(info.error().persistence, Persistence::kRetriedOut);
  EXPECT_EQ(info.error().context.attempts, 8);
  EXPECT_EQ(count_of("HEAD"), 8);
}

TEST_F(HttpSourceTest, RetryAfterReachesTheReader) {
  ImposterRule busy{
      .path = "/f", .method = "GET", .status = 503, .headers = {{"Retry-After", "7"}}};
  serve({busy, file(5000)});
  const Result<std::string> text = read();
  EXPECT_EQ(text.error().kind, ErrorKind::kThrottled);
  EXPECT_TRUE(text.error().is_temporary());
  EXPECT_EQ(text.error().context.retry_after, 7s);
}

TEST_F(HttpSourceTest, PermanentRefusalsAreNotTriedAgain) {
  const std::map<int, ErrorKind> kinds{{401, ErrorKind::kDenied},
                                       {403, ErrorKind::kDenied},
                                       {404, ErrorKind::kNotFound},
                                       {410, ErrorKind::kNotFound}};
  for (const auto& [status, kind] : kinds) {
    serve({{.path = "/f", .status = status}});
    open("/f?token=secret");
    const Result<SourceInfo> info = probe();
    EXPECT_EQ(info.error().kind, kind);
    EXPECT_EQ(info.error().context.http_status, status);
    EXPECT_EQ(info.error().message.find("secret"), std::string::npos);
    EXPECT_EQ(count_of("HEAD"), 1);
  }
  EXPECT_EQ(probe().error().message.find("Source file not found: HTTP 410"), 0u);
}

TEST_F(HttpSourceTest, RedirectsAreFollowedAndRangesGoStraightToTheEnd) {
  serve({{.path = "/f", .redirect = "/a"},
         {.path = "/a", .redirect = "b/../g?x=1"},
         {.path = "/g", .size = 5000, .etag = "\"v1\""}});
  const Result<SourceInfo> info = probe();
  EXPECT_EQ(info->size, 5000u);
  EXPECT_EQ(info->name, "f");
  EXPECT_EQ(read(ByteRange{1, 2}, *info).value(), imposter_content(1, {1, 2}));
  EXPECT_EQ(asked(), "HEAD /f\nHEAD /a\nHEAD /g?x=1\nGET /g?x=1\n");
}

TEST_F(HttpSourceTest, AnExpiredLinkIsFetchedAnewThroughTheFirstAddress) {
  serve({{.path = "/f", .times = 1, .redirect = "/old"},
         {.path = "/f", .redirect = "/new"},
         {.path = "/old", .times = 1, .size = 5000, .etag = "\"v1\""},
         {.path = "/old", .status = 403},
         {.path = "/new", .size = 5000, .etag = "\"v1\""}});
  const Result<SourceInfo> info = probe();
  EXPECT_EQ(read(ByteRange{1, 2}, *info).value(), imposter_content(1, {1, 2}));
  EXPECT_EQ(read(ByteRange{3, 2}, *info).value(), imposter_content(1, {3, 2}));
  EXPECT_EQ(asked(), "HEAD /f\nHEAD /old\nGET /old\nGET /f\nGET /new\nGET /new\n");
}

TEST_F(HttpSourceTest, RedirectsEndAfterFive) {
  serve({{.path = "/f", .redirect = "/f"}});
  EXPECT_EQ(probe().error().kind, ErrorKind::kProtocol);
  EXPECT_EQ(count_of("HEAD"), 6);
  serve({{.path = "/f", .redirect = "ftp://127.0.0.1/x"}});
  EXPECT_EQ(probe().error().kind, ErrorKind::kUnsupported);
  serve({{.path = "/f", .status = 302}});
  EXPECT_EQ(probe().error().kind, ErrorKind::kProtocol);
}

TEST_F(HttpSourceTest, CredentialsDoNotLeaveTheirOrigin) {
  const HttpImposter elsewhere({{.path = "/g", .redirect = "/h"}, {.path = "/h", .size = 500}});
  options.headers = *parse_user_headers({"Cookie: a=b", "X-Mine: yes", "User-Agent: me"});
  serve({{.path = "/f", .redirect = "/e"}, {.path = "/e", .redirect = elsewhere.url("/g")}});
  open("/f", "joe:p%40ss");
  EXPECT_EQ(probe()->size, 500u);
  for (const ImposterRequest& request : imposter->requests()) {
    EXPECT_EQ(request.header("Authorization"), "Basic am9lOnBAc3M=");
    EXPECT_EQ(request.header("Cookie"), "a=b");
    EXPECT_EQ(request.header("User-Agent"), "me");
  }
  ASSERT_GE(elsewhere.requests().size(), 2u);
  for (const ImposterRequest& request : elsewhere.requests()) {
    EXPECT_EQ(request.header("Authorization"), "");
    EXPECT_EQ(request.header("Cookie"), "");
    EXPECT_EQ(request.header("X-Mine"), "yes");
  }
  EXPECT_EQ(source->redacted_address().find("joe"), std::string::npos);
  EXPECT_EQ(source->identity().find("p%40ss"), std::string::npos);
}

/// Answers every request with one redirect to a plain address.
class RedirectingClient : public HttpClient {
 public:
  struct Response : HttpResponse {
    Task<Result<std::size_t>> read_some(MutableBytes) override { co_return std::size_t{0}; }
    Task<Result<std::string>> read_all(std::size_t) override { co_return std::string(); }
  };
  Task<Result<std::unique_ptr<HttpResponse>>> send(Origin origin, HttpRequest) override {
    origins.push_back(origin);
    auto response = std::make_unique<Response>();
    response->status = 302;
    response->headers.add("Location", "http://example.test/f");
    co_return response;
  }
  const Stats& stats() const override { return stats_; }
  std::vector<Origin> origins;

 private:
  Stats stats_;
};

TEST_F(HttpSourceTest, EncryptionIsNotGivenUpByARedirect) {
  RedirectingClient redirecting;
  source = make_http_source(redirecting, *parse_uri("https://example.test/f"), options);
  const Result<SourceInfo> info = probe();
  EXPECT_EQ(info.error().kind, ErrorKind::kDenied);
  EXPECT_NE(info.error().message.find("not encrypted"), std::string::npos);
  EXPECT_EQ(redirecting.origins.size(), 1u);
}

TEST_F(HttpSourceTest, NameAndDateComeFromTheServer) {
  ImposterRule named = file(10);
  named.last_modified = kOldDate;
  named.headers = {{"Content-Disposition", "attachment; filename=\"../re port.pdf\""}};
  serve({named});
  EXPECT_EQ(probe()->name, "re port.pdf");
  EXPECT_EQ(std::chrono::system_clock::to_time_t(*probe()->last_modified), 1751328000);
  serve({{.size = 10}});
  open("/");
  EXPECT_EQ(probe()->name, "download");
  open("/a%20b/c%2Fd?x=/e");
  EXPECT_EQ(probe()->name, "d");
}

TEST_F(HttpSourceTest, UnknownLengthIsReadToItsEnd) {
  ImposterRule chunked = file(200'000);
  chunked.chunked = true;
  chunked.ranges = false;
  serve({chunked});
  const Result<SourceInfo> info = probe();
  EXPECT_EQ(info->size, std::nullopt);
  EXPECT_FALSE(info->ranges);
  EXPECT_EQ(read({}, *info).value(), imposter_content(1, {0, 200'000}));
}

}  // namespace
}  // namespace telpher
