// telpher serve: the HTTP service.

#include "base/units.h"
#include "cli/command_line.h"
#include "cli/listen_address.h"
#include "cli/service_run.h"
#include "cli/store_options.h"
#include "cli/verbs.h"
#include "codec/text.h"
#include "codec/uri.h"
#include "session/address.h"
#include "session/exit_code.h"
#include "store/rules.h"

#include <cstdlib>

namespace telpher {
namespace {

class Serve final : public Verb {
 public:
  void describe(CommandLine& line, const Settings& settings) override {
    options_.memory = settings.memory;
    line.details =
        "Batch and resumable uploads, a queue of transfers, a monitor and a page over any store. "
        "The first line on standard output is `listening on http://127.0.0.1:PORT`; the first "
        "start "
        "prints a key for an administrator, `telpher keys` makes others. It serves until Ctrl-C or "
        "SIGTERM.\n\n"
        "Exit codes: 0 ended by a signal; 2 an option, or a file or variable it names, is wrong; 4 "
        "the address or the store is not to be had.";
    line.examples =
        "telpher serve\n"
        "telpher serve --store s3://bucket --listen :8080 --host files.example\n"
        "telpher serve --no-auth --store memory --listen 127.0.0.1:0";
    line.add({.names = "--listen",
              .value = "ADDRESS:PORT",
              .help = "port 0 = one that is free; :PORT = on all interfaces (default "
                      "127.0.0.1:8080)",
              .set = [this](std::string_view text) -> Result<void> {
                TRY(options_.listen, parse_listen_address(text, "127.0.0.1:8080"));
                return {};
              }});
    line.text("--tls-cert", "FILE", "PEM, the server's own first: serve https", options_.tls_cert);
    line.text("--tls-key", "FILE", "PEM", options_.tls_key);
    line.list("--host", "NAME",
              "a name in the Host header that is served, besides addresses and localhost "
              "(repeatable)",
              options_.hosts);
    line.list("--cors-origin", "ORIGIN",
              "pages of ORIGIN may use it from browsers (repeatable; * = all)",
              options_.cors_origins);
    line.flag("--no-auth", "no keys: whoever reaches it may do everything; on loopback only",
              options_.no_auth);
    line.text("--jwt-keys", "FILE|URL",
              "take JSON Web Tokens, too, that are signed with the keys of this JWKS",
              options_.jwt_keys);
    line.text("--jwt-audience", "NAME", "what their `aud` has to name", options_.jwt_audience);
    line.text("--jwt-issuer", "NAME", "what their `iss` has to be (default: anything)",
              options_.jwt_issuer);
    line.add({.names = "--rate-limit",
              .value = "N",
              .help = "requests a second of one key, in the long run (default: any number)",
              .set = [this](std::string_view text) { return set_rate(text); }});
    line.add({.names = "--log",
              .value = "text|json|none",
              .help = "a line for each request on standard error (default: text on a terminal, "
                      "else json)",
              .set = [this](std::string_view text) { return set_log(text); }});
    line.add({.names = "--alert-webhook",
              .value = "URL",
              .help = "is told of alerts that begin or end, signed as all webhooks are",
              .set = [this](std::string_view text) -> Result<void> {
                TRY(const Uri uri, parse_uri(text));
                if (uri.scheme != "http" && uri.scheme != "https") {
                  return make_error(ErrorKind::kInvalid, "an http(s) URL is expected");
                }
                options_.alert_webhook = text;
                return {};
              }});
    line.group("Transfers");
    line.number("--max-transfers", "at once; the others wait (default 4)", {1, 256},
                options_.transfers_max);
    line.list("--source-host", "NAME",
              "URLs may name this host, or *.NAME: those below it (repeatable; default any)",
              options_.source_hosts);
    line.flag("--allow-private-sources",
              "URLs and webhooks may lead into this network and machine, at any port",
              options_.allow_private_sources);
    line.group("Uploads");
    line.number("--max-files", "in one request (default 20)", {1, 10'000},
                options_.uploads.files_max);
    line.add({.names = "--max-file-size",
              .value = "SIZE",
              .help = "of one file (default 100MiB)",
              .set = [this](std::string_view text) -> Result<void> {
                TRY(options_.uploads.file_bytes_max, parse_size(text));
                return {};
              }});
    line.list("--allow-type", "TYPE",
              "only these, by what a file is: image/png, image/* (repeatable; default any)",
              options_.uploads.types.allow);
    line.list("--block-type", "TYPE", "not these either, besides programs and scripts (repeatable)",
              options_.uploads.types.block);
    line.group("Store");
    line.add({.names = "--store",
              .value = "local|memory|s3://BUCKET",
              .help = "the embedded one (default), one that is gone when it ends, or any S3",
              .set = [this](std::string_view text) { return set_store(text); }});
    line.add({.names = "--bucket",
              .value = "NAME",
              .help = "where things go unless they say otherwise; made if it is not there (default "
                      "files)",
              .set = [this](std::string_view text) -> Result<void> {
                TRY_VOID(check_bucket_name(std::string(text)));
                options_.bucket = text;
                return {};
              }});
    line.flag("--no-sync", "a power failure may lose what the local store has acknowledged",
              options_.durable, false);
    line.add({.names = "--memory",
              .value = "SIZE",
              .help = "budget for buffers (default 256MiB or a quarter of RAM)",
              .set = [this](std::string_view text) -> Result<void> {
                TRY(options_.memory, parse_size(text));
                return {};
              }});
    add_store_options(line, options_.access);
  }

  Task<int> run(Command* command) override {
    Result<void> done = co_await run_service(&options_, command->settings);
    if (done) co_return kExitDone;
    (void)report_error(done.error());
    co_return exit_code_of(done.error());
  }

  bool ends_by_signal() const override { return true; }

 private:
  Result<void> set_store(std::string_view text) {
    using Kind = ServiceRunOptions::StoreKind;
    if (text == "local" || text == "memory") {
      options_.store = text == "local" ? Kind::kLocal : Kind::kMemory;
      return {};
    }
    const Result<Address> address = parse_address(std::string(text));
    if (!address || address->kind != Address::Kind::kS3 || !address->object.key.empty()) {
      return make_error(ErrorKind::kInvalid, "local, memory or s3://BUCKET is expected, not '" +
                                                 std::string(text) + "'");
    }
    options_.store = Kind::kS3;
    options_.bucket = address->object.bucket;
    return {};
  }

  Result<void> set_rate(std::string_view text) {
    const std::string owned(text);
    char* end = nullptr;
    options_.requests_per_second = std::strtod(owned.c_str(), &end);
    if (end != owned.c_str() && *end == '\0' && options_.requests_per_second > 0) return {};
    return make_error(ErrorKind::kInvalid, "'" + owned + "' is no number above 0");
  }

  Result<void> set_log(std::string_view text) {
    using Log = ServiceRunOptions::Log;
    if (text == "text") {
      options_.log = Log::kText;
    } else if (text == "json") {
      options_.log = Log::kJson;
    } else if (text == "none") {
      options_.log = Log::kNone;
    } else {
      return make_error(ErrorKind::kInvalid,
                        "text, json or none is expected, not '" + std::string(text) + "'");
    }
    return {};
  }

  static ExitCode exit_code_of(const Error& error) {
    switch (error.kind) {
      case ErrorKind::kCancelled: return kExitInterrupted;
      case ErrorKind::kInvalid: return kExitUsage;
      default: return kExitDestination;
    }
  }

  ServiceRunOptions options_;
};

}  // namespace

std::unique_ptr<Verb> make_serve() { return std::make_unique<Serve>(); }

}  // namespace telpher
