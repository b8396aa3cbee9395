#include "session/settings.h"

#include "base/units.h"
#include "codec/text.h"

#include <algorithm>
#include <fstream>
#include <pwd.h>
#include <unistd.h>

namespace telpher {
namespace {

constexpr ByteCount kMemoryDefault = 256 * kMiB;

Error bad_variable(const char* name, const std::string& why) {
  return make_error(ErrorKind::kInvalid, std::string("environment variable ") + name + ": " + why);
}

Result<void> read_concurrency(Settings& settings) {
  for (const char* name : {"TELPHER_MAX_CONCURRENT_UPLOADS", "MAX_CONCURRENT_UPLOADS"}) {
    const std::optional<std::string> text = settings.environment(name);
    if (!text) continue;
    const std::optional<unsigned> number = parse_decimal<unsigned>(*text);
    if (!number || *number < 1 || *number > 256) {
      return bad_variable(name, "must be a number from 1 to 256, not '" + *text + "'");
    }
    settings.concurrency = static_cast<int>(*number);
    return {};
  }
  return {};
}

}  // namespace

Result<Settings> read_settings(Environment environment, ByteCount ram) {
  Settings settings;
  settings.environment = std::move(environment);
  if (const auto home = settings.environment("TELPHER_HOME")) {
    settings.home = *home;
  } else if (const auto user_home = settings.environment("HOME")) {
    settings.home = *user_home + "/.local/share/telpher";
  } else if (const passwd* user = ::getpwuid(::getuid())) {  // once, before there are threads
    settings.home = std::string(user->pw_dir) + "/.local/share/telpher";
  } else {
    return make_error(ErrorKind::kNotFound, "neither TELPHER_HOME nor HOME is set");
  }
  TRY_VOID(read_concurrency(settings));
  settings.memory = std::min(kMemoryDefault, ram / 4);
  if (const auto memory = settings.environment("TELPHER_MEMORY")) {
    Result<ByteCount> size = parse_size(*memory);
    if (!size) return bad_variable("TELPHER_MEMORY", size.error().message);
    settings.memory = *size;
  }
  return settings;
}

ByteCount machine_memory() {
  const long pages = ::sysconf(_SC_PHYS_PAGES);
  ByteCount bytes =
      pages > 0 ? static_cast<ByteCount>(pages) * static_cast<ByteCount>(::sysconf(_SC_PAGESIZE))
                : kGiB;
  std::ifstream limit("/sys/fs/cgroup/memory.max");  // "max" or a number
  ByteCount allowed = 0;
  if (limit >> allowed && allowed > 0) bytes = std::min(bytes, allowed);
  return bytes;
}

}  // namespace telpher
