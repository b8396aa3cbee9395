// Transfers and webhooks over real sockets: each hop is held to the address guard, whatever names
// and redirects say.

#include "codec/uri.h"
#include "runtime/task_group.h"
#include "store/memory/memory_store.h"
#include "tests/support/http_imposter.h"
#include "tests/support/temporary_directory.h"
#include "transfers/transfers.h"

#include <gtest/gtest.h>

namespace telpher {
namespace {

using namespace std::chrono_literals;

/// Every name is this machine.
Task<Result<std::vector<SocketAddress>>> resolve_here(std::string host, std::uint16_t port,
                                                      TimePoint) {
  const auto literal = SocketAddress::parse(host, port);
  co_return std::vector{literal ? *literal : *SocketAddress::parse("127.0.0.1", port)};
}

struct Bed {
  Bed(std::vector<ImposterRule> rules, bool allow_private)
      : imposter(std::move(rules)),
        guard{.allow_private = allow_private, .ports = {}},
        client(make_http_client(loop, {.guard = guard, .resolver = resolve_here})) {
    EXPECT_TRUE(loop.run(store.create_bucket("bucket")));
    queue = loop.run(open_job_queue({.path = directory.path() + "/jobs.db"})).value();
    TransfersOptions options;
    options.rules.guard = guard;
    HttpSourceOptions http;
    http.backoff_first = http.backoff_max = 1ms;
    transfers = std::make_unique<Transfers>(
        loop,
        TransferNeeds{.queue = *queue,
                      .engine = engine,
                      .store = store,
                      .operations = operations,
                      .open_source = http_opener(*client, http),
                      .name_of = [](const ObjectAddress& object) { return object.key; }},
        options, nullptr);
    transfers->on_event([this](const TransferEvent& event) {
      if (!is_final(event.transfer.state)) return;
      ended = event.transfer;
      happened.wake_all();
    });
  }
  std::string url(std::string_view host, std::string_view path) const {
    return "http://" + std::string(host) + ":" + std::to_string(imposter.port()) +
           std::string(path);
  }
  Transfer copy(std::string url) {
    const Result<void> done = loop.run(copy_one(std::move(url)));
    EXPECT_TRUE(done) << done.error().message;
    return ended;
  }
  Task<Result<void>> copy_one(std::string url) {
    TaskGroup group(co_await current_context());
    group.spawn(transfers->run());
    const auto added = co_await transfers->add(
        {.source_url = std::move(url), .bucket = "bucket", .key = "k"}, {.owner = "joe"});
    Result<void> waited;
    if (added) {
      waited = co_await happened.wait(loop.now() + 20s);
    } else {
      waited = added.error();
    }
    group.cancel();
    CO_TRY_VOID(co_await group.join());
    co_return waited;
  }

  TemporaryDirectory directory;
  HttpImposter imposter;
  Loop loop;
  const AddressGuard guard;
  std::unique_ptr<HttpClient> client;
  MemoryStore store;
  BufferPool buffers{64 * 1024 * 1024};
  RateLimiter rate{0};
  TransferStats stats;
  Engine engine{buffers, nullptr, rate, stats};
  OperationRegistry operations;
  std::unique_ptr<JobQueue> queue;
  std::unique_ptr<Transfers> transfers;
  WaitQueue happened;
  Transfer ended;
};

TEST(TransferGuard, WhatIsAllowedIsCopied) {
  Bed bed({{.path = "/f", .body = "content", .etag = "\"1\""}}, true);
  const Transfer ended = bed.copy(bed.url("files.example", "/f"));
  EXPECT_EQ(ended.state, JobState::kCompleted);
  EXPECT_EQ(bed.store.content("bucket", "k"), "content");
}

TEST(TransferGuard, ANameThatLeadsInsideIsRefusedWhenItIsConnectedTo) {
  Bed bed({{.path = "/f", .body = "secret"}}, false);
  const Transfer ended = bed.copy(bed.url("rebound.example", "/f"));
  EXPECT_EQ(ended.state, JobState::kFailed);
  ASSERT_TRUE(ended.error);
  EXPECT_EQ(ended.error->code, "FORBIDDEN_ADDRESS");
  EXPECT_FALSE(ended.error->retryable);
  EXPECT_TRUE(bed.imposter.requests().empty());
}

TEST(TransferGuard, ARedirectIsHeldToTheSame) {
  for (const char* to : {"http://169.254.169.254/latest/meta-data/", "http://0.0.0.0/",
                         "http://[::ffff:169.254.169.254]/", "http://2852039166/"}) {
    Bed bed({{.path = "/f", .redirect = "/g"}, {.path = "/g", .redirect = to}}, true);
    const Transfer ended = bed.copy(bed.url("files.example", "/f"));
    EXPECT_EQ(ended.state, JobState::kFailed);
    ASSERT_TRUE(ended.error);
    EXPECT_EQ(ended.error->code, "FORBIDDEN_ADDRESS") << to;
  }
  for (const char* to : {"file:///etc/passwd", "ftp://files.example/f"}) {
    Bed bed({{.path = "/f", .redirect = to}}, true);
    const Transfer ended = bed.copy(bed.url("files.example", "/f"));
    ASSERT_TRUE(ended.error);
    EXPECT_EQ(ended.error->code, "URL_FETCH_ERROR") << ended.error->message;
    EXPECT_FALSE(ended.error->retryable);
  }
}

Task<Result<void>> deliver(Webhooks* webhooks, WaitQueue* given_up) {
  TaskGroup group(co_await current_context());
  group.spawn(webhooks->run());
  Loop& loop = co_await current_loop();
  Result<void> waited = co_await given_up->wait(loop.now() + 20s);
  group.cancel();
  CO_TRY_VOID(co_await group.join());
  co_return waited;
}

TEST(TransferGuard, WebhooksAreHeldToTheSame) {
  Bed bed({{.path = "/hook", .body = "ok"}}, false);
  Webhooks webhooks(bed.loop, *bed.queue, *bed.client, {.secret = "s"});
  WaitQueue given_up;
  webhooks.on_problem = [&](std::string_view) { given_up.wake_all(); };
  ASSERT_TRUE(bed.loop.run(webhooks.send({bed.url("hooks.example", "/hook"), "e", "{}"})));
  EXPECT_TRUE(bed.loop.run(deliver(&webhooks, &given_up)));
  EXPECT_TRUE(bed.imposter.requests().empty());
  EXPECT_FALSE(bed.loop.run(bed.queue->next_delivery()).value());
}

}  // namespace
}  // namespace telpher
