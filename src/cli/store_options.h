#pragma once
// How stores are reached: the options of every verb that talks to one.

#include "s3/profile.h"

#include <chrono>
#include <span>

namespace telpher {

class CommandLine;

struct StoreAccess {
  S3Flags s3;
  std::string proxy;  // a URL, "none"; empty = as the environment says
  int attempts = 8;   // of each call, the first included
  std::chrono::milliseconds connect_timeout{60'000};
  std::chrono::milliseconds idle_timeout{60'000};
  bool operator==(const StoreAccess&) const = default;
};

void add_store_options(CommandLine& line, StoreAccess& access);

/// What such options say among `arguments` of any verb; what is no good value is left out.
StoreAccess access_in(std::span<const std::string> arguments);

}  // namespace telpher
