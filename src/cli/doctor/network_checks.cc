// The way to the store: from its name to something that answers as S3 does.

#include "base/units.h"
#include "cli/doctor/examination.h"
#include "cli/json_event.h"
#include "cli/time_text.h"
#include "codec/http_date.h"
#include "net/tcp.h"
#include "net/tls_peer.h"
#include "runtime/task_group.h"
#include "session/exit_code.h"

#include <algorithm>
#include <cstdio>

namespace telpher {
namespace {

constexpr std::size_t kAddressesMax = 8;
constexpr std::size_t kGreetingBytesMax = 64 * 1024;

std::string url_of(const Origin& origin) {
  return (origin.tls ? "https://" : "http://") + authority_of(origin);
}

std::string milliseconds_text(Duration duration) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f ms",
                std::chrono::duration<double, std::milli>(duration).count());
  return text;
}

/// One address: whether it can be connected to, and how soon.
struct Knock {
  SocketAddress address;
  Duration took{};
  std::optional<Error> error;
};

Task<Result<void>> knock(Knock* at, TimePoint deadline) {
  const Loop& loop = co_await current_loop();
  const TimePoint begun = loop.now();
  const auto socket = co_await connect_tcp({at->address}, deadline);
  at->took = loop.now() - begun;
  if (!socket) at->error = socket.error();
  co_return Result<void>();
}

std::string listed(const std::vector<std::string>& names) {
  constexpr std::size_t kMost = 4;
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), kMost); ++i) {
    text += (i == 0 ? "" : ", ") + names[i];
  }
  return names.size() > kMost ? text + " …" : text;
}

bool looks_like_s3(const Headers& headers, std::string_view body) {
  if (headers.contains("x-amz-request-id") || headers.contains("x-amz-id-2")) return true;
  for (const std::string_view element :
       {"<ListBucketResult", "<ListAllMyBucketsResult", "<Code>", "<LocationConstraint"}) {
    if (body.find(element) != std::string_view::npos) return true;
  }
  return false;
}

/// A proxy did not let us through.
Finding stopped_by_proxy(const Error& error, const Origin& origin) {
  if (error.context.http_status == 407) {
    return failure(kExitGaveUp, error.message.substr(0, error.message.find(". ")),
                   "Give it in the proxy's address: http://USER:PASSWORD@HOST:PORT");
  }
  return failure(kExitGaveUp, error.message,
                 "Have the proxy let " + authority_of(origin) +
                     " pass, or do without it: --proxy none, or NO_PROXY=" + origin.host);
}

/// Of certificates that are not trusted.
Finding untrusted(const TlsPeer& peer, const Origin& origin, WallTime now) {
  const std::string who = peer.issuer.empty() ? "somebody unknown" : "'" + peer.issuer + "'";
  if (peer.has(CertificateFault::kExpired)) {
    const auto ago = std::chrono::duration_cast<std::chrono::days>(now - peer.valid_until).count();
    return failure(
        kExitDestination,
        "the certificate expired on " + time_text(peer.valid_until) + ", " + std::to_string(ago) +
            (ago == 1 ? " day ago" : " days ago"),
        "Have the store's operator renew it. If this machine's date is wrong (here it is " +
            time_text(now) + "), set the clock");
  }
  if (peer.has(CertificateFault::kNotYetValid)) {
    return failure(kExitDestination,
                   "the certificate is valid from " + time_text(peer.valid_from) +
                       " on only, and here it is " + time_text(now),
                   "Set this machine's clock: sudo timedatectl set-ntp true. If it is right, the "
                   "store's certificate has been made with a wrong one");
  }
  if (peer.has(CertificateFault::kOtherHost)) {
    const std::string names = peer.names.empty() ? peer.subject : listed(peer.names);
    return failure(kExitDestination,
                   "the certificate is for " + (names.empty() ? "no name" : names) + ", not for " +
                       origin.host,
                   "Use a name of the certificate in the endpoint URL, or have the store's "
                   "certificate made for " +
                       origin.host + ", too");
  }
  const std::string give =
      "If you know it, name the certificate (PEM): --ca-bundle FILE, AWS_CA_BUNDLE, or ca_bundle "
      "in "
      "~/.aws/config. To see it: openssl s_client -showcerts -connect " +
      origin.host + ':' + std::to_string(origin.port);
  if (peer.has(CertificateFault::kSelfSigned)) {
    return failure(kExitDestination, "the certificate is signed by itself: nobody vouches for it",
                   give);
  }
  if (peer.has(CertificateFault::kUntrusted)) {
    return failure(kExitDestination,
                   "the certificate is signed by " + who + ", whom this machine does not know",
                   give);
  }
  return failure(kExitDestination, "the certificate is not trusted: " + peer.fault_text, give);
}

}  // namespace

