#pragma once
// AWS Signature Version 4 in headers and in presigned queries, as S3 wants it: the path is taken as
// it is sent (encoded once, not normalised). Pure but for its caches: the signing key of the day
// and the MAC context keyed with it, which make a signature cost less than a microsecond. One
// owner, one thread.
// Source: Amazon S3 API reference, "Authenticating Requests (AWS Signature Version 4)".

#include "codec/http_headers.h"
#include "s3/chunk_signer.h"
#include "s3/credentials.h"

#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

struct evp_mac_ctx_st;
struct evp_mac_st;
struct evp_md_ctx_st;
struct evp_md_st;

namespace telpher {

inline constexpr std::string_view kUnsignedPayload = "UNSIGNED-PAYLOAD";

/// "20130524T000000Z".
std::string format_amz_date(std::chrono::sys_seconds time);
/// The inverse; nullopt when malformed.
std::optional<std::chrono::sys_seconds> parse_amz_date(std::string_view text);

/// What a signature covers.
struct SignatureInput {
  std::string_view method;
  std::string_view target;          // "/path?query", percent-encoded as it is sent
  std::span<const Header> headers;  // those to be signed, "host" among them; any order
  std::string_view payload_hash;    // hex SHA-256, or UNSIGNED-PAYLOAD
};

class SigV4Signer {
 public:
  explicit SigV4Signer(std::string region, std::string service = "s3");
  ~SigV4Signer();
  SigV4Signer(const SigV4Signer&) = delete;
  SigV4Signer& operator=(const SigV4Signer&) = delete;

  const std::string& region() const { return region_; }

  /// Adds x-amz-date, x-amz-content-sha256, x-amz-security-token (when there is one) and
  /// authorization to `headers`. All fields there and Host are signed, except those that proxies
  /// may change (user-agent, accept-encoding, expect …).
  void sign(const Credentials& credentials, std::chrono::sys_seconds now, std::string_view method,
            std::string_view host, std::string_view target, std::string_view payload_hash,
            Headers& headers);

  /// `target` with the query that lets anyone repeat the request until `now + expires`. `headers`
  /// (without Host) must then be sent with it.
  std::string presign(const Credentials& credentials, std::chrono::sys_seconds now,
                      std::chrono::seconds expires, std::string_view method, std::string_view host,
                      std::string_view target, const Headers& headers = {});

  /// The signature alone, in hex; valid until the next call. A server compares it with what came.
  std::string_view signature(std::string_view secret_key, std::chrono::sys_seconds time,
                             const SignatureInput& input);
  /// "host;range;x-amz-date" of the last signature().
  std::string_view signed_headers() const { return signed_headers_; }
  /// What signature() hashed; for tests and for answers to SignatureDoesNotMatch.
  std::string_view canonical_request() const { return canonical_; }
  std::string_view string_to_sign() const { return string_to_sign_; }
  /// Signs the chunks of the body that goes with the last signature(); independent of this signer.
  std::unique_ptr<ChunkSigner> make_chunk_signer() const;

 private:
  void set_time(std::chrono::sys_seconds time);
  void set_key(std::string_view secret_key);
  void build_canonical(const SignatureInput& input);
  void append_query(std::string_view query);
  void append_headers(std::span<const Header> headers);
  void hmac(std::string_view key, std::string_view text, unsigned char* out);

  const std::string region_;
  const std::string service_;
  evp_mac_st* mac_;
  evp_mac_ctx_st* mac_context_;
  evp_md_st* digest_;
  evp_md_ctx_st* digest_context_;

  // Of the last time and key.
  std::chrono::sys_seconds time_{std::chrono::seconds(-1)};
  std::string amz_date_;
  std::string scope_;  // "20130524/us-east-1/s3/aws4_request"
  std::string key_secret_;
  std::string key_date_;

  // Reused from call to call.
  std::vector<Header> to_sign_;
  std::vector<Header> sorted_;
  std::string canonical_;
  std::string signed_headers_;
  std::string string_to_sign_;
  std::string authorization_;
  char signature_[64];
};

}  // namespace telpher
