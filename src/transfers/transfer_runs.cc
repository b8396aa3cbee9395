// Turns: which transfers run, and what is told of them meanwhile.

#include "transfers/transfer_runs.h"

#include "transfer/sweep.h"
#include "transfers/running.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace telpher {

using namespace std::chrono_literals;

namespace {

constexpr Duration kTick = 250ms;        // of progress
constexpr int kTicksPerSave = 8;         // what a crash may lose of the numbers shown
constexpr double kSmoothingSeconds = 3;  // of speed
constexpr Duration kQueueTrouble = 5s;   // until a queue that failed is asked again
constexpr std::size_t kRemovals = 16;    // looked at in one go
constexpr auto kRemoveAgain = 1min;
constexpr Duration kLeaseWait = 1s;
constexpr Duration kForgetEvery = 1h;

}  // namespace

TransferRuns::TransferRuns(Loop& loop, const TransferNeeds& needs, const TransfersOptions& options)
    : loop_(loop), needs_(needs), options_(options) {}

TransferRuns::~TransferRuns() = default;

TransferNumbers TransferRuns::Running::numbers() const {
  TransferNumbers numbers = state.numbers;
  if (progress.size) numbers.size = progress.size;
  numbers.bytes = progress.bytes_done;
  if (numbers.size) numbers.bytes = std::min(numbers.bytes, *numbers.size);
  numbers.bytes_per_second = bytes_per_second;
  numbers.parts = progress.parts;
  numbers.parts_done = progress.parts_done;
  const auto under_way = static_cast<int>(std::ranges::count(progress.part_states, 'a'));
  numbers.parts_in_flight = std::max(progress.parts_in_flight, under_way);
  numbers.strip = strip_of(progress.part_states);
  if (numbers.strip.empty() && progress.parts == 1) {
    numbers.strip = progress.parts_done > 0 ? "d" : progress.parts_in_flight > 0 ? "a" : ".";
  }
  return numbers;
}

// --- turns ------------------------------------------------------------------------------------

void TransferRuns::wake() {
  ++wakes_;
  woken_.wake_all();
}

/// At once when something has happened since `seen`.
Task<Result<void>> TransferRuns::wait_for_change(std::uint64_t seen, TimePoint deadline) {
  if (wakes_ != seen) co_return Result<void>();
  Result<void> woken = co_await woken_.wait(deadline);
  if (!woken && woken.error().kind == ErrorKind::kTimeout) co_return Result<void>();
  co_return woken;
}

TimePoint TransferRuns::to_loop_time(std::optional<WallTime> time) const {
  if (!time) return kNever;
  const auto wait = std::chrono::duration_cast<Duration>(*time - loop_.wall_now());
  // Clocks of the wall are set: nothing is waited for longer than an hour at a time.
  return loop_.now() + std::clamp<Duration>(wait + 1ms, 1ms, 1h);
}

Task<Result<TimePoint>> TransferRuns::next_turn() {
  CO_TRY(const std::optional<WallTime> ready, co_await needs_.queue.next_ready());
  co_return to_loop_time(ready);
}

void TransferRuns::start(Job job, TaskGroup* group) {
  auto& running = running_[job.id];
  running = std::make_unique<Running>(std::move(job));
  group->spawn(run_one(running.get()));
  wake();  // whoever tells of progress has something to tell
}

Task<Result<void>> TransferRuns::run() {
  TaskGroup group(co_await current_context());
  group.spawn(tell_progress());
  group.spawn(remove_traces());
  group.spawn(forget_old());
  while (!group.cancelled()) {
    const std::uint64_t seen = wakes_;
    TimePoint next = kNever;
    if (running_.size() < options_.transfers_max) {
      Result<std::optional<Job>> job = co_await needs_.queue.claim();
      if (job && *job) {
        start(**std::move(job), &group);
        continue;
      }
      Result<TimePoint> turn = job ? co_await next_turn() : Result<TimePoint>(job.error());
      if (!turn && on_problem) on_problem(turn.error().message);
      next = turn ? *turn : loop_.now() + kQueueTrouble;
    }
    if (!co_await wait_for_change(seen, next)) break;  // cancelled
  }
  co_return co_await group.join();
}

Task<Result<void>> TransferRuns::run_one(Running* running) {
  running->began = loop_.now();
  running->wall_began = loop_.wall_now();
  running->view = make_transfer(running->job);
  if (on_event) on_event({running->view});
  OperationMetrics& metrics = needs_.operations.of("transfer");
  metrics.in_flight.add(1);
  running->cancel.emplace(*(co_await current_context()).cancel);
  TaskContext context{&loop_, &*running->cancel};
  Result<TransferResult> result = co_await copy(running).in(context);
  metrics.in_flight.add(-1);
  record(*running, result);
  co_await settle(running, std::move(result));
  running_.erase(running->job.id);
  stopped_.wake_all();
  wake();
  co_return Result<void>();
}

void TransferRuns::stop(const std::string& id) {
  const auto found = running_.find(id);
  if (found == running_.end()) return;
  found->second->stopped = true;
  if (found->second->cancel) found->second->cancel->cancel();
}

