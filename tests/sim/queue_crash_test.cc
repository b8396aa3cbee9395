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

constexpr int kTransfers = 1'000;
constexpr int kKills = 10;

/// What outlives processes.
struct Outside {
  explicit Outside(std::uint64_t seed) : random(seed), bytes(random_text(400 * kKiB, seed)) {
    EXPECT_TRUE(Loop(Loop::Mode::kVirtual, seed).run(store.create_bucket("bucket")));
    for (int i = 0; i < kTransfers; ++i) {
      // A quarter in parts of 64 KiB, the others in one piece.
      const std::size_t size = i % 4 == 0 ? 200 * kKiB + 7 * static_cast<std::size_t>(i) : 9'000;
      FakeFile& file = files["/" + std::to_string(i)];
      file.bytes = bytes.substr(static_cast<std::size_t>(i), size);
      file.name = std::to_string(i);
    }
  }
  std::string manifest() const {
    std::string text = "url\n";
    for (int i = 0; i < kTransfers; ++i) text += "https://h/" + std::to_string(i) + "\n";
    return text;
  }

  Random random;
  const std::string bytes;
  std::map<std::string, FakeFile> files;
  CrashDisk disk;
  Machine machine{disk};
  MemoryStore store{capabilities_of_small_parts()};
  std::set<std::string> living;
  TimePoint now{};
  bool accepted = false;
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
    for (;;) {
      CO_TRY(const JobCounts counts, co_await transfers_->counts({}, {}));
      const auto completed = counts[static_cast<std::size_t>(JobState::kCompleted)];
      const auto failed = counts[static_cast<std::size_t>(JobState::kFailed)];
      if (failed > 0) co_return make_error(ErrorKind::kServer, "one failed");
      if (completed == kTransfers) co_return Result<void>();
      CO_TRY_VOID(co_await sleep_for(100ms));
    }
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

void expect_all_copied(Outside& outside) {
  Loop loop(Loop::Mode::kVirtual, 1);
  std::size_t objects = 0;
  ListOptions page;
  do {
    const ListPage listed = loop.run(outside.store.list("bucket", page)).value();
    objects += listed.objects.size();
    page.continuation = listed.continuation;
  } while (!page.continuation.empty());
  EXPECT_EQ(objects, static_cast<std::size_t>(kTransfers));
  for (const auto& [path, file] : outside.files) {
    EXPECT_TRUE(outside.store.content("bucket", path.substr(1)) == file.bytes) << path;
  }
  EXPECT_TRUE(loop.run(outside.store.list_uploads("bucket", {})).value().uploads.empty());
}

TEST(QueueCrash, AThousandTransfersSurviveTenKills) {
  for (const std::uint64_t seed : {1, 2, 3}) {
    Outside outside(seed);
    int kills = 0;
    for (int process = 0;; ++process) {
      Service service(outside, "process " + std::to_string(process));
      const std::uint64_t steps =
          kills < kKills ? 50 + outside.random.below(1'800) : ~std::uint64_t{0};
      for (std::uint64_t step = 0; step < steps && service.step(); ++step) {
      }
      if (service.done()) {
        ASSERT_TRUE(service.result()) << service.result().error().message;
        break;
      }
      ASSERT_LT(kills++, kKills) << "it waits for what cannot come";
    }
    EXPECT_EQ(kills, kKills) << "seed " << seed;
    expect_all_copied(outside);
  }
}

}  // namespace
}  // namespace telpher::sim
