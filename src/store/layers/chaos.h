#pragma once
// A store that fails on purpose, by script (fault_script.h): what a store can do wrong; what a wire
// can do wrong is the endpoint's business. Can stand at any level; inside the retry layer it is
// what the rest must survive.
// A delay is one of the answer: the call has been run by then, and stays done if it is cancelled
// while it waits.
//
// An endpoint that has this below it: a kNetwork error means "close the connection unanswered", an
// http_status of 200 "200, then the error in the body".

#include "store/layers/fault_script.h"
#include "store/layers/forwarding_store.h"

namespace telpher {

class ChaosStore final : public ForwardingStore {
 public:
  /// `injector` must outlive this and every body that get() has handed out; it may be shared with
  /// an endpoint.
  ChaosStore(ObjectStore& inner, FaultInjector& injector)
      : ForwardingStore(inner), injector_(injector) {}

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

  /// `call` as the script wants `operation` to go: for those that no store has by that name. A
  /// faked success is an empty value.
  template <class T>
  Task<Result<T>> disturb(Operation operation, std::string key, Task<Result<T>> call) {
    return disturb(operation, std::move(key), std::move(call), Result<T>());
  }

  /// The error of an operation that failed before the store was asked, as the script wants it: some
  /// other error, or this one. What needs bytes or a success to act on does not act.
  Task<Error> fail(Operation operation, std::string key, Error error);

 private:
  /// What this call is in for. `error`: answer it, run nothing.
  struct Disturbance {
    std::optional<Error> error;
    std::optional<FaultRule> rule;
    std::chrono::milliseconds delay{};  // of the answer
  };
  Task<Disturbance> begin(Operation operation, std::string key);
  template <class T>
  Task<Result<T>> apply(const Disturbance* disturbance, Task<Result<T>> call, Result<T> fake);
  template <class T>
  Task<Result<T>> disturb(Operation operation, std::string key, Task<Result<T>> call,
                          Result<T> fake);
  /// Waits, and notes how it went. Errors: kCancelled, by then for a call that has been run.
  Task<Result<void>> end(Operation operation, std::string key, std::chrono::milliseconds delay,
                         bool success);
  struct AlteredBody;
  AlteredBody alter(const Disturbance& disturbance, const Body& body);
  template <class T>
  void settle(const std::optional<FaultRule>& rule, const Body& body, const AlteredBody& altered,
              Result<T>& result);
  Task<Result<PartInfo>> fake_part(PartNumber number, Body body, const PutPartOptions* options);

  static Error answer_lost();
  static Error error_of(const FaultRule& rule);

  FaultInjector& injector_;
};

template <class T>
Task<Result<T>> ChaosStore::apply(const Disturbance* disturbance, Task<Result<T>> call,
                                  Result<T> fake) {
  if (disturbance->error) co_return *disturbance->error;
  if (!disturbance->rule) co_return co_await std::move(call);
  const FaultRule& rule = *disturbance->rule;
  switch (rule.what) {
    case FaultKind::kStatus: co_return error_of(rule);
    case FaultKind::kErrorIn200: {
      Error error = error_of(rule);
      error.context.http_status = 200;
      co_return error;
    }
    case FaultKind::kLoseAnswer:
    case FaultKind::kErrorAfter: {
      Result<T> lost = co_await std::move(call);
      if (!lost && lost.error().kind == ErrorKind::kCancelled) co_return std::move(lost);
      if (rule.what == FaultKind::kLoseAnswer) co_return answer_lost();
      co_return error_of(rule);
    }
    case FaultKind::kFakeSuccess: co_return std::move(fake);
    default: co_return co_await std::move(call);
  }
}

template <class T>
Task<Result<T>> ChaosStore::disturb(Operation operation, std::string key, Task<Result<T>> call,
                                    Result<T> fake) {
  const Disturbance disturbance = co_await begin(operation, key);
  Result<T> result = co_await apply(&disturbance, std::move(call), std::move(fake));
  CO_TRY_VOID(co_await end(operation, std::move(key), disturbance.delay, result.has_value()));
  co_return result;
}

}  // namespace telpher