Examination::CheckTask Examination::check_endpoint() {
  CO_TRY(network_, Network::choose(options_.access.proxy, settings_.environment));
  const Network* const network = &*network_;
  Result<S3Config> config = resolve_s3_config(options_.access.s3, settings_.environment,
                                              [network](Loop& loop, HttpClientOptions http) {
                                                return network->make_client(loop, std::move(http));
                                              });
  if (!config && config.error().context.code == kEndpointUrlError) {
    co_return failure(kExitUsage, config.error().message,
                      "Write scheme, host and port, as in https://s3.example.com or "
                      "http://127.0.0.1:9000");
  }
  if (!config && config.error().context.code == kUnknownProfileError) {
    co_return failure(kExitUsage, config.error().message,
                      "Add it (aws configure --profile NAME), or name another: --profile, "
                      "AWS_PROFILE");
  }
  if (!config) co_return failure(kExitUsage, config.error().message, "");
  config_ = *std::move(config);
  route_ = make_route(config_.endpoint, bucket_);
  known_.endpoint = url_of(config_.endpoint.origin) + config_.endpoint.path;
  known_.endpoint_from = config_.endpoint_from;
  known_.region = config_.region.empty()
                      ? std::string(region_of_host(*config_.provider, config_.endpoint.origin.host))
                      : config_.region;
  std::string text =
      known_.endpoint + " (" +
      (known_.endpoint_from.empty() ? "AWS: no other is named" : known_.endpoint_from) + ")";
  if (!bucket_.empty()) {
    text += config_.endpoint.origin.host == route_.origin.host
                ? ", the bucket in the path"
                : ", the bucket in the host: " + route_.origin.host;
  }
  Finding finding = ok(std::move(text));
  finding.facts = {{"endpoint", json_string(known_.endpoint)},
                   {"from", json_string(known_.endpoint_from)}};
  co_return finding;
}

Examination::CheckTask Examination::check_proxy() {
  proxy_ = network_->proxy_of(origin());
  if (network_->is_by_curl()) co_return ok("all goes through a SOCKS or https proxy");
  if (!proxy_) co_return skipped("");
  co_return ok("by " + proxy_->name() +
               (options_.access.proxy.empty()
                    ? " (HTTPS_PROXY, HTTP_PROXY; not for hosts in NO_PROXY)"
                    : " (--proxy)"));
}

Examination::CheckTask Examination::check_name() {
  if (network_->is_by_curl()) co_return skipped("");
  const std::string host = proxy_ ? proxy_->host : origin().host;
  Result<std::vector<SocketAddress>> found =
      co_await resolve(host, proxy_ ? proxy_->port : origin().port, connect_deadline());
  if (!found && found.error().kind == ErrorKind::kCancelled) co_return found.error();
  if (!found) {
    std::string remedy =
        "Correct the name in " +
        (proxy_ ? "the proxy's address (HTTPS_PROXY, HTTP_PROXY or --proxy)"
                : "the endpoint URL (" + place_to_mend(known_.endpoint_from) + ")");
    if (!proxy_ && host != config_.endpoint.origin.host) {
      remedy += ", or put the bucket into the path: --addressing path";
    }
    remedy += ". If it is right, look at this machine's resolver: getent hosts " + host;
    co_return failure(
        kExitGaveUp,
        "the name '" + host + "' " +
            (found.error().is_temporary() ? "could not be looked up" : "does not exist"),
        std::move(remedy));
  }
  addresses_ = *std::move(found);
  if (addresses_.size() > kAddressesMax) addresses_.resize(kAddressesMax);
  if (addresses_.size() == 1 && SocketAddress::parse(host, 0)) co_return skipped("");
  std::vector<std::string> names;
  for (const SocketAddress& address : addresses_) {
    const std::string text = address.to_string();
    names.push_back(text.substr(0, text.rfind(':')));
  }
  co_return ok(host + " is " + listed(names));
}

