#include "upload/batch_upload.h"

#include "base/units.h"
#include "upload/batch_run.h"

#include <algorithm>

namespace telpher {
namespace {

/// Two of them are held of a file: 16 MiB, unless the largest file allowed has too many parts then.
std::size_t piece_bytes(const UploadLimits& limits, const Capabilities& capabilities) {
  const auto parts = static_cast<ByteCount>(capabilities.parts_max);
  const ByteCount needed = (limits.file_bytes_max + parts - 1) / parts;
  return static_cast<std::size_t>(
      std::max({8 * kMiB, capabilities.part_size_min, (needed + kMiB - 1) / kMiB * kMiB}));
}

}  // namespace

BatchUploads::BatchUploads(ObjectStore& store, BufferPool& buffers, BatchUploadOptions options)
    : store_(store),
      buffers_(buffers),
      options_(std::move(options)),
      piece_bytes_(piece_bytes(options_.limits, store.capabilities())),
      puts_(options_.puts_max) {}

Task<Result<void>> BatchUploads::handle(ServerRequest& request, ServerResponse& response,
                                        UploadCaller caller) {
  const std::string type(request.headers().find("content-type").value_or(""));
  CO_TRY(BatchAnswer answer, co_await take(&request, request.length(), type, std::move(caller)));
  response.status = answer.status;
  response.headers.set("Content-Type", "application/json");
  if (!request.body_read()) response.close_after();
  co_return co_await response.send_text(std::move(answer.body));
}

Task<Result<BatchAnswer>> BatchUploads::take(ByteReader* body, std::optional<ByteCount> length,
                                             std::string content_type, UploadCaller caller) {
  const auto run = std::make_unique<BatchRun>(*this, std::move(caller), co_await current_context());
  co_return co_await run->run(body, length, std::move(content_type));
}

}  // namespace telpher
