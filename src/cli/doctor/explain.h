#pragma once
// From an error to what is wrong and how to mend it. Pure.

#include "base/error.h"
#include "cli/doctor/finding.h"

#include <string>

namespace telpher {

/// What is known when something fails; empty fields are not.
struct Circumstances {
  std::string bucket;
  std::string endpoint;       // "http://127.0.0.1:9000"
  std::string endpoint_from;  // "AWS_ENDPOINT_URL"; empty = AWS's own
  std::string access_key;     // its end: "…ABCD"
  std::string keys_from;      // "environment"
  std::string region;
  std::string waited_to_connect;  // "5s"
  std::string waited_for_answer;  // once connected
  bool is_local = false;
};

/// kFailed, with the exit code that other verbs have for it.
Finding explain(const Error& error, const Circumstances& known);

/// Where to correct something that was set by `from`: "AWS_REGION", "--region", "".
std::string place_to_mend(const std::string& from);

}  // namespace telpher
