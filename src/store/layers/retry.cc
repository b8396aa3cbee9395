#include "store/layers/retry.h"

#include "store/layers/same_content.h"

#include <algorithm>
#include <type_traits>
#include <variant>

namespace telpher {
namespace {

/// For operations whose repeats answer like the first run.
struct NothingToSettle {
  template <class T>
  static Task<std::optional<T>> never() {
    co_return std::nullopt;
  }
};

/// Another try would fail alike.
bool is_refusal(const Error& error) {
  return error.persistence == Persistence::kPermanent && error.kind != ErrorKind::kCancelled;
}

/// The caller of a part knows its number and says so itself.
bool caller_names_attempts(Operation operation) {
  return operation == Operation::kPutPart || operation == Operation::kCopyPart;
}

}  // namespace

void RetryStore::count_cause(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kThrottled: return stats_.throttled.add();
    case ErrorKind::kTimeout: return stats_.timeout.add();
    case ErrorKind::kNetwork: return stats_.network.add();
    case ErrorKind::kServer: return stats_.server.add();
    case ErrorKind::kCorrupt: return stats_.corrupt.add();
    default: return stats_.other.add();
  }
}

bool RetryStore::plan_retry(Series& series, Error& error, Random& random, Duration& pause) {
  const bool throttled = error.kind == ErrorKind::kThrottled;
  // A throttled request was refused, and one that the store itself called corrupt; whatever else
  // failed may have been carried out. Corruption that we found is of something it has kept.
  const bool refused_as_corrupt =
      error.kind == ErrorKind::kCorrupt && error.context.http_status >= 400;
  if (!throttled && !refused_as_corrupt) {
    series.maybe_done = true;
    if (series.doubts) ++*series.doubts;
  }
  const std::int64_t cost = throttled ? policy_.throttle_cost : policy_.cost;
  if (series.attempts >= policy_.attempts_max || !quota_.take(cost)) {
    stats_.gave_up.add();
    error.persistence = Persistence::kRetriedOut;
    error.context.attempts = series.attempts;
    if (!caller_names_attempts(series.operation)) {
      error.message = std::string(to_string(series.operation)) + " failed after " +
                      std::to_string(series.attempts) +
                      (series.attempts == 1 ? " attempt: " : " attempts: ") + error.message;
    }
    return false;
  }
  series.paid = cost;
  count_cause(error.kind);
  stats_.bytes_resent.add(series.bytes_sent);
  if (series.count) series.count->set(0);  // what was sent has come to nothing

  const Duration base = throttled ? policy_.throttle_pause_base : policy_.pause_base;
  const int doublings = std::min(series.attempts - 1, 20);
  const Duration ceiling = std::min(policy_.pause_max, base * (std::int64_t{1} << doublings));
  pause = std::chrono::duration_cast<Duration>(ceiling * random.unit());
  if (error.context.retry_after) {
    // Not before the time asked for, and not all of us in the same moment.
    pause += std::min<Duration>(*error.context.retry_after, policy_.retry_after_max);
  }
  return true;
}

Task<Result<void>> RetryStore::pause_for(Duration pause, int attempt, const Error* cause) {
  Loop& loop = co_await current_loop();
  stats_.last = {attempt, policy_.attempts_max, cause->message};
  if (stats_.told) stats_.told(stats_.last);
  ++stats_.waiting;
  Result<void> slept = co_await SleepUntil(loop.now() + pause);
  --stats_.waiting;
  co_return slept;
}

template <class T, class Make, class Settle>
Task<Result<T>> RetryStore::attempts(Series series, Make make, Settle settle) {
  while (true) {
    ++series.attempts;
    Result<T> result = co_await make();
    if (result) [[likely]] {
      quota_.give_back(series.paid == 0 ? 1 : series.paid);
      co_return std::move(result);
    }
    Error& error = result.error();
    if (!error.is_temporary()) {
      if (error.context.attempts == 0) error.context.attempts = series.attempts;
      if (!series.maybe_done) co_return std::move(result);
      auto settled = co_await settle(error);
      if (!settled && co_await is_cancelled()) co_return to_result(WaitOutcome::kCancelled).error();
      if (!settled) co_return std::move(result);
      stats_.answers_repaired.add();
      if constexpr (std::is_void_v<T>) {
        co_return Result<void>();
      } else {
        co_return *std::move(settled);
      }
    }
    Loop& loop = co_await current_loop();
    Duration pause{};
    if (!plan_retry(series, error, loop.random(), pause)) co_return std::move(result);
    CO_TRY_VOID(co_await pause_for(pause, series.attempts + 1, &error));
  }
}

