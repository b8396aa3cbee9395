#pragma once
// The one place that repeats calls to a store. Temporary failures are repeated with growing,
// jittered pauses and within a quota shared by all calls; what finally failed is marked kRetriedOut
// with its attempts, so that nobody above repeats it again. It also sees through lost answers: when
// an earlier attempt may have done the work, "precondition failed" or "no such upload" is checked
// against what is there before it is believed. A body that is a stream can be sent once only:
// such calls are handed on as they are.

#include "metrics/metrics.h"
#include "runtime/loop.h"
#include "store/layers/forwarding_store.h"
#include "store/layers/retry_quota.h"

#include <chrono>
#include <functional>
#include <optional>
#include <set>
#include <string>

namespace telpher {

struct RetryPolicy {
  int attempts_max = 8;
  Duration pause_base = std::chrono::milliseconds(100);  // doubled at every attempt
  Duration throttle_pause_base = std::chrono::seconds(1);
  Duration pause_max = std::chrono::seconds(20);
  Duration retry_after_max = std::chrono::minutes(5);  // more than the store asked for is cut
  std::int64_t cost = 14;
  std::int64_t throttle_cost = 5;
};

/// A pause before another attempt.
struct RetryNotice {
  int attempt = 0;  // the one that comes, from 2 on
  int attempts_max = 0;
  std::string cause;  // the message of the error before
};

/// Recorded by all retry layers that share one.
struct RetryStats {
  int waiting = 0;                               // calls in such a pause now
  RetryNotice last;                              // of the pause that was begun last
  std::function<void(const RetryNotice&)> told;  // at each; may be empty
  Counter throttled;                             // retries by cause
  Counter timeout;
  Counter network;
  Counter server;
  Counter corrupt;
  Counter other;
  Counter gave_up;           // attempts or quota used up
  Counter answers_repaired;  // lost answers seen through
  Counter bytes_resent;
};

class RetryStore final : public ForwardingStore {
 public:
  /// `inner`, `quota` and `stats` must outlive this.
  RetryStore(ObjectStore& inner, RetryQuota& quota, RetryStats& stats, RetryPolicy policy = {})
      : ForwardingStore(inner), quota_(quota), stats_(stats), policy_(policy) {}

  Task<Result<ObjectInfo>> head(ObjectAddress object) override;
  Task<Result<GetResult>> get(ObjectAddress object, GetOptions options) override;
  Task<Result<PutResult>> put(ObjectAddress object, Body body, const PutOptions& options) override;
  Task<Result<void>> remove(ObjectAddress object, std::string if_match = {}) override;
  Task<Result<std::vector<RemoveFailure>>> remove_many(std::string bucket,
                                                       std::vector<std::string> keys) override;
  Task<Result<PutResult>> copy(ObjectAddress from, ObjectAddress to, CopyOptions options) override;
  Task<Result<ListPage>> list(std::string bucket, ListOptions options) override;
  Task<Result<std::string>> create_upload(ObjectAddress object,
                                          CreateUploadOptions options) override;
  Task<Result<PartInfo>> put_part(ObjectAddress object, std::string upload_id, PartNumber number,
                                  Body body, PutPartOptions options) override;
  Task<Result<PartInfo>> copy_part(ObjectAddress from, ByteRange range, ObjectAddress object,
                                   std::string upload_id, PartNumber number,
                                   std::string source_if_match) override;
  Task<Result<PutResult>> complete(ObjectAddress object, std::string upload_id,
                                   std::vector<PartInfo> parts, CompleteOptions options) override;
  Task<Result<void>> abort(ObjectAddress object, std::string upload_id) override;
  Task<Result<PartsPage>> list_parts(ObjectAddress object, std::string upload_id,
                                     PartNumber part_number_marker) override;
  Task<Result<UploadsPage>> list_uploads(std::string bucket, ListUploadsOptions options) override;
  Task<Result<std::vector<BucketInfo>>> list_buckets() override;
  Task<Result<void>> create_bucket(std::string bucket, std::string owner = {}) override;
  Task<Result<BucketInfo>> head_bucket(std::string bucket) override;
  Task<Result<void>> remove_bucket(std::string bucket) override;
  Task<Result<Tags>> tags(ObjectAddress object) override;
  Task<Result<void>> set_tags(ObjectAddress object, Tags tags) override;

 private:
  /// How a series of attempts has gone so far.
  struct Series {
    Operation operation;
    ByteCount bytes_sent = 0;
    int attempts = 0;
    std::int64_t paid = 0;    // for the last retry
    bool maybe_done = false;  // an attempt failed in a way that may have done the work
    int* doubts = nullptr;    // counts such attempts
    BodyCount* count = nullptr;
  };

  /// `make` starts one attempt; `settle` is asked about a permanent failure that may be the echo of
  /// an earlier attempt's success, and returns the success if it was.
  template <class T, class Make, class Settle>
  Task<Result<T>> attempts(Series series, Make make, Settle settle);
  template <class T, class Make>
  Task<Result<T>> attempts(Series series, Make make);

  /// Whether there is to be another attempt; fills in `pause`. Marks `error` when not.
  bool plan_retry(Series& series, Error& error, Random& random, Duration& pause);
  void count_cause(ErrorKind kind);
  Task<Result<void>> pause_for(Duration pause, int attempt, const Error* cause);

  Task<Result<std::vector<UploadInfo>>> uploads_like(ObjectAddress object);
  Task<Result<void>> end_twins(ObjectAddress object, std::string upload_id, Duration elapsed,
                               int doubts);
  Task<std::optional<PutResult>> settle_put(ObjectAddress object, Body body,
                                            const PutOptions& options, Error error);
  Task<std::optional<PutResult>> settle_copy(ObjectAddress from, ObjectAddress to, Error error);
  Task<std::optional<PutResult>> settle_complete(ObjectAddress object, std::string upload_id,
                                                 std::vector<PartInfo> parts,
                                                 CompleteOptions options, Error error);

  std::set<std::string> open_uploads_;  // created here, neither completed nor aborted
  RetryQuota& quota_;
  RetryStats& stats_;
  const RetryPolicy policy_;
};

}  // namespace telpher
