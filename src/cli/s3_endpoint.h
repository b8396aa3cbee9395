#pragma once
// What `telpher s3` runs: the object graph of an endpoint, from its store to its listener.

#include "base/bytes.h"
#include "base/result.h"
#include "cli/listen_address.h"
#include "runtime/task.h"
#include "s3/profile.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace telpher {

struct S3EndpointOptions {
  ListenAddress listen{.host = "127.0.0.1", .port = 9000};
  std::string tls_cert, tls_key;  // files, PEM
  std::string credentials;        // file
  std::string region;
  std::vector<std::string> domains;
  std::vector<std::string> cors_origins;
  bool log = false;
  bool in_memory = false;
  std::string root;
  bool durable = true;
  ByteCount capacity = 0;  // of the memory store; 0 = half of the machine's memory
  std::vector<std::string> buckets;
  ByteCount scrub_rate = 4 << 20;                    // bytes a second; 0 = no scrubbing
  std::string faults;                                // file
  std::optional<std::chrono::milliseconds> latency;  // goes before the script's
};

/// Serves until it is cancelled. Prints where it listens, and keys it has made.
/// Errors: kInvalid (options, the environment, and the files they name), kIo and others (the
/// address, the store).
Task<Result<void>> serve_s3(const S3EndpointOptions* options, Environment environment);

/// Checks every byte of the local store and prints what is damaged. Errors: kCorrupt when something
/// is; kNotFound when there is no store, kInvalid for one in memory, kIo when it cannot be opened.
Task<Result<void>> scrub_store(const S3EndpointOptions* options);

}  // namespace telpher
