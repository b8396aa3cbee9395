// The failure table where S3 and the wire are concerned: S3Store, alone and under the retry layer,
// against a service that fails by script. Every script must have been met.

#include "s3/client_store.h"
#include "store/layers/retry.h"
#include "tests/support/s3_imposter_thread.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fcntl.h>

namespace telpher {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using Checksums = S3ImposterOptions::Checksums;

/// Gives out the sets of credentials in turn.
class Rotating final : public CredentialsSource {
 public:
  explicit Rotating(std::vector<Credentials> sets) : sets_(std::move(sets)) {}
  Task<Result<Credentials>> fetch() override {
    co_return sets_[std::min(next_++, sets_.size() - 1)];
  }

 private:
  std::vector<Credentials> sets_;
  std::size_t next_ = 0;
};

Credentials keys(std::string token = "") {
  return {S3ImposterOptions().access_key, S3ImposterOptions().secret_key, std::move(token), {}, ""};
}

class S3Faults : public ::testing::Test {
 protected:
  void open(const std::string& faults, S3ImposterOptions options = {},
            std::vector<Credentials> credentials = {keys()}) {
    auto script = parse_fault_script(faults);
    ASSERT_TRUE(script) << script.error().message;
    options.capabilities.part_size_min = 1;
    imposter_ = std::make_unique<S3ImposterThread>(options, *std::move(script));
    connect(imposter_->url(), std::move(credentials));
    ASSERT_TRUE(imposter_->ask([](S3Imposter& imposter) {
      // Made without a request, so that scripts count only what the test does.
      Loop loop(Loop::Mode::kVirtual, 1);
      return loop.run(imposter.store().create_bucket("bucket")).has_value();
    }));
  }
  void connect(const std::string& url, std::vector<Credentials> credentials) {
    S3StoreOptions options;
    options.endpoint = *parse_endpoint(url, Addressing::kPath);
    options.region = "us-east-1";
    options.credentials.push_back(std::make_unique<Rotating>(std::move(credentials)));
    options.notice = [this](std::string_view text) { notices_.emplace_back(text); };
    http_ = make_http_client(loop_, HttpClientOptions{.idle_timeout = idle_timeout_});
    store_ = std::make_unique<S3Store>(loop_, *http_, std::move(options));
    retry_ = std::make_unique<RetryStore>(*store_, quota_, retry_stats_,
                                          RetryPolicy{.pause_base = 1ms,
                                                      .throttle_pause_base = 1ms,
                                                      .pause_max = 5ms,
                                                      .retry_after_max = 5ms});
  }

  template <class T>
  T run(Task<T> task) {
    return loop_.run(std::move(task));
  }
  PutOptions with_checksum(std::string_view bytes) {
    PutOptions options;
    options.checksum = checksum_of(ChecksumAlgorithm::kCrc64Nvme, as_bytes(bytes));
    return options;
  }
  Result<PutResult> put(ObjectStore& store, std::string_view bytes, PutOptions options = {}) {
    return run(store.put({"bucket", "key"}, Body::of(as_bytes(bytes)), std::move(options)));
  }
  std::optional<std::string> stored() { return imposter_->content("bucket", "key"); }

  std::chrono::milliseconds idle_timeout_ = 60s;
  Loop loop_;
  std::unique_ptr<S3ImposterThread> imposter_;
  std::unique_ptr<HttpClient> http_;
  std::unique_ptr<S3Store> store_;
  RetryQuota quota_;
  RetryStats retry_stats_;
  std::unique_ptr<RetryStore> retry_;
  std::vector<std::string> notices_;
};

std::string text_of_size(std::size_t size) {
  std::string text(size, '\0');
  std::uint32_t state = 7;
  for (char& c : text) c = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
  return text;
}

Task<Result<std::string>> read_all(ObjectStore* store, GetOptions options) {
  CO_TRY(GetResult got, co_await store->get({"bucket", "key"}, std::move(options)));
  std::string content(got.length, '\0');
  CO_TRY(const std::size_t count,
         co_await read_full(*got.body,
                            {reinterpret_cast<std::byte*>(content.data()), content.size()}));
  content.resize(count);
  std::byte end{};
  CO_TRY_VOID(co_await got.body->read_some({&end, 1}));
  co_return content;
}

struct Upload {
  std::string id;
  std::vector<PartInfo> parts;
};

Task<Result<Upload>> send_parts(ObjectStore* store, std::vector<std::string> pieces) {
  Upload upload;
  CO_TRY(upload.id, co_await store->create_upload({"bucket", "key"}, {}));
  for (const std::string& piece : pieces) {
    const int number = static_cast<int>(upload.parts.size()) + 1;
    CO_TRY(PartInfo part, co_await store->put_part({"bucket", "key"}, upload.id, number,
                                                   Body::of(as_bytes(piece)), {}));
    upload.parts.push_back(std::move(part));
  }
  co_return upload;
}

TEST_F(S3Faults, AnErrorInside200IsAnError) {
  open(R"({"rules": [{"on": "CompleteMultipartUpload", "count": 1, "do": "error_in_200",
                      "status": 500, "code": "InternalError"}]})");
  const auto upload = run(send_parts(store_.get(), {"one", "two"}));
  ASSERT_TRUE(upload) << upload.error().message;
  const auto refused = run(store_->complete({"bucket", "key"}, upload->id, upload->parts, {}));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kServer);
  EXPECT_TRUE(refused.error().is_temporary());
  EXPECT_FALSE(stored());
  ASSERT_TRUE(run(store_->complete({"bucket", "key"}, upload->id, upload->parts, {})));
  EXPECT_EQ(stored(), "onetwo");
  EXPECT_TRUE(imposter_->all_faults_met());
}

