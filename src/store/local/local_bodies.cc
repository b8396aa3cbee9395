// How bytes get into the store: small bodies go with the next group commit, large ones into a file
// of their own, streams piece by piece as they come.

#include "store/local/local_state.h"
#include "store/read_body.h"

namespace telpher {
namespace {

/// Of a stream. Large enough that the way to a worker and back does not count, small enough for
/// thousands at once.
constexpr std::size_t kPiece = 256 * 1024;

}  // namespace

Task<Result<DataFiles::Written>> LocalStore::State::write_stream(Body body,
                                                                 ContentDigester::Options digests) {
  std::vector<std::byte> buffer(std::min<ByteCount>(body.size, kPiece));
  CO_TRY(std::unique_ptr<FileWriter> file,
         co_await offload([&] { return files->begin_file(digests); }));
  Result<void> taken;
  for (ByteCount left = body.size; left > 0 && taken;) {
    const MutableBytes piece(buffer.data(), std::min<ByteCount>(left, buffer.size()));
    taken = co_await read_stream(*body.stream, piece);
    if (taken) taken = co_await offload([&] { return file->append(piece); });
    left -= piece.size();
  }
  if (taken) taken = co_await read_stream_end(*body.stream);
  co_return co_await offload([&]() -> Result<DataFiles::Written> {
    if (taken) return file->finish();
    file.reset();
    return std::move(taken).error();
  });
}

Task<Result<void>> LocalStore::State::take_body(Body body, IndexWrite* write, Arrival* arrival,
                                                std::function<Result<void>(LocalIndex&)> begin) {
  arrival->body = body;
  arrival->small = body.size < kSmallObject;
  if (!arrival->small && !body.stream) {
    CO_TRY(write->written, co_await offload([&]() -> Result<DataFiles::Written> {
             TRY_VOID(with_reader(begin));
             return files->write_file(body, write->digester);
           }));
    co_return Result<void>();
  }
  if (!arrival->small) {
    CO_TRY_VOID(co_await offload([&] { return with_reader(begin); }));
    CO_TRY(write->written, co_await write_stream(body, write->digester));
    co_return Result<void>();
  }
  if (body.stream) {
    arrival->bytes.resize(body.size);
    CO_TRY_VOID(co_await read_stream(*body.stream, arrival->bytes));
    CO_TRY_VOID(co_await read_stream_end(*body.stream));
    arrival->body = Body::of(arrival->bytes);
  }
  write->small_body = &arrival->body;
  co_return Result<void>();
}

}  // namespace telpher
