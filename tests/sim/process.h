#pragma once
// One run of the command in a simulated process: its own loop, memory and way to the store; the
// machine's disk and the store it shares with others.

#include "runtime/buffer_pool.h"
#include "runtime/stepped_run.h"
#include "store/layers/chaos.h"
#include "store/layers/retry.h"
#include "store/memory/memory_store.h"
#include "tests/sim/crash_vfs.h"
#include "tests/sim/late_store.h"
#include "tests/sim/mortal_store.h"
#include "tests/sim/scenario.h"
#include "tests/sim/sim_source.h"
#include "tests/sim/tally.h"
#include "transfer/transfer.h"

#include <optional>
#include <set>
#include <string>
#include <vector>

namespace telpher::sim {

/// What outlives processes.
struct World {
  explicit World(Scenario plan);

  const Scenario scenario;
  const ObjectAddress object{"bucket", "key"};
  const ObjectAddress copied{"bucket", "copied"};  // the source, where the store copies by itself
  const std::string destination = "sim://store/bucket/key";
  CrashDisk disk;
  Machine machine{disk};
  MemoryStore store;
  SourceFile file;
  std::set<std::string> living;  // owners, for leases
  bool trace = false;            // prints what happens
  void say(TimePoint now, const std::string& text) const;
  Tally tally;

  /// A CreateMultipartUpload whose sender has died or given up.
  struct LateRequest {
    ObjectAddress object;
    CreateUploadOptions options;
    TimePoint arrives;
  };
  std::vector<LateRequest> late;
  Random lateness;
  /// Carries out what has arrived by `now`, each request at its own time.
  void deliver(TimePoint now);
};

class Process {
 public:
  struct Options {
    std::string owner;
    TimePoint starts_at{};
    std::uint64_t seed = 0;
    CrashPlan crash;
    bool faulty = true;
    bool sweeps = false;  // instead of copying
  };
  Process(World& world, Options options);
  ~Process();

  /// When step() will do something; kNever when it waits for what cannot come.
  TimePoint next() const;
  void step();
  /// By the power cut that another process was planned for.
  void kill();
  bool dead() const { return dead_; }
  bool done() const { return run_->done(); }
  Result<TransferResult>& result() { return **run_; }
  const Options& options() const { return options_; }
  bool journal_opened() const { return journal_opened_; }
  /// When the user pressed Ctrl-C; kNever = not.
  TimePoint interrupted_at() const { return interrupted_at_; }
  /// Of a process that has ended by itself: what it left behind; empty = nothing.
  std::string leftovers() const;

 private:
  Task<Result<TransferResult>> copy();
  Task<Result<TransferResult>> sweep();
  Task<Result<std::unique_ptr<Journal>>> open_own_journal();
  bool on_journal_step(Step step, bool after);
  bool on_store_call(Operation operation, bool after);
  void on_faults();
  void on_orphan(ObjectAddress object, CreateUploadOptions options);
  void die(bool after, Step at);
  TimePoint crash_time() const;

  /// The run and its result behind one name, so that it is destroyed before everything it uses.
  struct Run : SteppedRun<Result<TransferResult>> {
    using SteppedRun::SteppedRun;
    Result<TransferResult>& operator*() { return *result(); }
  };

  World& world_;
  const Options options_;
  Loop loop_;
  CrashVfs vfs_;
  bool dead_ = false;
  bool journal_opened_ = false;
  TimePoint interrupted_at_ = kNever;
  Step passed_ = Step::kAcquire;
  int steps_seen_ = 0;  // of the kind that the crash is planned at
  int store_calls_ = 0;
  MortalStore wire_;
  FaultInjector injector_;
  std::vector<std::uint64_t> faults_seen_;
  ChaosStore chaos_;
  WatchedStore watched_;
  LateStore late_;
  RetryQuota quota_;
  RetryStats retry_stats_;
  RetryStore store_;
  BufferPool buffers_;
  RateLimiter rate_{0};
  TransferStats stats_;
  TransferProgress progress_;
  SimSource source_;
  std::optional<Run> run_;
};

}  // namespace telpher::sim
