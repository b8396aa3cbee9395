#include "cli/service_run.h"

#include "base/units.h"
#include "cli/progress_view.h"
#include "cli/s3_inputs.h"
#include "cli/server_limits.h"
#include "cli/service_log.h"
#include "cli/service_state.h"
#include "metrics/operation_metrics.h"
#include "net/http_client.h"
#include "runtime/task_group.h"
#include "server/api_service.h"
#include "server/event_routes.h"
#include "server/fault_routes.h"
#include "server/health_routes.h"
#include "server/key_routes.h"
#include "server/monitor_routes.h"
#include "server/object_routes.h"
#include "server/otlp_export.h"
#include "server/page_routes.h"
#include "server/transfer_routes.h"
#include "server/upload_routes.h"
#include "session/session.h"
#include "store/layers/metrics.h"
#include "store/local/local_store.h"
#include "store/memory/memory_store.h"

#include <cstdio>
#include <memory>
#include <unistd.h>

namespace telpher {
namespace {

using Kind = ServiceRunOptions::StoreKind;

constexpr std::size_t kJwksBytesMax = 1024 * 1024;
constexpr ByteCount kResumableBytesMax = 100 * kGiB;
constexpr std::chrono::seconds kCloseTime{10};

Result<void> check_options(const ServiceRunOptions& options) {
  if (options.no_auth && !options.listen.is_loopback()) {
    return make_error(ErrorKind::kInvalid, "--no-auth is for loopback only: at " +
                                               options.listen.host +
                                               " anybody could read and delete everything");
  }
  if (!options.jwt_keys.empty() && (options.no_auth || options.jwt_audience.empty())) {
    return make_error(ErrorKind::kInvalid,
                      options.no_auth ? "--jwt-keys and --no-auth exclude each other"
                                      : "--jwt-keys needs --jwt-audience: whom tokens are for");
  }
  return {};
}

/// What the service reads and writes, below its metrics.
struct Stores {
  std::unique_ptr<LocalStore> local;
  std::unique_ptr<MemoryStore> memory;
  ObjectStore* inner = nullptr;
  std::unique_ptr<MetricsStore> store;
};

Result<Stores> open_stores(const ServiceRunOptions& options, Session& session,
                           OperationRegistry& operations) {
  Stores stores;
  if (options.store == Kind::kLocal) {
    TRY(stores.local,
        LocalStore::open({.root = session.settings().home + "/store", .durable = options.durable}));
    stores.inner = stores.local.get();
  } else if (options.store == Kind::kMemory) {
    stores.memory = std::make_unique<MemoryStore>(Capabilities(), machine_memory() / 2);
    stores.inner = stores.memory.get();
  } else {
    TRY(stores.inner, session.store(Address::Kind::kS3));
  }
  const bool s3 = options.store == Kind::kS3;
  stores.store = std::make_unique<MetricsStore>(*stores.inner, operations, s3 ? "s3_" : "store_");
  return stores;
}

Task<Result<void>> make_bucket(ObjectStore* store, std::string bucket) {
  const Result<BucketInfo> there = co_await store->head_bucket(bucket);
  if (there) co_return Result<void>();
  if (there.error().kind != ErrorKind::kNotFound) co_return there.error();
  co_return co_await store->create_bucket(bucket);
}

/// Keys, and the first one when there is none that would do.
struct Keys {
  std::unique_ptr<KeyFile> file;  // null without keys
  std::string made;               // to be shown, this once
};

Result<Keys> open_keys(const ServiceRunOptions& options, const Settings& settings, WallTime now) {
  Keys keys;
  if (options.no_auth) return keys;
  TRY(KeyFile file, KeyFile::open(key_file_path(settings)));
  keys.file = std::make_unique<KeyFile>(std::move(file));
  if (!keys.file->keys().empty()) return keys;
  TRY(const KeyFile::Made made,
      keys.file->add({.id = {}, .name = "first key", .role = Role::kAdmin}, now));
  keys.made = made.secret;
  return keys;
}

std::function<void(const ApiService::Answered&)> request_log(const ServiceRunOptions& options,
                                                             const Loop& loop) {
  using Log = ServiceRunOptions::Log;
  Log log = options.log;
  if (log == Log::kAuto) log = ::isatty(STDERR_FILENO) ? Log::kText : Log::kJson;
  if (log == Log::kNone) return {};
  return [&loop, log](const ApiService::Answered& request) {
    const WallTime now = loop.wall_now();
    const std::string line =
        log == Log::kText ? text_log_line(request, now) : json_log_line(request, now);
    std::fprintf(stderr, "%s\n", line.c_str());
  };
}

/// What is said besides requests, in the form they have.
using Tell = std::function<void(std::string_view level, std::string_view message)>;

Tell service_log(const ServiceRunOptions& options, const Loop& loop) {
  using Log = ServiceRunOptions::Log;
  const bool json =
      options.log == Log::kJson || (options.log == Log::kAuto && !::isatty(STDERR_FILENO));
  return [&loop, json](std::string_view level, std::string_view message) {
    const std::string line =
        json ? json_log_message(level, message, loop.wall_now()) : "telpher: " + printable(message);
    std::fprintf(stderr, "%s\n", line.c_str());
  };
}

Result<std::unique_ptr<HttpServer>> open_server(Loop& loop, HttpHandler& handler,
                                                const ServiceRunOptions& options,
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

/// The JWKS of --jwt-keys, from a file or by http(s).
Task<Result<TokenKeys>> read_token_keys(const std::string* place, HttpClient* http) {
  std::string text;
  if (place->starts_with("http://") || place->starts_with("https://")) {
    CO_TRY(const Uri uri, parse_uri(*place));
    HttpRequest request{.method = "GET", .target = uri.target(), .headers = {}, .body = {}};
    CO_TRY(const std::unique_ptr<HttpResponse> response,
           co_await http->send({uri.scheme == "https", uri.host, uri.port}, std::move(request)));
    CO_TRY(text, co_await response->read_all(kJwksBytesMax));
    if (response->status != 200) {
      co_return make_error(ErrorKind::kServer, "HTTP " + std::to_string(response->status));
    }
  } else {
    CO_TRY(text, read_input("--jwt-keys", *place));
  }
  co_return TokenKeys::parse(text);
}

/// Who signs tokens changes keys now and then.
Task<Result<void>> renew_token_keys(SignIn* sign_in, const ServiceRunOptions* options,
                                    TokenRules rules, HttpClient* http) {
  for (;;) {
    CO_TRY_VOID(co_await sleep_for(std::chrono::minutes(5)));
    Result<TokenKeys> keys = co_await read_token_keys(&options->jwt_keys, http);
    if (keys) {
      sign_in->take_tokens(*std::move(keys), rules);
    } else if (keys.error().kind != ErrorKind::kCancelled) {
      std::fprintf(stderr, "telpher: --jwt-keys: %s; the keys of before stay\n",
                   keys.error().message.c_str());
    }
  }
}

/// What means an object to every process, so that a restart goes on with what it finds.
std::function<DestinationName(const ObjectAddress&)> object_names(const ServiceRunOptions& options,
                                                                  const Session& session) {
  if (options.store == Kind::kMemory) {
    // Gone with the process: no other one can mean it.
    const std::string place = "memory://" + random_base64url(9) + "/";
    return
        [place](const ObjectAddress& object) { return place + object.bucket + "/" + object.key; };
  }
  const Address::Kind kind =
      options.store == Kind::kS3 ? Address::Kind::kS3 : Address::Kind::kLocal;
  return [&session, kind](const ObjectAddress& object) { return session.name_of(kind, object); };
}

/// A file that can be continued may be larger than one that cannot.
UploadLimits resumable_limits(UploadLimits limits) {
  limits.file_bytes_max = std::max(limits.file_bytes_max, kResumableBytesMax);
  return limits;
}

boost::json::object client_settings(const ServiceRunOptions& options, bool faults) {
  const auto texts = [](const std::vector<std::string>& list) {
    return boost::json::array(list.begin(), list.end());
  };
  return {{"defaultBucket", options.bucket},
          {"upload",
           {{"filesMax", options.uploads.files_max},
            {"fileBytesMax", options.uploads.file_bytes_max},
            {"allow", texts(options.uploads.types.allow)},
            {"block", texts(options.uploads.types.block)}}},
          {"transfers", {{"max", options.transfers_max}}},
          {"faults", faults}};
}

/// For the monitor, which may not wait for the queue.
Task<Result<void>> count_waiting(Transfers* transfers, std::size_t* waiting) {
  for (;;) {
    if (const Result<JobCounts> counts = co_await transfers->counts("", ""); counts) {
      *waiting = (*counts)[static_cast<std::size_t>(JobState::kPending)];
    }
    CO_TRY_VOID(co_await sleep_for(std::chrono::seconds(2)));
  }
}

/// Takes requests to the service, which is made after the port is known to be ours.
class Door final : public HttpHandler {
 public:
  ApiService* service = nullptr;
  Task<Result<void>> handle(ServerRequest& request, ServerResponse& response) override {
    return service->handle(request, response);
  }
  HttpRefusal refusal(int status, const Error& error) override {
    return service->refusal(status, error);
  }
};

/// The object graph, from what lies lowest to what serves. Each step may fail before the next.
class ServiceRun {
 public:
  ServiceRun(Loop& loop, const ServiceRunOptions& options, Settings settings)
      : loop_(loop),
        options_(options),
        settings_(std::move(settings)),
        tell_(service_log(options, loop)),
        session_(loop, settings_, options.access),
        events_(first_event_id(loop)) {}

  Task<Result<void>> run() {
    CO_TRY_VOID(check_options(options_));
    CO_TRY(otlp_, otlp_options(settings_.environment, TELPHER_VERSION));
    CO_TRY(tls_, read_tls(options_.tls_cert, options_.tls_key));
    CO_TRY(server_, open_server(loop_, door_, options_, tls_.get()));
    outside_ = make_http_client(loop_, {});
    CO_TRY(stores_, open_stores(options_, session_, operations_));
    CO_TRY_VOID(co_await make_bucket(stores_.inner, options_.bucket));
    CO_TRY_VOID(co_await open_transfers());
    CO_TRY_VOID(open_uploads());
    co_await open_monitor();
    CO_TRY_VOID(co_await open_access());
    CO_TRY_VOID(open_api());
    print_start();
    Result<void> served = co_await serve();
    CO_TRY_VOID(co_await shielded(queue_->close(), kCloseTime));
    CO_TRY_VOID(co_await shielded(session_.close(), kCloseTime));
    co_return served;
  }

 private:
  Task<Result<void>> open_transfers() {
    CopySettings copy;
    copy.memory = options_.memory;
    copy.transfer.concurrency = settings_.concurrency;
    CO_TRY(engine_, co_await session_.engine(copy));
    CO_TRY(queue_, co_await open_job_queue({.path = settings_.home + "/jobs.db", .vfs = {}}));
    CO_TRY(std::string secret, webhook_secret(settings_.home + "/webhook_secret"));
    AddressGuard guard{.allow_private = options_.allow_private_sources};
    if (options_.allow_private_sources) guard.ports.clear();
    guard.own_ports = {server_->port()};
    guarded_ = make_http_client(loop_, {.guard = guard});
    webhooks_.emplace(loop_, *queue_, *guarded_, WebhookOptions{.secret = std::move(secret)});
    webhooks_->on_problem = [this](std::string_view problem) { tell_("warn", problem); };
    TransferNeeds needs{.queue = *queue_,
                        .engine = *engine_,
                        .store = *stores_.store,
                        .operations = operations_,
                        .spans = spans(),
                        .open_source = http_opener(*guarded_, {}),
                        .name_of = object_names(options_, session_)};
    TransfersOptions limits{
        .transfers_max = static_cast<std::size_t>(options_.transfers_max),
        .rules = {.hosts = options_.source_hosts, .buckets = {}, .guard = guard},
        .limits = {},
        .copy = copy.transfer,
        .make_buckets = options_.store != Kind::kS3};
    transfers_.emplace(loop_, std::move(needs), std::move(limits), &*webhooks_);
    transfers_->on_event([this](const TransferEvent& event) { events_.tell(event_of(event)); });
    transfers_->on_problem([this](std::string_view problem) { tell_("error", problem); });
    co_return Result<void>();
  }

  Result<void> open_uploads() {
    const auto on_stored = [this](const StoredUpload& upload) { events_.tell(event_of(upload)); };
    batch_.emplace(*stores_.store, engine_->buffers,
                   BatchUploadOptions{.bucket = options_.bucket,
                                      .limits = options_.uploads,
                                      .on_stored = on_stored,
                                      .metrics = &operations_.of("upload")});
    TRY(tus_table_, TusTable::open(settings_.home + "/tus.db"));
    tus_.emplace(*stores_.store, engine_->buffers, *tus_table_,
                 TusOptions{.bucket = options_.bucket,
                            .limits = resumable_limits(options_.uploads),
                            .on_stored = on_stored,
                            .metrics = &operations_.of("upload")});
    return {};
  }

  Task<void> open_monitor() {
    MonitorSurroundings surroundings{.buffers = &engine_->buffers};
    surroundings.transfers = [this] { return std::pair(transfers_->active(), waiting_); };
    surroundings.paused_seconds = [this] {
      return static_cast<double>(engine_->stats.paused_us.value()) / 1e6;
    };
    monitor_.emplace(loop_, operations_, events_, std::move(surroundings),
                     settings_.home + "/monitor.json");
    monitor_->on_alert = [this](const Alert& alert) {
      tell_(alert.resolved ? "info" : "warn", alert_text(alert));
    };
    if (!options_.alert_webhook.empty()) {
      monitor_->deliver_alert = [this](std::string event, std::string body) {
        return webhooks_->send({options_.alert_webhook, std::move(event), std::move(body)});
      };
    }
    // What was measured before is worth having, and nothing to fail for.
    if (const Result<void> loaded = co_await monitor_->load(); !loaded) {
      tell_("warn", loaded.error().message);
    }
  }

  /// Last of all that may fail: a key that is made here is shown.
  Task<Result<void>> open_access() {
    token_rules_ = {.audience = options_.jwt_audience, .issuer = options_.jwt_issuer};
    std::optional<TokenKeys> token_keys;
    if (!options_.jwt_keys.empty()) {
      Result<TokenKeys> read = co_await read_token_keys(&options_.jwt_keys, outside_.get());
      if (!read) co_return make_error(ErrorKind::kInvalid, "--jwt-keys: " + read.error().message);
      token_keys = *std::move(read);
    }
    CO_TRY(keys_, open_keys(options_, settings_, loop_.wall_now()));
    sign_in_.emplace(keys_.file.get());
    if (token_keys) sign_in_->take_tokens(*std::move(token_keys), token_rules_);
    co_return Result<void>();
  }

  Result<void> open_api() {
    std::optional<FaultyStore> faulty;
    const auto admin_key = settings_.environment("TELPHER_S3_ADMIN_KEY");
    if (options_.store == Kind::kS3 && admin_key && !admin_key->empty()) {
      TRY(Origin origin, session_.s3_origin());
      faulty.emplace(FaultyStore{*outside_, std::move(origin), *admin_key});
    }
    api_.emplace(loop_, *sign_in_, operations_, spans(),
                 ApiServiceOptions{.hosts = options_.hosts,
                                   .cors_origins = options_.cors_origins,
                                   .requests_per_second = options_.requests_per_second});
    api_->on_answer = request_log(options_, loop_);
    HealthOptions health{.version = TELPHER_VERSION, .default_bucket = options_.bucket};
    health.settings = client_settings(options_, faulty.has_value());
    api_->add(health_routes(*stores_.store, std::move(health)));
    api_->add(key_routes(*sign_in_, keys_.file.get(), TELPHER_VERSION));
    api_->add(object_routes(*stores_.store, options_.bucket, operations_.of("download")));
    api_->add(transfer_routes(*transfers_, events_));
    api_->add(upload_routes(*batch_, *tus_));
    api_->add(event_routes(events_));
    api_->add(monitor_routes(*monitor_));
    api_->add(fault_routes(std::move(faulty)));
    api_->add(page_routes(page_files()));
    door_.service = &*api_;
    return {};
  }

  void print_start() const {
    std::printf("listening on %s\n", options_.listen.url(tls_ != nullptr, server_->port()).c_str());
    if (!keys_.made.empty()) {
      std::printf("admin key: %s\n", keys_.made.c_str());
      tell_("info", "the admin key is not shown again; telpher keys makes others");
    }
    std::fflush(stdout);
  }

  Task<Result<void>> serve() {
    TaskGroup background(co_await current_context());
    background.spawn(monitor_->run());
    background.spawn(transfers_->run());
    background.spawn(webhooks_->run());
    background.spawn(tus_->serve());
    background.spawn(count_waiting(&*transfers_, &waiting_));
    if (!options_.jwt_keys.empty()) {
      background.spawn(renew_token_keys(&*sign_in_, &options_, token_rules_, outside_.get()));
    }
    std::optional<OtlpExport> exporter;
    if (otlp_) {
      exporter.emplace(*outside_, spans_, *monitor_, *otlp_);
      background.spawn(exporter->run());
    }
    Result<void> served = co_await server_->serve();
    events_.close();
    background.cancel();
    (void)co_await background.join();
    co_return served;
  }

  SpanBuffer* spans() { return otlp_ ? &spans_ : nullptr; }

  /// Above those of earlier processes: their listeners come back with them.
  static std::uint64_t first_event_id(const Loop& loop) {
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::microseconds>(loop.wall_now().time_since_epoch())
            .count());
  }

  Loop& loop_;
  const ServiceRunOptions& options_;
  const Settings settings_;
  const Tell tell_;
  OperationRegistry operations_;
  SpanBuffer spans_;
  std::optional<OtlpOptions> otlp_;
  std::unique_ptr<TlsServerContext> tls_;
  std::unique_ptr<HttpClient> outside_;  // to whom options name
  std::unique_ptr<HttpClient> guarded_;  // to whom callers name
  Session session_;
  Stores stores_;
  Engine* engine_ = nullptr;
  EventStream events_;
  std::unique_ptr<JobQueue> queue_;
  std::optional<Webhooks> webhooks_;
  std::optional<Transfers> transfers_;
  std::size_t waiting_ = 0;  // transfers
  std::optional<BatchUploads> batch_;
  std::unique_ptr<TusTable> tus_table_;
  std::optional<TusUploads> tus_;
  std::optional<MonitorService> monitor_;
  TokenRules token_rules_;
  Keys keys_;
  std::optional<SignIn> sign_in_;
  std::optional<ApiService> api_;
  Door door_;
  std::unique_ptr<HttpServer> server_;
};

}  // namespace

std::string key_file_path(const Settings& settings) { return settings.home + "/keys.json"; }

Task<Result<void>> run_service(const ServiceRunOptions* options, Settings settings) {
  ServiceRun run(co_await current_loop(), *options, std::move(settings));
  co_return co_await run.run();
}

}  // namespace telpher
