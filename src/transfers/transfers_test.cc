#include "transfers/transfers.h"

#include "store/layers/chaos.h"
#include "tests/support/transfers_bed.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

namespace telpher {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using Bed = TransfersBed;

constexpr std::size_t kSize = 1'000'000;  // sixteen parts

// --- from acceptance to completion ------------------------------------------------------------

Task<void> copy_one(Bed* bed, Transfer* ended) {
  TransferRequest request = Bed::request("/f?token=secret");
  request.key_prefix = "in";
  request.headers = {"Authorization: secret"};
  const Transfer added = co_await bed->add(std::move(request));
  EXPECT_EQ(added.state, JobState::kPending);
  EXPECT_EQ(added.source_url, "https://source.example/f?...");
  *ended = co_await bed->wait_for(added.id, JobState::kCompleted);
}

TEST(Transfers, ATransferGoesFromAcceptedToCompleted) {
  Bed bed;
  bed.file("/f", random_text(kSize));
  Transfer ended;
  bed.serve(copy_one(&bed, &ended));
  EXPECT_TRUE(bed.content_of("in/file.bin") == bed.files["/f"].bytes);
  EXPECT_EQ(bed.told[ended.id], "pending starting in-progress completed ");
  EXPECT_EQ(ended.key, "in/file.bin");
  EXPECT_EQ(ended.location, "s3://bucket/in/file.bin");
  EXPECT_EQ(ended.numbers.bytes, kSize);
  EXPECT_EQ(ended.numbers.parts_done, 16);
  EXPECT_EQ(ended.numbers.strip, std::string(16, 'd'));
  EXPECT_THAT(ended.checksum, testing::StartsWith("crc64nvme:"));
  EXPECT_EQ(ended.attempt, 1);
  EXPECT_TRUE(ended.started && ended.ended && !ended.error);
  EXPECT_EQ(bed.open_uploads(), 0u);
  EXPECT_EQ(bed.seen_headers.find("Authorization"), "secret");
}

TEST(Transfers, ACompletedOneKeepsNoSecrets) {
  Bed bed;
  bed.file("/f", "x");
  Transfer ended;
  bed.serve(copy_one(&bed, &ended));
  const std::string spec = bed.loop.run(bed.queue->get(ended.id)).value().spec;
  EXPECT_EQ(spec.find("secret"), std::string::npos) << spec;
}

Task<void> copy_many(Bed* bed) {
  std::vector<std::string> ids;
  for (int i = 0; i < 12; ++i) {
    TransferRequest request = Bed::request("/f");
    request.key = std::to_string(i);
    ids.push_back((co_await bed->add(std::move(request))).id);
  }
  for (const std::string& id : ids) (void)co_await bed->wait_for(id, JobState::kCompleted);
}

TEST(Transfers, NoMoreRunAtOnceThanMay) {
  Bed bed;
  bed.settings.transfers_max = 3;
  bed.make_transfers();
  bed.file("/f", random_text(300'000));
  bed.serve(copy_many(&bed));
  EXPECT_EQ(bed.running_most, 3u);
  for (int i = 0; i < 12; ++i) EXPECT_TRUE(bed.content_of(std::to_string(i)));
}

Task<void> copy_later(Bed* bed, Duration* took) {
  TransferRequest request = Bed::request("/f");
  request.not_before = bed->loop.wall_now() + 2h;
  const TimePoint began = bed->loop.now();
  const Transfer added = co_await bed->add(std::move(request));
  (void)co_await bed->wait_for(added.id, JobState::kCompleted, 3h);
  *took = bed->loop.now() - began;
}

TEST(Transfers, NothingBeginsBeforeItsTime) {
  Bed bed;
  bed.file("/f", "x");
  Duration took{};
  bed.serve(copy_later(&bed, &took));
  EXPECT_GE(took, 2h);
  EXPECT_LT(took, 2h + 1min);
}

// --- pause, resume, cancel, retry -------------------------------------------------------------

Task<void> pause_and_resume(Bed* bed, Transfer* ended) {
  const Transfer added = co_await bed->add(Bed::request("/f"));
  co_await bed->wait_for_parts(added.id, 5);
  const Result<Transfer> paused = co_await bed->transfers->pause(added.id);
  EXPECT_TRUE(paused && paused->state == JobState::kPaused);
  EXPECT_GE(paused->numbers.parts_done, 5);
  EXPECT_EQ(bed->transfers->active(), 0u);
  const ByteCount read = bed->files["/f"].bytes_read;
  EXPECT_TRUE(co_await sleep_for(1h));
  EXPECT_EQ(bed->files["/f"].bytes_read, read);
  const Result<Transfer> again = co_await bed->transfers->pause(added.id);
  EXPECT_FALSE(again);
  EXPECT_EQ(again.error().context.code, "paused");
  EXPECT_TRUE(co_await bed->transfers->resume(added.id));
  *ended = co_await bed->wait_for(added.id, JobState::kCompleted);
}

TEST(Transfers, APausedOneGoesOnWhereItStopped) {
  Bed bed;
  bed.file("/f", random_text(kSize));
  Transfer ended;
  bed.serve(pause_and_resume(&bed, &ended));
  EXPECT_TRUE(bed.content_of("file.bin") == bed.files["/f"].bytes);
  EXPECT_EQ(bed.told[ended.id],
            "pending starting in-progress paused pending starting in-progress completed ");
  EXPECT_LT(bed.files["/f"].bytes_read, kSize + kSize / 2);
  EXPECT_EQ(ended.attempt, 2);
  EXPECT_EQ(bed.open_uploads(), 0u);
}

Task<void> pause_a_waiting_one(Bed* bed) {
  TransferRequest request = Bed::request("/f");
  request.not_before = bed->loop.wall_now() + 1min;
  const Transfer added = co_await bed->add(std::move(request));
  EXPECT_TRUE(co_await bed->transfers->pause(added.id));
  EXPECT_TRUE(co_await sleep_for(1h));
  EXPECT_EQ(bed->files["/f"].probes, 0);
  EXPECT_TRUE(co_await bed->transfers->resume(added.id));
  (void)co_await bed->wait_for(added.id, JobState::kCompleted);
}

TEST(Transfers, OneThatHasNotBegunCanBePaused) {
  Bed bed;
  bed.file("/f", "x");
  bed.serve(pause_a_waiting_one(&bed));
}

Task<void> cancel_at(Bed* bed, int parts, bool paused_before) {
  const Transfer added = co_await bed->add(Bed::request("/f"));
  co_await bed->wait_for_parts(added.id, parts);
  if (paused_before) EXPECT_TRUE(co_await bed->transfers->pause(added.id));
  const Result<Transfer> cancelled = co_await bed->transfers->cancel(added.id);
  EXPECT_TRUE(cancelled) << cancelled.error().message;
  EXPECT_EQ(cancelled->state, JobState::kCancelled);
  EXPECT_EQ(cancelled->error->code, "CANCELLED");
  const auto uploads = co_await bed->store.list_uploads("bucket", {});
  EXPECT_TRUE(uploads->uploads.empty());
  EXPECT_TRUE((co_await bed->journal->unfinished())->empty());
  const Result<Transfer> again = co_await bed->transfers->cancel(added.id);
  EXPECT_EQ(again.error().kind, ErrorKind::kConflict);
  EXPECT_EQ(again.error().context.code, "cancelled");
}

TEST(Transfers, ACancelledOneLeavesNoOpenUpload) {
  for (const int parts : {0, 1, 5}) {
    for (const bool paused_before : {false, true}) {
      Bed bed;
      bed.file("/f", random_text(kSize));
      bed.serve(cancel_at(&bed, parts, paused_before));
      EXPECT_FALSE(bed.content_of("file.bin"));
    }
  }
}

Task<void> cancel_and_retry(Bed* bed) {
  const Transfer added = co_await bed->add(Bed::request("/f"));
  co_await bed->wait_for_parts(added.id, 3);
  EXPECT_TRUE(co_await bed->transfers->cancel(added.id));
  const Result<Transfer> retried = co_await bed->transfers->retry(added.id);
  EXPECT_TRUE(retried && retried->state == JobState::kPending && !retried->error);
  (void)co_await bed->wait_for(added.id, JobState::kCompleted);
  const Result<Transfer> again = co_await bed->transfers->retry(added.id);
  EXPECT_EQ(again.error().context.code, "completed");
}

TEST(Transfers, ACancelledOneCanBeTriedAgain) {
  Bed bed;
  bed.file("/f", random_text(kSize));
  bed.serve(cancel_and_retry(&bed));
  EXPECT_TRUE(bed.content_of("file.bin") == bed.files["/f"].bytes);
  EXPECT_EQ(bed.open_uploads(), 0u);
}

Task<void> ask_for_nobody(Bed* bed) {
  for (const auto call : {&Transfers::get, &Transfers::pause, &Transfers::resume, &Transfers::retry,
                          &Transfers::cancel}) {
    const Result<Transfer> nobody = co_await ((*bed->transfers).*call)("x");
    EXPECT_EQ(nobody.error().kind, ErrorKind::kNotFound);
    EXPECT_EQ(nobody.error().context.code, "TRANSFER_NOT_FOUND");
  }
}

TEST(Transfers, WhatDoesNotExistIsSaidToBeNotFound) {
  Bed bed;
  bed.serve(ask_for_nobody(&bed));
}

// --- failures ---------------------------------------------------------------------------------

Task<void> copy_until(Bed* bed, TransferRequest request, JobState state, Transfer* ended) {
  const Transfer added = co_await bed->add(std::move(request));
  *ended = co_await bed->wait_for(added.id, state, 24h);
}

Transfer failed(Bed& bed, TransferRequest request) {
  Transfer ended;
  bed.serve(copy_until(&bed, std::move(request), JobState::kFailed, &ended));
  EXPECT_EQ(bed.open_uploads(), 0u);
  return ended;
}

JobError error_of(const Transfer& transfer) { return transfer.error.value_or(JobError{}); }

TEST(Transfers, ASourceThatIsNotThereFailsAtOnce) {
  Bed bed;
  bed.file("/f", "x").probe_errors = {make_error(ErrorKind::kNotFound, "HTTP 404")};
  const Transfer ended = failed(bed, Bed::request("/f"));
  EXPECT_EQ(error_of(ended), (JobError{"URL_FETCH_ERROR", "HTTP 404", false}));
  EXPECT_EQ(ended.attempt, 1);
}

TEST(Transfers, AnAddressThatIsForbiddenIsSaidToBe) {
  Bed bed;
  Error forbidden = make_error(ErrorKind::kDenied, "no");
  forbidden.context.code = "FORBIDDEN_ADDRESS";
  bed.file("/f", "x").probe_errors = {forbidden};
  EXPECT_EQ(error_of(failed(bed, Bed::request("/f"))),
            (JobError{"FORBIDDEN_ADDRESS", "no", false}));
}

TEST(Transfers, ASourceInTroubleIsTriedAgainLater) {
  Bed bed;
  const Error busy = make_temporary_error(ErrorKind::kServer, "HTTP 500");
  bed.file("/f", "x").probe_errors = {busy, busy};
  Transfer ended;
  bed.serve(copy_until(&bed, Bed::request("/f"), JobState::kCompleted, &ended));
  EXPECT_EQ(ended.attempt, 3);
  EXPECT_GE(*ended.ended - *ended.started, 30s);  // 10 + 20
  EXPECT_EQ(ended.error, std::nullopt);
}

TEST(Transfers, ASourceInTroubleForGoodIsGivenUp) {
  Bed bed;
  const Error busy = make_temporary_error(ErrorKind::kServer, "HTTP 500");
  bed.file("/f", "x").probe_errors = std::vector<Error>(100, busy);
  const Transfer ended = failed(bed, Bed::request("/f"));
  EXPECT_EQ(error_of(ended), (JobError{"URL_FETCH_ERROR", "HTTP 500", true}));
  EXPECT_EQ(ended.attempt, bed.settings.attempts_max);
  EXPECT_EQ(bed.files["/f"].probes, bed.settings.attempts_max);
}

TEST(Transfers, AReaderThatBreaksForGoodIsAStreamingError) {
  Bed bed;
  bed.file("/f", random_text(kSize)).read_errors = {make_error(ErrorKind::kProtocol, "garbage")};
  const JobError error = error_of(failed(bed, Bed::request("/f")));
  EXPECT_EQ(error.code, "STREAMING_ERROR");
  EXPECT_FALSE(error.retryable);
}

TEST(Transfers, AStoreThatRefusesIsAnS3Error) {
  Bed bed;
  bed.file("/f", random_text(kSize));
  TransferRequest request = Bed::request("/f");
  request.bucket = "nobodys";
  const Transfer ended = failed(bed, std::move(request));
  EXPECT_EQ(error_of(ended).code, "S3_ERROR");
  EXPECT_FALSE(error_of(ended).retryable);
  EXPECT_EQ(ended.attempt, 1);
}

TEST(Transfers, WhatTheRetryLayerGaveUpIsNotRepeatedButMayBeRetried) {
  Bed bed;
  bed.file("/f", random_text(kSize));
  FaultInjector injector;
  injector.reset({.rules = {{.on = Operation::kPutPart, .after = 4, .count = 1, .status = 500}}});
  ChaosStore chaos(bed.store, injector);
  bed.used_store = &chaos;
  bed.make_transfers();
  Transfer ended;
  bed.serve(copy_until(&bed, Bed::request("/f"), JobState::kFailed, &ended));
  EXPECT_EQ(error_of(ended).code, "S3_ERROR");
  EXPECT_TRUE(error_of(ended).retryable);
  EXPECT_EQ(ended.attempt, 1);
  EXPECT_EQ(bed.open_uploads(), 1u);  // a retry goes on there
}

Task<void> fail_and_wait(Bed* bed, Duration wait) {
  const Transfer added = co_await bed->add(Bed::request("/f"));
  (void)co_await bed->wait_for(added.id, JobState::kFailed);
  EXPECT_TRUE(co_await sleep_for(wait));
}

TEST(Transfers, WhatAFailedOneLeftOpenIsEndedAfterADay) {
  for (const bool later : {false, true}) {
    Bed bed;
    bed.file("/f", random_text(kSize));
    FaultInjector injector;
    injector.reset({.rules = {{.on = Operation::kPutPart, .after = 4, .count = 1, .status = 500}}});
    ChaosStore chaos(bed.store, injector);
    bed.used_store = &chaos;
    bed.make_transfers();
    bed.serve(fail_and_wait(&bed, later ? 25h : 23h));
    EXPECT_EQ(bed.open_uploads(), later ? 0u : 1u);
  }
}

TEST(Transfers, OtherBytesThanExpectedNeverAppear) {
  Bed bed;
  bed.file("/f", random_text(kSize));
  TransferRequest request = Bed::request("/f");
  request.checksum = checksum_of(ChecksumAlgorithm::kSha256, as_bytes("something else"));
  const JobError error = error_of(failed(bed, request));
  EXPECT_EQ(error.code, "STREAMING_ERROR");
  EXPECT_FALSE(error.retryable);
  request.checksum.reset();
  request.size = 5;
  EXPECT_EQ(error_of(failed(bed, request)).code, "STREAMING_ERROR");
  EXPECT_FALSE(bed.content_of("file.bin"));
}

TEST(Transfers, SourcesHaveTheirLimits) {
  Bed bed;
  bed.settings.limits.size_max = 900'000;
  bed.make_transfers();
  FakeFile& file = bed.file("/f", random_text(kSize));
  for (const bool size_known : {true, false}) {
    file.size_known = file.ranges = size_known;
    EXPECT_EQ(error_of(failed(bed, Bed::request("/f"))).code, "VALIDATION_ERROR");
  }
  file.bytes.resize(800'000);
  file.pause = 10s;  // 16 KiB each
  bed.settings.limits.bytes_per_second_min = 2'000;
  bed.settings.attempts_max = 1;
  bed.make_transfers();
  const JobError error = error_of(failed(bed, Bed::request("/f")));
  EXPECT_EQ(error.code, "STREAMING_ERROR");
  EXPECT_THAT(error.message, HasSubstr("too slow"));
}

// --- what is there already --------------------------------------------------------------------

Task<void> copy_over(Bed* bed, IfThere policy, JobState state, Transfer* ended) {
  const std::string old = "old";
  const PutOptions put;
  EXPECT_TRUE(co_await bed->store.put({"bucket", "file.bin"}, Body::of(as_bytes(old)), put));
  TransferRequest request = Bed::request("/f");
  request.if_there = policy;
  const Transfer added = co_await bed->add(std::move(request));
  *ended = co_await bed->wait_for(added.id, state);
}

TEST(Transfers, WhatIsThereIsTreatedAsAsked) {
  struct Case {
    IfThere policy;
    JobState state;
    bool replaced;
  };
  for (const Case& test : {Case{IfThere::kReplace, JobState::kCompleted, true},
                           Case{IfThere::kReplaceIfDifferent, JobState::kCompleted, true},
                           Case{IfThere::kKeep, JobState::kCompleted, false},
                           Case{IfThere::kFail, JobState::kFailed, false}}) {
    for (const std::size_t size : {std::size_t{10}, kSize}) {
      Bed bed;
      bed.file("/f", random_text(size));
      Transfer ended;
      bed.serve(copy_over(&bed, test.policy, test.state, &ended));
      EXPECT_TRUE(bed.content_of("file.bin") == (test.replaced ? bed.files["/f"].bytes : "old"));
      if (test.policy == IfThere::kFail) EXPECT_EQ(error_of(ended).code, "PRECONDITION_FAILED");
      if (test.policy == IfThere::kKeep) EXPECT_THAT(ended.note, HasSubstr("exists"));
    }
  }
}

// --- what is told -----------------------------------------------------------------------------

TEST(Transfers, ProgressIsToldAtMostFourTimesASecond) {
  Bed bed;
  bed.file("/f", random_text(kSize)).pause = 500ms;
  Transfer ended;
  bed.serve(copy_until(&bed, Bed::request("/f"), JobState::kCompleted, &ended));
  const std::vector<TimePoint>& times = bed.progress_times[ended.id];
  ASSERT_GT(times.size(), 10u);
  for (std::size_t i = 4; i < times.size(); ++i) EXPECT_GE(times[i] - times[i - 4], 1s);
}

Task<void> watch_speed(Bed* bed, Transfer* seen) {
  const Transfer added = co_await bed->add(Bed::request("/f"));
  (void)co_await bed->wait_for(added.id, JobState::kInProgress);
  EXPECT_TRUE(co_await sleep_for(10s));
  *seen = (co_await bed->transfers->get(added.id)).value();
}

TEST(Transfers, SpeedIsMeasuredAndSmooth) {
  Bed bed;
  bed.file("/f", random_text(kSize)).pause = 500ms;  // two readers of 32 KiB/s each
  Transfer seen;
  bed.serve(watch_speed(&bed, &seen));
  EXPECT_NEAR(seen.numbers.bytes_per_second, 65'536, 10'000);
  EXPECT_NEAR(static_cast<double>(seen.numbers.bytes), 655'360, 70'000);
  EXPECT_EQ(seen.numbers.size, kSize);
  EXPECT_EQ(seen.numbers.strip.size(), 16u);
}

TEST(Transfers, ATransferIsATraceItsPartsAreSpans) {
  Bed bed;
  bed.file("/f", random_text(kSize));
  Transfer ended;
  bed.serve(copy_until(&bed, Bed::request("/f"), JobState::kCompleted, &ended));
  const std::vector<Span> spans = bed.spans.take(100);
  ASSERT_EQ(spans.size(), 17u);
  const Span& whole = spans.back();
  EXPECT_EQ(whole.name, "transfer");
  for (const Span& span : spans) {
    EXPECT_EQ(span.context.trace, whole.context.trace);
    if (&span != &whole) EXPECT_EQ(span.parent, whole.context.span);
  }
  EXPECT_EQ(bed.operations.of("transfer").totals().count, 1u);
  EXPECT_EQ(bed.operations.of("transfer").totals().bytes, kSize);
  EXPECT_EQ(bed.operations.of("part").totals().count, 16u);
  EXPECT_TRUE(bed.seen_headers.contains("traceparent"));
}

// --- batches ----------------------------------------------------------------------------------

Task<void> add_manifest(Bed* bed, std::string manifest, Transfers::BatchAccepted* accepted) {
  TransferRequest common{.bucket = "bucket", .key_prefix = "all/"};
  Result<Transfers::BatchAccepted> batch = co_await bed->transfers->add_batch(
      std::make_unique<TextReader>(std::move(manifest)), std::move(common), {.owner = "joe"});
  EXPECT_TRUE(batch) << batch.error().message;
  *accepted = *std::move(batch);
  for (int i = 0; i < 1000; ++i) {
    const JobCounts counts = (co_await bed->transfers->counts({}, accepted->batch.id)).value();
    if (counts[4] == accepted->batch.count) co_return;
    EXPECT_TRUE(co_await sleep_for(100ms));
  }
}

TEST(Transfers, AManifestIsABatch) {
  Bed bed;
  bed.file("/f", random_text(kSize));
  bed.file("/g", "g").name = "g.txt";
  Transfers::BatchAccepted accepted;
  bed.serve(add_manifest(&bed,
                         "url,key,size\nhttps://source.example/f,one,1000000\n"
                         "https://source.example/g,,\n",
                         &accepted));
  EXPECT_EQ(accepted.batch.count, 2u);
  EXPECT_TRUE(bed.content_of("all/one") == bed.files["/f"].bytes);
  EXPECT_EQ(bed.content_of("all/g.txt"), "g");
}

TEST(Transfers, AManifestWithABadRowIsRefusedWhole) {
  Bed bed;
  bed.file("/g", "g");
  Transfers::BatchAccepted accepted;
  bed.serve(add_manifest(&bed,
                         "url\nhttps://source.example/g\nftp://source.example/g\n"
                         "http://127.0.0.1/\nhttps://source.example/g\n",
                         &accepted));
  ASSERT_EQ(accepted.bad.size(), 2u);
  EXPECT_EQ(accepted.bad[0].row, 2u);
  EXPECT_EQ(accepted.bad[1].row, 3u);
  EXPECT_EQ(bed.loop.run(bed.queue->list({})).value().jobs.size(), 0u);
  for (const char* none : {"", "url\n", "key\nx\n"}) {
    bed.serve(add_manifest(&bed, none, &accepted));
    EXPECT_EQ(accepted.bad.size(), 1u) << none;
  }
}

TEST(Transfers, ALongManifestIsTakenWhole) {
  Bed bed;
  bed.settings.transfers_max = 1;
  bed.make_transfers();
  std::string manifest = "url\n";
  for (int i = 0; i < 2'345; ++i) manifest += "https://source.example/missing\n";
  const auto accepted =
      bed.loop
          .run(bed.transfers->add_batch(std::make_unique<TextReader>(std::move(manifest)),
                                        {.bucket = "bucket"}, {.owner = "joe"}))
          .value();
  EXPECT_EQ(accepted.batch.count, 2'345u);
  EXPECT_EQ(bed.loop.run(bed.transfers->counts("joe", accepted.batch.id)).value()[0], 2'345u);
}

}  // namespace
}  // namespace telpher
