#pragma once
// What the environment says, read once at the start. Flags go before it.

#include "base/bytes.h"
#include "base/result.h"
#include "s3/profile.h"

#include <string>

namespace telpher {

struct Settings {
  Environment environment;
  std::string home;      // $TELPHER_HOME, default ~/.local/share/telpher
  int concurrency = 10;  // (TELPHER_)MAX_CONCURRENT_UPLOADS, 1..256
  ByteCount memory = 0;  // TELPHER_MEMORY, default min(256 MiB, a quarter of RAM)
};

/// @param ram  of the machine, in bytes
/// Errors: kInvalid, naming the variable; kNotFound when there is neither TELPHER_HOME nor HOME.
Result<Settings> read_settings(Environment environment, ByteCount ram);

/// Of this machine, or of the cgroup it runs in when that is less.
ByteCount machine_memory();

}  // namespace telpher
