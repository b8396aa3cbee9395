#include "store/layers/retry.h"

#include "runtime/task_group.h"
#include "store/layers/chaos.h"
#include "store/memory/memory_store.h"

#include <gtest/gtest.h>

namespace telpher {
namespace {

using namespace std::chrono_literals;

class RetryStoreTest : public ::testing::Test {
 protected:
  void script(std::vector<FaultRule> rules) {
    ASSERT_TRUE(loop_.run(memory_.create_bucket("bucket")));
    faults_.reset({.seed = 5, .rules = std::move(rules)});
  }
  Result<PutResult> put(std::string_view content, PutOptions options = {}) {
    return loop_.run(store_.put({"bucket", "key"}, Body::of(as_bytes(content)), options));
  }
  std::uint64_t puts() {
    return faults_.count(Operation::kPutObject, true) + faults_.count(Operation::kPutObject, false);
  }

  Loop loop_{Loop::Mode::kVirtual, 3};
  MemoryStore memory_{{.part_size_min = 1}};
  FaultInjector faults_;
  ChaosStore chaos_{memory_, faults_};
  RetryQuota quota_;
  RetryStats stats_;
  RetryStore store_{chaos_, quota_, stats_};
};

FaultRule status(int code, std::uint64_t count) {
  return {.count = count, .what = FaultKind::kStatus, .status = code};
}

TEST_F(RetryStoreTest, RepeatsTemporaryFailuresWithTheSameBytes) {
  script({status(500, 2), status(503, 1)});
  ASSERT_TRUE(put("hello"));
  EXPECT_EQ(memory_.content("bucket", "key"), "hello");
  EXPECT_EQ(puts(), 4u);
  EXPECT_EQ(stats_.server.value(), 2u);
  EXPECT_EQ(stats_.throttled.value(), 1u);
  EXPECT_EQ(stats_.bytes_resent.value(), 15u);
  EXPECT_TRUE(faults_.all_met());
}

TEST_F(RetryStoreTest, PermanentFailuresAreNotRepeated) {
  for (const int code : {400, 403, 404, 412, 501}) {
    script({status(code, 1)});
    EXPECT_FALSE(put("hello")) << code;
    EXPECT_EQ(puts(), 1u) << code;
  }
}

TEST_F(RetryStoreTest, AConflictIsRepeatedAPreconditionIsNot) {
  script({status(409, 3)});
  EXPECT_TRUE(put("hello"));
  EXPECT_EQ(puts(), 4u);
  const Result<PutResult> refused = put("other", {.condition = {.if_none_match = true}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kPrecondition);
  EXPECT_EQ(puts(), 5u);
}

TEST_F(RetryStoreTest, GivesUpAndSaysHowOftenItTried) {
  script({status(500, 100)});
  const Result<PutResult> failed = put("hello");
  ASSERT_FALSE(failed);
  EXPECT_EQ(puts(), 8u);
  EXPECT_EQ(failed.error().persistence, Persistence::kRetriedOut);
  EXPECT_EQ(failed.error().context.attempts, 8);
  EXPECT_EQ(failed.error().message,
            "PutObject failed after 8 attempts: injected by the fault script");
}

TEST_F(RetryStoreTest, AnUploadWhoseAnswerWasLostIsEnded) {
  script({{.count = 1, .what = FaultKind::kLoseAnswer}});
  const Result<std::string> id = loop_.run(store_.create_upload({"bucket", "key"}, {}));
  ASSERT_TRUE(id);
  const Result<UploadsPage> open = loop_.run(memory_.list_uploads("bucket", {}));
  ASSERT_EQ(open->uploads.size(), 1u);
  EXPECT_EQ(open->uploads[0].upload_id, *id);
}

TEST_F(RetryStoreTest, AnotherUploadOfTheSameKeyIsNotTakenForALostOne) {
  for (const FaultKind what : {FaultKind::kLoseAnswer, FaultKind::kStatus}) {
    script({{.after = 1, .count = 1, .what = what, .status = 503}});
    const Result<std::string> first = loop_.run(store_.create_upload({"bucket", "key"}, {}));
    const Result<std::string> second = loop_.run(store_.create_upload({"bucket", "key"}, {}));
    ASSERT_TRUE(first && second);
    EXPECT_TRUE(loop_.run(memory_.list_parts({"bucket", "key"}, *first, 0)));
    EXPECT_TRUE(loop_.run(memory_.list_parts({"bucket", "key"}, *second, 0)));
  }
  EXPECT_EQ(loop_.run(memory_.list_uploads("bucket", {}))->uploads.size(), 4u);
}

TEST_F(RetryStoreTest, NestedRetriesDoNotMultiply) {
  script({status(500, 100)});
  RetryStats outer_stats;
  RetryStore outer(store_, quota_, outer_stats);
  EXPECT_FALSE(loop_.run(outer.put({"bucket", "key"}, Body::of(as_bytes("x")), {})));
  EXPECT_EQ(puts(), 8u);
}

TEST_F(RetryStoreTest, WaitsAtLeastAsLongAsAsked) {
  FaultRule rule = status(503, 1);
  rule.retry_after = 7s;
  script({rule});
  const TimePoint start = loop_.now();
  ASSERT_TRUE(put("hello"));
  EXPECT_GE(loop_.now() - start, 7s);
  EXPECT_LE(loop_.now() - start, 8s);
}

TEST_F(RetryStoreTest, APauseEndsWhenCancelled) {
  script({status(503, 100)});
  const auto result = loop_.run(
      with_deadline(store_.put({"bucket", "key"}, Body::of(as_bytes("x")), {}), loop_.now() + 1ms));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, ErrorKind::kTimeout);
}

Task<Result<void>> put_counted(ObjectStore& store, int* failures) {
  if (!co_await store.put({"bucket", "key"}, Body::of(as_bytes("x")), {})) ++*failures;
  co_return Result<void>();
}

Task<Result<void>> storm(ObjectStore& store, int calls, int* failures) {
  TaskGroup group(co_await current_context());
  for (int i = 0; i < calls; ++i) {
    co_await group.wait_until_at_most(63);
    group.spawn(put_counted(store, failures));
  }
  co_return co_await group.join();
}

TEST_F(RetryStoreTest, ASlowDownStormIsNotAmplified) {
  script({status(503, 1'000'000)});
  int failures = 0;
  ASSERT_TRUE(loop_.run(storm(store_, 1000, &failures)));
  EXPECT_EQ(failures, 1000);
  EXPECT_LT(puts(), 1200u);
}

TEST_F(RetryStoreTest, SuccessesRefillTheQuota) {
  script({status(503, 1'000)});
  int failures = 0;
  ASSERT_TRUE(loop_.run(storm(store_, 200, &failures)));
  EXPECT_LT(quota_.tokens(), 5);
  faults_.reset({});
  ASSERT_TRUE(loop_.run(storm(store_, 1000, &failures)));
  EXPECT_EQ(quota_.tokens(), 500);
}

// Lost answers: the operation ran, nobody heard.

TEST_F(RetryStoreTest, AConditionalPutSeesThroughItsOwn412) {
  for (const bool with_checksum : {true, false}) {
    script({{.count = 1, .what = FaultKind::kLoseAnswer}});
    if (!loop_.run(memory_.remove({"bucket", "key"}))) FAIL();
    PutOptions options{.condition = {.if_none_match = true}};
    if (with_checksum) {
      options.checksum = checksum_of(ChecksumAlgorithm::kCrc64Nvme, as_bytes("hello"));
    }
    const Result<PutResult> result = put("hello", options);
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_EQ(result->etag, loop_.run(memory_.head({"bucket", "key"}))->etag);
  }
  EXPECT_EQ(stats_.answers_repaired.value(), 2u);
}

TEST_F(RetryStoreTest, AConditionalRemoveSeesThroughItsOwn404) {
  script({});
  const std::string etag = put("hello").value().etag;
  script({{.count = 1, .what = FaultKind::kLoseAnswer}});
  const Result<void> removed = loop_.run(store_.remove({"bucket", "key"}, etag));
  EXPECT_TRUE(removed) << removed.error().message;
  EXPECT_EQ(stats_.answers_repaired.value(), 1u);
  const Result<void> again = loop_.run(store_.remove({"bucket", "key"}, etag));
  ASSERT_FALSE(again) << "nobody's attempt was lost here";
  EXPECT_EQ(again.error().kind, ErrorKind::kNotFound);
}

TEST_F(RetryStoreTest, AForeign412IsBelieved) {
  script({{.count = 1, .what = FaultKind::kStatus, .status = 500}});
  ASSERT_TRUE(loop_.run(memory_.put({"bucket", "key"}, Body::of(as_bytes("theirs")), {})));
  const Result<PutResult> refused = put("ours!!", {.condition = {.if_none_match = true}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kPrecondition);
  EXPECT_EQ(memory_.content("bucket", "key"), "theirs");
}

TEST_F(RetryStoreTest, ACompletionSeesThroughItsOwnNoSuchUpload) {
  for (const FaultKind what : {FaultKind::kLoseAnswer, FaultKind::kErrorAfter}) {
    script({{.on = Operation::kComplete, .count = 1, .what = what}});
    const ObjectAddress object{"bucket", "key"};
    const std::string id = loop_.run(store_.create_upload(object, {})).value();
    std::vector<PartInfo> parts;
    for (const PartNumber number : {1, 2}) {
      const Body body = Body::of(as_bytes("part"));
      parts.push_back(loop_.run(store_.put_part(object, id, number, body, {})).value());
    }
    const Result<PutResult> done = loop_.run(store_.complete(object, id, parts, {}));
    ASSERT_TRUE(done) << done.error().message;
    EXPECT_EQ(memory_.content("bucket", "key"), "partpart");
    EXPECT_TRUE(faults_.all_met());
  }
}

TEST_F(RetryStoreTest, AnUploadThatIsTrulyGoneIsNotMistakenForDone) {
  script({{.on = Operation::kComplete, .count = 1, .what = FaultKind::kStatus}});
  const ObjectAddress object{"bucket", "key"};
  ASSERT_TRUE(put("another object of the same name"));
  const std::string id = loop_.run(store_.create_upload(object, {})).value();
  const PartInfo part =
      loop_.run(store_.put_part(object, id, 1, Body::of(as_bytes("part")), {})).value();
  ASSERT_TRUE(loop_.run(memory_.abort(object, id)));
  const Result<PutResult> refused = loop_.run(store_.complete(object, id, {part}, {}));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().context.code, "NoSuchUpload");
}

TEST_F(RetryStoreTest, ErrorsWithin200AreRepeated) {
  script({{.on = Operation::kComplete, .count = 2, .what = FaultKind::kErrorIn200}});
  const ObjectAddress object{"bucket", "key"};
  const std::string id = loop_.run(store_.create_upload(object, {})).value();
  const PartInfo part =
      loop_.run(store_.put_part(object, id, 1, Body::of(as_bytes("part")), {})).value();
  ASSERT_TRUE(loop_.run(store_.complete(object, id, {part}, {})));
  EXPECT_EQ(memory_.content("bucket", "key"), "part");
}

TEST_F(RetryStoreTest, RemovingABucketSeesThroughItsOwnNoSuchBucket) {
  script({{.on = Operation::kDeleteBucket, .count = 1, .what = FaultKind::kLoseAnswer}});
  EXPECT_TRUE(loop_.run(store_.remove_bucket("bucket")));
  EXPECT_FALSE(loop_.run(store_.remove_bucket("bucket")));
}

TEST_F(RetryStoreTest, CorruptionOnTheWayIsRepeated) {
  script({{.count = 3, .what = FaultKind::kCorrupt}});
  const Digest digest = checksum_of(ChecksumAlgorithm::kCrc64Nvme, as_bytes("hello"));
  ASSERT_TRUE(put("hello", {.checksum = digest}));
  EXPECT_EQ(memory_.content("bucket", "key"), "hello");
  EXPECT_EQ(stats_.corrupt.value(), 3u);
}

/// Keeps what it is given, and then says once that it was other bytes.
class DoubtingStore final : public ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;
  Task<Result<PutResult>> put(ObjectAddress object, Body body, const PutOptions& options) override {
    CO_TRY(PutResult result, co_await inner().put(std::move(object), body, options));
    if (std::exchange(doubted_, true)) co_return result;
    co_return make_temporary_error(ErrorKind::kCorrupt, "other bytes");
  }

 private:
  bool doubted_ = false;
};

TEST_F(RetryStoreTest, APutThatWasFoundWrongAfterwardsMayHaveBeenDone) {
  ASSERT_TRUE(loop_.run(memory_.create_bucket("bucket")));
  DoubtingStore doubting(memory_);
  RetryStore store(doubting, quota_, stats_);
  PutOptions options{.condition = {.if_none_match = true}};
  options.checksum = checksum_of(ChecksumAlgorithm::kCrc64Nvme, as_bytes("hello"));
  const auto done = loop_.run(store.put({"bucket", "key"}, Body::of(as_bytes("hello")), options));
  EXPECT_TRUE(done) << done.error().message;
}

/// Lists one upload a page.
class ShortPages final : public ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;
  Task<Result<UploadsPage>> list_uploads(std::string bucket, ListUploadsOptions options) override {
    CO_TRY(UploadsPage page, co_await inner().list_uploads(std::move(bucket), std::move(options)));
    if (no_times) {
      for (UploadInfo& upload : page.uploads) upload.initiated = {};
    }
    if (page.uploads.size() > 1) {
      page.uploads.resize(1);
      page.key_marker = page.uploads[0].key;
      page.upload_id_marker = page.uploads[0].upload_id;
    }
    co_return page;
  }

  bool no_times = false;
};

TEST_F(RetryStoreTest, ALostUploadIsFoundOnAnyPage) {
  script({{.after = 3, .count = 1, .what = FaultKind::kLoseAnswer}});
  ShortPages pages(chaos_);
  RetryStore store(pages, quota_, stats_);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(loop_.run(store.create_upload({"bucket", "key"}, {})));
  ASSERT_TRUE(loop_.run(store.create_upload({"bucket", "key"}, {})));
  EXPECT_EQ(loop_.run(memory_.list_uploads("bucket", {}))->uploads.size(), 4u);
}

TEST_F(RetryStoreTest, UploadsThatMayBeSomeoneElsesAreLeftAlone) {
  // Two that could be the lost one: another program's, begun in the same second, is among them.
  script({{.count = 1, .what = FaultKind::kLoseAnswer}});
  ASSERT_TRUE(loop_.run(memory_.create_upload({"bucket", "key"}, {})));
  ASSERT_TRUE(loop_.run(store_.create_upload({"bucket", "key"}, {})));
  EXPECT_EQ(loop_.run(memory_.list_uploads("bucket", {}))->uploads.size(), 3u);
}

TEST_F(RetryStoreTest, WithoutTimesNoUploadIsTakenForALostOne) {
  script({{.count = 1, .what = FaultKind::kLoseAnswer}});
  ShortPages pages(chaos_);
  pages.no_times = true;
  RetryStore store(pages, quota_, stats_);
  ASSERT_TRUE(loop_.run(store.create_upload({"bucket", "key"}, {})));
  EXPECT_EQ(loop_.run(memory_.list_uploads("bucket", {}))->uploads.size(), 2u);
}

/// Gives what it has once.
class OnceReader final : public ByteReader {
 public:
  Task<Result<std::size_t>> read_some(MutableBytes buffer) override {
    ++reads;
    if (buffer.empty() || std::exchange(done_, true)) co_return std::size_t{0};
    buffer[0] = std::byte{'x'};
    co_return std::size_t{1};
  }
  int reads = 0;

 private:
  bool done_ = false;
};

TEST_F(RetryStoreTest, AStreamIsSentOnceOnly) {
  script({{.count = 1, .what = FaultKind::kLoseAnswer}});
  OnceReader stream;
  const auto put = loop_.run(store_.put({"bucket", "key"}, Body::of_stream(stream, 1), {}));
  ASSERT_FALSE(put);
  EXPECT_EQ(put.error().kind, ErrorKind::kNetwork);
  EXPECT_TRUE(put.error().is_temporary()) << "whoever has the bytes may send them again";
  EXPECT_EQ(stream.reads, 2);
}

TEST_F(RetryStoreTest, ManyAreRemovedAgainAfterALostAnswer) {
  script({{.on = Operation::kDeleteObjects, .count = 1, .what = FaultKind::kLoseAnswer}});
  ASSERT_TRUE(put("hello"));
  const auto removed = loop_.run(store_.remove_many("bucket", {"key"}));
  ASSERT_TRUE(removed);
  EXPECT_TRUE(removed->empty());
}

}  // namespace
}  // namespace telpher
