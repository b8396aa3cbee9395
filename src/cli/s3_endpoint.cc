#include "cli/s3_endpoint.h"

#include "base/units.h"
#include "cli/bench/process_cost.h"
#include "cli/progress_view.h"
#include "cli/s3_inputs.h"
#include "cli/server_limits.h"
#include "net/http_server.h"
#include "net/tls.h"
#include "runtime/offload.h"
#include "runtime/task_group.h"
#include "s3/service/service.h"
#include "session/settings.h"
#include "store/local/local_store.h"
#include "store/memory/memory_store.h"

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <limits>
#include <malloc.h>

namespace telpher {
namespace {

Result<std::unique_ptr<LocalStore>> open_local(const S3EndpointOptions& options) {
  const std::string what = "--root '" + options.root + "'";
  std::error_code unreadable;
  if (const auto status = std::filesystem::status(options.root, unreadable);
      std::filesystem::exists(status) && !std::filesystem::is_directory(status)) {
    return make_error(ErrorKind::kIo, what + " is not a directory");
  }
  Result<std::unique_ptr<LocalStore>> store = LocalStore::open({.root = options.root,
                                                                .durable = options.durable,
                                                                .md5_etags = true,
                                                                .part_size_min = 5 * kMiB});
  // Whatever it was: the store is not to be had.
  if (!store) return make_error(ErrorKind::kIo, what + ": " + store.error().message);
  return store;
}

/// What parts and objects have left is used for the next ones. By default each large block comes
/// fresh from the kernel, which clears it page by page: a fifth of what a large PUT costs.
void keep_freed_memory() {
#ifdef __GLIBC__
  constexpr int kBlockMax = 32 << 20;  // the most that glibc takes; larger ones are still mapped
  ::mallopt(M_MMAP_THRESHOLD, kBlockMax);
  ::mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max());
#endif
}

/// … and given back once nobody has wanted it for a while: looked at now and then.
Task<Result<void>> return_freed_memory(const MemoryStore* store) {
  constexpr ByteCount kKept = 256 * kMiB;
  for (;;) {
    CO_TRY_VOID(co_await sleep_for(std::chrono::minutes(1)));
#ifdef __GLIBC__
    const Result<ProcessCost> cost = cost_of(::getpid());
    if (cost && cost->resident > 2 * store->bytes_held() + kKept) {
      co_await offload([] { return ::malloc_trim(kKept); });
    }
#endif
  }
}

/// One of the two.
struct OpenStore {
  std::unique_ptr<LocalStore> local;
  std::unique_ptr<MemoryStore> memory;
  ObjectStore& get() const { return local ? static_cast<ObjectStore&>(*local) : *memory; }
};

Result<OpenStore> open_store(const S3EndpointOptions& options) {
  OpenStore store;
  if (options.in_memory) {
    keep_freed_memory();
    const ByteCount capacity = options.capacity > 0 ? options.capacity : machine_memory() / 2;
    store.memory = std::make_unique<MemoryStore>(Capabilities(), capacity);
  } else {
    TRY(store.local, open_local(options));
  }
  return store;
}

void print_damage(const ScrubDamage& damage) {
  std::string place = damage.object.bucket + "/" + damage.object.key;
  if (!damage.upload_id.empty()) {
    place += " (part " + std::to_string(damage.part) + " of upload " + damage.upload_id + ")";
  }
  std::fprintf(stderr, "telpher: damaged: %s: %s\n", printable(place).c_str(), damage.what.c_str());
}

/// One pass a day, slow enough not to be felt.
Task<Result<void>> scrub_for_ever(LocalStore* store, ByteCount bytes_per_second) {
  constexpr std::chrono::hours kPause{24};
  for (;;) {
    ScrubOptions scrub;
    scrub.bytes_per_second = bytes_per_second;
    scrub.goes_on = true;
    scrub.on_damage = print_damage;
    const Result<ScrubReport> report = co_await store->scrub(std::move(scrub));
    if (!report && report.error().kind == ErrorKind::kCancelled) co_return report.error();
    if (!report) std::fprintf(stderr, "telpher: scrub: %s\n", report.error().message.c_str());
    CO_TRY_VOID(co_await sleep_for(kPause));
  }
}

/// To whoever runs it; what goes on and on is not said again and again.
void report_trouble(const S3Call& call, const Error& error) {
  static std::string last;
  static std::time_t last_at = 0;
  const std::string text = std::string(to_string(call.operation)) + " " + call.object.bucket + "/" +
                           call.object.key + ": " + error.message;
  const std::time_t now = std::time(nullptr);
  if (error.message == last && now - last_at < 10) return;
  last = error.message;
  last_at = now;
  std::fprintf(stderr, "telpher: %s\n", printable(text).c_str());
}

void log_request(const S3Service::Answered& request) {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  ::localtime_r(&now, &local);
  char time[16];
  std::strftime(time, sizeof time, "%H:%M:%S", &local);
  const std::string place = request.object.bucket + "/" + request.object.key;
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(request.took).count();
  const std::string status = request.status == 0 ? "cut" : std::to_string(request.status);
  std::fprintf(stderr, "%s %3s %8.1f ms  %s %s\n", time, status.c_str(),
               static_cast<double>(us) / 1000, std::string(to_string(request.operation)).c_str(),
               printable(place).c_str());
}

void print_start(const HttpServer& server, const S3EndpointOptions& options, const Users& users,
                 const std::string& made_admin_key) {
  const std::string& access_key = users.users.front().access_key;
  std::printf("listening on %s\n",
              options.listen.url(!options.tls_cert.empty(), server.port()).c_str());
  if (users.made) {
    std::printf("access key: %s\nsecret key: %s\n", access_key.c_str(),
                users.users.front().secret_key.c_str());
    if (!users.kept_in.empty()) std::printf("kept in: %s\n", users.kept_in.c_str());
  } else if (!users.kept_in.empty()) {
    std::printf("access key: %s (secret key in %s)\n", access_key.c_str(), users.kept_in.c_str());
  }
  if (!made_admin_key.empty()) std::printf("admin key: %s\n", made_admin_key.c_str());
  std::fflush(stdout);
}

/// Takes requests to the service, which is made after the port is known to be ours: a start that
/// fails for its port has made no store, and no keys that nobody was told.
class Door final : public HttpHandler {
 public:
  S3Service* service = nullptr;
  Task<Result<void>> handle(ServerRequest& request, ServerResponse& response) override {
    return service->handle(request, response);
  }
  HttpRefusal refusal(int status, const Error& error) override {
    return service->refusal(status, error);
  }
};

Result<std::unique_ptr<HttpServer>> open_server(Loop& loop, HttpHandler& handler,
                                                const S3EndpointOptions& options,
                                                TlsServerContext* tls) {
  HttpServerOptions http;
  http.listen = {.host = options.listen.host, .port = options.listen.port};
  http.connections_max = find_connections_max();
  http.tls = tls;
  Result<std::unique_ptr<HttpServer>> server = HttpServer::open(loop, handler, http);
  if (server) return server;
  Error error = std::move(server).error();
  error.message = "--listen: " + error.message;
  if (error.context.code == "EADDRINUSE") {
    error.message += ": choose another port (0 = one that is free)";
  }
  return error;
}

Result<void> check_bucket_names(const std::vector<std::string>& buckets) {
  for (const std::string& bucket : buckets) {
    if (const Result<void> good = check_bucket_name(bucket); !good) {
      return make_error(ErrorKind::kInvalid, "--bucket: " + good.error().message);
    }
  }
  return {};
}

Task<Result<void>> make_buckets(ObjectStore* store, const std::vector<std::string>* buckets,
                                const Users* users) {
  for (const std::string& bucket : *buckets) {
    Result<void> made = co_await store->create_bucket(bucket, users->users.front().id);
    if (made) continue;
    Error error = std::move(made).error();
    // A sole user may use all buckets, also those that he made when he had other keys.
    if (error.context.code == "BucketAlreadyExists" && users->users.size() == 1) continue;
    error.message = "--bucket: " + error.message;
    co_return error;
  }
  co_return Result<void>();
}

}  // namespace

