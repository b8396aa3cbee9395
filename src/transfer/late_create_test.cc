// A client dies while its CreateMultipartUpload is under way, and the store carries it out later:
// whoever comes next must not forget it.

#include "runtime/stepped_run.h"
#include "store/layers/forwarding_store.h"
#include "tests/support/engine_bed.h"
#include "tests/support/temporary_directory.h"
#include "transfer/journal.h"
#include "transfer/sweep.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace telpher {
namespace {

using namespace std::chrono_literals;

class StringSource : public Source {
 public:
  explicit StringSource(std::string text, std::string validator = "\"v1\"")
      : text_(std::move(text)) {
    info_.size = text_.size();
    info_.rereadable = true;
    info_.validator = std::move(validator);
    info_.name = "name";
  }
  Task<Result<SourceInfo>> probe() override { co_return info_; }
  Task<Result<std::unique_ptr<ByteReader>>> open(std::optional<ByteRange>, SourceInfo) override {
    co_return std::make_unique<Reader>(text_);
  }
  std::string redacted_address() const override { return "test://text"; }
  std::string identity() const override { return "test://text"; }

 private:
  struct Reader : ByteReader {
    explicit Reader(std::string_view text) : rest(text) {}
    Task<Result<std::size_t>> read_some(MutableBytes buffer) override {
      const std::size_t count = std::min(buffer.size(), rest.size());
      std::copy_n(as_bytes(rest).data(), count, buffer.data());
      rest.remove_prefix(count);
      co_return count;
    }
    std::string_view rest;
  };

  const std::string text_;
  SourceInfo info_;
};

struct LateRequest {
  ObjectAddress object;
  CreateUploadOptions options;
  TimePoint arrives;
};

/// The way to a store on which the first CreateMultipartUpload, where `delay` is set, takes so
/// long: it is carried out whatever has become of its sender.
class Wire final : public AroundStore<Wire> {
 public:
  Wire(ObjectStore& inner, std::vector<LateRequest>& under_way, std::optional<Duration> delay)
      : AroundStore(inner), under_way_(under_way), delay_(delay) {}

  Task<Result<std::string>> create_upload(ObjectAddress object,
                                          CreateUploadOptions options) override {
    if (!delay_) co_return co_await inner().create_upload(std::move(object), std::move(options));
    Loop& loop = co_await current_loop();
    under_way_.push_back(
        {std::move(object), std::move(options), loop.now() + *std::exchange(delay_, {})});
    CO_TRY_VOID(co_await sleep_for(1h));
    co_return make_temporary_error(ErrorKind::kTimeout, "no answer");
  }

  Task<Result<UploadsPage>> list_uploads(std::string bucket, ListUploadsOptions options) override {
    if (!may_list_uploads) co_return make_error(ErrorKind::kDenied, "may not list uploads");
    co_return co_await AroundStore<Wire>::list_uploads(std::move(bucket), std::move(options));
  }
  bool may_list_uploads = true;

  template <class T>
  Task<Result<T>> around(Call, Task<Result<T>> call) {
    deliver((co_await current_loop()).now());
    co_return co_await std::move(call);
  }

  /// Carries out what has arrived by `now`, each request at its own time.
  void deliver(TimePoint now) {
    std::erase_if(under_way_, [&](const LateRequest& request) {
      if (request.arrives > now) return false;
      Loop loop(Loop::Mode::kVirtual, 1);
      loop.start_at(request.arrives);
      EXPECT_TRUE(loop.run(inner().create_upload(request.object, request.options)));
      return true;
    });
  }

 private:
  std::vector<LateRequest>& under_way_;
  std::optional<Duration> delay_;
};

Capabilities parts_of_64_kib() {
  Capabilities capabilities;
  capabilities.part_size_min = 64 * kKiB;
  capabilities.put_size_max = 64 * kKiB;
  return capabilities;
}

const std::string kName = "memory://bucket/key";

/// What outlives processes, and the time they share.
struct World {
  World() {
    Loop loop(Loop::Mode::kVirtual, 1);
    EXPECT_TRUE(loop.run(store.create_bucket("bucket")));
  }
  std::size_t open_uploads() {
    Loop loop(Loop::Mode::kVirtual, 1);
    loop.start_at(now + 1h);
    Wire wire(store, under_way, {});
    return loop.run(wire.list_uploads("bucket", {})).value().uploads.size();
  }

  MemoryStore store{parts_of_64_kib()};
  TemporaryDirectory folder;
  std::vector<LateRequest> under_way;
  TimePoint now{};
  int processes = 0;
  int living = 0;  // the number of the only process that lives
};

/// One run of the command, on its own loop.
class Process : EngineBed {
 public:
  /// @param delay  of its CreateMultipartUpload
  explicit Process(World& world, std::optional<Duration> delay = {})
      : world_(world), wire_(world.store, world.under_way, delay) {
    loop.start_at(world.now);
    world.living = ++world.processes;
    Result<std::unique_ptr<Journal>> opened =
        loop.run(open_journal({.path = world.folder.path() + "/journal.db",
                               .vfs = {},
                               .owner = std::to_string(world.living),
                               .is_alive = [&world](const std::string& owner) {
                                 return owner == std::to_string(world.living);
                               }}));
    EXPECT_TRUE(opened) << opened.error().message;
    journal_ = *std::move(opened);
    engine.journal = journal_.get();
    options.part_size = {PartSizePolicy::Kind::kFixed, 64 * kKiB};
  }

