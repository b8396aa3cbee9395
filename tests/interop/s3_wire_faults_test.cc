// The failure table where the wire below S3 is concerned.

#include "tests/interop/s3_faults.h"

namespace telpher {
namespace {

TEST_F(S3Faults, APartIsSentAgainWholeAfterA500) {
  open(R"({"rules": [{"on": "UploadPart", "count": 1, "do": "status", "status": 500}]})");
  const std::string piece = text_of_size(300'000);
  const auto upload = run(send_parts(retry_.get(), {piece, "end"}));
  ASSERT_TRUE(upload) << upload.error().message;
  ASSERT_TRUE(run(retry_->complete({"bucket", "key"}, upload->id, upload->parts, {})));
  EXPECT_TRUE(stored() == piece + "end");
  EXPECT_EQ(imposter_->requests("UploadPart"), 3u);
  EXPECT_TRUE(imposter_->all_faults_met());
}

TEST_F(S3Faults, ABodyCutInTheMiddleIsSentAgain) {
  open(R"({"rules": [{"on": "PutObject", "count": 1, "do": "reset", "after_bytes": 100000},
                     {"on": "PutObject", "count": 1, "do": "close",
                      "after_bytes": 1}]})");
  const std::string bytes = text_of_size(1'000'000);
  const auto done = put(*retry_, bytes, with_checksum(bytes));
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_TRUE(stored() == bytes);
  EXPECT_TRUE(imposter_->all_faults_met());
}

TEST_F(S3Faults, AKeptConnectionThatTheServerHasClosedIsReplacedWithoutAnError) {
  open(R"({"rules": [{"on": "PutObject", "do": "close"}]})");
  for (int i = 0; i < 5; ++i) {
    const auto done = put(*store_, "bytes");
    ASSERT_TRUE(done) << done.error().message;
  }
  EXPECT_EQ(imposter_->requests("PutObject"), 5u);
}

TEST_F(S3Faults, A403WhileTheBodyIsStillBeingSentIsRead) {
  Credentials wrong = keys();
  wrong.secret_key = "wrong";
  open("{}", {}, {wrong});
  const std::string bytes = text_of_size(8'000'000);
  const auto refused = put(*retry_, bytes);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kDenied);
  EXPECT_EQ(refused.error().context.code, "SignatureDoesNotMatch");
  EXPECT_EQ(refused.error().message.find("wrong"), std::string::npos);
  EXPECT_EQ(imposter_->requests("PutObject"), 1u);
}

TEST_F(S3Faults, A307WhileTheBodyIsStillBeingSentIsFollowed) {
  open("{}");
  S3ImposterOptions redirecting;
  redirecting.redirect_to = imposter_->url();
  S3ImposterThread front(redirecting);
  const auto redirected = [&front] {
    return front.ask([](S3Imposter& imposter) { return imposter.redirected(); });
  };
  connect(front.url(), {keys()});
  const std::string bytes = text_of_size(8'000'000);
  const auto done = put(*store_, bytes, with_checksum(bytes));
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_TRUE(stored() == bytes);
  EXPECT_EQ(redirected(), 1u);
  // Remembered.
  ASSERT_TRUE(put(*store_, "more"));
  EXPECT_EQ(redirected(), 1u);
}

TEST_F(S3Faults, AStallEndsByTheIdleTimeout) {
  idle_timeout_ = 50ms;
  open(R"({"rules": [{"on": "GetObject", "count": 1, "do": "stall", "after_bytes": 5000,
                      "ms": 600000}]})");
  const std::string bytes = text_of_size(100'000);
  ASSERT_TRUE(put(*store_, bytes));
  const auto stalled = run(read_all(store_.get(), {}));
  ASSERT_FALSE(stalled);
  EXPECT_EQ(stalled.error().kind, ErrorKind::kTimeout);
  EXPECT_TRUE(stalled.error().is_temporary());
  const auto again = run(read_all(store_.get(), {}));
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_TRUE(*again == bytes);
}

// 1.5 s in pieces of 40 ms: three times what a time-out for the whole would allow.
TEST_F(S3Faults, ASlowLinkIsNoTimeout) {
  idle_timeout_ = 500ms;
  open(R"({"rules": [{"on": "GetObject", "do": "throttle", "bytes_per_second": 100000}]})");
  const std::string bytes = text_of_size(150'000);
  ASSERT_TRUE(put(*store_, bytes));
  const TimePoint started = loop_.now();
  const auto got = run(read_all(store_.get(), {}));
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_TRUE(*got == bytes);
  EXPECT_GT(loop_.now() - started, 2 * idle_timeout_) << "the link was not slow";
}

TEST_F(S3Faults, AnAnswerThatBreaksOffIsAnError) {
  open(R"({"rules": [{"on": "GetObject", "count": 1, "do": "reset", "after_bytes": 5000},
                     {"on": "GetObject", "after": 1, "count": 1, "do": "truncate",
                      "after_bytes": 10}]})");
  ASSERT_TRUE(put(*store_, text_of_size(100'000)));
  for (int i = 0; i < 2; ++i) {
    const auto broken = run(read_all(store_.get(), {}));
    ASSERT_FALSE(broken);
    EXPECT_TRUE(broken.error().is_temporary()) << broken.error().message;
  }
  EXPECT_TRUE(run(read_all(store_.get(), {})));
}

Task<Result<void>> put_one_part(ObjectStore* store, std::string id, int number, std::string bytes,
                                std::vector<PartInfo>* parts, std::vector<int>* order) {
  CO_TRY(PartInfo part,
         co_await store->put_part({"bucket", "key"}, id, number, Body::of(as_bytes(bytes)), {}));
  order->push_back(number);
  (*parts)[static_cast<std::size_t>(number - 1)] = std::move(part);
  co_return Result<void>();
}

Task<Result<void>> put_side_by_side(ObjectStore* store, std::vector<int>* order) {
  CO_TRY(const std::string id, co_await store->create_upload({"bucket", "key"}, {}));
  std::vector<PartInfo> parts(4);
  TaskGroup group(co_await current_context());
  for (int number = 1; number <= 4; ++number) {
    group.spawn(put_one_part(store, id, number, std::to_string(number), &parts, order));
  }
  CO_TRY_VOID(co_await group.join());
  CO_TRY_VOID(co_await store->complete({"bucket", "key"}, id, parts, {}));
  co_return Result<void>();
}

TEST_F(S3Faults, PartsMayBeAcknowledgedOutOfOrder) {
  open(R"({"rules": [{"on": "UploadPart", "count": 1, "do": "delay", "ms": 100}]})");
  std::vector<int> order;
  const auto done = run(put_side_by_side(store_.get(), &order));
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(stored(), "1234");
  EXPECT_FALSE(std::is_sorted(order.begin(), order.end()));
}

TEST_F(S3Faults, AFileThatShrinksIsNoticed) {
  open("{}");
  std::FILE* file = std::tmpfile();
  ASSERT_NE(file, nullptr);
  std::fputs("short", file);
  std::fflush(file);
  const auto refused =
      run(retry_->put({"bucket", "key"}, Body::of_file(::fileno(file), {0, 50'000}), {}));
  std::fclose(file);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kSourceChanged);
  EXPECT_FALSE(stored());
}

}  // namespace
}  // namespace telpher
