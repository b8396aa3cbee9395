// One copy of TransferRuns: from a job that has been claimed to its end.

#include "codec/http_headers.h"
#include "codec/uri.h"
#include "runtime/turns.h"
#include "source/http_facts.h"
#include "source/probed_source.h"
#include "transfers/running.h"
#include "transfers/watched_store.h"

#include <boost/json.hpp>

#include <algorithm>
#include <utility>

namespace telpher {

using namespace std::chrono_literals;

namespace {

constexpr Duration kQueueTrouble = 5s;  // until a change that could not be written is tried again
constexpr auto kTimesOfStores = 1s;     // tell whole seconds

/// Its state is decided: by somebody else.
Error stopped_error() { return to_result(WaitOutcome::kCancelled).error(); }

}  // namespace

std::function<Result<std::unique_ptr<Source>>(Uri uri, Headers headers)> http_opener(
    HttpClient& client, HttpSourceOptions options) {
  return [&client, options](Uri uri, Headers headers) -> Result<std::unique_ptr<Source>> {
    if (uri.scheme != "http" && uri.scheme != "https") {
      return make_error(ErrorKind::kInvalid, "only http and https are taken, not " + uri.scheme);
    }
    HttpSourceOptions own = options;
    own.headers = std::move(headers);
    return make_http_source(client, std::move(uri), std::move(own));
  };
}

TransferOptions TransferRuns::copy_options(const Running& running) const {
  const TransferRequest& request = running.spec.request;
  TransferOptions options = options_.copy;
  options.expect = request.checksum;
  if (!request.content_type.empty()) options.metadata.content_type = request.content_type;
  switch (request.if_there) {
    case IfThere::kReplace: options.overwrite = OverwritePolicy::kAlways; break;
    case IfThere::kReplaceIfDifferent: options.overwrite = OverwritePolicy::kIfDifferent; break;
    case IfThere::kKeep: options.overwrite = OverwritePolicy::kNever; break;
    case IfThere::kFail:
      options.overwrite = OverwritePolicy::kAlways;
      options.if_none_match = needs_.store.capabilities().conditional_writes;
      break;
  }
  return options;
}

Task<Result<TransferResult>> TransferRuns::copy(Running* running) {
  // Let it be seen as it starts, before anything is waited for.
  CO_TRY_VOID(co_await take_turn());
  if (running->stopped) co_return stopped_error();
  running->state = decode_state(running->job.progress);
  running->state.numbers = {};
  CO_TRY(running->spec, decode_spec(running->job.spec));
  if (running->spec.trace.is_set()) {
    running->trace = begin_span(running->spec.trace, loop_.random());
  }
  CO_TRY(std::unique_ptr<Source> found, co_await find_source(running));
  CO_TRY(SourceInfo seen, co_await found->probe());
  const TransferRequest& request = running->spec.request;
  if (request.size && seen.size && seen.size != request.size) {
    co_return make_error(ErrorKind::kCorrupt, "the source has " + std::to_string(*seen.size) +
                                                  " bytes, " + std::to_string(*request.size) +
                                                  " were expected");
  }
  CO_TRY(std::string key, co_await begin(running, &seen));
  if (options_.make_buckets) CO_TRY_VOID(co_await make_bucket(request.bucket));
  CO_TRY(std::optional<TransferResult> done, co_await already_done(running, &seen));
  if (done) co_return *std::move(done);

  ObjectAddress object{request.bucket, std::move(key)};
  DestinationName name = needs_.name_of(object);
  ProbedSource source(std::move(found), std::move(seen));
  WatchedStore store(needs_.store,
                     {running->trail, needs_.operations.of("part"), needs_.spans, running->trace});
  co_return co_await upload(needs_.engine, source, store, std::move(object), std::move(name),
                            copy_options(*running), running->progress);
}

Task<Result<std::unique_ptr<Source>>> TransferRuns::find_source(Running* running) {
  const TransferRequest& request = running->spec.request;
  CO_TRY(Uri uri, parse_uri(request.source_url));
  CO_TRY(Headers headers, parse_user_headers(request.headers));
  if (running->trace.is_set() && !headers.contains("traceparent")) {
    headers.add("traceparent", traceparent(running->trace));
  }
  CO_TRY(std::unique_ptr<Source> source, needs_.open_source(std::move(uri), std::move(headers)));
  co_return std::make_unique<WatchedSource>(std::move(source), options_.limits, running->trail);
}

/// From here on it is in progress, under a key that is its own until its end. Returns the key.
Task<Result<std::string>> TransferRuns::begin(Running* running, const SourceInfo* seen) {
  const TransferRequest& request = running->spec.request;
  std::string& key = running->state.key;
  if (key.empty()) key = key_begins_with(request) + (request.key.empty() ? seen->name : "");
  CO_TRY_VOID(check_key(key));
  running->state.numbers.size = seen->size;
  Result<Job> changed = co_await needs_.queue.change(
      running->job.id, {JobState::kStarting},
      {.to = JobState::kInProgress, .progress = encode_state(running->state)});
  if (running->stopped) co_return stopped_error();
  if (!changed) {
    running->stopped = changed.error().kind == ErrorKind::kConflict;
    co_return std::move(changed).error();
  }
  running->job = *std::move(changed);
  running->view = make_transfer(running->job);
  running->moving = true;
  if (on_event) on_event({running->view});
  co_return key;
}

Task<Result<void>> TransferRuns::make_bucket(std::string bucket) {
  const Result<BucketInfo> there = co_await needs_.store.head_bucket(bucket);
  if (there || there.error().kind != ErrorKind::kNotFound) co_return Result<void>();
  Result<void> made = co_await needs_.store.create_bucket(bucket);
  // Another transfer may have been faster.
  if (!made && made.error().kind == ErrorKind::kConflict) co_return Result<void>();
  co_return made;
}

/// What an earlier run of this transfer had finished when its process died, before the queue knew;
/// and whether something is in the way where nothing may be.
Task<Result<std::optional<TransferResult>>> TransferRuns::already_done(Running* running,
                                                                       const SourceInfo* seen) {
  const TransferRequest& request = running->spec.request;
  const bool may_replace = request.if_there != IfThere::kFail;
  const bool ran_before = running->job.attempt > 1 && running->job.started;
  if (may_replace && !ran_before) co_return std::nullopt;
  const ObjectAddress object{request.bucket, running->state.key};
  const Result<ObjectInfo> there = co_await needs_.store.head(object);
  if (!there && there.error().kind == ErrorKind::kNotFound) co_return std::nullopt;
  if (!there) {
    running->trail.note(FailedSide::kStore, there.error());
    co_return there.error();
  }
  bool ours = false;
  if (ran_before && needs_.engine.journal) {
    CO_TRY(const auto finished,
           co_await needs_.engine.journal->last_finished(needs_.name_of(object)));
    ours = finished && finished->finished >= *running->job.started && seen->size &&
           finished->size == *seen->size && !seen->validator.empty() &&
           finished->validator == seen->validator && finished->etag == there->etag;
  }
  if (!ours && !may_replace) {
    // Sent in one piece it is in no journal: what has appeared since this transfer first ran, as
    // long as its source, is its own.
    ours = ran_before && seen->size == there->size &&
           there->last_modified + kTimesOfStores >= *running->job.started;
    if (!ours) {
      co_return make_error(ErrorKind::kPrecondition, "the object exists already");
    }
  }
  if (!ours) co_return std::nullopt;
  TransferResult result{.mode = TransferMode::kSkipped, .size = there->size, .etag = there->etag};
  if (there->checksum && there->checksum->parts == 0) result.digest = there->checksum->digest;
  result.note = "it had been copied before the service was started again";
  co_return result;
}

// --- its end ----------------------------------------------------------------------------------

std::optional<NewDelivery> end_message(Job job, const JobChange& change, const TransferSpec& spec,
                                       WallTime now) {
  if (spec.request.webhook.empty()) return std::nullopt;
  job.state = change.to;
  job.updated = now;
  job.ended = now;
  if (change.progress) job.progress = *change.progress;
  if (change.error) job.error = change.error;
  if (change.clear_error) job.error.reset();
  const std::string event = "transfer." + std::string(to_string(change.to));
  std::string body = R"({"event":)" + boost::json::serialize(boost::json::string(event)) +
                     R"(,"transfer":)" + transfer_json(make_transfer(job)) + '}';
  return NewDelivery{spec.request.webhook, event, std::move(body)};
}

JobChange TransferRuns::completed(Running* running, const TransferResult& result) const {
  TransferState state = running->state;
  state.numbers = running->numbers();
  state.numbers.bytes_per_second = 0;
  state.numbers.size = result.size;
  state.numbers.bytes = result.size;
  state.numbers.parts = state.numbers.parts_done = result.parts;
  state.numbers.parts_in_flight = 0;
  state.numbers.strip = strip_of(std::string(static_cast<std::size_t>(result.parts), 'd'));
  state.etag = result.etag;
  state.note = result.note;
  if (!result.digest.empty()) {
    state.checksum =
        std::string(to_string(result.digest.algorithm())) + ":" + result.digest.to_hex();
  }
  JobChange change{.to = JobState::kCompleted,
                   .progress = encode_state(state),
                   .spec = encode_spec(without_secrets(running->spec)),
                   .clear_error = true};
  // What is there already is not sent: an earlier attempt may have begun to.
  if (result.mode == TransferMode::kSkipped && running->job.attempt > 1) {
    change.remove_traces_at = loop_.wall_now();
  }
  change.delivery = end_message(running->job, change, running->spec, loop_.wall_now());
  return change;
}

JobChange TransferRuns::failed(Running* running, const Error& error) {
  TransferState state = running->state;
  if (running->moving) state.numbers = running->numbers();
  state.numbers.bytes_per_second = 0;
  ++state.failures;
  JobChange change{.to = JobState::kFailed, .error = describe_failure(error, running->trail)};
  if (is_tried_again(error, running->trail) && state.failures < options_.attempts_max) {
    const auto doubled = options_.retry_first * (1 << std::min(state.failures - 1, 20));
    const std::chrono::milliseconds wait = std::min(doubled, options_.retry_max);
    const auto jitter = static_cast<std::uint64_t>(wait.count() / 2 + 1);
    change.to = JobState::kPending;
    change.not_before =
        loop_.wall_now() + wait + std::chrono::milliseconds(loop_.random().below(jitter));
    if (error.context.retry_after) {
      change.not_before =
          std::max(*change.not_before, loop_.wall_now() + *error.context.retry_after);
    }
    change.progress = encode_state(state);
    return change;
  }
  change.progress = encode_state(state);
  // A retry continues what is open, for a while.
  change.remove_traces_at = loop_.wall_now();
  if (change.error->retryable) *change.remove_traces_at += options_.leftovers_kept;
  change.delivery = end_message(running->job, change, running->spec, loop_.wall_now());
  return change;
}

Task<void> TransferRuns::settle(Running* running, Result<TransferResult> result) {
  if (running->stopped) co_return;
  if (result) {
    co_await change(running, {JobState::kInProgress}, completed(running, *result));
    co_return;
  }
  // The service ends: its next process goes on.
  if (running->cancel->cancelled()) co_return;
  co_await change(running, {JobState::kStarting, JobState::kInProgress},
                  failed(running, result.error()));
}

/// Until it is written: a disk that is full now will not be for ever.
Task<void> TransferRuns::change(Running* running, std::vector<JobState> expected,
                                JobChange change) {
  for (;;) {
    Result<Job> changed = co_await needs_.queue.change(running->job.id, expected, change);
    if (changed) {
      running->moving = false;
      running->view = make_transfer(*changed);
      if (on_event) on_event({running->view});
      if (change.delivery && on_delivery) on_delivery();
      co_return;
    }
    const ErrorKind kind = changed.error().kind;
    if (kind == ErrorKind::kConflict || kind == ErrorKind::kNotFound) co_return;
    if (on_problem) on_problem(changed.error().message);
    if (!co_await SleepUntil(loop_.now() + kQueueTrouble)) co_return;  // cancelled
  }
}

void TransferRuns::record(const Running& running, const Result<TransferResult>& result) {
  OperationSample sample{.ended = loop_.now(), .duration = loop_.now() - running.began};
  if (result) {
    sample.bytes = result->mode == TransferMode::kSkipped ? 0 : result->size;
  } else {
    sample.error = result.error().kind;
  }
  // Paused, cancelled, left for the next process: neither well nor ill.
  const bool broken_off = sample.error == ErrorKind::kCancelled;
  if (!broken_off) needs_.operations.of("transfer").record(sample);
  if (!needs_.spans || !running.trace.is_set() || !running.trace.sampled) return;
  needs_.spans->add({.context = running.trace,
                     .parent = running.spec.trace.span,
                     .name = "transfer",
                     .start = running.wall_began,
                     .duration = sample.duration,
                     .error = sample.error,
                     .attributes = {{"transfer.id", running.job.id},
                                    {"bucket", running.spec.request.bucket},
                                    {"key", running.state.key},
                                    {"bytes", std::to_string(sample.bytes)}}});
}

}  // namespace telpher
