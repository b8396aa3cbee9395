#include "transfer/sqlite_journal.h"

#include "runtime/offload.h"
#include "runtime/semaphore.h"
#include "transfer/journal_rows.h"
#include "transfer/journal_schema.h"
#include "transfer/process_identity.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

namespace telpher {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kHintsMax = 100;  // written at once when so many wait,
constexpr auto kHintsWait = 1s;         // or after so long
constexpr auto kReleaseWait = 20ms;     // somebody may wait for it
constexpr auto kHeartbeatLost = 60s;    // only where nothing else tells that an owner is dead
constexpr auto kPollFirst = 100ms;
constexpr auto kPollLongest = 1s;
constexpr auto kFinishedKept = 24h;
constexpr auto kLeasesKept = 30 * 24h;
constexpr std::string_view kAfterAllText = "\xff";  // sorts after all UTF-8
constexpr int kOpenAttempts = 100;                  // two processes that create the file at once
constexpr auto kOpenPause = 20ms;

std::string make_id(Random& random) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string id(16, '0');
  for (char& digit : id) digit = kDigits[random.below(16)];
  return id;
}

}  // namespace

// --- what leases and the journal share --------------------------------------------------------

/// Outlives the journal while leases are held, so that they can be given back.
class SqliteJournal::State : public std::enable_shared_from_this<SqliteJournal::State> {
 public:
  State(Loop& loop, std::unique_ptr<Database> database, const JournalOptions& options);
  ~State();

  /// Runs `function` on the worker behind everything that waits.
  template <class F>
  DatabaseWorker::Call<F> call(F function, bool synced = false) {
    flush();
    return worker_->call(std::move(function), synced);
  }

  Task<Result<std::unique_ptr<Lease>>> acquire(std::string destination, TimePoint deadline);
  void release(const std::string& destination);
  void add_hint(std::string id, JournalPart part);
  void forget_hints(const std::string& id);
  /// Sends what waits to the worker.
  void flush();
  void tidy();
  bool holds(const std::string& destination) const {
    return std::ranges::find(held_, destination) != held_.end();
  }
  bool alive(const std::string& owner, WallTime last_alive, WallTime now) const;
  Loop& loop() { return loop_; }
  const std::string& owner() const { return owner_; }
  DatabaseWorker& worker() { return *worker_; }

 private:
  friend class SqliteJournal;
  struct StateTimer : Timer {
    StateTimer(Callback callback, State& owner) : Timer(callback), state(owner) {}
    State& state;
  };
  struct Hint {
    std::string id;
    JournalPart part;
  };
  Result<std::optional<std::string>> take_lease(Database& database, const std::string& destination,
                                                WallTime now) const;
  void beat();
  void stop_beating() {
    heartbeat_.cancel();
    beating_ = false;
  }
  void flush_within(Duration wait);

  Loop& loop_;
  const std::string owner_;
  const std::function<bool(const std::string&)> is_alive_;
  std::shared_ptr<DatabaseWorker> worker_;
  std::vector<std::string> held_;  // destinations, of live leases and those being taken
  std::vector<Hint> hints_;
  std::vector<std::string> releases_;
  WaitQueue released_;
  bool beating_ = false;
  TimePoint flush_at_ = kNever;
  StateTimer flush_timer_;
  StateTimer heartbeat_;
};

class SqliteJournal::HeldLease : public Lease {
 public:
  HeldLease(std::shared_ptr<State> state, std::string destination)
      : state_(std::move(state)), destination_(std::move(destination)) {}
  ~HeldLease() override { state_->release(destination_); }

 private:
  std::shared_ptr<State> state_;
  std::string destination_;
};

SqliteJournal::State::State(Loop& loop, std::unique_ptr<Database> database,
                            const JournalOptions& options)
    : loop_(loop),
      owner_(options.owner.empty() ? process_identity(make_id(loop.random())) : options.owner),
      is_alive_(options.is_alive),
      worker_(std::make_shared<DatabaseWorker>(
          loop, std::move(database),
          [path = options.path](Error error) { return journal_error(path, std::move(error)); })),
      flush_timer_([](Timer& timer) { static_cast<StateTimer&>(timer).state.flush(); }, *this),
      heartbeat_([](Timer& timer) { static_cast<StateTimer&>(timer).state.beat(); }, *this) {}

SqliteJournal::State::~State() {
  flush();
  worker_->close();
}

bool SqliteJournal::State::alive(const std::string& owner, WallTime last_alive,
                                 WallTime now) const {
  if (is_alive_) return is_alive_(owner);
  switch (liveness_of(owner)) {
    case Liveness::kAlive: return true;
    case Liveness::kDead: return false;
    case Liveness::kUnknown: break;
  }
  return now - last_alive < kHeartbeatLost;
}