Task<Result<void>> serve_s3(const S3EndpointOptions* options, Environment environment) {
  Loop& loop = co_await current_loop();
  // First what costs nothing to have been wrong, then the port, then what makes files.
  CO_TRY_VOID(check_bucket_names(options->buckets));
  CO_TRY(FaultScript script, read_faults(*options));
  CO_TRY(const std::unique_ptr<TlsServerContext> tls,
         read_tls(options->tls_cert, options->tls_key));
  CO_TRY(Users users, find_given_users(*options, environment));
  Door door;
  CO_TRY(const std::unique_ptr<HttpServer> server, open_server(loop, door, *options, tls.get()));
  CO_TRY(const OpenStore opened, open_store(*options));
  ObjectStore* const store = &opened.get();
  if (users.users.empty()) {
    CO_TRY(users, find_kept_users(options->in_memory ? std::string() : options->root));
  }

  S3ServiceOptions service_options;
  service_options.users = users.users;
  service_options.region = options->region;
  if (!options->domains.empty()) service_options.domains = options->domains;
  service_options.cors.origins = options->cors_origins;
  std::string made_admin_key;
  if (const auto key = environment("TELPHER_S3_ADMIN_KEY"); key && !key->empty()) {
    service_options.admin_key = *key;
  } else {
    made_admin_key = make_user().secret_key;
    service_options.admin_key = made_admin_key;
  }
  FaultInjector faults(std::move(script));
  S3Service service(loop, *store, faults, std::move(service_options));

  if (options->log) service.on_answer = log_request;
  service.on_trouble = report_trouble;
  service.refuse_connections = [&server](Duration time) { server->refuse_connections(time); };
  door.service = &service;
  CO_TRY_VOID(co_await make_buckets(store, &options->buckets, &users));
  print_start(*server, *options, users, made_admin_key);
  TaskGroup background(co_await current_context());
  if (opened.local && options->scrub_rate > 0) {
    background.spawn(scrub_for_ever(opened.local.get(), options->scrub_rate));
  }
  if (opened.memory) background.spawn(return_freed_memory(opened.memory.get()));
  Result<void> served = co_await server->serve();
  background.cancel();
  (void)co_await background.join();
  co_return served;
}

