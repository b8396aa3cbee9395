#include "session/session.h"

#include "base/units.h"
#include "codec/uri.h"
#include "source/file_source.h"
#include "source/http_facts.h"
#include "source/open_source.h"
#include "source/stdin_source.h"
#include "source/store_source.h"
#include "store/local/local_store.h"

#include <cerrno>
#include <sys/statvfs.h>
#include <unistd.h>

namespace telpher {

/// The S3 store and what stands in front of it, innermost first.
struct Session::S3Access {
  S3Access(Loop& loop, std::unique_ptr<HttpClient> client, S3StoreOptions options, int attempts,
           std::uint64_t calls_max, RetryQuota& quota, RetryStats& stats)
      : http(std::move(client)),
        endpoint(options.endpoint),
        client_store(loop, *http, std::move(options)),
        adaptive(client_store, calls_max),
        retry(adaptive, quota, stats, {.attempts_max = attempts}) {}

  std::unique_ptr<HttpClient> http;
  S3Endpoint endpoint;
  S3Store client_store;
  AdaptiveStore adaptive;
  RetryStore retry;
};

Session::Session(Loop& loop, Settings settings, StoreAccess access)
    : loop_(loop), settings_(std::move(settings)), access_(std::move(access)) {}

Session::~Session() = default;

Result<ObjectStore*> Session::store(Address::Kind kind) {
  return kind == Address::Kind::kS3 ? open_s3() : open_local();
}

Result<ObjectStore*> Session::bare_store(Address::Kind kind) {
  TRY(ObjectStore * layered, store(kind));
  return kind == Address::Kind::kS3 ? &s3_->client_store : layered;
}

Result<S3Store*> Session::s3_store() {
  TRY_VOID(store(Address::Kind::kS3));
  return &s3_->client_store;
}

Result<ObjectStore*> Session::open_s3() {
  if (!s3_) {
    TRY(const Network* const network, this->network());
    TRY(S3Config config, resolve_s3_config(
                             access_.s3, settings_.environment,
                             [network](Loop& loop, HttpClientOptions http) {
                               return network->make_client(loop, std::move(http));
                             },
                             notice));
    auto http = network->make_client(loop_, {.connect_timeout = access_.connect_timeout,
                                             .idle_timeout = access_.idle_timeout,
                                             .connections_per_origin_max = connections_max,
                                             .ca_bundle = config.ca_bundle,
                                             .verify_tls = config.verify_tls});
    S3StoreOptions options;
    options.endpoint = config.endpoint;
    options.provider = config.provider;
    options.region = config.region;
    options.credentials = std::move(config.credentials);
    options.notice = notice;
    s3_ = std::make_unique<S3Access>(loop_, std::move(http), std::move(options), access_.attempts,
                                     calls_max, retry_quota_, retry_stats_);
    s3_client_ = s3_->http.get();
  }
  return &s3_->retry;
}

Result<ObjectStore*> Session::open_local() {
  if (!local_) {
    TRY(local_, LocalStore::open({.root = settings_.home + "/store"}));
  }
  return local_.get();
}

Result<Origin> Session::s3_origin() {
  TRY_VOID(store(Address::Kind::kS3));
  return s3_->endpoint.origin;
}

DestinationName Session::name_of(Address::Kind kind, const ObjectAddress& object) const {
  const std::string place = '/' + object.bucket + '/' + object.key;
  if (kind == Address::Kind::kLocal) return "local://" + settings_.home + "/store" + place;
  return "s3://" + (s3_ ? authority_of(s3_->endpoint.origin) : std::string()) + place;
}

Result<const Network*> Session::network() {
  if (!network_) {
    TRY(network_, Network::choose(access_.proxy, settings_.environment));
  }
  return &*network_;
}

Result<HttpClient*> Session::source_client() {
  if (!source_client_) {
    TRY(const Network* const network, this->network());
    source_client_ = network->make_client(loop_, {.connect_timeout = access_.connect_timeout,
                                                  .idle_timeout = access_.idle_timeout,
                                                  .ca_bundle = access_.s3.ca_bundle,
                                                  .verify_tls = !access_.s3.no_verify_tls});
  }
  return source_client_.get();
}

Task<Result<std::unique_ptr<Source>>> Session::open_source(
    const Address& address, const std::vector<std::string>& headers) {
  switch (address.kind) {
    case Address::Kind::kStdio: co_return make_stdin_source();
    case Address::Kind::kPath: co_return open_file_source(address.path);
    case Address::Kind::kS3:
    case Address::Kind::kLocal: {
      CO_TRY(ObjectStore * from, store(address.kind));
      co_return make_store_source(*from, address.object, name_of(address.kind, address.object));
    }
    case Address::Kind::kUrl: break;
  }
  CO_TRY(Uri uri, parse_uri(address.text));
  UrlAccess url;
  CO_TRY(url.http, source_client());
  CO_TRY(const Network* const network, this->network());
  CO_TRY(url.http_options.headers, parse_user_headers(headers));
  url.http_options.attempts_max = access_.attempts;
  url.curl_options = {.connect_timeout = access_.connect_timeout,
                      .idle_timeout = access_.idle_timeout,
                      .proxy = network->typed(),
                      .direct = network->is_direct(),
                      .ca_bundle = access_.s3.ca_bundle,
                      .verify_tls = !access_.s3.no_verify_tls};
  co_return make_url_source(std::move(uri), std::move(url));
}

Task<Result<Journal*>> Session::journal() {
  if (!journal_) {
    CO_TRY(journal_, co_await open_journal({.path = settings_.home + "/journal.db"}));
  }
  co_return journal_.get();
}

/// That what is to be noted can be: a journal that fails half-way would fail what is copied.
Result<void> Session::check_journal_can_grow() const {
  constexpr std::uint64_t kRoom = 1024 * 1024;  // the notes of a copy in ten thousand parts
  const std::string path = settings_.home + "/journal.db";
  if (::access(path.c_str(), W_OK) != 0) return make_errno_error(errno, "write to '" + path + "'");
  struct statvfs room{};
  if (::statvfs(path.c_str(), &room) != 0 || room.f_blocks == 0) return {};  // it does not tell
  if (room.f_bavail * room.f_frsize >= kRoom) return {};
  return make_errno_error(ENOSPC, "write to '" + path + "'");
}

Task<Result<Engine*>> Session::engine(const CopySettings& copy) {
  if (engine_) co_return engine_.get();
  Result<Journal*> opened = co_await journal();
  if (opened) {
    const Result<void> writable = check_journal_can_grow();
    if (!writable) {
      journal_.reset();
      opened = writable.error();
    }
  }
  if (!opened) {
    // A machine without a place for state can still copy; it cannot resume.
    if (notice) notice("nothing can be resumed: " + opened.error().message);
  }
  buffers_ = std::make_unique<BufferPool>(copy.memory);
  rate_ = std::make_unique<RateLimiter>(copy.rate);
  engine_ = std::make_unique<Engine>(
      Engine{*buffers_, opened ? *opened : nullptr, *rate_, transfer_stats_, command});
  co_return engine_.get();
}

Task<Result<void>> Session::close() {
  Result<void> closed;
  if (journal_) closed = co_await journal_->close();
  engine_.reset();
  journal_.reset();
  co_return closed;
}

}  // namespace telpher
