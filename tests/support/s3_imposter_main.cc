// s3_imposter --listen 127.0.0.1:0 [--faults FILE] …: the S3 double as a program, for tests that
// drive compiled clients. Prints "listening on http://127.0.0.1:PORT" and serves until SIGTERM.

#include "tests/support/s3_imposter.h"

#include <CLI/CLI.hpp>

#include <csignal>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <thread>

namespace telpher {
namespace {

struct Arguments {
  std::string listen = "127.0.0.1:0";
  std::string faults;
  std::string checksums = "full";
  std::vector<std::string> buckets;
  int keep_alive_ms = 75'000;
  S3ImposterOptions imposter;
};

Result<FaultScript> read_script(const std::string& path) {
  if (path.empty()) return FaultScript();
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file) return make_error(ErrorKind::kIo, "cannot read " + path);
  return parse_fault_script(text.str());
}

Task<Result<void>> serve(HttpServer* server, S3Imposter* imposter,
                         std::vector<std::string> buckets) {
  for (const std::string& bucket : buckets) {
    CO_TRY_VOID(co_await imposter->store().create_bucket(bucket));
  }
  std::printf("listening on http://127.0.0.1:%d\n", server->port());
  std::fflush(stdout);
  co_return co_await server->serve();
}

Result<void> run(const Arguments& arguments) {
  const std::size_t colon = arguments.listen.rfind(':');
  if (colon == std::string::npos) return make_error(ErrorKind::kInvalid, "--listen HOST:PORT");
  TRY(FaultScript script, read_script(arguments.faults));
  Loop loop;
  S3Imposter imposter(loop, arguments.imposter, std::move(script));
  HttpServerOptions options;
  options.listen.host = arguments.listen.substr(0, colon);
  options.listen.port = static_cast<std::uint16_t>(std::stoi(arguments.listen.substr(colon + 1)));
  options.keep_alive = std::chrono::milliseconds(arguments.keep_alive_ms);
  TRY(const std::unique_ptr<HttpServer> server, HttpServer::open(loop, imposter, options));
  return loop.run(serve(server.get(), &imposter, arguments.buckets));
}

int main_of_imposter(int argc, char** argv) {
  Arguments arguments;
  S3ImposterOptions& imposter = arguments.imposter;
  CLI::App app("An S3 service for tests that fails on purpose");
  app.add_option("--listen", arguments.listen, "HOST:PORT, port 0 = any");
  app.add_option("--faults", arguments.faults, "fault script (JSON)");
  app.add_option("--bucket", arguments.buckets, "made at the start");
  app.add_option("--access-key", imposter.access_key);
  app.add_option("--secret-key", imposter.secret_key);
  app.add_flag("--allow-unsigned", imposter.allow_unsigned);
  app.add_option("--region", imposter.region, "refuse requests signed for another one");
  app.add_option("--checksums", arguments.checksums, "full, ignored or rejected")
      ->check(CLI::IsMember({"full", "ignored", "rejected"}));
  app.add_option("--server", imposter.server, "Server header");
  app.add_option("--redirect-to", imposter.redirect_to, "answer 307 to this URL");
  app.add_option("--page-size", imposter.page_size, "of lists");
  app.add_option("--part-size-min", imposter.capabilities.part_size_min, "bytes");
  app.add_option("--keep-alive-ms", arguments.keep_alive_ms, "close idle connections after");
  CLI11_PARSE(app, argc, argv);
  using Checksums = S3ImposterOptions::Checksums;
  if (arguments.checksums == "ignored") imposter.checksums = Checksums::kIgnored;
  if (arguments.checksums == "rejected") imposter.checksums = Checksums::kRejected;
  if (const auto done = run(arguments); !done) {
    std::fprintf(stderr, "s3_imposter: %s\n", done.error().message.c_str());
    return 1;
  }
  return 0;
}

}  // namespace
}  // namespace telpher

int main(int argc, char** argv) { return telpher::main_of_imposter(argc, argv); }
