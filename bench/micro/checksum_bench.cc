// GiB/s per core of each checksum, by size of the piece.

#include "codec/checksum.h"

#include <benchmark/benchmark.h>
#include <string>

namespace telpher {
namespace {

template <class AnyCrc>
void run_crc(benchmark::State& state, CrcKernel kernel) {
  if (!crc_kernel_available(kernel)) {
    state.SkipWithError("this CPU lacks it");
    return;
  }
  const std::string data(static_cast<std::size_t>(state.range(0)), 'x');
  for (auto _ : state) {
    AnyCrc crc;
    crc.update_with(kernel, as_bytes(data));
    benchmark::DoNotOptimize(crc.value());
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}

void crc64nvme(benchmark::State& state, CrcKernel kernel) { run_crc<Crc64Nvme>(state, kernel); }
void crc32c(benchmark::State& state, CrcKernel kernel) { run_crc<Crc32c>(state, kernel); }

void checksum(benchmark::State& state, ChecksumAlgorithm algorithm) {
  const std::string data(static_cast<std::size_t>(state.range(0)), 'x');
  Checksum sum(algorithm);
  for (auto _ : state) {
    sum.update(as_bytes(data));
    benchmark::DoNotOptimize(sum.finish());
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}

#define SIZES ->Arg(64)->Arg(1 << 10)->Arg(16 << 10)->Arg(256 << 10)->Arg(16 << 20)
BENCHMARK_CAPTURE(crc64nvme, table, CrcKernel::kTable) SIZES;
BENCHMARK_CAPTURE(crc64nvme, pclmul, CrcKernel::kPclmul) SIZES;
BENCHMARK_CAPTURE(crc64nvme, vpclmul512, CrcKernel::kVpclmul512) SIZES;
BENCHMARK_CAPTURE(crc32c, pclmul, CrcKernel::kPclmul) SIZES;
BENCHMARK_CAPTURE(crc32c, vpclmul512, CrcKernel::kVpclmul512) SIZES;
BENCHMARK_CAPTURE(checksum, crc64nvme, ChecksumAlgorithm::kCrc64Nvme) SIZES;
BENCHMARK_CAPTURE(checksum, md5, ChecksumAlgorithm::kMd5) SIZES;
BENCHMARK_CAPTURE(checksum, sha256, ChecksumAlgorithm::kSha256) SIZES;

void combine(benchmark::State& state) {
  std::uint64_t crc = 1;
  for (auto _ : state) benchmark::DoNotOptimize(crc = Crc64Nvme::combine(crc, 2, 16'777'216));
}
BENCHMARK(combine);

}  // namespace
}  // namespace telpher

BENCHMARK_MAIN();