Result<std::optional<std::string>> SqliteJournal::State::take_lease(Database& database,
                                                                    const std::string& destination,
                                                                    WallTime now) const {
  {
    TRY(Query query,
        database.query("SELECT owner, last_alive FROM leases WHERE destination=?1", destination));
    TRY(const bool taken, query.next());
    if (taken) {
      std::string other = query.text(0);
      // A row of our own that no lease stands for was left behind by a failed release.
      if (other != owner_ && alive(other, from_microseconds(query.integer(1)), now)) {
        return std::optional(std::move(other));
      }
    }
  }
  TRY_VOID(database.run("INSERT OR REPLACE INTO leases VALUES(?1,?2,?3)", destination, owner_,
                        to_microseconds(now)));
  return std::optional<std::string>();
}

Task<Result<std::unique_ptr<Journal::Lease>>> SqliteJournal::State::acquire(std::string destination,
                                                                            TimePoint deadline) {
  bool waited = false;
  for (Duration pause = kPollFirst;; pause = std::min<Duration>(pause * 3 / 2, kPollLongest)) {
    std::string other = owner_;
    if (!holds(destination)) {
      held_.push_back(destination);  // nobody else of this process asks meanwhile
      const WallTime now = loop_.wall_now();
      Result<std::optional<std::string>> taken =
          co_await call([this, &destination, now](Database& database) {
            return take_lease(database, destination, now);
          });
      if (taken && !*taken) {
        if (!std::exchange(beating_, true)) heartbeat_.start(loop_, loop_.now() + kHeartbeat);
        auto lease = std::make_unique<HeldLease>(shared_from_this(), std::move(destination));
        lease->waited = waited;
        co_return std::unique_ptr<Lease>(std::move(lease));
      }
      std::erase(held_, destination);
      released_.wake_all();
      if (!taken) co_return std::move(taken).error();
      other = **std::move(taken);
    }
    waited = true;
    if (loop_.now() >= deadline) {
      co_return make_temporary_error(ErrorKind::kConflict,
                                     "Another telpher (" + std::string(display_name(other)) +
                                         ") is working on '" + destination +
                                         "'. Wait until it has ended, or end it");
    }
    const auto jitter = Duration(static_cast<Duration::rep>(
        loop_.random().below(static_cast<std::uint64_t>(pause.count()))));
    const Result<void> woken =
        co_await released_.wait(std::min(deadline, loop_.now() + pause / 2 + jitter));
    if (!woken && woken.error().kind == ErrorKind::kCancelled) co_return woken.error();
  }
}

void SqliteJournal::State::release(const std::string& destination) {
  std::erase(held_, destination);
  if (held_.empty()) stop_beating();
  releases_.push_back(destination);
  flush_within(kReleaseWait);
  released_.wake_all();
}

void SqliteJournal::State::beat() {
  worker_->submit({.run = [owner = owner_, now = to_microseconds(loop_.wall_now())](
                              Database& database) -> Result<void> {
    TRY_VOID(database.run("UPDATE leases SET last_alive=?2 WHERE owner=?1", owner, now));
    return database.run(
        "UPDATE entries SET last_alive=?2 WHERE destination IN "
        "(SELECT destination FROM leases WHERE owner=?1)",
        owner, now);
  }});
  heartbeat_.start(loop_, loop_.now() + kHeartbeat);
}

void SqliteJournal::State::add_hint(std::string id, JournalPart part) {
  hints_.push_back({std::move(id), std::move(part)});
  if (hints_.size() >= kHintsMax) return flush();
  flush_within(kHintsWait);
}

void SqliteJournal::State::forget_hints(const std::string& id) {
  std::erase_if(hints_, [&](const Hint& hint) { return hint.id == id; });
}

void SqliteJournal::State::flush_within(Duration wait) {
  const TimePoint at = loop_.now() + wait;
  if (at >= flush_at_) return;
  flush_at_ = at;
  flush_timer_.start(loop_, at);
}

void SqliteJournal::State::flush() {
  flush_timer_.cancel();
  flush_at_ = kNever;
  if (hints_.empty() && releases_.empty()) return;
  worker_->submit(
      {.run = [owner = owner_, hints = std::exchange(hints_, {}),
               releases = std::exchange(releases_, {})](Database& database) -> Result<void> {
        for (const Hint& hint : hints) {
          TRY_VOID(upsert_part(database, hint.id, hint.part));
        }
        for (const std::string& destination : releases) {
          TRY_VOID(database.run("DELETE FROM leases WHERE destination=?1 AND owner=?2", destination,
                                owner));
        }
        return {};
      }});
}

void SqliteJournal::State::tidy() {
  worker_->submit({.run = [now = loop_.wall_now()](Database& database) -> Result<void> {
    TRY_VOID(database.run("DELETE FROM finished WHERE finished < ?1",
                          to_microseconds(now - kFinishedKept)));
    return database.run("DELETE FROM leases WHERE last_alive < ?1",
                        to_microseconds(now - kLeasesKept));
  }});
}