TEST_F(S3Faults, ACopyThatFailsInside200IsAnError) {
  open(R"({"rules": [{"on": "CopyObject", "count": 1, "do": "error_in_200"}]})");
  ASSERT_TRUE(put(*store_, "bytes"));
  const auto refused = run(store_->copy({"bucket", "key"}, {"bucket", "copy"}, {}));
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is_temporary());
  EXPECT_FALSE(imposter_->content("bucket", "copy"));
}

TEST_F(S3Faults, CompleteWhoseAnswerWasLostIsSeenThrough) {
  open(R"({"rules": [{"on": "CompleteMultipartUpload", "count": 1, "do": "lose_answer"}]})");
  const auto upload = run(send_parts(retry_.get(), {"one", "two"}));
  ASSERT_TRUE(upload) << upload.error().message;
  const auto done = run(retry_->complete({"bucket", "key"}, upload->id, upload->parts, {}));
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(stored(), "onetwo");
  EXPECT_TRUE(imposter_->all_faults_met());
}

TEST_F(S3Faults, AConditionalPutMeetsItsOwn412AfterALostAnswer) {
  open(R"({"rules": [{"on": "PutObject", "count": 1, "do": "lose_answer"}]})");
  PutOptions options = with_checksum("bytes");
  options.condition.if_none_match = true;
  const auto done = put(*retry_, "bytes", options);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(stored(), "bytes");
  EXPECT_TRUE(imposter_->all_faults_met());

  options = with_checksum("other");
  options.condition.if_none_match = true;
  EXPECT_EQ(put(*retry_, "other", options).error().kind, ErrorKind::kPrecondition);
  EXPECT_EQ(stored(), "bytes");
}

TEST_F(S3Faults, AConflictIsRepeatedAPreconditionIsNot) {
  open(R"({"rules": [{"on": "PutObject", "count": 1, "do": "status", "status": 409,
                      "code": "ConditionalRequestConflict"}]})");
  PutOptions options;
  options.condition.if_none_match = true;
  const auto conflict = put(*store_, "bytes", options);
  ASSERT_FALSE(conflict);
  EXPECT_EQ(conflict.error().kind, ErrorKind::kConflict);
  EXPECT_TRUE(conflict.error().is_temporary());
  ASSERT_TRUE(put(*store_, "bytes", options));
  const auto refused = put(*store_, "bytes", options);
  EXPECT_EQ(refused.error().kind, ErrorKind::kPrecondition);
  EXPECT_FALSE(refused.error().is_temporary());
}

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

TEST_F(S3Faults, TheClockIsLearnedFromTheServer) {
  open(R"({"rules": [{"on": "PutObject", "count": 1, "do": "skew", "minutes": 45}]})");
  const auto first = put(*store_, "bytes");
  ASSERT_FALSE(first);
  EXPECT_EQ(first.error().context.code, "RequestTimeTooSkewed");
  EXPECT_TRUE(first.error().is_temporary());
  const auto second = put(*store_, "bytes");
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_NEAR(static_cast<double>(store_->clock_offset().count()), 45 * 60, 5);
  EXPECT_THAT(notices_, testing::Contains(HasSubstr("clock")));
}

