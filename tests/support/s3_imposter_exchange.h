#pragma once
// What the parts of S3Imposter share.

#include "tests/support/s3_imposter.h"

namespace telpher {

/// One request and what becomes of it.
struct S3Imposter::Exchange {
  ServerRequest& request;
  ServerResponse& response;
  S3Call call = {};
  std::string request_id = {};
  std::string body = {};
  std::optional<FaultRule> fault = {};  // on the wire

  bool faulty(FaultKind kind) const { return fault && fault->what == kind; }
};

}  // namespace telpher
