// What a service that is started again, or asked again, makes of what was there before.

#include "store/layers/chaos.h"
#include "tests/support/transfers_bed.h"
#include "transfers/transfers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace telpher {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using Bed = TransfersBed;

constexpr std::size_t kSize = 1'000'000;  // sixteen parts

Task<void> begin(Bed* bed, TransferRequest request, int parts, std::string* id) {
  *id = (co_await bed->add(std::move(request))).id;
  co_await bed->wait_for_parts(*id, parts);
}

Task<void> end(Bed* bed, std::string id, JobState state, Transfer* ended) {
  *ended = co_await bed->wait_for(std::move(id), state);
}

Task<void> copy(Bed* bed, TransferRequest request, JobState state, Transfer* ended) {
  const Transfer added = co_await bed->add(std::move(request));
  *ended = co_await bed->wait_for(added.id, state);
}

TEST(Restart, AServiceThatEndsLeavesItsTransfersToTheNext) {
  Bed bed;
  bed.file("/f", random_text(kSize));
  std::string id;
  bed.serve(begin(&bed, Bed::request("/f"), 8, &id));
  EXPECT_EQ(bed.open_uploads(), 1u);
  bed.close();
  bed.open();
  EXPECT_EQ(bed.loop.run(bed.transfers->get(id)).value().state, JobState::kPending);
  Transfer ended;
  bed.serve(end(&bed, id, JobState::kCompleted, &ended));
  EXPECT_TRUE(bed.content_of("file.bin") == bed.files["/f"].bytes);
  EXPECT_LT(bed.files["/f"].bytes_read, kSize * 3 / 2);  // what was sent was not sent again
  EXPECT_EQ(ended.attempt, 2);
  EXPECT_EQ(bed.open_uploads(), 0u);
}

TEST(Restart, TheKeyStaysThoughTheSourceHasAnotherName) {
  Bed bed;
  bed.file("/f", random_text(kSize));
  std::string id;
  bed.serve(begin(&bed, Bed::request("/f"), 8, &id));
  bed.close();
  bed.open();
  bed.files["/f"].name = "another.bin";
  Transfer ended;
  bed.serve(end(&bed, id, JobState::kCompleted, &ended));
  EXPECT_EQ(ended.key, "file.bin");
  EXPECT_FALSE(bed.content_of("another.bin"));
  EXPECT_EQ(bed.open_uploads(), 0u);
}

TEST(Restart, APausedOneStaysPaused) {
  Bed bed;
  bed.file("/f", random_text(kSize));
  std::string id;
  bed.serve(begin(&bed, Bed::request("/f"), 8, &id));
  EXPECT_TRUE(bed.loop.run(bed.transfers->pause(id)));
  bed.close();
  bed.open();
  const ByteCount read = bed.files["/f"].bytes_read;
  Transfer still;
  bed.serve(end(&bed, id, JobState::kPaused, &still));
  EXPECT_EQ(bed.files["/f"].bytes_read, read);
  EXPECT_TRUE(bed.loop.run(bed.transfers->cancel(id)));
  bed.serve(end(&bed, id, JobState::kCancelled, &still));
  EXPECT_EQ(bed.open_uploads(), 0u);  // of a process that is gone
}

/// The object is there and the queue does not know: killed in between.
void forget_the_end(Bed& bed, const std::string& id) {
  const Job job = bed.loop.run(bed.queue->get(id)).value();
  ASSERT_EQ(job.state, JobState::kCompleted);
  const TransferSpec spec{Bed::request("/f")};
  TransferSpec as_accepted = spec;
  as_accepted.request.if_there = IfThere::kFail;
  ASSERT_TRUE(bed.loop.run(bed.queue->change(
      id, {JobState::kCompleted}, {.to = JobState::kPending, .spec = encode_spec(as_accepted)})));
}

TEST(Restart, WhatWasDoneBeforeTheQueueKnewIsNotInItsOwnWay) {
  for (const std::size_t size : {std::size_t{10}, kSize}) {
    Bed bed;
    bed.file("/f", random_text(size));
    TransferRequest request = Bed::request("/f");
    request.if_there = IfThere::kFail;
    Transfer ended;
    bed.serve(copy(&bed, request, JobState::kCompleted, &ended));
    forget_the_end(bed, ended.id);
    const ByteCount read = bed.files["/f"].bytes_read;
    bed.serve(end(&bed, ended.id, JobState::kCompleted, &ended));
    EXPECT_EQ(bed.files["/f"].bytes_read, read);
    EXPECT_THAT(ended.note, HasSubstr("copied before"));
    EXPECT_EQ(ended.numbers.bytes, size);
  }
}