TEST_F(S3Faults, TheClockIsLearnedFromAnAnswerWithoutABodyToo) {
  open(R"({"rules": [{"on": "HeadBucket", "count": 1, "do": "skew", "minutes": 45}]})");
  ASSERT_TRUE(run(retry_->head_bucket("bucket")).error().is_temporary() ||
              run(retry_->head_bucket("bucket")));
  EXPECT_TRUE(run(store_->head_bucket("bucket")));
}

TEST_F(S3Faults, ATokenThatExpiresDuringAnUploadIsReplaced) {
  open(R"({"rules": [{"on": "UploadPart", "after": 1, "count": 1, "do": "expire_token"}]})", {},
       {keys("first"), keys("second")});
  const auto upload = run(send_parts(retry_.get(), {"one", "two", "three"}));
  ASSERT_TRUE(upload) << upload.error().message;
  ASSERT_TRUE(run(retry_->complete({"bucket", "key"}, upload->id, upload->parts, {})));
  EXPECT_EQ(stored(), "onetwothree");
  EXPECT_TRUE(imposter_->all_faults_met());
}

TEST_F(S3Faults, ATokenThatCannotBeReplacedEndsAtOnce) {
  open(R"({"rules": [{"on": "PutObject", "count": 1, "do": "expire_token"}]})", {}, {keys("only")});
  const auto refused = put(*retry_, "bytes");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kDenied);
  EXPECT_FALSE(refused.error().is_temporary());
  EXPECT_THAT(refused.error().message, HasSubstr("expired"));
  EXPECT_EQ(imposter_->requests("PutObject"), 1u);
}

TEST_F(S3Faults, SlowDownSaysHowLongToWait) {
  open(R"({"rules": [{"on": "PutObject", "count": 1, "do": "status", "status": 503,
                      "code": "SlowDown", "retry_after_s": 7}]})");
  const auto refused = put(*store_, "bytes");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kThrottled);
  EXPECT_EQ(refused.error().context.retry_after, 7000ms);
  EXPECT_FALSE(refused.error().context.request_id.empty());
}

TEST_F(S3Faults, StoresThatRejectChecksumHeadersGetMd5) {
  S3ImposterOptions options;
  options.checksums = Checksums::kRejected;
  options.server = "";
  open("{}", options);
  ASSERT_TRUE(put(*store_, "bytes", with_checksum("bytes")));
  EXPECT_EQ(stored(), "bytes");
  EXPECT_FALSE(store_->capabilities().checksums);
  EXPECT_THAT(notices_, ElementsAre(HasSubstr("rejects checksum headers")));
  // From now on without asking twice.
  const std::uint64_t before = imposter_->requests("PutObject");
  ASSERT_TRUE(put(*store_, "other", with_checksum("other")));
  EXPECT_EQ(imposter_->requests("PutObject"), before + 1);
  // Bytes that change on the way are still found out.
  imposter_->ask([](S3Imposter& imposter) {
    imposter.faults().reset(
        *parse_fault_script(R"({"rules": [{"on": "PutObject", "do": "corrupt"}]})"));
    return 0;
  });
  const auto corrupt = put(*store_, "bytes", with_checksum("bytes"));
  ASSERT_FALSE(corrupt);
  EXPECT_EQ(corrupt.error().kind, ErrorKind::kCorrupt);
  EXPECT_EQ(stored(), "other");
}

TEST_F(S3Faults, StoresThatIgnoreChecksumHeadersAreFoundOutBeforeDamageIsDone) {
  S3ImposterOptions options;
  options.checksums = Checksums::kIgnored;
  options.server = "";
  open(R"({"rules": [{"on": "PutObject", "count": 1, "do": "corrupt"}]})", options);
  const auto corrupt = put(*store_, "bytes", with_checksum("bytes"));
  ASSERT_FALSE(corrupt) << "the ETag is not the MD5 of what was sent";
  EXPECT_EQ(corrupt.error().kind, ErrorKind::kCorrupt);
  EXPECT_FALSE(store_->capabilities().checksums);
  ASSERT_TRUE(put(*store_, "bytes", with_checksum("bytes")));
  EXPECT_EQ(stored(), "bytes");
}

TEST_F(S3Faults, CreatingAnUploadFallsBackToNoChecksumToo) {
  S3ImposterOptions options;
  options.checksums = Checksums::kRejected;
  options.server = "";
  open("{}", options);
  const auto id =
      run(store_->create_upload({"bucket", "key"}, {.checksum = ChecksumAlgorithm::kCrc64Nvme}));
  ASSERT_TRUE(id) << id.error().message;
  EXPECT_FALSE(store_->capabilities().checksums);
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
  connect(front.url(), {keys()});
  const std::string bytes = text_of_size(8'000'000);
  const auto done = put(*store_, bytes, with_checksum(bytes));
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_TRUE(stored() == bytes);
  EXPECT_EQ(front.requests("PutObject"), 1u);
  // Remembered.
  ASSERT_TRUE(put(*store_, "more"));
  EXPECT_EQ(front.requests("PutObject"), 1u);
}

