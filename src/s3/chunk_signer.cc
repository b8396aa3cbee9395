#include "s3/chunk_signer.h"

#include "base/check.h"
#include "codec/hex.h"

#include <openssl/evp.h>

#include <cstring>

namespace telpher {
namespace {

constexpr std::string_view kEmptySha256 =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
constexpr std::size_t kHexDigits = 64;

}  // namespace

ChunkSigner::ChunkSigner(const evp_mac_ctx_st* keyed_mac, std::string_view amz_date,
                         std::string_view scope, std::string_view seed)
    : mac_(EVP_MAC_CTX_dup(keyed_mac)) {
  CHECK(mac_ != nullptr && seed.size() == sizeof signature_);
  std::memcpy(signature_, seed.data(), sizeof signature_);
  date_and_scope_.append("\n").append(amz_date).append("\n").append(scope).append("\n");
  chunk_text_.append("AWS4-HMAC-SHA256-PAYLOAD").append(date_and_scope_);
  chunk_text_.append(kHexDigits, '0').append("\n").append(kEmptySha256).append("\n");
  chunk_text_.append(kHexDigits, '0');
}

ChunkSigner::~ChunkSigner() { EVP_MAC_CTX_free(mac_); }

std::string_view ChunkSigner::sign_chunk(Bytes sha256) {
  DCHECK(sha256.size() == 32);
  char* const end = chunk_text_.data() + chunk_text_.size();
  std::memcpy(end - 3 * kHexDigits - 2, signature_, kHexDigits);
  hex_encode_to(end - kHexDigits, sha256);
  return sign(chunk_text_);
}

std::string_view ChunkSigner::sign_trailers(Bytes sha256) {
  std::string text = "AWS4-HMAC-SHA256-TRAILER" + date_and_scope_;
  text.append(signature_, sizeof signature_).append("\n").append(hex_encode(sha256));
  return sign(text);
}

std::string_view ChunkSigner::sign(std::string_view text) {
  unsigned char hash[32];
  std::size_t size = 0;
  CHECK(EVP_MAC_init(mac_, nullptr, 0, nullptr) == 1 &&
        EVP_MAC_update(mac_, reinterpret_cast<const unsigned char*>(text.data()), text.size()) ==
            1 &&
        EVP_MAC_final(mac_, hash, &size, sizeof hash) == 1 && size == sizeof hash);
  hex_encode_to(signature_, std::as_bytes(std::span(hash)));
  return {signature_, sizeof signature_};
}

}  // namespace telpher
