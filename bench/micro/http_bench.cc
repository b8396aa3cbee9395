// CPU of the client thread for requests over kept connections, against our own server on another
// thread (its CPU is told beside): PUT of 10 KiB, GET and PUT of large bodies, plain and TLS.

#include "net/http_client.h"
#include "net/http_server.h"
#include "net/tls.h"

#include <benchmark/benchmark.h>
#include <cstdlib>
#include <ctime>
#include <pthread.h>
#include <thread>
#include <unistd.h>

namespace telpher {
namespace {

constexpr int kConnections = 64;
constexpr int kRequestsPerRun = 20'000;
constexpr std::size_t kLarge = 16u << 20;

double thread_cpu_seconds(clockid_t clock = CLOCK_THREAD_CPUTIME_ID) {
  timespec time;
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

// Swallows what is sent; "/large" answers with 16 MiB.
class Sink final : public HttpHandler {
 public:
  Task<Result<void>> handle(ServerRequest& request, ServerResponse& response) override {
    auto buffer = std::make_unique_for_overwrite<std::byte[]>(kBuffer);
    while (!request.body_read()) {
      CO_TRY_VOID(co_await request.read_some({buffer.get(), kBuffer}));
    }
    response.headers.add("ETag", "\"d41d8cd98f00b204e9800998ecf8427e\"");
    if (request.target() == "/large") co_return co_await response.send(Body::of(as_bytes(large_)));
    co_return co_await response.send();
  }

 private:
  static constexpr std::size_t kBuffer = 256 * 1024;
  const std::string large_ = std::string(kLarge, 'x');
};

class ServerThread {
 public:
  explicit ServerThread(bool tls) {
    if (tls) {
      const SelfSigned pair = make_self_signed("IP:127.0.0.1", 1).value();
      context_ = TlsServerContext::make({pair.certificate_pem, pair.private_key_pem}).value();
      options_.tls = context_.get();
    }
    server_ = HttpServer::open(loop_, sink_, options_).value();
    thread_ = std::thread([this] { (void)loop_.run(server_->serve(), cancel_); });
  }
  ~ServerThread() {
    loop_.post([this] { cancel_.cancel(); });
    thread_.join();
  }
  double cpu_seconds() {
    clockid_t clock;
    pthread_getcpuclockid(thread_.native_handle(), &clock);
    return thread_cpu_seconds(clock);
  }
  Origin origin() const { return {options_.tls != nullptr, "127.0.0.1", server_->port()}; }

 private:
  Loop loop_;
  Sink sink_;
  HttpServerOptions options_;
  std::unique_ptr<TlsServerContext> context_;
  std::unique_ptr<HttpServer> server_;
  CancelSource cancel_;
  std::thread thread_;
};

Task<Result<void>> put_in_turn(HttpClient* client, Origin origin, Body body, int* left) {
  while ((*left)-- > 0) {
    HttpRequest request{"PUT", "/bucket/some/key", {}, body};
    request.headers.add("x-amz-content-sha256", "UNSIGNED-PAYLOAD");
    request.headers.add("x-amz-date", "20260101T000000Z");
    request.headers.add("Authorization", std::string(200, 'a'));
    CO_TRY(std::unique_ptr<HttpResponse> response,
           co_await client->send(origin, std::move(request)));
    if (response->status != 200) co_return make_error(ErrorKind::kServer, "not 200");
  }
  co_return Result<void>();
}

Task<Result<void>> put_many(HttpClient* client, Origin origin, Body body, int connections,
                            int requests) {
  TaskGroup group(co_await current_context());
  for (int i = 0; i < connections; ++i) {
    group.spawn(put_in_turn(client, origin, body, &requests));
  }
  co_return co_await group.join();
}

void run_puts(benchmark::State& state, bool tls, Body body, int connections, int requests) {
  ServerThread server(tls);
  Loop loop;
  const auto client = make_http_client(loop, {.verify_tls = false});
  double cpu = 0;
  double server_cpu = 0;
  for (auto _ : state) {
    const double start = thread_cpu_seconds();
    const double server_start = server.cpu_seconds();
    const Result<void> done =
        loop.run(put_many(client.get(), server.origin(), body, connections, requests));
    if (!done) return state.SkipWithError(done.error().message.c_str());
    cpu += thread_cpu_seconds() - start;
    server_cpu += server.cpu_seconds() - server_start;
  }
  const auto runs = static_cast<double>(state.iterations());
  state.counters["us_per_request"] = 1e6 * cpu / (runs * requests);
  state.counters["server_us_per_request"] = 1e6 * server_cpu / (runs * requests);
  const double bytes = runs * requests * static_cast<double>(body.size);
  state.counters["cpu_s_per_GiB"] = cpu / (bytes / (1u << 30));
}

void put_memory(benchmark::State& state, bool tls, std::size_t size, int connections,
                int requests) {
  const std::string body(size, 'x');
  run_puts(state, tls, Body::of(as_bytes(body)), connections, requests);
}

void put_file(benchmark::State& state, bool tls, std::size_t size, int connections, int requests) {
  char path[] = "/tmp/telpher_http_bench_XXXXXX";
  const UniqueFd file(mkstemp(path));
  unlink(path);
  const std::string content(size, 'x');
  if (write(file.get(), content.data(), size) != static_cast<ssize_t>(size)) {
    return state.SkipWithError("cannot write the file");
  }
  run_puts(state, tls, Body::of_file(file.get(), {0, size}), connections, requests);
}

void put_10_kib(benchmark::State& state, bool tls) {
  put_memory(state, tls, 10 * 1024, kConnections, kRequestsPerRun);
}
BENCHMARK_CAPTURE(put_10_kib, plain, false)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(put_10_kib, tls, true)->Unit(benchmark::kMillisecond);

void put_10_kib_file(benchmark::State& state, bool tls) {
  put_file(state, tls, 10 * 1024, kConnections, kRequestsPerRun);
}
BENCHMARK_CAPTURE(put_10_kib_file, plain, false)->Unit(benchmark::kMillisecond);

void put_16_mib(benchmark::State& state, bool tls) { put_memory(state, tls, kLarge, 4, 64); }
BENCHMARK_CAPTURE(put_16_mib, plain, false)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(put_16_mib, tls, true)->Unit(benchmark::kMillisecond);

void put_16_mib_file(benchmark::State& state, bool tls) { put_file(state, tls, kLarge, 4, 64); }
BENCHMARK_CAPTURE(put_16_mib_file, plain, false)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(put_16_mib_file, tls, true)->Unit(benchmark::kMillisecond);

Task<Result<void>> get_in_turn(HttpClient* client, Origin origin, MutableBytes buffer, int* left) {
  while ((*left)-- > 0) {
    CO_TRY(std::unique_ptr<HttpResponse> response,
           co_await client->send(origin, {"GET", "/large"}));
    for (std::size_t count = 1; count > 0;) {
      CO_TRY(count, co_await response->read_some(buffer));
    }
  }
  co_return Result<void>();
}

void get_16_mib(benchmark::State& state, bool tls) {
  ServerThread server(tls);
  Loop loop;
  const auto client = make_http_client(loop, {.verify_tls = false});
  const auto buffer = std::make_unique<std::byte[]>(256 * 1024);
  double cpu = 0;
  int requests = 0;
  for (auto _ : state) {
    const double start = thread_cpu_seconds();
    int left = 64;
    requests += left;
    const Result<void> done =
        loop.run(get_in_turn(client.get(), server.origin(), {buffer.get(), 256 * 1024}, &left));
    if (!done) return state.SkipWithError(done.error().message.c_str());
    cpu += thread_cpu_seconds() - start;
  }
  state.counters["cpu_s_per_GiB"] =
      cpu / (static_cast<double>(requests) * static_cast<double>(kLarge) / (1u << 30));
}
BENCHMARK_CAPTURE(get_16_mib, plain, false)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(get_16_mib, tls, true)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace telpher

BENCHMARK_MAIN();
