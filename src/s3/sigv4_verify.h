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

/// Whether it is signed in its query: X-Amz-Signature is one of the parameters, not part of a key.
bool is_signed_link(std::string_view target);

class SigV4Verifier {
 public:
  /// The secret of an access key; nullopt = unknown.
  using SecretOf = std::function<std::optional<std::string>(std::string_view access_key)>;
  explicit SigV4Verifier(SecretOf secret_of) : secret_of_(std::move(secret_of)) {}

  /// Errors: kDenied with S3's code: AccessDenied (unsigned, Host not signed, link expired),
  /// InvalidAccessKeyId, SignatureDoesNotMatch, RequestTimeTooSkewed (15 minutes),
  /// AuthorizationHeaderMalformed, AuthorizationQueryParametersError.
  Result<Signatory> verify(const SignedRequest& request, std::chrono::sys_seconds now);

 private:
  struct Claim;
  Result<Claim> parse_header(const SignedRequest& request, std::string_view value) const;
  Result<Claim> parse_query(const SignedRequest& request) const;
  SigV4Signer& signer_of(const std::string& region, const std::string& service);

  SecretOf secret_of_;
  std::map<std::string, std::unique_ptr<SigV4Signer>, std::less<>> signers_;
};

}  // namespace telpher
