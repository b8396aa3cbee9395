// The service's queue, engine and journal together, killed again and again: what was accepted is
// copied, right and once, and no upload is left open.

#include "runtime/stepped_run.h"
#include "store/layers/chaos.h"
#include "tests/sim/crash_vfs.h"
#include "tests/support/transfers_bed.h"

#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>

namespace telpher::sim {
namespace {

using namespace std::chrono_literals;

constexpr int kKills = 10;
constexpr std::uint64_t kForEver = ~std::uint64_t{0};

struct Plan {
  int transfers = 1'000;
  int every_in_parts = 4;       // one of so many is large
  bool meddled_with = false;    // somebody pauses, resumes and cancels
  std::uint64_t steps_max = 0;  // of a process that is killed
};

/// What outlives processes.
struct Outside {
  Outside(const Plan& of, std::uint64_t seed)
      : plan(of), random(seed), bytes(random_text(400 * kKiB, seed)) {
    EXPECT_TRUE(Loop(Loop::Mode::kVirtual, seed).run(store.create_bucket("bucket")));
    for (int i = 0; i < plan.transfers; ++i) {
      const bool in_parts = i % plan.every_in_parts == 0;
      const std::size_t size = in_parts ? 200 * kKiB + 7 * static_cast<std::size_t>(i) : 9'000;
      FakeFile& file = files["/" + std::to_string(i)];
      file.bytes = bytes.substr(static_cast<std::size_t>(i), size);
      file.name = std::to_string(i);
    }
  }
  std::string manifest() const {
    std::string text = "url\n";
    for (int i = 0; i < plan.transfers; ++i) text += "https://h/" + std::to_string(i) + "\n";
    return text;
  }

  const Plan plan;
  Random random;
  const std::string bytes;
  std::map<std::string, FakeFile> files;
  CrashDisk disk;
  Machine machine{disk};
  MemoryStore store{capabilities_of_small_parts()};
  std::set<std::string> living;
  TimePoint now{};
  bool accepted = false;
  std::map<std::string, JobState> ended;  // by key; at the end
};

class Service {
 public:
  Service(Outside& outside, std::string owner)
      : outside_(outside),
        owner_(std::move(owner)),
        loop_(Loop::Mode::kVirtual, outside.random.next()),
        vfs_(outside.machine) {
    loop_.start_at(outside.now);
    latency_.reset({.latency = 3ms});
    outside_.living.insert(owner_);
    settings_.transfers_max = 8;
    settings_.copy.part_size = {PartSizePolicy::Kind::kFixed, 64 * kKiB};
    settings_.copy.concurrency = 2;
    run_.emplace(loop_, serve());
  }
  ~Service() {
    outside_.now = loop_.now();
    outside_.living.erase(owner_);
    if (run_->done()) return;
    vfs_.kill();
    loop_.abandon();
    run_.reset();
  }
  bool step() { return run_->step(); }
  bool done() const { return run_->done(); }
  const Result<void>& result() { return *run_->result(); }

 private:
  Task<Result<void>> serve() {
    JournalOptions journal_options{.path = "journal.db", .vfs = vfs_.name(), .owner = owner_};
    journal_options.is_alive = [this](const std::string& owner) {
      return outside_.living.contains(owner);
    };
    CO_TRY(journal_, co_await open_journal(std::move(journal_options)));
    CO_TRY(queue_, co_await open_job_queue({.path = "jobs.db", .vfs = vfs_.name()}));
    engine_.journal = journal_.get();
    transfers_ = std::make_unique<Transfers>(
        loop_,
        TransferNeeds{.queue = *queue_,
                      .engine = engine_,
                      .store = store_,
                      .operations = operations_,
                      .open_source = [this](Uri uri, Headers) -> Result<std::unique_ptr<Source>> {
                        return std::make_unique<FakeSource>(outside_.files.at(uri.path),
                                                            uri.to_string());
                      },
                      .name_of = [](const ObjectAddress& object) { return "sim://" + object.key; }},
        settings_, nullptr);
    TaskGroup group(co_await current_context());
    group.spawn(transfers_->run());
    const Result<void> served = co_await wait_for_all();
    group.cancel();
    CO_TRY_VOID(co_await group.join());
    CO_TRY_VOID(served);
    CO_TRY(const auto left, co_await journal_->unfinished());
    if (!left.empty()) co_return make_error(ErrorKind::kConflict, "the journal is not empty");
    CO_TRY_VOID(co_await queue_->close());
    co_return co_await journal_->close();
  }
  Task<Result<void>> wait_for_all() {
    if (!outside_.accepted) {
      CO_TRY(const auto batch,
             co_await transfers_->add_batch(std::make_unique<TextReader>(outside_.manifest()),
                                            {.bucket = "bucket"},
                                            {.owner = "joe", .idempotency_key = "once"}));
      if (!batch.bad.empty()) co_return make_error(ErrorKind::kInvalid, batch.bad[0].message);
      outside_.accepted = true;
    }
    const TimePoint limit = loop_.now() + 24h;
    while (loop_.now() < limit) {
      CO_TRY(const JobCounts counts, co_await transfers_->counts({}, {}));
      const auto count = [&](JobState state) { return counts[static_cast<std::size_t>(state)]; };
      if (count(JobState::kFailed) > 0) co_return make_error(ErrorKind::kServer, "one failed");
      const auto ended = count(JobState::kCompleted) + count(JobState::kCancelled);
      CO_TRY(const auto removal, co_await queue_->next_removal());
      if (ended == static_cast<std::uint64_t>(outside_.plan.transfers) && !removal) {
        co_return co_await note_ends();
      }
      if (outside_.plan.meddled_with) CO_TRY_VOID(co_await meddle());
      CO_TRY_VOID(co_await sleep_for(outside_.plan.meddled_with ? 10ms : 100ms));
    }
    co_return make_error(ErrorKind::kTimeout, "they do not come to an end");
  }
  /// Whoever is late is refused: that is no failure.
  Task<Result<void>> meddle() {
    Random& random = outside_.random;
    CO_TRY(const auto paused, co_await transfers_->list({.state = JobState::kPaused}));
    for (const Transfer& transfer : paused.transfers) {
      if (random.chance(0.3)) (void)co_await transfers_->resume(transfer.id);
    }
    CO_TRY(const auto running, co_await transfers_->list({.state = JobState::kInProgress}));
    for (const Transfer& transfer : running.transfers) {
      if (random.chance(0.05)) (void)co_await transfers_->pause(transfer.id);
      if (random.chance(0.03)) (void)co_await transfers_->cancel(transfer.id);
    }
    co_return Result<void>();
  }
  Task<Result<void>> note_ends() {
    JobQuery query{.limit = 500};
    do {
      CO_TRY(const Transfers::Page page, co_await transfers_->list(query));
      for (const Transfer& transfer : page.transfers) {
        const std::size_t name = transfer.source_url.rfind('/');
        outside_.ended[transfer.source_url.substr(name)] = transfer.state;
      }
      query.cursor = page.cursor;
    } while (!query.cursor.empty());
    co_return Result<void>();
  }

