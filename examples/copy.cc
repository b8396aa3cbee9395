// copy SOURCE DESTINATION: with progress, ended by Ctrl-C, continued by the next run.
#include <csignal>
#include <cstdio>
#include <telpher/telpher.h>

static const telpher::CancelToken stop;

int main(int argc, char** argv) {
  if (argc != 3) return std::fputs("usage: copy SOURCE DESTINATION\n", stderr), 2;
  std::signal(SIGINT, [](int) { stop.cancel(); });

  telpher::Client client;
  telpher::Client::CopyOptions options;
  options.cancel = stop;
  options.progress = [](const auto& now) {
    std::fprintf(stderr, "%s: %llu bytes\n", now.phase.c_str(), (unsigned long long)now.done_bytes);
  };
  const auto copied = client.copy(argv[1], argv[2], options);
  if (!copied) std::fprintf(stderr, "%s\n", copied.failure().message.c_str());
  if (!copied) return static_cast<int>(copied.failure().side);
  std::printf("%s, proven by %s\n", copied->destination.c_str(), copied->verified_by.c_str());
}
