#pragma once
// How stores are reached: the options of every verb that talks to one.

#include "s3/profile.h"

#include <chrono>

namespace telpher {

class CommandLine;

struct StoreAccess {
  S3Flags s3;
  std::string proxy;  // a URL, "none"; empty = as the environment says
  int attempts = 8;   // of each call, the first included
  std::chrono::milliseconds connect_timeout{60'000};
  std::chrono::milliseconds idle_timeout{60'000};
};

void add_store_options(CommandLine& line, StoreAccess& access);

}  // namespace telpher