template <class T, class Make>
Task<Result<T>> RetryStore::attempts(Series series, Make make) {
  using Settled = std::conditional_t<std::is_void_v<T>, std::monostate, T>;
  return attempts<T>(series, std::move(make),
                     [](const Error&) { return NothingToSettle::never<Settled>(); });
}

Task<Result<ObjectInfo>> RetryStore::head(ObjectAddress object) {
  return attempts<ObjectInfo>({Operation::kHeadObject},
                              [this, object = std::move(object)] { return inner().head(object); });
}

Task<Result<GetResult>> RetryStore::get(ObjectAddress object, GetOptions options) {
  return attempts<GetResult>({Operation::kGetObject},
                             [this, object = std::move(object), options = std::move(options)] {
                               return inner().get(object, options);
                             });
}

Task<Result<PutResult>> RetryStore::put(ObjectAddress object, Body body,
                                        const PutOptions& options) {
  if (body.stream) return inner().put(std::move(object), body, options);
  if (!options.condition.on_object()) {
    return attempts<PutResult>(
        {.operation = Operation::kPutObject, .bytes_sent = body.size, .count = body.count},
        [this, object = std::move(object), body, &options] {
          return inner().put(object, body, options);
        });
  }
  return attempts<PutResult>(
      {.operation = Operation::kPutObject, .bytes_sent = body.size, .count = body.count},
      [this, object, body, &options] { return inner().put(object, body, options); },
      [this, object, body, &options](const Error& error) {
        return settle_put(object, body, options, error);
      });
}

namespace {

/// After an attempt whose end is not known, "not there" is what was asked for.
Task<std::optional<std::monostate>> settle_remove(ErrorKind kind) {
  if (kind != ErrorKind::kNotFound) co_return std::nullopt;
  co_return std::monostate();
}

}  // namespace

Task<Result<void>> RetryStore::remove(ObjectAddress object, std::string if_match) {
  return attempts<void>(
      {Operation::kDeleteObject},
      [this, object = std::move(object), if_match = std::move(if_match)] {
        return inner().remove(object, if_match);
      },
      [](const Error& error) { return settle_remove(error.kind); });
}

Task<Result<std::vector<RemoveFailure>>> RetryStore::remove_many(std::string bucket,
                                                                 std::vector<std::string> keys) {
  return attempts<std::vector<RemoveFailure>>(
      {Operation::kDeleteObjects}, [this, bucket = std::move(bucket), keys = std::move(keys)] {
        return inner().remove_many(bucket, keys);
      });
}

Task<Result<PutResult>> RetryStore::copy(ObjectAddress from, ObjectAddress to,
                                         CopyOptions options) {
  return attempts<PutResult>(
      {Operation::kCopyObject},
      [this, from, to, options = std::move(options)] { return inner().copy(from, to, options); },
      [this, from, to](const Error& error) { return settle_copy(from, to, error); });
}

Task<Result<ListPage>> RetryStore::list(std::string bucket, ListOptions options) {
  return attempts<ListPage>({Operation::kListObjects},
                            [this, bucket = std::move(bucket), options = std::move(options)] {
                              return inner().list(bucket, options);
                            });
}

Task<Result<std::string>> RetryStore::create_upload(ObjectAddress object,
                                                    CreateUploadOptions options) {
  Loop& loop = co_await current_loop();
  const TimePoint began = loop.now();
  int doubts = 0;
  Result<std::string> upload_id = co_await attempts<std::string>(
      {.operation = Operation::kCreateUpload, .doubts = &doubts},
      [this, &object, &options] { return inner().create_upload(object, options); });
  if (!upload_id) co_return upload_id;
  open_uploads_.insert(*upload_id);
  if (doubts > 0) {
    CO_TRY_VOID(co_await end_twins(object, *upload_id, loop.now() - began, doubts));
  }
  co_return upload_id;
}