Task<Result<void>> scrub_store(const S3EndpointOptions* options) {
  if (options->in_memory) {
    co_return make_error(ErrorKind::kInvalid,
                         "--scrub looks at a store on disk: it goes with --root, not with --store "
                         "memory");
  }
  std::error_code unreadable;
  if (!std::filesystem::exists(options->root + "/index.db", unreadable)) {
    co_return make_error(ErrorKind::kNotFound, "there is no store at '" + options->root + "'");
  }
  CO_TRY(const std::unique_ptr<LocalStore> store, open_local(*options));
  ScrubOptions scrub;
  scrub.on_damage = print_damage;
  CO_TRY(const ScrubReport report, co_await store->scrub(std::move(scrub)));
  std::printf("%llu objects and %llu parts of unfinished uploads, %s: %llu damaged",
              static_cast<unsigned long long>(report.objects),
              static_cast<unsigned long long>(report.parts), format_size(report.bytes).c_str(),
              static_cast<unsigned long long>(report.damaged));
  if (report.unproven > 0) {
    std::printf(", %llu without a checksum to compare with",
                static_cast<unsigned long long>(report.unproven));
  }
  std::printf("\n");
  if (report.damaged == 0) co_return Result<void>();
  co_return make_error(ErrorKind::kCorrupt,
                       std::to_string(report.damaged) + " damaged; each was named above");
}

}  // namespace telpher
