// CPU of taking in a form: the parser alone, and whole batches into a store that discards. Bodies
// come from memory in reads of 64 KiB, as they do from a socket: the copy is part of the figure.

#include "base/random.h"
#include "base/units.h"
#include "codec/multipart_form.h"
#include "store/memory/memory_store.h"
#include "upload/batch_upload.h"

#include <algorithm>
#include <benchmark/benchmark.h>
#include <cstring>

namespace telpher {
namespace {

enum Content { kRandom, kLines };

std::string make_form(std::size_t size, Content content) {
  std::string text(size, 'x');
  Random random(1);
  for (std::size_t at = 0; at + 8 <= size && content == kRandom; at += 8) {
    const std::uint64_t word = random.next();
    std::memcpy(text.data() + at, &word, 8);
  }
  for (std::size_t at = 0; at + 60 < size && content == kLines; at += 60) {
    text[at] = '\r';
    text[at + 1] = '\n';
  }
  return "--Boundary1234567890\r\nContent-Disposition: form-data; name=\"files\"; "
         "filename=\"a.bin\"\r\nContent-Type: application/octet-stream\r\n\r\n" +
         text + "\r\n--Boundary1234567890--\r\n";
}

class MemoryReader final : public ByteReader {
 public:
  explicit MemoryReader(std::string_view text) : text_(text) {}
  Task<Result<std::size_t>> read_some(MutableBytes buffer) override {
    const std::size_t size = std::min({buffer.size(), text_.size(), std::size_t{64 * kKiB}});
    std::memcpy(buffer.data(), text_.data(), size);
    text_.remove_prefix(size);
    co_return size;
  }

 private:
  std::string_view text_;
};

/// Believes what it is sent.
class Discard final : public MemoryStore {
 public:
  Task<Result<PutResult>> put(ObjectAddress, Body, const PutOptions&) override {
    co_return PutResult{};
  }
  Task<Result<ObjectInfo>> head(ObjectAddress object) override {
    co_return no_such_key(object.key);
  }
  Task<Result<std::string>> create_upload(ObjectAddress, CreateUploadOptions) override {
    co_return std::string("id");
  }
  Task<Result<PartInfo>> put_part(ObjectAddress, std::string, PartNumber, Body,
                                  PutPartOptions) override {
    co_return PartInfo{};
  }
};

void parse(benchmark::State& state) {
  const std::string form = make_form(64 * kMiB, static_cast<Content>(state.range(0)));
  for (auto _ : state) {
    MultipartFormParser parser("Boundary1234567890");
    for (std::size_t at = 0; at < form.size();) {
      const Bytes input = as_bytes(form).subspan(at, std::min(64 * kKiB, form.size() - at));
      at += parser.next(input).value().consumed;
    }
    CHECK(parser.done());
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(form.size()));
}
BENCHMARK(parse)->Arg(kRandom)->Arg(kLines)->ArgName("lines");

void batch(benchmark::State& state) {
  const std::string form = make_form(static_cast<std::size_t>(state.range(0)), kRandom);
  Loop loop;
  Discard store;
  BufferPool buffers(64 * kMiB);
  BatchUploadOptions options;
  options.bucket = "bucket";
  BatchUploads batch(store, buffers, options);
  for (auto _ : state) {
    MemoryReader body(form);
    const auto answer = loop.run(
        batch.take(&body, form.size(), "multipart/form-data; boundary=Boundary1234567890", {}));
    CHECK(answer && !answer->body.empty());
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(form.size()));
}
BENCHMARK(batch)->Arg(10 * kKiB)->Arg(kMiB)->Arg(96 * kMiB);

}  // namespace
}  // namespace telpher

BENCHMARK_MAIN();
