#include "upload/batch_upload.h"

#include "base/units.h"
#include "upload/batch_run.h"

#include <algorithm>
#include <vector>

namespace telpher {
namespace {

/// Two of them are held of a file: 16 MiB, unless the largest file allowed has too many parts then.
std::size_t piece_bytes(const UploadLimits& limits, const Capabilities& capabilities) {
  const auto parts = static_cast<ByteCount>(capabilities.parts_max);
  const ByteCount needed = (limits.file_bytes_max + parts - 1) / parts;
  return static_cast<std::size_t>(
      std::max({8 * kMiB, capabilities.part_size_min, (needed + kMiB - 1) / kMiB * kMiB}));
}

/// Who is refused while sending hears it only when somebody goes on reading. For a while, though:
/// what never ends is cut off.
Task<Result<void>> read_away(ServerRequest* request) {
  constexpr ByteCount kBytesMax = 256 * kMiB;
  std::vector<std::byte> scrap(64 * kKiB);
  for (ByteCount bytes = 0; !request->body_read() && bytes < kBytesMax;) {
    CO_TRY(const std::size_t count, co_await request->read_some(scrap));
    bytes += count;
  }
  co_return Result<void>();
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
  // One that has not begun to send, and asked whether to, is told so at once.
  if (answer.begun && !request.body_read()) {
    Loop& loop = co_await current_loop();
    (void)!(co_await with_deadline(read_away(&request), loop.now() + kTidyLimit));
  }
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
