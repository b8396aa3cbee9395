// Uploads over real connections.

#include "net/testing.h"
#include "tests/support/temporary_directory.h"
#include "upload/batch_upload.h"
#include "upload/testing.h"
#include "upload/tus_upload.h"

#include <gtest/gtest.h>

namespace telpher {
namespace {

using testing::FormFile;
using testing::make_form;
using testing::random_bytes;
using testing::serve_during;

class UploadServer final : public HttpHandler {
 public:
  UploadServer() : table_(TusTable::open(directory_.path() + "/uploads.db").value()) {}
  MemoryStore store;
  BufferPool buffers{64 * kMiB};
  BatchUploads batch{store, buffers, {.bucket = "bucket"}};
  int ended = 0;

  Task<Result<void>> handle(ServerRequest& request, ServerResponse& response) override {
    Result<void> handled = request.target().starts_with("/tus/")
                               ? co_await tus.handle(request, response, {})
                               : co_await batch.handle(request, response, {});
    ++ended;
    co_return handled;
  }

 private:
  TemporaryDirectory directory_;
  std::unique_ptr<TusTable> table_;

 public:
  TusUploads tus{store, buffers, *table_, {.bucket = "bucket"}};
};

class UploadHttp : public ::testing::Test {
 protected:
  UploadHttp() {
    EXPECT_TRUE(loop.run(uploads.store.create_bucket("bucket")));
    server = HttpServer::open(loop, uploads, {}).value();
  }
  ~UploadHttp() override { EXPECT_EQ(uploads.buffers.stats().bytes_in_use, 0u); }
  testing::Answer ask(HttpRequest request) {
    const std::unique_ptr<HttpClient> client = make_http_client(loop, {});
    auto answer = loop.run(serve_during(
        server.get(), testing::fetch(client.get(), {.host = "127.0.0.1", .port = server->port()},
                                     std::move(request))));
    if (!answer) ADD_FAILURE() << answer.error().message;
    return answer ? *std::move(answer) : testing::Answer{};
  }
  std::vector<std::string> keys() {
    std::vector<std::string> keys;
    for (const auto& entry : loop.run(uploads.store.list("bucket", {})).value().objects) {
      keys.push_back(entry.key);
    }
    return keys;
  }

  Loop loop;
  UploadServer uploads;
  std::unique_ptr<HttpServer> server;
};

TEST_F(UploadHttp, ABatch) {
  const std::string large = random_bytes(20 * kMiB);
  const std::string form = make_form({{"a.txt", "hello"}, {"large.bin", large}, {"empty", ""}});
  HttpRequest request{.method = "POST", .target = "/upload"};
  request.headers.add("Content-Type", testing::kFormType);
  request.body = testing::body_of(form);
  const testing::Answer answer = ask(std::move(request));
  EXPECT_EQ(answer.status, 207);
  EXPECT_EQ(answer.headers.find("content-type"), "application/json");
  const auto body = boost::json::parse(answer.body);
  const std::string path(body.at("files").at(1).at("path").as_string());
  EXPECT_TRUE(uploads.store.content("bucket", path) == large);
}

// A client that is still sending when it is refused hears why: what it sends is read to its end.
TEST_F(UploadHttp, ARefusalIsHeardInTheMiddleOfABody) {
  std::vector<FormFile> files(21, {"a.txt", "hello"});
  files.push_back({"large.bin", random_bytes(5 * kMiB)});
  const std::string form = make_form(files);
  HttpRequest request{.method = "POST", .target = "/upload"};
  request.headers.add("Content-Type", testing::kFormType);
  request.body = testing::body_of(form);
  const testing::Answer answer = ask(std::move(request));
  EXPECT_EQ(answer.status, 400);
  EXPECT_FALSE(answer.headers.contains("connection")) << "the connection goes on";
  EXPECT_EQ(keys(), std::vector<std::string>());
}

Task<Result<void>> send_and_go(std::uint16_t port, std::string bytes, UploadServer* server) {
  {
    CO_TRY(std::unique_ptr<Socket> socket,
           co_await connect_tcp({*SocketAddress::parse("127.0.0.1", port)}, kNever));
    HttpConnection connection(std::make_unique<PlainStream>(std::move(socket)), 4096);
    CO_TRY_VOID(co_await write_message(connection, bytes, {}, std::chrono::seconds(5)));
  }
  while (server->ended == 0) CO_TRY_VOID(co_await sleep_for(std::chrono::milliseconds(1)));
  co_return Result<void>();
}

TEST_F(UploadHttp, AClientThatGoesInTheMiddleOfAFileLeavesNothing) {
  std::string form = make_form({{"a.txt", "hello"}, {"large.bin", random_bytes(20 * kMiB)}});
  const std::string head =
      "POST /upload HTTP/1.1\r\nHost: a\r\nContent-Type: " + std::string(testing::kFormType) +
      "\r\nContent-Length: " + std::to_string(form.size()) + "\r\n\r\n";
  form.resize(15 * kMiB);
  EXPECT_TRUE(
      loop.run(serve_during(server.get(), send_and_go(server->port(), head + form, &uploads))));
  EXPECT_EQ(keys(), std::vector<std::string>());
  EXPECT_TRUE(loop.run(uploads.store.list_uploads("bucket", {}))->uploads.empty());
}

TEST_F(UploadHttp, AResumableUpload) {
  HttpRequest create{.method = "POST", .target = "/tus/"};
  create.headers.add("Tus-Resumable", "1.0.0");
  create.headers.add("Upload-Length", "11");
  create.headers.add("Upload-Metadata", "key YS9i");
  const testing::Answer created = ask(std::move(create));
  ASSERT_EQ(created.status, 201) << created.body;
  for (const auto& [offset, bytes] : {std::pair{"0", "hello "}, std::pair{"6", "world"}}) {
    HttpRequest patch{.method = "PATCH", .target = std::string(*created.headers.find("location"))};
    patch.headers.add("Tus-Resumable", "1.0.0");
    patch.headers.add("Content-Type", kTusContentType);
    patch.headers.add("Upload-Offset", offset);
    patch.body = testing::body_of(bytes);
    EXPECT_EQ(ask(std::move(patch)).status, 204);
  }
  EXPECT_EQ(uploads.store.content("bucket", "a/b"), "hello world");
}

}  // namespace
}  // namespace telpher
