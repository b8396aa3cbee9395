#pragma once
// What `telpher serve` runs: the object graph of the HTTP service, from its store to its listener.

#include "base/bytes.h"
#include "base/result.h"
#include "cli/listen_address.h"
#include "runtime/task.h"
#include "session/settings.h"
#include "session/store_access.h"
#include "upload/upload_options.h"

#include <chrono>
#include <string>
#include <vector>

namespace telpher {

struct ServiceRunOptions {
  ListenAddress listen{.host = "127.0.0.1", .port = 8080};
  std::string tls_cert, tls_key;  // files, PEM
  enum class StoreKind { kLocal, kMemory, kS3 } store = StoreKind::kLocal;
  std::string bucket = "files";           // where things go unless they say otherwise
  bool durable = true;                    // of the local store
  StoreAccess access;                     // of S3
  ByteCount memory = 0;                   // budget of buffers; 0 = the settings'
  int transfers_max = 4;                  // at once
  bool allow_private_sources = false;     // of this network and machine
  std::vector<std::string> source_hosts;  // that URLs may name; empty = any
  UploadLimits uploads;
  std::string alert_webhook;  // a URL; empty = none
  bool no_auth = false;
  std::string jwt_keys;  // a file or URL of a JWKS; empty = no tokens
  std::string jwt_audience, jwt_issuer;
  std::vector<std::string> hosts;
  std::vector<std::string> cors_origins;
  double requests_per_second = 0;  // of one caller; 0 = any number
  enum class Log { kAuto, kText, kJson, kNone } log = Log::kAuto;
};

/// Serves until it is cancelled. Prints where it listens, and the key it has made at its first
/// start. Errors: kInvalid (options, the environment, and the files they name), kIo and others (the
/// address, the store).
Task<Result<void>> run_service(const ServiceRunOptions* options, Settings settings);

/// Where keys are kept.
std::string key_file_path(const Settings& settings);

}  // namespace telpher
