#pragma once
// Many files in one request: multipart/form-data with the field `files`, repeated. Each file goes
// to the store as it arrives; of one file at most two pieces (16 MiB) are held, from the memory
// budget, and no temporary files. A file that is refused or cannot be stored harms no other; a
// request that is not complete leaves nothing behind. One loop.

#include "metrics/operation_metrics.h"
#include "net/http_server.h"
#include "runtime/buffer_pool.h"
#include "store/object_store.h"
#include "upload/object_name.h"
#include "upload/upload_options.h"

#include <chrono>
#include <functional>
#include <optional>
#include <string>

namespace telpher {

struct BatchUploadOptions {
  std::string bucket;               // where the form has no field `bucket`
  std::string prefix = "uploads/";  // where it has no field `prefix`
  UploadLimits limits;
  std::uint64_t puts_max = 64;  // requests to the store at once, of all batches
  /// For memory, and for a turn at the store; then the request is refused.
  std::chrono::milliseconds patience{60'000};
  /// Each object, once it is certain that it stays.
  std::function<void(const StoredUpload&)> on_stored;
  OperationMetrics* metrics = nullptr;  // a record a file
};

struct BatchAnswer {
  int status = 200;    // 200, 207, 400, 403, 500, 503
  std::string body;    // JSON
  bool begun = false;  // some of the request's body has been read
};

class BatchUploads {
 public:
  /// `store` and `buffers` outlive it; the budget has room for 32 MiB at least.
  BatchUploads(ObjectStore& store, BufferPool& buffers, BatchUploadOptions options);

  /// Reads the request and answers it. Errors: the client's connection has failed, or kCancelled;
  /// nothing has been answered then, and nothing is left of the request.
  Task<Result<void>> handle(ServerRequest& request, ServerResponse& response, UploadCaller caller);

  /// The same without HTTP.
  /// @param body    outlives the task
  /// @param length  of it, where it is known
  Task<Result<BatchAnswer>> take(ByteReader* body, std::optional<ByteCount> length,
                                 std::string content_type, UploadCaller caller);

  const BatchUploadOptions& options() const { return options_; }

 private:
  friend class BatchRun;

  ObjectStore& store_;
  BufferPool& buffers_;
  const BatchUploadOptions options_;
  const std::size_t piece_bytes_;
  UniqueKeys keys_;
  Semaphore puts_;
};

}  // namespace telpher
