// What layers cost on the way of a small object, and what the embedded store costs.

#include "base/units.h"
#include "runtime/task_group.h"
#include "store/layers/adaptive.h"
#include "store/layers/limit.h"
#include "store/layers/metrics.h"
#include "store/layers/retry.h"
#include "store/local/local_store.h"
#include "store/memory/memory_store.h"
#include "store/sqlite/database.h"

#include <algorithm>
#include <benchmark/benchmark.h>
#include <cstdlib>
#include <filesystem>

namespace telpher {
namespace {

/// Takes everything and keeps nothing.
class NullStore : public ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;
  Task<Result<PutResult>> put(ObjectAddress, Body, const PutOptions&) override {
    co_return PutResult{};
  }
};

Task<Result<void>> put_in_turn(ObjectStore& store, int count, Bytes content) {
  for (int i = 0; i < count; ++i) {
    const Result<PutResult> result = co_await store.put(
        {"bucket", "folder/with/a/usual/name-" + std::to_string(i % 1000)}, Body::of(content), {});
    if (!result) co_return result.error();
  }
  co_return Result<void>();
}

Task<Result<void>> put_side_by_side(ObjectStore& store, int lanes, int count, Bytes content) {
  TaskGroup group(co_await current_context());
  for (int i = 0; i < lanes; ++i) group.spawn(put_in_turn(store, count / lanes, content));
  co_return co_await group.join();
}

Task<Result<void>> put_parts(ObjectStore& store, ObjectAddress object, std::string id,
                             PartNumber first, int count, Bytes content) {
  for (int i = 0; i < count; ++i) {
    const Digest digest = checksum_of(ChecksumAlgorithm::kCrc64Nvme, content);
    CO_TRY_VOID(co_await store.put_part(object, id, first + i, Body::of(content), {digest, {}}));
  }
  co_return Result<void>();
}

Task<Result<void>> put_large(ObjectStore& store, int lanes, int parts, Bytes content) {
  const ObjectAddress object{"bucket", "large"};
  CO_TRY(const std::string id, co_await store.create_upload(object, {}));
  TaskGroup group(co_await current_context());
  for (int i = 0; i < lanes; ++i) {
    group.spawn(put_parts(store, object, id, 1 + i * parts / lanes, parts / lanes, content));
  }
  CO_TRY_VOID(co_await group.join());
  CO_TRY(const PartsPage page, co_await store.list_parts(object, id, 0));
  CO_TRY_VOID(co_await store.complete(object, id, page.parts, {}));
  co_return Result<void>();
}

Task<Result<void>> read_large(ObjectStore& store, MutableBytes buffer) {
  CO_TRY(GetResult got, co_await store.get({"bucket", "large"}, {}));
  while (true) {
    CO_TRY(const std::size_t count, co_await got.body->read_some(buffer));
    if (count == 0) co_return Result<void>();
  }
}

void require(benchmark::State& state, const Result<void>& result) {
  if (!result) state.SkipWithError(result.error().message.c_str());
}

void BM_PutThroughLayers(benchmark::State& state) {
  Loop loop;
  MemoryStore memory;
  NullStore null(memory);
  RetryQuota quota;
  RetryStats stats;
  OperationRegistry metrics;
  AdaptiveStore adaptive(null, 64);
  RetryStore retry(adaptive, quota, stats);
  MetricsStore counted(retry, metrics, "s3_");
  LimitStore limit(counted, 64);
  ObjectStore* levels[] = {&null, &adaptive, &retry, &counted, &limit};
  const std::vector<std::byte> content(10 * kKiB);
  for (auto _ : state) {
    require(state, loop.run(put_in_turn(*levels[state.range(0)], 1000, content)));
  }
  state.SetItemsProcessed(state.iterations() * 1000);
}
BENCHMARK(BM_PutThroughLayers)->DenseRange(0, 4);

/// Bytes that come as they do from a socket.
class PieceReader final : public ByteReader {
 public:
  PieceReader(Bytes piece, ByteCount size) : piece_(piece), left_(size) {}
  Task<Result<std::size_t>> read_some(MutableBytes buffer) override {
    const std::size_t count = std::min<ByteCount>({buffer.size(), piece_.size(), left_});
    std::ranges::copy(piece_.first(count), buffer.begin());
    left_ -= count;
    co_return count;
  }

 private:
  const Bytes piece_;
  ByteCount left_;
};

Task<Result<void>> stream_parts(ObjectStore& store, int parts, Bytes piece) {
  const ObjectAddress object{"bucket", "large"};
  CO_TRY(const std::string id, co_await store.create_upload(object, {}));
  for (PartNumber number = 1; number <= parts; ++number) {
    PieceReader stream(piece, 16 * kMiB);
    CO_TRY_VOID(
        co_await store.put_part(object, id, number, Body::of_stream(stream, 16 * kMiB), {}));
  }
  co_return co_await store.abort(object, id);
}

/// 512 MiB as a stream, in parts of 16 MiB, one after the other; MD5 alone would take 0.8 s.
void BM_MemoryPutStream(benchmark::State& state) {
  Loop loop;
  MemoryStore store;
  require(state, loop.run(store.create_bucket("bucket")));
  const std::vector<std::byte> piece(64 * kKiB, std::byte{7});
  for (auto _ : state) require(state, loop.run(stream_parts(store, 32, piece)));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(512 * kMiB));
}
BENCHMARK(BM_MemoryPutStream)->MeasureProcessCPUTime()->UseRealTime();