Task<Result<void>> TransferRuns::wait_until_stopped(std::string id, TimePoint deadline) {
  while (running_.contains(id)) CO_TRY_VOID(co_await stopped_.wait(deadline));
  co_return Result<void>();
}

Task<Result<void>> TransferRuns::wait_until_removed(std::string id, TimePoint deadline) {
  for (;;) {
    CO_TRY(const Job job, co_await needs_.queue.get(id));
    if (!job.remove_traces_at || *job.remove_traces_at > loop_.wall_now()) co_return Result<void>();
    CO_TRY_VOID(co_await stopped_.wait(deadline));
  }
}

std::optional<TransferState> TransferRuns::state_of(const std::string& id) const {
  const auto found = running_.find(id);
  if (found == running_.end() || found->second->stopped) return std::nullopt;
  TransferState state = found->second->state;
  if (found->second->moving) state.numbers = found->second->numbers();
  return state;
}

// --- progress ---------------------------------------------------------------------------------

Task<Result<void>> TransferRuns::tell_progress() {
  TimePoint last = loop_.now();
  for (;;) {
    const std::uint64_t seen = wakes_;
    Result<void> waited =
        running_.empty() ? co_await wait_for_change(seen, kNever) : co_await sleep_for(kTick);
    if (!waited) co_return Result<void>();  // cancelled
    const double seconds = std::chrono::duration<double>(loop_.now() - last).count();
    last = loop_.now();
    for (auto& [id, running] : running_) {
      if (!running->moving || running->stopped) continue;
      tell_progress_of(*running, seconds, ++running->ticks % kTicksPerSave == 0);
    }
  }
}

void TransferRuns::tell_progress_of(Running& running, double seconds, bool save) {
  const ByteCount bytes = running.numbers().bytes;
  const double moved =
      bytes > running.bytes_seen ? static_cast<double>(bytes - running.bytes_seen) : 0;
  running.bytes_seen = bytes;
  if (seconds > 0) {
    const double now = moved / seconds;
    const double share = 1 - std::exp(-seconds / kSmoothingSeconds);
    running.bytes_per_second += (now - running.bytes_per_second) * share;
    if (running.ticks == 1) running.bytes_per_second = now;
  }
  TransferNumbers numbers = running.numbers();
  if (running.told != numbers) {
    running.told = numbers;
    running.view.numbers = std::move(numbers);
    if (on_event) on_event({running.view, true});
  }
  if (save) {
    TransferState state = running.state;
    state.numbers = *running.told;
    needs_.queue.save_progress(running.job.id, encode_state(state));
  }
}

// --- what ended transfers left behind -----------------------------------------------------------

Task<Result<void>> TransferRuns::remove_traces() {
  for (;;) {
    const std::uint64_t seen = wakes_;
    Result<std::vector<Job>> due = co_await needs_.queue.due_for_removal(kRemovals);
    TimePoint next = loop_.now() + kQueueTrouble;
    if (due) {
      bool waits = false;
      for (const Job& job : *due) {
        waits |= running_.contains(job.id);  // it is just being stopped
        if (running_.contains(job.id)) continue;
        const Result<void> removed = co_await remove_traces_of(&job);
        if (co_await is_cancelled()) co_return Result<void>();
        std::optional<WallTime> again;
        if (!removed) again = loop_.wall_now() + kRemoveAgain;
        (void)co_await needs_.queue.removed(job.id, again);
        stopped_.wake_all();
      }
      if (due->size() == kRemovals && !waits) continue;
      const auto first = co_await needs_.queue.next_removal();
      if (first) next = to_loop_time(*first);
      if (waits) next = kNever;  // its end wakes us
    }
    if (!co_await wait_for_change(seen, next)) co_return Result<void>();  // cancelled
  }
}

Task<Result<void>> TransferRuns::remove_traces_of(const Job* job) {
  const TransferState state = decode_state(job->progress);
  const Result<TransferSpec> spec = decode_spec(job->spec);
  // Without a journal nothing is ever left open, without a key it never began.
  if (!needs_.engine.journal || state.key.empty() || !spec) co_return Result<void>();
  Journal& journal = *needs_.engine.journal;
  const std::string name = needs_.name_of({spec->request.bucket, state.key});
  // Under the lease: another transfer may be at work on the same object.
  CO_TRY(const auto lease, co_await journal.acquire(name, loop_.now() + kLeaseWait));
  CO_TRY(std::vector<JournalEntry> entries, co_await journal.unfinished_at(name));
  for (JournalEntry& entry : entries) {
    CO_TRY_VOID(co_await discard_transfer(journal, needs_.store, std::move(entry)));
  }
  co_return Result<void>();
}

Task<Result<void>> TransferRuns::forget_old() {
  for (;;) {
    const Result<void> forgotten = co_await needs_.queue.forget_old(kJobsKept);
    if (!forgotten && on_problem) on_problem(forgotten.error().message);
    if (!co_await sleep_for(kForgetEvery)) co_return Result<void>();  // cancelled
  }
}

}  // namespace telpher
