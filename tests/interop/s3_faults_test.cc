// The failure table where S3 is concerned. Every script must have been met.

#include "tests/interop/s3_faults.h"

namespace telpher {
namespace {

TEST_F(S3Faults, AnErrorInside200IsAnError) {
  open(R"({"rules": [{"on": "CompleteMultipartUpload", "count": 1, "do": "error_in_200",
                      "code": "InternalError"}]})");
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

TEST_F(S3Faults, ACopyThatIsOnlySaidToBeDoneIsNotBelieved) {
  open(R"({"rules": [{"on": "CopyObject", "count": 1, "do": "fake_success"}]})");
  const auto source = put(*store_, "bytes");
  ASSERT_TRUE(source);
  CopyOptions options;
  options.source_if_match = source->etag;
  const auto faked = run(store_->copy({"bucket", "key"}, {"bucket", "copy"}, options));
  ASSERT_FALSE(faked);
  EXPECT_TRUE(faked.error().is_temporary());
  const auto done = run(store_->copy({"bucket", "key"}, {"bucket", "copy"}, options));
  EXPECT_TRUE(done) << done.error().message;
  EXPECT_EQ(imposter_->content("bucket", "copy"), "bytes");
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

Task<Result<void>> put_once(ObjectStore* store, int* refused) {
  const auto done = co_await store->put({"bucket", "key"}, {}, {});
  if (done) co_return Result<void>();
  ++*refused;
  EXPECT_TRUE(done.error().is_temporary()) << done.error().message;
  co_return Result<void>();
}

Task<Result<void>> put_at_once(ObjectStore* store, int count, int* refused) {
  TaskGroup group(co_await current_context());
  for (int i = 0; i < count; ++i) group.spawn(put_once(store, refused));
  co_return co_await group.join();
}

TEST_F(S3Faults, RequestsUnderWayWhenTheClockIsLearnedAreRepeatedToo) {
  open(R"({"rules": [{"on": "PutObject", "count": 1, "do": "skew", "minutes": -45}]})");
  int refused = 0;
  ASSERT_TRUE(run(put_at_once(store_.get(), 8, &refused)));
  EXPECT_GT(refused, 1);
  EXPECT_EQ(notices_.size(), 1u);
  EXPECT_TRUE(put(*store_, "bytes"));
}

TEST_F(S3Faults, RequestsUnderWayWhenTheRegionIsLearnedFollow) {
  S3ImposterOptions options;
  options.region = "eu-central-1";
  open("{}", options);
  int refused = 0;
  ASSERT_TRUE(run(put_at_once(store_.get(), 8, &refused)));
  EXPECT_EQ(refused, 0);
  EXPECT_EQ(notices_.size(), 1u);
}

TEST_F(S3Faults, TheClockIsLearnedFromAnAnswerWithoutABodyToo) {
  open(R"({"rules": [{"on": "HeadBucket", "count": 1, "do": "skew", "minutes": 45}]})");
  EXPECT_TRUE(run(retry_->head_bucket("bucket")));
  EXPECT_TRUE(imposter_->all_faults_met());
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

TEST_F(S3Faults, StoresThatRejectTheQuestionForChecksumsAreReadWithout) {
  S3ImposterOptions options;
  options.checksums = Checksums::kRejected;
  options.server = "";
  open("{}", options);
  ASSERT_TRUE(put(*store_, "bytes"));
  const auto info = run(store_->head({"bucket", "key"}));
  ASSERT_TRUE(info) << info.error().message;
  EXPECT_EQ(info->size, 5u);
  connect(imposter_->url(), {keys()});
  const auto got = run(read_all(store_.get(), {}));
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(*got, "bytes");
}

TEST_F(S3Faults, TheChecksumOfAnObjectIsThereAtTheFirstQuestion) {
  S3ImposterOptions options;
  options.server = "";  // an unknown store that has them
  open("{}", options);
  ASSERT_TRUE(put(*store_, "bytes"));
  connect(imposter_->url(), {keys()});
  const auto info = run(store_->head({"bucket", "key"}));
  ASSERT_TRUE(info);
  ASSERT_TRUE(info->checksum);
  EXPECT_EQ(info->checksum->digest, checksum_of(ChecksumAlgorithm::kCrc64Nvme, as_bytes("bytes")));
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

TEST_F(S3Faults, AStoreIsNotBelievedToHeedChecksumsForItsName) {
  S3ImposterOptions options;
  options.checksums = Checksums::kIgnored;
  options.server = "MinIO";
  open(R"({"rules": [{"on": "PutObject", "count": 1, "do": "corrupt"}]})", options);
  ASSERT_TRUE(run(store_->head_bucket("bucket")));
  ASSERT_EQ(store_->provider().name, "MinIO");
  const auto corrupt = put(*store_, "bytes", with_checksum("bytes"));
  ASSERT_FALSE(corrupt) << "the ETag is not the MD5 of what was sent";
  EXPECT_EQ(corrupt.error().kind, ErrorKind::kCorrupt);
  ASSERT_TRUE(put(*store_, "bytes", with_checksum("bytes")));
  EXPECT_EQ(stored(), "bytes");
}

TEST_F(S3Faults, PartsAreNotBelievedForTheStoresNameEither) {
  S3ImposterOptions options;
  options.checksums = Checksums::kIgnored;
  options.server = "MinIO";
  open(R"({"rules": [{"on": "UploadPart", "count": 1, "do": "corrupt"}]})", options);
  const auto id = run(store_->create_upload({"bucket", "key"}, {}));
  ASSERT_TRUE(id);
  PutPartOptions part;
  part.checksum = checksum_of(ChecksumAlgorithm::kCrc64Nvme, as_bytes("bytes"));
  const auto corrupt =
      run(store_->put_part({"bucket", "key"}, *id, 1, Body::of(as_bytes("bytes")), part));
  ASSERT_FALSE(corrupt);
  EXPECT_EQ(corrupt.error().kind, ErrorKind::kCorrupt);
}

TEST_F(S3Faults, AnObjectThatIsFoundToBeWrongIsTakenAway) {
  S3ImposterOptions options;
  options.checksums = Checksums::kIgnored;
  open(R"({"rules": [{"on": "PutObject", "count": 1, "do": "corrupt"}]})", options);
  const auto corrupt = put(*store_, "bytes", with_checksum("bytes"));
  ASSERT_FALSE(corrupt);
  EXPECT_EQ(corrupt.error().kind, ErrorKind::kCorrupt);
  EXPECT_EQ(stored(), std::nullopt);
}

TEST_F(S3Faults, AConditionalPutIsNotInTheWayOfItsOwnWrongObject) {
  S3ImposterOptions options;
  options.checksums = Checksums::kIgnored;
  open(R"({"rules": [{"on": "PutObject", "count": 1, "do": "corrupt"}]})", options);
  PutOptions if_new = with_checksum("bytes");
  if_new.condition.if_none_match = true;
  const auto done = put(*retry_, "bytes", if_new);
  EXPECT_TRUE(done) << done.error().message;
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

TEST_F(S3Faults, ASlowDownStormIsNotAmplified) {
  // 900 of 1,000 puts are refused for good: without a quota that would be 8 tries each.
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