/// Every page of the uploads whose keys begin with `object.key`.
Task<Result<std::vector<UploadInfo>>> RetryStore::uploads_like(ObjectAddress object) {
  std::vector<UploadInfo> all;
  ListUploadsOptions options;
  options.prefix = object.key;
  while (true) {
    CO_TRY(UploadsPage page, co_await list_uploads(object.bucket, options));
    std::ranges::move(page.uploads, std::back_inserter(all));
    const bool stuck =
        page.key_marker == options.key_marker && page.upload_id_marker == options.upload_id_marker;
    if (page.key_marker.empty() || stuck) co_return all;
    options.key_marker = std::move(page.key_marker);
    options.upload_id_marker = std::move(page.upload_id_marker);
  }
}

// An attempt whose answer was lost left an upload that nobody knows. It was begun, by the store's
// own clock, at most `elapsed` before the one that was answered; those that were answered here are
// no twins. When they cannot be ended now, the call fails: its caller must not forget that
// something was begun. Where we are not allowed to look, they are left to sweep; so are they where
// the store tells no times, or where there are more than attempts in doubt: some are not ours.
Task<Result<void>> RetryStore::end_twins(ObjectAddress object, std::string upload_id,
                                         Duration elapsed, int doubts) {
  const auto uploads = co_await uploads_like(object);
  if (!uploads && is_refusal(uploads.error())) co_return Result<void>();
  if (!uploads) co_return uploads.error();
  const auto ours = std::ranges::find(*uploads, upload_id, &UploadInfo::upload_id);
  if (ours == uploads->end() || ours->initiated == WallTime{}) co_return Result<void>();
  std::vector<std::string> twins;
  for (const UploadInfo& upload : *uploads) {
    const bool twin = upload.key == object.key && !open_uploads_.contains(upload.upload_id) &&
                      upload.initiated <= ours->initiated &&
                      ours->initiated - upload.initiated <= elapsed + std::chrono::seconds(1);
    if (twin) twins.push_back(upload.upload_id);
  }
  if (twins.size() > static_cast<std::size_t>(doubts)) co_return Result<void>();
  for (const std::string& twin : twins) {
    Result<void> ended = co_await abort(object, twin);
    if (!ended && !is_refusal(ended.error())) co_return ended;
  }
  co_return Result<void>();
}

Task<Result<PartInfo>> RetryStore::put_part(ObjectAddress object, std::string upload_id,
                                            PartNumber number, Body body, PutPartOptions options) {
  if (body.stream) {
    return inner().put_part(std::move(object), std::move(upload_id), number, body,
                            std::move(options));
  }
  return attempts<PartInfo>(
      {.operation = Operation::kPutPart, .bytes_sent = body.size, .count = body.count},
      [this, object = std::move(object), id = std::move(upload_id), number, body,
       options = std::move(options)] {
        return inner().put_part(object, id, number, body, options);
      });
}

Task<Result<PartInfo>> RetryStore::copy_part(ObjectAddress from, ByteRange range,
                                             ObjectAddress object, std::string upload_id,
                                             PartNumber number, std::string source_if_match) {
  return attempts<PartInfo>(
      {Operation::kCopyPart},
      [this, from = std::move(from), range, object = std::move(object), id = std::move(upload_id),
       number, if_match = std::move(source_if_match)] {
        return inner().copy_part(from, range, object, id, number, if_match);
      });
}

Task<Result<PutResult>> RetryStore::complete(ObjectAddress object, std::string upload_id,
                                             std::vector<PartInfo> parts, CompleteOptions options) {
  return attempts<PutResult>(
      {Operation::kComplete},
      [this, object, id = upload_id, parts, options] {
        return inner().complete(object, id, parts, options);
      },
      [this, object, id = upload_id, parts, options](const Error& error) {
        return settle_complete(object, id, parts, options, error);
      });
}

Task<Result<void>> RetryStore::abort(ObjectAddress object, std::string upload_id) {
  open_uploads_.erase(upload_id);
  return attempts<void>({Operation::kAbort},
                        [this, object = std::move(object), id = std::move(upload_id)] {
                          return inner().abort(object, id);
                        });
}