Examination::CheckTask Examination::check_connection() {
  if (network_->is_by_curl()) co_return skipped("");
  std::vector<Knock> knocks(addresses_.size());
  TaskGroup group(co_await current_context());
  for (std::size_t i = 0; i < addresses_.size(); ++i) {
    knocks[i].address = addresses_[i];
    group.spawn(knock(&knocks[i], connect_deadline()));
  }
  CO_TRY_VOID(co_await group.join());
  std::string good;
  std::string bad;
  std::vector<SocketAddress> alive;
  for (const Knock& one : knocks) {
    if (one.error) {
      bad += (bad.empty() ? "" : ", ") + one.address.to_string();
    } else {
      good += (good.empty() ? "" : ", ") + one.address.to_string() + " in " +
              milliseconds_text(one.took);
      alive.push_back(one.address);
    }
  }
  if (alive.empty()) {
    Finding finding = explain(*knocks.front().error, known_);
    finding.found = bad + ": " + finding.found;
    if (proxy_) {
      finding.found = "the proxy " + finding.found;
      finding.remedy = "Correct HTTPS_PROXY, HTTP_PROXY or --proxy; without it: --proxy none";
    }
    co_return finding;
  }
  addresses_ = std::move(alive);
  if (bad.empty()) co_return ok(std::move(good));
  co_return warning(good + "; not " + bad,
                    "Requests go to the others, and may begin slower. Take the dead address out of "
                    "the DNS, or see why it is dead");
}

/// To the store, through the proxy if there is one.
Task<Result<std::unique_ptr<Socket>>> Examination::connect_there() {
  CO_TRY(std::unique_ptr<Socket> socket, co_await connect_tcp(addresses_, connect_deadline()));
  if (proxy_ && origin().tls) {
    CO_TRY_VOID(co_await open_tunnel(socket.get(), proxy_,
                                     origin().host + ':' + std::to_string(origin().port),
                                     connect_deadline()));
  }
  co_return socket;
}

Examination::CheckTask Examination::check_tls() {
  if (!origin().tls) co_return skipped("none: who is on the way can read and change what is sent");
  if (network_->is_by_curl()) co_return skipped("left to the proxy's client");
  Result<std::unique_ptr<TlsClientContext>> context =
      TlsClientContext::make({.ca_bundle = config_.ca_bundle});
  if (!context) co_return failure(kExitUsage, context.error().message, "");
  Result<std::unique_ptr<Socket>> socket = co_await connect_there();
  if (!socket && proxy_) co_return stopped_by_proxy(socket.error(), origin());
  if (!socket) co_return socket.error();
  Result<TlsPeer> peer =
      co_await examine_tls(**context, *std::move(socket), origin().host, connect_deadline());
  if (!peer && peer.error().kind == ErrorKind::kTimeout) {
    co_return failure(
        kExitGaveUp,
        "it takes the connection and then stays silent for " + known_.waited_to_connect,
        "Is this the store's port? If it is, the service hangs: restart it, or tell "
        "its operator");
  }
  if (!peer && peer.error().kind != ErrorKind::kCancelled) {
    co_return failure(kExitGaveUp, "no TLS is spoken there: " + peer.error().message,
                      "If the store speaks plain HTTP: http://" + authority_of(origin()) +
                          "; else correct the port in the endpoint URL (" +
                          place_to_mend(known_.endpoint_from) + ")");
  }
  CO_TRY(const TlsPeer seen, std::move(peer));
  if (!seen.faults.empty() && config_.verify_tls) {
    co_return untrusted(seen, origin(), loop_.wall_now());
  }
  std::string text = seen.version + ", certificate until " + time_text(seen.valid_until);
  if (!seen.issuer.empty()) text += " by '" + seen.issuer + "'";
  if (!config_.verify_tls) {
    co_return warning(text + ", not checked (--no-verify-ssl): anyone may listen",
                      "Leave --no-verify-ssl out, and name the certificate with --ca-bundle FILE");
  }
  const auto left =
      std::chrono::duration_cast<std::chrono::days>(seen.valid_until - loop_.wall_now()).count();
  if (left < 14) {
    co_return warning(text + ": " + std::to_string(left) + (left == 1 ? " day" : " days") + " left",
                      "Have the store's operator renew it: afterwards nobody gets in");
  }
  co_return ok(std::move(text));
}

Task<bool> Examination::speaks_tls() {
  if (proxy_ || addresses_.empty()) co_return false;
  Result<std::unique_ptr<TlsClientContext>> context = TlsClientContext::make({});
  if (!context) co_return false;
  auto socket = co_await connect_tcp(addresses_, connect_deadline());
  if (!socket) co_return false;
  const auto peer =
      co_await examine_tls(**context, *std::move(socket), origin().host, connect_deadline());
  co_return peer.has_value();
}

