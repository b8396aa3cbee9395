#include "transfers/transfers.h"

#include "transfers/transfer_record.h"

#include <utility>

namespace telpher {
namespace {

using namespace std::chrono_literals;

constexpr Duration kStopWait = 30s;     // a run that is told to stop waits for the store at most
constexpr Duration kRemovalWait = 10s;  // then it goes on in the background

const std::vector<JobState> kUnderWay = {JobState::kPending, JobState::kStarting,
                                         JobState::kInProgress};

}  // namespace

Transfers::Transfers(Loop& loop, TransferNeeds needs, TransfersOptions options, Webhooks* webhooks)
    : loop_(loop),
      needs_(std::move(needs)),
      options_(std::move(options)),
      webhooks_(webhooks),
      runs_(loop_, needs_, options_) {
  runs_.on_delivery = [this] {
    if (webhooks_) webhooks_->wake();
  };
}

// --- accepting --------------------------------------------------------------------------------

NewJob Transfers::make_job(const TransferRequest& request, const TraceContext& trace) {
  const TransferSpec spec{request, trace.is_set() ? trace : begin_trace(loop_.random())};
  return {encode_spec(spec), request.priority, request.not_before};
}

Task<Result<Transfers::Accepted>> Transfers::add(TransferRequest request, Submitter by) {
  if (const Refusal refusal = check(request); refusal.refused()) {
    Error error = make_error(ErrorKind::kInvalid, refusal.message());
    error.context.code = refusal.code;
    co_return error;
  }
  Idempotency key{std::move(by.idempotency_key), fingerprint_of(request)};
  CO_TRY(
      const JobQueue::Added added,
      co_await needs_.queue.add(std::move(by.owner), make_job(request, by.trace), std::move(key)));
  if (!added.existing) tell(added.job);
  co_return Accepted{view(added.job), added.existing};
}

/// And lets it run, if it is to.
void Transfers::tell(const Job& job) {
  runs_.wake();
  // It may have been claimed meanwhile: then that has been told already.
  if (job.state == JobState::kPending && runs_.state_of(job.id)) return;
  if (runs_.on_event) runs_.on_event({view(job)});
}

// --- watching ---------------------------------------------------------------------------------

Transfer Transfers::view(const Job& job) const {
  Transfer transfer = make_transfer(job);
  if (const auto state = runs_.state_of(job.id); state && !is_final(job.state)) {
    transfer.numbers = state->numbers;
  }
  return transfer;
}

Task<Result<Job>> Transfers::find(std::string id) {
  Result<Job> job = co_await needs_.queue.get(std::move(id));
  if (!job && job.error().kind == ErrorKind::kNotFound) {
    job.error().context.code = "TRANSFER_NOT_FOUND";
    job.error().message = "there is no such transfer";
  }
  co_return job;
}

Task<Result<Transfer>> Transfers::get(std::string id) {
  CO_TRY(const Job job, co_await find(std::move(id)));
  co_return view(job);
}

Task<Result<Transfers::Page>> Transfers::list(JobQuery query) {
  CO_TRY(JobPage jobs, co_await needs_.queue.list(std::move(query)));
  Page page;
  page.cursor = std::move(jobs.cursor);
  for (const Job& job : jobs.jobs) page.transfers.push_back(view(job));
  co_return page;
}

// --- steering ---------------------------------------------------------------------------------

Task<Result<Job>> Transfers::change(std::string id, std::vector<JobState> expected,
                                    JobChange change) {
  Result<Job> job = co_await needs_.queue.change(id, std::move(expected), std::move(change));
  if (!job && job.error().kind == ErrorKind::kNotFound) {
    job.error().context.code = "TRANSFER_NOT_FOUND";
    job.error().message = "there is no such transfer";
  }
  if (!job) co_return job;
  if (job->state != JobState::kPending) runs_.stop(id);
  tell(*job);
  co_return job;
}

Task<Result<Transfer>> Transfers::pause(std::string id) {
  JobChange to_paused{.to = JobState::kPaused};
  if (const auto state = runs_.state_of(id)) {
    TransferState kept = *state;
    kept.numbers.bytes_per_second = 0;
    kept.numbers.parts_in_flight = 0;
    // Before it is in progress its key is not decided, and what is written is what was there.
    if (!kept.key.empty()) to_paused.progress = encode_state(kept);
  }
  CO_TRY(const Job job, co_await change(id, kUnderWay, std::move(to_paused)));
  (void)co_await runs_.wait_until_stopped(id, loop_.now() + kStopWait);
  co_return view(job);
}

Task<Result<Transfer>> Transfers::resume(std::string id) {
  CO_TRY_VOID(co_await runs_.wait_until_stopped(id, loop_.now() + kStopWait));
  CO_TRY(const Job job, co_await change(id, {JobState::kPaused}, {.to = JobState::kPending}));
  co_return view(job);
}

Task<Result<Transfer>> Transfers::retry(std::string id) {
  CO_TRY_VOID(co_await runs_.wait_until_stopped(id, loop_.now() + kStopWait));
  CO_TRY(const Job before, co_await find(id));
  TransferState state = decode_state(before.progress);
  state.failures = 0;
  CO_TRY(const Job job,
         co_await change(
             id, {JobState::kFailed, JobState::kCancelled},
             {.to = JobState::kPending, .progress = encode_state(state), .clear_error = true}));
  co_return view(job);
}

Task<Result<Transfer>> Transfers::cancel(std::string id) {
  CO_TRY(const Job before, co_await find(id));
  JobChange to_cancelled{
      .to = JobState::kCancelled, .error = cancelled_error(), .remove_traces_at = loop_.wall_now()};
  if (const Result<TransferSpec> spec = decode_spec(before.spec)) {
    to_cancelled.delivery = end_message(before, to_cancelled, *spec, loop_.wall_now());
  }
  std::vector<JobState> expected = kUnderWay;
  expected.push_back(JobState::kPaused);
  CO_TRY(const Job job, co_await change(id, std::move(expected), std::move(to_cancelled)));
  if (webhooks_) webhooks_->wake();
  (void)co_await runs_.wait_until_stopped(id, loop_.now() + kStopWait);
  (void)co_await runs_.wait_until_removed(id, loop_.now() + kRemovalWait);
  co_return view(job);
}

}  // namespace telpher