class LocalFolder {
 public:
  explicit LocalFolder(bool durable) {
    std::string name = (std::filesystem::temp_directory_path() / "telpher-bench-XXXXXX").string();
    root_ = ::mkdtemp(name.data());
    store_ = LocalStore::open({.root = root_, .durable = durable, .md5_etags = true}).value();
  }
  ~LocalFolder() {
    store_.reset();
    std::filesystem::remove_all(root_);
  }
  LocalStore& store() { return *store_; }
  /// So many empty objects, written into the index as put() would: folder/0000000 …
  void fill(Loop& loop, int count) {
    CHECK(loop.run(store_->create_bucket("bucket")));
    const auto index = Database::open({.path = root_ + "/index.db"}).value();
    const std::string insert =
        "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n LIMIT " +
        std::to_string(count) +
        ") INSERT INTO objects SELECT 'bucket', CAST(printf('folder-%d/name-%07d', i % 100, i) AS "
        "BLOB), 10240, '\"d41d8cd98f00b204e9800998ecf8427e\"', 1700000000000000, "
        "'crc64nvme:AAAAAAAAAAA=:0', '', '{\"content_type\":\"text/plain\"}', '', "
        "zeroblob(24), x'' FROM n";
    CHECK(index->execute("PRAGMA synchronous = OFF"));
    CHECK(index->execute(insert.c_str()));
    CHECK(index->execute("PRAGMA wal_checkpoint(TRUNCATE)"));
  }
  void reopen() {
    store_.reset();
    store_ = LocalStore::open({.root = root_, .durable = true, .md5_etags = true}).value();
  }

 private:
  std::string root_;
  std::unique_ptr<LocalStore> store_;
};

/// 10-KiB objects, so many side by side; durable or not.
void BM_LocalPutSmall(benchmark::State& state) {
  Loop loop;
  LocalFolder folder(state.range(1) != 0);
  require(state, loop.run(folder.store().create_bucket("bucket")));
  const std::vector<std::byte> content(10 * kKiB);
  const int lanes = static_cast<int>(state.range(0));
  for (auto _ : state) {
    require(state, loop.run(put_side_by_side(folder.store(), lanes, lanes * 20, content)));
  }
  state.SetItemsProcessed(state.iterations() * lanes * 20);
}
BENCHMARK(BM_LocalPutSmall)
    ->ArgsProduct({{1, 16, 64, 256}, {0, 1}})
    ->MeasureProcessCPUTime()
    ->UseRealTime();

/// 512 MiB in parts of 16 MiB, four at a time.
void BM_LocalPutLarge(benchmark::State& state) {
  Loop loop;
  LocalFolder folder(state.range(0) != 0);
  require(state, loop.run(folder.store().create_bucket("bucket")));
  const std::vector<std::byte> content(16 * kMiB);
  for (auto _ : state) require(state, loop.run(put_large(folder.store(), 4, 32, content)));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(512 * kMiB));
}
BENCHMARK(BM_LocalPutLarge)->Arg(0)->Arg(1)->MeasureProcessCPUTime()->UseRealTime();

void BM_LocalPutStream(benchmark::State& state) {
  Loop loop;
  LocalFolder folder(false);
  require(state, loop.run(folder.store().create_bucket("bucket")));
  const std::vector<std::byte> piece(64 * kKiB, std::byte{7});
  for (auto _ : state) require(state, loop.run(stream_parts(folder.store(), 32, piece)));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(512 * kMiB));
}
BENCHMARK(BM_LocalPutStream)->MeasureProcessCPUTime()->UseRealTime();

void BM_LocalGetLarge(benchmark::State& state) {
  Loop loop;
  LocalFolder folder(false);
  require(state, loop.run(folder.store().create_bucket("bucket")));
  const std::vector<std::byte> content(16 * kMiB);
  require(state, loop.run(put_large(folder.store(), 4, 32, content)));
  std::vector<std::byte> buffer(256 * kKiB);
  for (auto _ : state) require(state, loop.run(read_large(folder.store(), buffer)));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(512 * kMiB));
}
BENCHMARK(BM_LocalGetLarge)->MeasureProcessCPUTime()->UseRealTime();

/// One page of 1,000 keys out of a million, each time another; with a delimiter, 100 folders.
void BM_LocalList(benchmark::State& state) {
  Loop loop;
  static auto* folder = new LocalFolder(false);  // filled once
  static const bool filled = (folder->fill(loop, 1'000'000), true);
  benchmark::DoNotOptimize(filled);
  ListOptions options;
  if (state.range(0) == 1) options.delimiter = "/";
  int i = 0;
  for (auto _ : state) {
    if (state.range(0) == 0) options.prefix = "folder-" + std::to_string(++i % 100) + "/";
    const auto page = loop.run(folder->store().list("bucket", options));
    if (!page || page->objects.size() + page->prefixes.size() < 100) state.SkipWithError("page");
  }
}
BENCHMARK(BM_LocalList)->Arg(0)->Arg(1)->MeasureProcessCPUTime()->Unit(benchmark::kMicrosecond);

/// Opening a store of a million objects.
void BM_LocalOpen(benchmark::State& state) {
  Loop loop;
  LocalFolder folder(true);
  folder.fill(loop, 1'000'000);
  for (auto _ : state) folder.reopen();
}
BENCHMARK(BM_LocalOpen)->UseRealTime()->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace telpher

BENCHMARK_MAIN();
