// CPU of the client thread for S3 requests: a signature alone, and PutObject of 10 KiB with its
// checksum through S3Store over kept connections, against a sink on another thread. And what a
// server does with what it receives: checking a signature, decoding a body in aws-chunked form.

#include "net/http_server.h"
#include "runtime/task_group.h"
#include "s3/client_store.h"
#include "s3/service/aws_chunked.h"
#include "s3/sigv4_verify.h"

#include <benchmark/benchmark.h>
#include <ctime>
#include <thread>

namespace telpher {
namespace {

constexpr int kConnections = 64;
constexpr int kRequestsPerRun = 20'000;

double thread_cpu_seconds() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

// Takes every PUT and repeats its checksum.
class Sink final : public HttpHandler {
 public:
  Task<Result<void>> handle(ServerRequest& request, ServerResponse& response) override {
    auto buffer = std::make_unique_for_overwrite<std::byte[]>(64 * 1024);
    while (!request.body_read()) {
      CO_TRY_VOID(co_await request.read_some({buffer.get(), 64 * 1024}));
    }
    response.headers.add("x-amz-request-id", "0123456789ABCDEF");
    response.headers.add("ETag", "\"d41d8cd98f00b204e9800998ecf8427e\"");
    if (const auto checksum = request.headers().find("x-amz-checksum-crc64nvme")) {
      response.headers.add("x-amz-checksum-crc64nvme", *checksum);
    }
    response.headers.add("Server", "telpher");
    co_return co_await response.send();
  }
};

class SinkThread {
 public:
  SinkThread() : server_(HttpServer::open(loop_, sink_, {}).value()) {
    thread_ = std::thread([this] { (void)loop_.run(server_->serve(), cancel_); });
  }
  ~SinkThread() {
    loop_.post([this] { cancel_.cancel(); });
    thread_.join();
  }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(server_->port()); }

 private:
  Loop loop_;
  Sink sink_;
  std::unique_ptr<HttpServer> server_;
  CancelSource cancel_;
  std::thread thread_;
};

Task<Result<void>> put_in_turn(S3Store* store, Body body, int* left) {
  while ((*left)-- > 0) {
    PutOptions options;
    options.checksum = checksum_of(ChecksumAlgorithm::kCrc64Nvme, body.memory);
    CO_TRY_VOID(co_await store->put({"bucket", "some/key/" + std::to_string(*left)}, body,
                                    std::move(options)));
  }
  co_return Result<void>();
}

Task<Result<void>> put_many(S3Store* store, Body body, int count) {
  TaskGroup group(co_await current_context());
  for (int i = 0; i < kConnections; ++i) group.spawn(put_in_turn(store, body, &count));
  co_return co_await group.join();
}

void put_10_kib(benchmark::State& state) {
  SinkThread sink;
  Loop loop;
  const auto http = make_http_client(loop, {});
  S3StoreOptions options;
  options.endpoint = *parse_endpoint(sink.url(), Addressing::kPath);
  options.region = "us-east-1";
  options.credentials.push_back(make_fixed_credentials({"AKIA", "secret", "", {}, ""}));
  S3Store store(loop, *http, std::move(options));
  const std::string bytes(10 * 1024, 'x');
  for (auto _ : state) {
    const double before = thread_cpu_seconds();
    const auto done = loop.run(put_many(&store, Body::of(as_bytes(bytes)), kRequestsPerRun));
    state.SetIterationTime((thread_cpu_seconds() - before) / kRequestsPerRun);
    if (!done) state.SkipWithError(done.error().message.c_str());
  }
}
BENCHMARK(put_10_kib)
    ->UseManualTime()
    ->Unit(benchmark::kMicrosecond)
    ->Iterations(5)
    ->Repetitions(3);

void sign_request(benchmark::State& state) {
  SigV4Signer signer("us-east-1");
  const Credentials keys{"AKIA", "secret", "", {}, ""};
  std::chrono::sys_seconds now{std::chrono::seconds(1'700'000'000)};
  for (auto _ : state) {
    Headers headers;
    headers.reserve(12, 768);
    headers.add("x-amz-checksum-crc64nvme", "AAAAAAAAAAA=");
    signer.sign(keys, now, "PUT", "127.0.0.1:9000", "/bucket/some/key/12345", kUnsignedPayload,
                headers);
    benchmark::DoNotOptimize(headers);
  }
}
BENCHMARK(sign_request);

/// What clients send: each request with another key.
void verify_request(benchmark::State& state) {
  SigV4Signer signer("us-east-1");
  const std::chrono::sys_seconds now{std::chrono::seconds(1'700'000'000)};
  std::vector<std::pair<std::string, Headers>> requests(1000);
  for (std::size_t i = 0; i < requests.size(); ++i) {
    auto& [target, headers] = requests[i];
    target = "/bucket/some/key/" + std::to_string(i) + "?x-id=PutObject";
    headers.add("Content-Length", "10240");
    headers.add("User-Agent", "aws-sdk-something/1.2.3");
    signer.sign({"AKIA", "secret", "", {}, ""}, now, "PUT", "127.0.0.1:9000", target,
                kUnsignedPayload, headers);
    headers.add("Host", "127.0.0.1:9000");
  }
  SigV4Verifier verifier([](std::string_view) { return std::string("secret"); });
  std::size_t next = 0;
  for (auto _ : state) {
    const auto& [target, headers] = requests[next++ % requests.size()];
    if (!verifier.verify({"PUT", target, headers}, now)) state.SkipWithError("refused");
  }
}
BENCHMARK(verify_request);

void decode_unsigned_chunks(benchmark::State& state) {
  const std::string chunk(64 * 1024, 'x');
  std::string sent;
  for (int i = 0; i < 16; ++i) sent += "10000\r\n" + chunk + "\r\n";
  sent += "0\r\n\r\n";
  std::string body;
  for (auto _ : state) {
    state.PauseTiming();
    body = sent;
    state.ResumeTiming();
    AwsChunkedDecoder decoder({.decoded_length = 16 * chunk.size()}, nullptr);
    const auto size = decoder.decode_in_place(std::as_writable_bytes(std::span(body)));
    if (!size || !decoder.finish()) state.SkipWithError("refused");
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * sent.size()));
}
BENCHMARK(decode_unsigned_chunks);

}  // namespace
}  // namespace telpher

BENCHMARK_MAIN();
