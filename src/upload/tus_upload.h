#pragma once
// Resumable uploads: tus 1.0. What has been acknowledged is durable: whole parts lie in the store,
// the bytes behind them in the table, and a killed process goes on where the table says. An upload
// becomes an object when its last byte is there; one that nobody goes on with expires and leaves
// nothing. One request at a time works on an upload. One loop.

#include "codec/http_headers.h"
#include "metrics/operation_metrics.h"
#include "net/http_server.h"
#include "upload/object_name.h"
#include "upload/object_writer.h"
#include "upload/tus_protocol.h"
#include "upload/tus_table.h"
#include "upload/upload_options.h"

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

namespace telpher {

struct TusOptions {
  std::string mount = "/tus/";  // the path of all its resources begins so
  std::string bucket;           // where Upload-Metadata has no `bucket`
  std::string prefix = "uploads/";
  std::string partial_prefix = ".tus/";   // where partial uploads lie until they are joined
  UploadLimits limits;                    // of one file
  std::chrono::seconds lifetime{86'400};  // since the last request that brought bytes
  std::chrono::seconds sweep_every{60};
  std::chrono::milliseconds patience{60'000};  // for memory
  /// Each object, once it is there; perhaps again after a crash in just that moment.
  std::function<void(const StoredUpload&)> on_stored;
  OperationMetrics* metrics = nullptr;  // a record an object
};

/// A request as tus sees it.
struct TusRequest {
  std::string method;
  std::string path;  // with the mount, without a query
  const Headers* headers = nullptr;
  ByteReader* body = nullptr;
  std::optional<ByteCount> length;  // of the body, where it is known
};

struct TusAnswer {
  int status = 200;
  Headers headers;
  std::string body = {};  // JSON; only of refusals
};

class TusUploads {
 public:
  /// All outlive it.
  TusUploads(ObjectStore& store, BufferPool& buffers, TusTable& table, TusOptions options);

  /// Answers one request below the mount. Errors: the client's connection has failed, or
  /// kCancelled; what had come is kept all the same.
  Task<Result<void>> handle(ServerRequest& request, ServerResponse& response, UploadCaller caller);
  /// The same without HTTP. What the request points to outlives the task.
  Task<Result<TusAnswer>> take(TusRequest request, UploadCaller caller);

  /// Completes what a killed process left complete, and removes what has expired, now and every
  /// `sweep_every`, until cancelled. Errors: kCancelled.
  Task<Result<void>> serve();
  /// Once. Errors: kIo, kCancelled; what the store refuses is tried again the next time.
  Task<Result<void>> sweep();

  const TusOptions& options() const { return options_; }

 private:
  /// A request that works on an upload.
  struct Holder {
    CancelSource* reading = nullptr;  // may be cancelled: the client has come back
    WaitQueue released;
  };
  class Lock {
   public:
    Lock(TusUploads& uploads, std::string id) : uploads_(&uploads), id_(std::move(id)) {}
    Lock(Lock&& other) noexcept
        : uploads_(std::exchange(other.uploads_, nullptr)), id_(std::move(other.id_)) {}
    Lock& operator=(Lock&&) = delete;
    ~Lock() {
      if (uploads_) uploads_->release(id_);
    }

   private:
    TusUploads* uploads_;
    std::string id_;
  };

  Task<Result<TusAnswer>> dispatch(const TusRequest* request, const UploadCaller* caller);
  TusAnswer describe() const;
  Task<Result<TusAnswer>> create(const TusRequest* request, const UploadCaller* caller);
  Result<TusRecord> plan(const TusRequest& request, const UploadCaller& caller,
                         const TusConcat& concat, WallTime now);
  Result<void> choose_object(TusRecord* record, const UploadCaller& caller, bool partial,
                             WallTime now);
  Task<Result<TusAnswer>> create_final(TusRecord record, TusConcat concat,
                                       const TusRequest* request);
  Task<Result<std::vector<TusState>>> find_partials(const TusConcat* concat,
                                                    const std::string* owner);
  Task<Result<TusAnswer>> head(std::string id, const UploadCaller* caller);
  Task<Result<TusAnswer>> patch(std::string id, const TusRequest* request,
                                const UploadCaller* caller);
  Task<Result<TusAnswer>> terminate(std::string id, const UploadCaller* caller);

  Task<Result<TusState>> find(std::string id, const UploadCaller* caller);
  Result<void> accept_length(TusRecord* record, const Headers& headers) const;
  /// Takes the body in; the offset moves as far as it is durable. An upload that may not be stored
  /// is removed.
  Task<Result<void>> receive(TusState* state, const TusRequest* request, CancelSource* reading);
  Task<Result<Lock>> lock(std::string id, bool insist, CancelSource* reading = nullptr);
  void release(const std::string& id);

  // Ending.
  Task<Result<void>> finish(TusState* state);
  Task<Result<PutResult>> put_tail(TusState* state);
  Task<Result<PutResult>> complete(TusState* state);
  Task<Result<void>> find_free_key(TusRecord* record);
  void take_next_key(TusRecord* record, WallTime now);
  Task<Result<Piece>> read_tail(const TusState* state);
  Task<Result<void>> remove(const TusState* state);
  Task<Result<void>> remove_at_store(const TusState* state);
  Task<Result<void>> abort_unknown(const TusRecord* record);
  Task<Result<void>> remove_unknown(const TusState* state);
  Task<Result<void>> remove_partials(const TusRecord* record);
  Task<Result<void>> settle(std::string id);
  std::string expiry_of(const TusRecord& record) const;

  friend class TusReceiver;

  ObjectStore& store_;
  BufferPool& buffers_;
  TusTable& table_;
  const TusOptions options_;
  UniqueKeys keys_;
  std::map<std::string, std::shared_ptr<Holder>> held_;
};

/// How a request is refused: kind and message, and in its context the status and the code.
Error tus_refusal(int status, std::string_view code, std::string message);

}  // namespace telpher
