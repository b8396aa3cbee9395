#pragma once
// The other side of sigv4.h: whether a request that arrived is signed by someone known, in headers
// or in its query. One verifier for both; what is not signed is refused. Pure but for caches. One
// owner, one thread.

#include "base/result.h"
#include "s3/sigv4.h"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace telpher {

struct SignedRequest {
  std::string_view method;
  std::string_view target;  // as received
  const Headers& headers;   // Host among them
};

/// Who signed it, and over which body.
struct Signatory {
  std::string access_key;
  std::string session_token;
  std::string region;
  /// Hex SHA-256 the body must have, or "UNSIGNED-PAYLOAD", or a STREAMING-… form.
  std::string payload_hash;
  /// For the signed STREAMING-… forms, to check the chunks with; else null.
  std::unique_ptr<ChunkSigner> chunk_signer;
};

/// Whether its query is about a signature: one of its parameters is X-Amz-Signature,
/// X-Amz-Credential or X-Amz-Algorithm. Such a request is a link, whatever else it is.
bool is_signed_link(std::string_view target);

/// A target as it is signed: path and query decoded and encoded anew in S3's way ("+" in a query is
/// a space), each parameter with "=", in the order they came, X-Amz-Signature left out. Two targets
/// that mean the same have one form, but for the order. Errors: kDenied (InvalidURI).
Result<std::string> canonical_target(std::string_view target);

class SigV4Verifier {
 public:
  /// The secret of an access key; nullopt = unknown.
  using SecretOf = std::function<std::optional<std::string>(std::string_view access_key)>;
  explicit SigV4Verifier(SecretOf secret_of) : secret_of_(std::move(secret_of)) {}

  /// Signed must be Host, all x-amz-* headers and whatever the request says is signed.
  /// Errors: kDenied with S3's code: AccessDenied (unsigned, a header that must be signed is not,
  /// no date, link expired), InvalidAccessKeyId, SignatureDoesNotMatch, RequestTimeTooSkewed (15
  /// minutes), InvalidArgument (two signatures, a scheme that is none), InvalidRequest (signature
  /// version 2, no x-amz-content-sha256), InvalidURI, AuthorizationHeaderMalformed,
  /// AuthorizationQueryParametersError.
  /// @param details  S3's elements about what was refused, none of them secret; may be null
  using Details = std::vector<std::pair<std::string_view, std::string>>;
  Result<Signatory> verify(const SignedRequest& request, std::chrono::sys_seconds now,
                           Details* details = nullptr);

 private:
  struct Claim;
  Result<Claim> claim_of(const SignedRequest& request) const;
  Result<void> collect_signed_headers(const Headers& headers, std::string_view names);
  SigV4Signer& signer_of(std::string_view region);

  SecretOf secret_of_;
  std::map<std::string, std::unique_ptr<SigV4Signer>, std::less<>> signers_;
  std::vector<Header> signed_headers_;  // reused from call to call
};

}  // namespace telpher
