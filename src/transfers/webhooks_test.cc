#include "transfers/webhooks.h"

#include "codec/hmac.h"
#include "runtime/task_group.h"
#include "tests/support/temporary_directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <set>

namespace telpher {
namespace {

using namespace std::chrono_literals;

class FakeAnswer final : public HttpResponse {
 public:
  explicit FakeAnswer(int code) { status = code; }
  Task<Result<std::size_t>> read_some(MutableBytes) override { co_return std::size_t{0}; }
  Task<Result<std::string>> read_all(std::size_t) override { co_return std::string(); }
};

/// Answers as told, then 200.
class FakeClient final : public HttpClient {
 public:
  struct Seen {
    TimePoint at;
    Origin origin;
    std::string target;
    Headers headers;
    std::string body;
  };
  Task<Result<std::unique_ptr<HttpResponse>>> send(Origin origin, HttpRequest request) override {
    const Loop& loop = co_await current_loop();
    seen.push_back({loop.now(), origin, request.target, request.headers,
                    std::string(as_text(request.body.memory))});
    if (hangs) CO_TRY_VOID(co_await sleep_for(24h));
    if (answers.empty()) co_return std::make_unique<FakeAnswer>(200);
    const Result<int> answer = answers.front();
    answers.pop_front();
    if (!answer) co_return answer.error();
    co_return std::make_unique<FakeAnswer>(*answer);
  }
  const Stats& stats() const override { return stats_; }

  std::deque<Result<int>> answers;
  bool hangs = false;
  std::vector<Seen> seen;

 private:
  Stats stats_;
};

struct Bed {
  Bed() { open(); }
  void open() {
    queue.reset();
    queue = loop.run(open_job_queue({.path = directory.path() + "/jobs.db"})).value();
    webhooks = std::make_unique<Webhooks>(loop, *queue, client,
                                          WebhookOptions{.secret = "s3cret", .attempts_max = 5});
    webhooks->on_problem = [this](std::string_view text) { problems.emplace_back(text); };
  }
  void send(std::string url = "https://hooks.example/in?a=b") {
    EXPECT_TRUE(loop.run(webhooks->send({std::move(url), "transfer.completed", "{\"x\":1}"})));
  }
  void run_for(Duration time) { EXPECT_TRUE(loop.run(run_during(time))); }
  Task<Result<void>> run_during(Duration time) {
    TaskGroup group(co_await current_context());
    group.spawn(webhooks->run());
    CO_TRY_VOID(co_await sleep_for(time));
    group.cancel();
    co_return co_await group.join();
  }
  bool delivered_all() { return !loop.run(queue->next_delivery()).value(); }

  TemporaryDirectory directory;
  Loop loop{Loop::Mode::kVirtual, 1};
  FakeClient client;
  std::unique_ptr<JobQueue> queue;
  std::unique_ptr<Webhooks> webhooks;
  std::vector<std::string> problems;
};

TEST(Webhooks, AMessageIsSignedAndSentOnce) {
  Bed bed;
  bed.send();
  bed.run_for(1h);
  ASSERT_EQ(bed.client.seen.size(), 1u);
  const FakeClient::Seen& seen = bed.client.seen[0];
  EXPECT_EQ(seen.origin, (Origin{true, "hooks.example", 443}));
  EXPECT_EQ(seen.target, "/in?a=b");
  EXPECT_EQ(seen.body, "{\"x\":1}");
  EXPECT_EQ(seen.headers.find("X-Telpher-Event"), "transfer.completed");
  const std::string timestamp(seen.headers.find("X-Telpher-Timestamp").value_or(""));
  EXPECT_EQ(seen.headers.find("X-Telpher-Signature"),
            "sha256=" + hmac_sha256("s3cret", timestamp + ".{\"x\":1}").to_hex());
  EXPECT_TRUE(bed.delivered_all());
}

TEST(Webhooks, OneThatFailsIsTriedAgainMoreAndMoreSeldom) {
  Bed bed;
  bed.client.answers = {Result<int>(500), Result<int>(302),
                        Result<int>(make_temporary_error(ErrorKind::kNetwork, "refused"))};
  bed.send();
  bed.run_for(1h);
  ASSERT_EQ(bed.client.seen.size(), 4u);
  const auto wait = [&](std::size_t i) {
    return bed.client.seen[i].at - bed.client.seen[i - 1].at;
  };
  EXPECT_GE(wait(1), 10s);
  EXPECT_GE(wait(2), 30s);
  EXPECT_GE(wait(3), 90s);
  std::set<std::string> ids;
  for (const auto& seen : bed.client.seen) {
    ids.emplace(seen.headers.find("X-Telpher-Delivery").value_or(""));
  }
  EXPECT_EQ(ids.size(), 1u);
  EXPECT_TRUE(bed.delivered_all());
  EXPECT_TRUE(bed.problems.empty());
}

TEST(Webhooks, OneThatFailsForGoodIsGivenUp) {
  Bed bed;
  bed.client.answers.assign(100, Result<int>(500));
  bed.send();
  bed.run_for(24h);
  EXPECT_EQ(bed.client.seen.size(), 5u);
  EXPECT_TRUE(bed.delivered_all());
  ASSERT_EQ(bed.problems.size(), 1u);
  EXPECT_THAT(bed.problems[0], testing::Not(testing::HasSubstr("a=b")));
}

TEST(Webhooks, WhatIsForbiddenOrGoneIsNotTriedAgain) {
  Error forbidden = make_error(ErrorKind::kDenied, "no");
  forbidden.context.code = "FORBIDDEN_ADDRESS";
  for (const Result<int>& answer : {Result<int>(410), Result<int>(forbidden)}) {
    Bed bed;
    bed.client.answers = {answer};
    bed.send();
    bed.run_for(1h);
    EXPECT_EQ(bed.client.seen.size(), 1u);
    EXPECT_TRUE(bed.delivered_all());
  }
}

TEST(Webhooks, OneThatHangsHoldsUpNoOther) {
  Bed bed;
  bed.client.hangs = true;
  bed.send("https://slow.example/");
  bed.send("https://slow.example/");
  bed.run_for(29s);
  EXPECT_EQ(bed.client.seen.size(), 2u);
  bed.client.hangs = false;
  bed.run_for(2min);
  EXPECT_TRUE(bed.delivered_all());
}

TEST(Webhooks, AMessageSurvivesTheProcess) {
  Bed bed;
  bed.send();
  bed.open();
  bed.run_for(1s);
  EXPECT_EQ(bed.client.seen.size(), 1u);
}

}  // namespace
}  // namespace telpher