TEST_F(S3Faults, TheRegionIsLearnedAndSaid) {
  S3ImposterOptions options;
  options.region = "eu-central-1";
  open("{}", options);
  ASSERT_TRUE(put(*store_, "bytes"));
  EXPECT_EQ(stored(), "bytes");
  EXPECT_THAT(notices_, ElementsAre(HasSubstr("eu-central-1")));
  EXPECT_TRUE(run(store_->head({"bucket", "key"})));

  connect(imposter_->url(), {keys()});
  EXPECT_TRUE(run(store_->head_bucket("bucket"))) << "HEAD has headers only";
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

TEST_F(S3Faults, ASlowLinkIsNoTimeout) {
  idle_timeout_ = 2s;
  open(R"({"rules": [{"on": "GetObject", "do": "throttle", "bytes_per_second": 400000}]})");
  const std::string bytes = text_of_size(100'000);
  ASSERT_TRUE(put(*store_, bytes));
  const auto got = run(read_all(store_.get(), {}));
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_TRUE(*got == bytes);
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

TEST_F(S3Faults, ASlowDownStormIsNotAmplified) {
  // Two thirds of 300 puts are refused for good: without a quota that would be 8 tries each.
  open(R"({"rules": [{"on": "PutObject", "after": 100, "do": "status", "status": 503,
                      "code": "SlowDown"}]})");
  int failed = 0;
  for (int i = 0; i < 1000; ++i) failed += put(*retry_, "x") ? 0 : 1;
  EXPECT_EQ(failed, 900);
  EXPECT_LT(imposter_->requests("PutObject"), 1200u);
}

TEST_F(S3Faults, PermanentErrorsAreNotRepeated) {
  open("{}");
  const auto missing = run(retry_->put({"absent", "key"}, {}, {}));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().message,
            "S3 bucket 'absent' does not exist (NoSuchBucket). Create it: telpher mb s3://absent");
  EXPECT_EQ(imposter_->requests("PutObject"), 1u);
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

TEST_F(S3Faults, ListsArePaged) {
  S3ImposterOptions options;
  options.page_size = 3;
  open("{}", options);
  const auto upload = run(send_parts(store_.get(), {"1", "2", "3", "4", "5"}));
  ASSERT_TRUE(upload);
  std::vector<int> numbers;
  PartNumber marker = 0;
  do {
    const auto page = run(store_->list_parts({"bucket", "key"}, upload->id, marker));
    ASSERT_TRUE(page);
    for (const PartInfo& part : page->parts) numbers.push_back(part.number);
    marker = page->continuation;
  } while (marker != 0);
  EXPECT_THAT(numbers, ElementsAre(1, 2, 3, 4, 5));

  for (int i = 0; i < 4; ++i) ASSERT_TRUE(run(store_->create_upload({"bucket", "key"}, {})));
  ListUploadsOptions from;
  std::set<std::string> ids;
  do {
    const auto page = run(store_->list_uploads("bucket", from));
    ASSERT_TRUE(page);
    for (const UploadInfo& one : page->uploads) ids.insert(one.upload_id);
    from.key_marker = page->key_marker;
    from.upload_id_marker = page->upload_id_marker;
  } while (!from.key_marker.empty());
  EXPECT_EQ(ids.size(), 5u);
}

TEST_F(S3Faults, LinksWork) {
  open("{}");
  ASSERT_TRUE(put(*store_, "bytes"));
  const auto link = run(store_->presign({"bucket", "key"}, "GET", 60s));
  ASSERT_TRUE(link);
  HttpRequest request;
  request.method = "GET";
  request.target = link->substr(imposter_->url().size());
  auto response = run(
      http_->send(parse_endpoint(imposter_->url(), Addressing::kPath)->origin, std::move(request)));
  ASSERT_TRUE(response);
  EXPECT_EQ((*response)->status, 200);
  EXPECT_EQ(run((*response)->read_all(100)).value(), "bytes");
  EXPECT_FALSE(run(store_->presign({"bucket", "key"}, "GET", 8 * 24h)));
}

}  // namespace
}  // namespace telpher
