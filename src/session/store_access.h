#pragma once
// How stores are reached: what every verb that talks to one is told.

#include "s3/profile.h"

#include <chrono>
#include <string>

namespace telpher {

struct StoreAccess {
  S3Flags s3;
  std::string proxy;  // a URL, "none"; empty = as the environment says
  int attempts = 8;   // of each call, the first included
  std::chrono::milliseconds connect_timeout{60'000};
  std::chrono::milliseconds idle_timeout{60'000};
  bool operator==(const StoreAccess&) const = default;
};

}  // namespace telpher
