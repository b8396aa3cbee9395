#pragma once
// OpenSSL's error queue as text. Private to tls*.cc.

#include <openssl/err.h>

#include <string>

namespace telpher {

/// The reason of the first queued error; empties the queue.
inline std::string tls_error_text() {
  const char* reason = ERR_reason_error_string(ERR_peek_error());
  ERR_clear_error();
  return reason ? reason : "unknown reason";
}

}  // namespace telpher
