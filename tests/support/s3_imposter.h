#pragma once
// S3Imposter: the S3 endpoint over a store in memory, in the process of a test that wants to look
// inside; made to resemble services that lack something. Tests of compiled clients use `telpher
// s3`.

#include "s3/service/service.h"
#include "store/memory/memory_store.h"

#include <string>
#include <string_view>

namespace telpher {

struct S3ImposterOptions {
  std::string access_key = "imposter";
  std::string secret_key = "imposter-secret";
  bool allow_unsigned = false;
  std::string region;  // set = requests signed for another one are sent away
  using Checksums = S3ServiceOptions::Checksums;
  Checksums checksums = Checksums::kFull;
  std::string server = "telpher-imposter";  // Server header; empty = none
  std::string redirect_to;  // "http://127.0.0.1:port": all object requests get a 307 to there
  int page_size = 1000;
  Capabilities capabilities;
};

class S3Imposter final : public HttpHandler {
 public:
  explicit S3Imposter(Loop& loop, S3ImposterOptions options = {}, FaultScript faults = {});

  Task<Result<void>> handle(ServerRequest& request, ServerResponse& response) override;

  MemoryStore& store() { return store_; }
  FaultInjector& faults() { return faults_; }
  const S3Service::Stats& stats() const { return service_.stats(); }
  /// Of requests to one operation, by S3's word for it.
  std::uint64_t requests(std::string_view operation) const;
  /// Requests that were sent elsewhere.
  std::uint64_t redirected() const { return redirected_; }

 private:
  const std::string redirect_to_;
  MemoryStore store_;
  FaultInjector faults_;
  S3Service service_;
  std::uint64_t redirected_ = 0;
};

}  // namespace telpher