Task<Result<PartsPage>> RetryStore::list_parts(ObjectAddress object, std::string upload_id,
                                               PartNumber part_number_marker) {
  return attempts<PartsPage>(
      {Operation::kListParts},
      [this, object = std::move(object), id = std::move(upload_id), part_number_marker] {
        return inner().list_parts(object, id, part_number_marker);
      });
}

Task<Result<UploadsPage>> RetryStore::list_uploads(std::string bucket, ListUploadsOptions options) {
  return attempts<UploadsPage>({Operation::kListUploads},
                               [this, bucket = std::move(bucket), options = std::move(options)] {
                                 return inner().list_uploads(bucket, options);
                               });
}

Task<Result<std::vector<BucketInfo>>> RetryStore::list_buckets() {
  return attempts<std::vector<BucketInfo>>({Operation::kListBuckets},
                                           [this] { return inner().list_buckets(); });
}

Task<Result<void>> RetryStore::create_bucket(std::string bucket, std::string owner) {
  return attempts<void>({Operation::kCreateBucket},
                        [this, bucket = std::move(bucket), owner = std::move(owner)] {
                          return inner().create_bucket(bucket, owner);
                        });
}

Task<Result<BucketInfo>> RetryStore::head_bucket(std::string bucket) {
  return attempts<BucketInfo>({Operation::kHeadBucket}, [this, bucket = std::move(bucket)] {
    return inner().head_bucket(bucket);
  });
}

Task<Result<void>> RetryStore::remove_bucket(std::string bucket) {
  return attempts<void>(
      {Operation::kDeleteBucket},
      [this, bucket = std::move(bucket)] { return inner().remove_bucket(bucket); },
      [](const Error& error) { return settle_remove(error.kind); });
}

Task<Result<Tags>> RetryStore::tags(ObjectAddress object) {
  return attempts<Tags>({Operation::kGetTags},
                        [this, object = std::move(object)] { return inner().tags(object); });
}

Task<Result<void>> RetryStore::set_tags(ObjectAddress object, Tags tags) {
  return attempts<void>({Operation::kSetTags},
                        [this, object = std::move(object), tags = std::move(tags)] {
                          return inner().set_tags(object, tags);
                        });
}

// Settling: is the object that is there the one an earlier attempt was asked to make?

Task<std::optional<PutResult>> RetryStore::settle_put(ObjectAddress object, Body body,
                                                      const PutOptions& options, Error error) {
  if (error.kind != ErrorKind::kPrecondition) co_return std::nullopt;
  const Result<ObjectInfo> info = co_await head(object);
  if (!info || info->metadata.user != options.metadata.user) co_return std::nullopt;
  const bool etag_is_md5 = capabilities().etag_is_md5;
  if (!co_await is_same_content(*info, body, options.checksum, etag_is_md5)) {
    co_return std::nullopt;
  }
  co_return PutResult{info->etag, info->version_id, info->checksum};
}

Task<std::optional<PutResult>> RetryStore::settle_copy(ObjectAddress from, ObjectAddress to,
                                                       Error error) {
  if (error.kind != ErrorKind::kPrecondition || from == to) co_return std::nullopt;
  const Result<ObjectInfo> source = co_await head(from);
  if (!source) co_return std::nullopt;
  const Result<ObjectInfo> made = co_await head(to);
  if (!made || !is_same_content(*source, *made)) co_return std::nullopt;
  co_return PutResult{made->etag, made->version_id, made->checksum};
}

Task<std::optional<PutResult>> RetryStore::settle_complete(ObjectAddress object,
                                                           std::string upload_id,
                                                           std::vector<PartInfo> parts,
                                                           CompleteOptions options, Error error) {
  const bool echo = error.kind == ErrorKind::kPrecondition ||
                    (error.kind == ErrorKind::kNotFound && error.context.code != "NoSuchBucket");
  if (!echo) co_return std::nullopt;
  const Result<ObjectInfo> info = co_await head(object);
  if (!info) co_return std::nullopt;
  if (!is_same_content(*info, parts, options, capabilities().etag_is_md5)) co_return std::nullopt;
  if (error.kind == ErrorKind::kPrecondition) {
    // The same bytes may also be another writer's: then ours is still open, and of no more use.
    (void)co_await abort(object, upload_id);
  }
  co_return PutResult{info->etag, info->version_id, info->checksum};
}

}  // namespace telpher
