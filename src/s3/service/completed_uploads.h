#pragma once
// A store that remembers what it completed: the same CompleteMultipartUpload once more, as clients
// send it whose answer was lost, gets the same answer, as with S3.
// Source: S3 API reference, CompleteMultipartUpload ("idempotent").

#include "runtime/loop.h"
#include "store/layers/forwarding_store.h"

#include <chrono>
#include <deque>
#include <string>
#include <vector>

namespace telpher {

/// One owner, one loop.
class CompletedUploads final : public ForwardingStore {
 public:
  /// @param remembered  so many uploads, the latest, for ten minutes at most; 0 = none
  CompletedUploads(ObjectStore& inner, std::size_t remembered)
      : ForwardingStore(inner), remembered_(remembered) {}

  /// A repeat names the same parts; it succeeds while the object is the one that was made.
  Task<Result<PutResult>> complete(ObjectAddress object, std::string upload_id,
                                   std::vector<PartInfo> parts, CompleteOptions options) override;

 private:
  struct Completed {
    ObjectAddress object;
    std::string upload_id;
    std::string parts;  // a digest of their list
    PutResult result;
    TimePoint at;
  };
  const std::size_t remembered_;
  std::deque<Completed> completed_;
};

}  // namespace telpher