// --- the journal ------------------------------------------------------------------------------

SqliteJournal::SqliteJournal(Loop& loop, std::unique_ptr<Database> database,
                             const JournalOptions& options)
    : state_(std::make_shared<State>(loop, std::move(database), options)) {
  state_->tidy();
}

SqliteJournal::~SqliteJournal() = default;

Task<Result<std::unique_ptr<Journal::Lease>>> SqliteJournal::acquire(std::string destination,
                                                                     TimePoint deadline) {
  return state_->acquire(std::move(destination), deadline);
}

Task<Result<std::string>> SqliteJournal::begin(JournalEntry entry) {
  entry.id = make_id(state_->loop().random());
  entry.created = entry.last_alive = state_->loop().wall_now();
  CO_TRY_VOID(co_await state_->call(
      [&entry](Database& database) { return insert_entry(database, entry); }, true));
  co_return std::move(entry.id);
}

Task<Result<void>> SqliteJournal::set_upload_id(std::string id, std::string upload_id) {
  co_return co_await state_->call(
      [&](Database& database) -> Result<void> {
        TRY_VOID(require_entry(database, id));
        return database.run("UPDATE entries SET upload_id=?2, state='open' WHERE id=?1", id,
                            upload_id);
      },
      true);
}

void SqliteJournal::part_done(std::string id, JournalPart part) {
  state_->add_hint(std::move(id), std::move(part));
}

Task<Result<void>> SqliteJournal::completing(std::string id, std::string expected) {
  co_return co_await state_->call(
      [&](Database& database) -> Result<void> {
        TRY_VOID(require_entry(database, id));
        return database.run("UPDATE entries SET state='completing', expected=?2 WHERE id=?1", id,
                            expected);
      },
      true);
}

Task<Result<void>> SqliteJournal::finish(std::string id, std::optional<FinishedTransfer> finished) {
  state_->forget_hints(id);
  if (finished && finished->finished == WallTime{}) finished->finished = state_->loop().wall_now();
  co_return co_await state_->call(
      [&](Database& database) { return remove_entry(database, id, finished); });
}

Task<Result<std::vector<JournalEntry>>> SqliteJournal::unfinished() {
  return entries_between(std::string(), std::string(kAfterAllText));
}

Task<Result<std::vector<JournalEntry>>> SqliteJournal::unfinished_at(std::string destination) {
  return entries_between(destination, destination);
}

Task<Result<std::vector<JournalEntry>>> SqliteJournal::entries_between(std::string first,
                                                                       std::string last) {
  State& state = *state_;
  const WallTime now = state.loop().wall_now();
  const std::vector<std::string> held = state.held_;  // a copy for the worker's thread
  co_return co_await state.call([&](Database& database) -> Result<std::vector<JournalEntry>> {
    TRY(std::vector<EntryRow> rows, select_entries(database, first, last));
    std::vector<JournalEntry> entries;
    for (EntryRow& row : rows) {
      if (row.owner == state.owner()) {
        row.entry.held = std::ranges::find(held, row.entry.destination) != held.end();
      } else if (!row.owner.empty()) {
        row.entry.held = state.alive(row.owner, row.owner_last_alive, now);
      }
      entries.push_back(std::move(row.entry));
    }
    return entries;
  });
}

Task<Result<std::vector<JournalPart>>> SqliteJournal::parts(std::string id) {
  co_return co_await state_->call([&](Database& database) { return select_parts(database, id); });
}

Task<Result<std::optional<FinishedTransfer>>> SqliteJournal::last_finished(
    std::string destination) {
  co_return co_await state_->call(
      [&](Database& database) { return select_finished(database, destination); });
}

Task<Result<void>> SqliteJournal::close() {
  State& state = *state_;
  // What is still held is given back: nobody works under it any more.
  Result<void> result = co_await state.call([&state](Database& database) {
    return database.run("DELETE FROM leases WHERE owner=?1", state.owner());
  });
  state.stop_beating();
  std::shared_ptr<DatabaseWorker> worker = state.worker_;
  co_await offload([worker] {
    worker->close();
    return true;
  });
  co_return result;
}

Task<Result<std::unique_ptr<Journal>>> open_journal(JournalOptions options) {
  Loop& loop = co_await current_loop();
  for (int attempt = 1;; ++attempt) {
    Result<std::unique_ptr<Database>> database =
        co_await offload([&options] { return open_journal_database(options.path, options.vfs); });
    if (database) {
      co_return std::unique_ptr<Journal>(
          std::make_unique<SqliteJournal>(loop, *std::move(database), options));
    }
    if (!database.error().is_temporary() || attempt == kOpenAttempts) {
      co_return std::move(database).error();
    }
    CO_TRY_VOID(co_await sleep_for(kOpenPause));
  }
}

}  // namespace telpher
