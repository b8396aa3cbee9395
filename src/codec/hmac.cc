#include "codec/hmac.h"

#include "base/check.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>

namespace telpher {

Digest hmac_sha256(std::string_view key, std::string_view text) {
  std::array<std::byte, 32> mac;
  unsigned int size = mac.size();
  const unsigned char* const made =
      ::HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
             reinterpret_cast<const unsigned char*>(text.data()), text.size(),
             reinterpret_cast<unsigned char*>(mac.data()), &size);
  CHECK(made != nullptr && size == mac.size());
  return *Digest::from_bytes(ChecksumAlgorithm::kSha256, mac);
}

}  // namespace telpher
