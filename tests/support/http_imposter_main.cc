// http_imposter --listen 127.0.0.1:0 --script FILE: the scripted server as a program of its own.

#include "codec/text.h"
#include "tests/support/http_imposter.h"

#include <csignal>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>

namespace {

int usage() {
  std::fputs("usage: http_imposter --listen HOST:PORT --script FILE\n", stderr);
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  std::string listen = "127.0.0.1:0";
  std::string script;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (std::strcmp(argv[i], "--listen") == 0) {
      listen = argv[i + 1];
    } else if (std::strcmp(argv[i], "--script") == 0) {
      script = argv[i + 1];
    } else {
      return usage();
    }
  }
  const std::size_t colon = listen.rfind(':');
  if (argc % 2 == 0 || script.empty() || colon == std::string::npos) return usage();
  const auto port = telpher::parse_decimal<std::uint16_t>(listen.substr(colon + 1));
  if (!port) return usage();
  std::ifstream file(script, std::ios::binary);
  if (!file) {
    std::fprintf(stderr, "http_imposter: cannot read %s\n", script.c_str());
    return 2;
  }
  const std::string text(std::istreambuf_iterator<char>(file), {});
  auto rules = telpher::parse_imposter_script(text);
  if (!rules) {
    std::fprintf(stderr, "http_imposter: %s: %s\n", script.c_str(), rules.error().message.c_str());
    return 2;
  }
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);  // before the server's thread, which inherits it
  const telpher::HttpImposter imposter(*std::move(rules), listen.substr(0, colon), *port);
  std::printf("listening on %s\n", imposter.url().c_str());
  std::fflush(stdout);
  int signal = 0;
  sigwait(&signals, &signal);
  return 0;
}