  Outside& outside_;
  const std::string owner_;
  Loop loop_;
  CrashVfs vfs_;
  FaultInjector latency_;
  ChaosStore store_{outside_.store, latency_};
  BufferPool buffers_{4 * kMiB};
  RateLimiter rate_{0};
  TransferStats stats_;
  Engine engine_{buffers_, nullptr, rate_, stats_};
  OperationRegistry operations_;
  TransfersOptions settings_;
  std::unique_ptr<Journal> journal_;
  std::unique_ptr<JobQueue> queue_;
  std::unique_ptr<Transfers> transfers_;
  std::optional<SteppedRun<Result<void>>> run_;
};

void expect_all_right(Outside& outside) {
  Loop loop(Loop::Mode::kVirtual, 1);
  EXPECT_EQ(outside.ended.size(), static_cast<std::size_t>(outside.plan.transfers));
  int cancelled = 0;
  for (const auto& [path, state] : outside.ended) {
    const std::optional<std::string> content = outside.store.content("bucket", path.substr(1));
    cancelled += state == JobState::kCancelled ? 1 : 0;
    // A cancellation may have come when it was all there.
    if (state == JobState::kCancelled && !content) continue;
    EXPECT_TRUE(content == outside.files.at(path).bytes) << path;
  }
  EXPECT_EQ(cancelled > 0, outside.plan.meddled_with);
  EXPECT_TRUE(loop.run(outside.store.list_uploads("bucket", {})).value().uploads.empty());
  std::size_t objects = 0;
  ListOptions page;
  do {
    const ListPage listed = loop.run(outside.store.list("bucket", page)).value();
    objects += listed.objects.size();
    page.continuation = listed.continuation;
  } while (!page.continuation.empty());
  EXPECT_LE(objects, outside.ended.size());
}

void survive(const Plan& plan, std::uint64_t seed) {
  Outside outside(plan, seed);
  int kills = 0;
  for (int process = 0;; ++process) {
    Service service(outside, "process " + std::to_string(process));
    const std::uint64_t steps =
        kills < kKills ? 50 + outside.random.below(plan.steps_max) : kForEver;
    for (std::uint64_t step = 0; step < steps && service.step(); ++step) {
    }
    if (service.done()) {
      ASSERT_TRUE(service.result()) << service.result().error().message;
      break;
    }
    ASSERT_LT(kills++, kKills) << "it waits for what cannot come";
  }
  EXPECT_EQ(kills, kKills) << "it was done too soon: seed " << seed;
  expect_all_right(outside);
}

TEST(QueueCrash, AThousandTransfersSurviveTenKills) {
  for (const std::uint64_t seed : {1, 2, 3}) survive({.steps_max = 1'800}, seed);
}

TEST(QueueCrash, NothingIsLeftOpenByWhatIsPausedAndCancelledBetweenKills) {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    survive({.transfers = 100, .every_in_parts = 1, .meddled_with = true, .steps_max = 300}, seed);
    if (testing::Test::HasFailure()) FAIL() << "seed " << seed;
  }
}

}  // namespace
}  // namespace telpher::sim
