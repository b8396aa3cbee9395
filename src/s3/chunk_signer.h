#pragma once
// Signatures of the chunks of a body in aws-chunked form: each covers a chunk's bytes and the
// signature before it, the first that of the request itself. Holds the day's signing key inside a
// MAC context, which OpenSSL wipes when it is freed. Pure. One owner, one thread.
// Source: Amazon S3 API reference, "Signature Calculations for the Authorization Header:
// Transferring Payload in Multiple Chunks", and "… Including Trailing Headers".

#include "base/bytes.h"

#include <string>
#include <string_view>

struct evp_mac_ctx_st;

namespace telpher {

class ChunkSigner {
 public:
  /// @param keyed_mac  HMAC-SHA256 with the signing key of the day; copied
  /// @param amz_date   "20130524T000000Z", of the request
  /// @param scope      "20130524/us-east-1/s3/aws4_request"
  /// @param seed       the request's own signature: 64 hexadecimal digits
  ChunkSigner(const evp_mac_ctx_st* keyed_mac, std::string_view amz_date, std::string_view scope,
              std::string_view seed);
  ~ChunkSigner();
  ChunkSigner(const ChunkSigner&) = delete;
  ChunkSigner& operator=(const ChunkSigner&) = delete;

  /// The next chunk's signature from the SHA-256 (32 bytes) of its data; valid until the next call.
  std::string_view sign_chunk(Bytes sha256);
  /// That of the trailers, after the last chunk: `sha256` is of their "name:value\n" lines.
  std::string_view sign_trailers(Bytes sha256);

 private:
  std::string_view sign(std::string_view text);

  evp_mac_ctx_st* mac_;
  std::string date_and_scope_;
  std::string chunk_text_;  // what is signed; the signature before and the hash are put in place
  char signature_[64];
};

}  // namespace telpher
