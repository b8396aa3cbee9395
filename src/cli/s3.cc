// telpher s3: an S3 endpoint over the embedded store or one in memory, that can fail on purpose.

#include "base/units.h"
#include "cli/command_line.h"
#include "cli/listen_address.h"
#include "cli/s3_endpoint.h"
#include "cli/verbs.h"
#include "codec/text.h"
#include "session/exit_code.h"

#include <cstdio>

namespace telpher {
namespace {

class S3Verb final : public Verb {
 public:
  void describe(CommandLine& line, const Settings& settings) override {
    options_.root = settings.home + "/store";
    line.details =
        "Any S3 client can use it. Its keys come from TELPHER_S3_ACCESS_KEY and "
        "TELPHER_S3_SECRET_KEY, or from --credentials; without either they are made and printed at "
        "the first start, and kept. The first line on standard output is `listening on "
        "http://127.0.0.1:PORT`. It serves until Ctrl-C or SIGTERM.\n\n"
        "A fault script (docs/faults.md) makes it fail on purpose; it can be changed while the "
        "endpoint runs, with the admin key (TELPHER_S3_ADMIN_KEY, else made and printed): PUT "
        "/_telpher/faults.\n\n"
        "Exit codes: 0 ended by a signal, or nothing is damaged; 2 an option, or a file or "
        "variable "
        "it names, is wrong; 3 there is no store to scrub; 4 the address or the store is not to be "
        "had; 6 something is damaged.";
    line.examples =
        "telpher s3\n"
        "aws --endpoint-url http://127.0.0.1:9000 s3 ls\n"
        "telpher s3 --store memory --listen 127.0.0.1:0 --bucket b --faults f.json\n"
        "telpher s3 --root /srv/s3 --listen :443 --tls-cert c.pem --tls-key k.pem\n"
        "telpher s3 --scrub";
    line.add(
        {.names = "--listen",
         .value = "ADDRESS:PORT",
         .help = "port 0 = one that is free; :PORT = on all interfaces (default 127.0.0.1:9000)",
         .set = [this](std::string_view text) { return set_listen(text); }});
    line.text("--tls-cert", "FILE", "PEM, the server's own first: serve https", options_.tls_cert);
    line.text("--tls-key", "FILE", "PEM", options_.tls_key);
    line.text("--credentials", "FILE", "users with their keys, ids and names (JSON)",
              options_.credentials);
    line.text("--region", "NAME", "requests signed for another one are sent away (default: any)",
              options_.region);
    line.list("--domain", "NAME",
              "serve bucket.NAME as well as NAME/bucket (repeatable; default localhost)",
              options_.domains);
    line.list("--cors-origin", "ORIGIN",
              "pages of ORIGIN may use it from browsers (repeatable; * = all)",
              options_.cors_origins);
    line.flag("--log", "a line for each request on standard error", options_.log);
    line.group("Store");
    line.add({.names = "--store",
              .value = "local|memory",
              .help = "on disk (default), or gone when it ends",
              .set = [this](std::string_view text) { return set_store(text); }});
    line.add({.names = "--root",
              .value = "DIR",
              .help = "of the local store (default: the embedded one, local://)",
              .set = [this](std::string_view text) { return set_root(text); }});
    line.flag("--no-sync", "a power failure may lose what was acknowledged", options_.durable,
              false);
    line.add({.names = "--capacity",
              .value = "SIZE",
              .help = "of the memory store (default: half of this machine's memory)",
              .set = [this](std::string_view text) { return set_capacity(text); }});
    line.list("--bucket", "NAME", "made at the start if it is not there (repeatable)",
              options_.buckets);
    line.flag("--scrub", "check every stored byte against its checksum, report, and end", scrub_);
    line.add({.names = "--scrub-rate",
              .value = "SIZE/s",
              .help = "of the same check in the background (default 4MiB/s; 0 = none)",
              .set = [this](std::string_view text) { return set_scrub_rate(text); }});
    line.group("Faults");
    line.text("--faults", "FILE", "fault script (JSON)", options_.faults);
    line.add({.names = "--latency",
              .value = "TIME",
              .help = "of every operation: 200ms, 5s (default: the script's, else none)",
              .set = [this](std::string_view text) { return set_latency(text); }});
  }

  Task<int> run(Command* command) override {
    mention_what_has_no_effect();
    Result<void> done = co_await (scrub_ ? scrub_store(&options_)
                                         : serve_s3(&options_, command->settings.environment));
    if (done) co_return kExitDone;
    (void)report_error(done.error());
    co_return exit_code_of(done.error());
  }

  bool ends_by_signal() const override { return !scrub_; }

 private:
  Result<void> set_listen(std::string_view text) {
    TRY(options_.listen, parse_listen_address(text, "127.0.0.1:9000"));
    return {};
  }

  Result<void> set_store(std::string_view text) {
    if (text != "local" && text != "memory") {
      return make_error(ErrorKind::kInvalid,
                        "local or memory is expected, not '" + std::string(text) + "'");
    }
    options_.in_memory = text == "memory";
    return {};
  }

  Result<void> set_root(std::string_view text) {
    if (text.empty()) return make_error(ErrorKind::kInvalid, "a directory is expected");
    options_.root = text;
    root_given_ = true;
    return {};
  }

  Result<void> set_capacity(std::string_view text) {
    TRY(options_.capacity, parse_size(text));
    if (options_.capacity == 0) {
      return make_error(ErrorKind::kInvalid, "must be more than 0: nothing could be stored");
    }
    return {};
  }

  /// A script's latency is in milliseconds: a bare number could be meant as either.
  Result<void> set_latency(std::string_view text) {
    if (text != "0" && parse_decimal<std::uint64_t>(text)) {
      return make_error(ErrorKind::kInvalid, "'" + std::string(text) +
                                                 "' has no unit: " + std::string(text) + "ms or " +
                                                 std::string(text) + "s?");
    }
    TRY(options_.latency, parse_duration(text));
    return {};
  }

  Result<void> set_scrub_rate(std::string_view text) {
    if (text.ends_with("/s")) text.remove_suffix(2);
    TRY(options_.scrub_rate, parse_size(text));
    return {};
  }

  /// Whoever gives --root believes that objects stay; whoever limits the store, that it is limited.
  void mention_what_has_no_effect() const {
    if (options_.in_memory && root_given_) {
      std::fputs("telpher: --root is not used: with --store memory nothing is kept\n", stderr);
    }
    if (!options_.in_memory && options_.capacity > 0) {
      std::fputs("telpher: --capacity is not used: it limits --store memory only\n", stderr);
    }
  }

  static ExitCode exit_code_of(const Error& error) {
    switch (error.kind) {
      case ErrorKind::kCancelled: return kExitInterrupted;
      case ErrorKind::kInvalid: return kExitUsage;
      case ErrorKind::kNotFound: return kExitSource;
      case ErrorKind::kCorrupt: return kExitIntegrity;
      default: return kExitDestination;
    }
  }

  S3EndpointOptions options_;
  bool root_given_ = false;
  bool scrub_ = false;
};

}  // namespace

std::unique_ptr<Verb> make_s3() { return std::make_unique<S3Verb>(); }

}  // namespace telpher
