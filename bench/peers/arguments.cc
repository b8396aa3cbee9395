#include "peers/arguments.h"

#include "base/units.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace telpher::bench {

void die(const std::string& what) {
  int error = errno;
  std::fprintf(stderr, "%s: %s%s%s\n", program_invocation_short_name, what.c_str(),
               error != 0 ? ": " : "", error != 0 ? std::strerror(error) : "");
  std::exit(1);
}

Arguments::Arguments(int argc, char** argv, std::vector<std::string> flags) {
  for (int i = 1; i < argc; ++i) {
    std::string word = argv[i];
    if (!word.starts_with("--")) {
      positional_.push_back(word);
    } else if (std::ranges::find(flags, word) != flags.end()) {
      values_[word].push_back("");
    } else {
      errno = 0;
      if (i + 1 >= argc) die(word + " wants a value");
      values_[word].push_back(argv[++i]);
    }
  }
}

std::string Arguments::text(const std::string& name, const std::string& fallback) const {
  auto found = values_.find(name);
  return found == values_.end() ? fallback : found->second.back();
}

ByteCount Arguments::size(const std::string& name, const std::string& fallback) const {
  auto parsed = parse_size(text(name, fallback));
  errno = 0;
  if (!parsed) die(name + ": " + parsed.error().message);
  return *parsed;
}

std::vector<std::string> Arguments::all(const std::string& name) const {
  auto found = values_.find(name);
  return found == values_.end() ? std::vector<std::string>{} : found->second;
}

}  // namespace telpher::bench