TEST(Restart, ARetryGoesOnWhereItFailed) {
  Bed bed;
  bed.file("/f", random_text(kSize));
  FaultInjector injector;
  injector.reset({.rules = {{.on = Operation::kPutPart, .after = 10, .count = 1, .status = 500}}});
  ChaosStore chaos(bed.store, injector);
  bed.used_store = &chaos;
  bed.make_transfers();
  Transfer ended;
  bed.serve(copy(&bed, Bed::request("/f"), JobState::kFailed, &ended));
  const ByteCount read = bed.files["/f"].bytes_read;
  EXPECT_TRUE(bed.loop.run(bed.transfers->retry(ended.id)));
  bed.serve(end(&bed, ended.id, JobState::kCompleted, &ended));
  EXPECT_LT(bed.files["/f"].bytes_read - read, kSize * 2 / 3);
  EXPECT_EQ(ended.error, std::nullopt);
  EXPECT_EQ(bed.open_uploads(), 0u);
}

TEST(Restart, TheSameRequestTwiceIsOneTransfer) {
  Bed bed;
  bed.file("/f", "x");
  const Submitter by{.owner = "joe", .idempotency_key = "k"};
  const auto first = bed.loop.run(bed.transfers->add(Bed::request("/f"), by)).value();
  const auto again = bed.loop.run(bed.transfers->add(Bed::request("/f"), by)).value();
  EXPECT_TRUE(again.existing);
  EXPECT_EQ(again.transfer.id, first.transfer.id);
  const auto other = bed.loop.run(bed.transfers->add(Bed::request("/g"), by));
  EXPECT_EQ(other.error().context.code, "IDEMPOTENCY");
}

TEST(Restart, BucketsAreMadeWhereThatIsWished) {
  Bed bed;
  bed.settings.make_buckets = true;
  bed.make_transfers();
  bed.file("/f", "x");
  std::string ids[2];
  for (std::string& id : ids) {
    TransferRequest request = Bed::request("/f");
    request.bucket = "fresh";
    request.key = &id == ids ? "a" : "b";
    id = bed.loop.run(bed.transfers->add(std::move(request), {.owner = "joe"})).value().transfer.id;
  }
  Transfer ended;
  for (const std::string& id : ids) bed.serve(end(&bed, id, JobState::kCompleted, &ended));
  EXPECT_EQ(bed.store.content("fresh", "a"), "x");
  EXPECT_EQ(bed.store.content("fresh", "b"), "x");
}

Task<void> cancel(Bed* bed, std::string id) {
  EXPECT_TRUE(co_await bed->transfers->cancel(std::move(id)));
}

TEST(Restart, EndsAreToldToWebhooks) {
  Bed bed;
  bed.file("/good", "x");
  bed.file("/bad", "x").probe_errors = {make_error(ErrorKind::kNotFound, "HTTP 404")};
  Transfer ended;
  for (const auto& [path, state] :
       {std::pair{"/good", JobState::kCompleted}, {"/bad", JobState::kFailed}}) {
    TransferRequest request = Bed::request(path);
    request.webhook = "https://hooks.example/in";
    bed.serve(copy(&bed, request, state, &ended));
  }
  TransferRequest later = Bed::request("/good");
  later.webhook = "https://hooks.example/in";
  const auto added = bed.loop.run(bed.transfers->add(later, {.owner = "joe"})).value();
  EXPECT_TRUE(bed.loop.run(bed.transfers->pause(added.transfer.id)));
  bed.serve(cancel(&bed, added.transfer.id));
  const std::vector<Delivery> due = bed.loop.run(bed.queue->due_deliveries(10)).value();
  ASSERT_EQ(due.size(), 3u);
  EXPECT_EQ(due[0].message.event, "transfer.completed");
  EXPECT_THAT(due[0].message.body, HasSubstr(R"("status":"completed")"));
  EXPECT_EQ(due[1].message.event, "transfer.failed");
  EXPECT_THAT(due[1].message.body, HasSubstr("URL_FETCH_ERROR"));
  EXPECT_EQ(due[2].message.event, "transfer.cancelled");
  EXPECT_THAT(due[2].message.body, HasSubstr(R"("code":"CANCELLED")"));
}

}  // namespace
}  // namespace telpher