Task<Result<void>> Examination::ask_unsigned() {
  HttpRequest request;
  request.method = "GET";
  request.target = (route_.path.empty() ? "/" : route_.path) +
                   (bucket_.empty() ? "" : "?list-type=2&max-keys=1");
  request.headers.add("user-agent", "telpher");
  CO_TRY(const std::unique_ptr<HttpResponse> answer,
         co_await http_->send(origin(), std::move(request)));
  if (const auto date = answer->headers.find("date")) {
    if (const auto theirs = parse_http_date(*date)) {
      greeting_.clock_ahead = *theirs - std::chrono::floor<std::chrono::seconds>(loop_.wall_now());
    }
  }
  greeting_.status = answer->status;
  // A body that is cut or too long tells nothing; the head still does.
  Result<std::string> body = co_await answer->read_all(kGreetingBytesMax);
  if (body) greeting_.body = *std::move(body);
  greeting_.headers = std::move(answer->headers);
  co_return Result<void>();
}

Examination::CheckTask Examination::check_service() {
  http_ = network_->make_client(loop_, {.connect_timeout = options_.access.connect_timeout,
                                        .idle_timeout = options_.access.idle_timeout,
                                        .ca_bundle = config_.ca_bundle,
                                        .verify_tls = config_.verify_tls});
  const Result<void> asked = co_await ask_unsigned();
  if (!asked && asked.error().kind == ErrorKind::kCancelled) co_return asked.error();
  const std::string url = "the endpoint URL (" + place_to_mend(known_.endpoint_from) + ")";
  if (!asked || (greeting_.status == 400 && !looks_like_s3(greeting_.headers, greeting_.body))) {
    if (!origin().tls && co_await speaks_tls()) {
      co_return failure(
          kExitGaveUp, "TLS is spoken there, not plain HTTP",
          "Write https://" + origin().host + ':' + std::to_string(origin().port) + " into " + url);
    }
  }
  if (!asked && asked.error().kind == ErrorKind::kTimeout) {
    co_return failure(kExitGaveUp,
                      "it takes the connection and then stays silent for " +
                          format_duration(options_.access.idle_timeout),
                      "Is this the store's port? If it is, the service hangs: restart it, or tell "
                      "its operator");
  }
  if (!asked && proxy_) co_return stopped_by_proxy(asked.error(), origin());
  if (!asked) co_return asked.error();
  const std::string server(greeting_.headers.find("server").value_or(""));
  const std::string by = server.empty() ? "" : " by '" + server + "'";
  if (!looks_like_s3(greeting_.headers, greeting_.body)) {
    const std::string status = "HTTP " + std::to_string(greeting_.status);
    if (greeting_.status >= 502 && greeting_.status <= 504) {
      co_return failure(kExitGaveUp, status + by + ": what stands before the store cannot reach it",
                        "Start the store behind it, or tell its operator");
    }
    if (greeting_.status == 407 || (proxy_ && greeting_.status == 403)) {
      co_return failure(
          kExitGaveUp, status + by + ": the proxy lets nothing pass",
          "Log in to it (http://USER:PASSWORD@HOST:PORT), have it let the store pass, "
          "or do without it: --proxy none");
    }
    co_return failure(kExitGaveUp, "a web server answers (" + status + by + "), but no S3",
                      "Correct host, port and path in " + url);
  }
  const Provider* provider = provider_of_answer(greeting_.headers);
  if (!provider || config_.provider != &unknown_provider()) provider = config_.provider;
  provider_ = *provider;
  Finding finding = ok(provider == &unknown_provider() ? "S3, of a kind Telpher does not know" + by
                                                       : std::string(provider->name));
  finding.facts = {{"provider", json_string(provider->name)}, {"server", json_string(server)}};
  co_return finding;
}

Examination::CheckTask Examination::check_clock() {
  constexpr std::chrono::minutes kFine{5};
  if (!greeting_.clock_ahead) co_return skipped("the store does not tell its time");
  const std::chrono::seconds ahead = *greeting_.clock_ahead;
  const std::chrono::seconds wrong = std::chrono::abs(ahead);
  Finding finding;
  if (wrong <= kFine) {
    finding = ok(wrong.count() < 2 ? "as the store's"
                                   : "within " + format_duration(wrong) + " of the store's");
  } else {
    finding =
        warning("this machine's is " + format_duration(wrong) +
                    (ahead.count() > 0 ? " behind" : " ahead of") + " the store's",
                "Telpher signs with the store's time, other tools are refused from 15m on. Set "
                "the clock: sudo timedatectl set-ntp true, or sudo chronyc makestep");
  }
  finding.facts = {{"clock_ahead_seconds", std::to_string(-ahead.count())}};
  co_return finding;
}

}  // namespace telpher