  Result<TransferResult> copy(Source& source) {
    Result<TransferResult> result = loop.run(start(source));
    world_.now = loop.now();
    return result;
  }
  /// Killed when `life` has passed.
  void copy_and_die(Source& source, Duration life) { die_after(start(source), life); }
  /// Ctrl-C after `life`.
  Result<TransferResult> copy_and_cancel(Source& source, Duration life) {
    SteppedRun<Result<TransferResult>> run(loop, start(source));
    while (run.next_step() < world_.now + life && run.step()) {
    }
    loop.start_at(world_.now + life);
    run.cancel();
    while (!run.done() && run.step()) {
    }
    world_.now = loop.now();
    return *run.result();
  }
  void sweep() {
    const auto swept = loop.run(sweep_journal(*journal_, wire_, "memory://bucket/"));
    EXPECT_TRUE(swept) << swept.error().message;
    world_.now = loop.now();
  }
  void sweep_and_die(Duration life) {
    die_after(sweep_journal(*journal_, wire_, "memory://bucket/"), life);
  }
  void may_not_list_uploads() { wire_.may_list_uploads = false; }
  std::size_t unfinished() { return loop.run(journal_->unfinished()).value().size(); }

 private:
  Task<Result<TransferResult>> start(Source& source) {
    return upload(engine, source, wire_, {"bucket", "key"}, kName, options, progress);
  }
  template <class T>
  void die_after(Task<Result<T>> task, Duration life) {
    SteppedRun<Result<T>> run(loop, std::move(task));
    while (run.next_step() < world_.now + life && run.step()) {
    }
    EXPECT_FALSE(run.done()) << "it has ended before it was killed";
    world_.now += life;
  }

  World& world_;
  Wire wire_;
  std::unique_ptr<Journal> journal_;
};

class LateCreate : public testing::Test {
 protected:
  /// Another run of the same command, or another copy to the same place.
  void is_ended_by_copying(Source& source) {
    Process(world_, 500ms).copy_and_die(source_, 100ms);
    Process next(world_);
    ASSERT_TRUE(next.copy(source));
    EXPECT_EQ(next.unfinished(), 0u);
    EXPECT_EQ(world_.open_uploads(), 0u);
  }

  World world_;
  StringSource source_{random_text(200 * kKiB)};
  StringSource other_source_{random_text(200 * kKiB, 2), "\"v2\""};
};

TEST_F(LateCreate, OfAKilledRunIsEndedByTheNext) { is_ended_by_copying(source_); }

TEST_F(LateCreate, OfAKilledRunIsEndedByAnotherCopyToTheSamePlace) {
  is_ended_by_copying(other_source_);
}

TEST_F(LateCreate, OfAKilledRunIsEndedBySweep) {
  Process(world_, 500ms).copy_and_die(source_, 100ms);
  Process sweeper(world_);
  sweeper.sweep();
  EXPECT_EQ(sweeper.unfinished(), 0u);
  EXPECT_EQ(world_.open_uploads(), 0u);
}

TEST_F(LateCreate, OfARunThatDiesAfterLongRetriesIsEnded) {
  // By then the entry is older than any request can be; the heartbeat is not.
  Process(world_, 1min + 500ms).copy_and_die(source_, 1min);
  ASSERT_TRUE(Process(world_).copy(source_));
  EXPECT_EQ(world_.open_uploads(), 0u);
}

TEST_F(LateCreate, IsNotForgottenWhenTheNextIsKilledToo) {
  Process(world_, 1500ms).copy_and_die(source_, 100ms);
  Process(world_).copy_and_die(source_, 500ms);
  Process(world_).sweep_and_die(500ms);
  ASSERT_TRUE(Process(world_).copy(source_));
  EXPECT_EQ(world_.open_uploads(), 0u);
}

TEST_F(LateCreate, OfARunAgainAfterALongTimeIsEnded) {
  Process(world_, 0ms).copy_and_die(source_, 100ms);
  world_.now += 10min;
  Process(world_, 0ms).copy_and_die(source_, 100ms);
  world_.now += 10min;
  Process(world_).sweep();
  EXPECT_EQ(world_.open_uploads(), 0u);
}

TEST_F(LateCreate, DoesNotKeepOutWhoMayNotListUploads) {
  Process(world_, 500ms).copy_and_die(source_, 100ms);
  Process next(world_);
  next.may_not_list_uploads();
  const auto copied = next.copy(source_);
  ASSERT_TRUE(copied) << copied.error().message;
  EXPECT_EQ(next.unfinished(), 0u);
}

TEST_F(LateCreate, OfAnInterruptedRunIsLeftToSweep) {
  StringSource cannot_continue(random_text(200 * kKiB), "");
  const TimePoint before = world_.now;
  Process interrupted(world_, 500ms);
  const auto result = interrupted.copy_and_cancel(cannot_continue, 100ms);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, ErrorKind::kCancelled);
  EXPECT_LT(world_.now - before, 200ms) << "Ctrl-C waits for nothing";
  EXPECT_EQ(interrupted.unfinished(), 1u);
  Process(world_).sweep();
  EXPECT_EQ(world_.open_uploads(), 0u);
}

TEST_F(LateCreate, IsNotWaitedForWhenItMustHaveArrived) {
  Process(world_, 500ms).copy_and_die(source_, 100ms);
  world_.now += 1min;
  const TimePoint before = world_.now;
  ASSERT_TRUE(Process(world_).copy(source_));
  EXPECT_LT(world_.now - before, 1s);
  EXPECT_EQ(world_.open_uploads(), 0u);
}

}  // namespace
}  // namespace telpher
