#pragma once
// S3Imposter: an S3 service for tests. It speaks the protocol as strictly as the real one
// (signatures, conditions, checksums, paging) over a store in memory, and misbehaves by script: a
// fault script (store/layers/fault_script.h) acts in the store through ChaosStore and on the wire
// here. One loop; it keeps its books in stats().
//
//   GET /_imposter/stats    requests by operation, bytes, open uploads, faults met
//   PUT /_imposter/faults   another script (JSON)
//
// Wire faults: "reset" and "close" with after_bytes act in the middle of the body that travels
// (request or answer); without, "reset" cuts before the operation, "close" after its full answer
// (a kept connection that turns out stale). "stall" and "throttle" act on the same body. "skew"
// moves the service's clock, "expire_token" makes the credentials of that request invalid for good.

#include "net/http_server.h"
#include "s3/sigv4_verify.h"
#include "store/layers/chaos.h"
#include "store/memory/memory_store.h"
#include "tests/support/s3_call.h"

#include <map>
#include <set>
#include <string>

namespace telpher {

struct S3ImposterOptions {
  std::string access_key = "imposter";
  std::string secret_key = "imposter-secret";
  bool allow_unsigned = false;
  std::string region;  // set = requests signed for another one are sent away
  enum class Checksums { kFull, kIgnored, kRejected };
  Checksums checksums = Checksums::kFull;
  std::string server = "telpher-imposter";  // Server header; empty = none
  std::string redirect_to;  // "http://127.0.0.1:port": all object requests get a 307 to there
  std::size_t page_size = 1000;
  Capabilities capabilities;
};

class S3Imposter final : public HttpHandler {
 public:
  explicit S3Imposter(Loop& loop, S3ImposterOptions options = {}, FaultScript faults = {});

  Task<Result<void>> handle(ServerRequest& request, ServerResponse& response) override;

  MemoryStore& store() { return memory_; }
  FaultInjector& faults() { return injector_; }

  struct Stats {
    std::map<std::string, std::uint64_t, std::less<>> requests;  // by operation
    std::uint64_t refused = 0;                                   // not authenticated
    ByteCount body_bytes_received = 0;
    ByteCount body_bytes_sent = 0;
  };
  const Stats& stats() const { return stats_; }
  /// Of requests to one operation.
  std::uint64_t requests(std::string_view operation) const;

 private:
  struct Exchange;
  Task<Result<void>> handle_admin(ServerRequest* request, ServerResponse* response);
  Task<Result<std::string>> stats_json();
  Result<void> admit(Exchange& exchange);
  Task<Result<bool>> read_body(Exchange* exchange);
  Task<Result<void>> run(Exchange* exchange);
  Task<Result<void>> run_object(Exchange* exchange);
  Task<Result<void>> run_upload(Exchange* exchange);
  Task<Result<void>> run_bucket(Exchange* exchange);
  Task<Result<void>> put_object(Exchange* exchange);
  Task<Result<void>> get_object(Exchange* exchange);
  Task<Result<void>> head_object(Exchange* exchange);
  Task<Result<void>> copy_object(Exchange* exchange);
  Task<Result<void>> copy_part(Exchange* exchange);
  Task<Result<void>> put_part(Exchange* exchange);
  Task<Result<void>> complete(Exchange* exchange);
  Task<Result<void>> send(Exchange* exchange, int status, std::string body);
  Task<Result<void>> send_error(Exchange* exchange, Error error);
  Task<Result<void>> send_stream(Exchange* exchange, int status, ByteCount length,
                                 ByteReader* body);
  Task<Result<bool>> disturb(Exchange* exchange, ByteCount* moved, std::size_t count);
  bool offers_checksums() const {
    return options_.checksums == S3ImposterOptions::Checksums::kFull;
  }
  std::optional<StoredChecksum> shown(const std::optional<StoredChecksum>& checksum) const;

  Loop& loop_;
  const S3ImposterOptions options_;
  MemoryStore memory_;
  FaultInjector injector_;
  ChaosStore store_;
  SigV4Verifier verifier_;
  std::chrono::seconds skew_{0};
  std::set<std::pair<std::string, std::string>> expired_;  // access key, session token
  std::uint64_t requests_made_ = 0;
  Stats stats_;
};

}  // namespace telpher
