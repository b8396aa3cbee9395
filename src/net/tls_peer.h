#pragma once
// What a TLS server shows of itself, for who wants to know why it is not trusted. A value.

#include "net/tls.h"

#include <chrono>
#include <string>
#include <vector>

namespace telpher {

enum class CertificateFault {
  kExpired,
  kNotYetValid,
  kOtherHost,   // it is for other names
  kSelfSigned,  // nobody vouches for it
  kUntrusted,   // who vouches for it is not known here
  kOther,
};

struct TlsPeer {
  std::string version;             // "TLSv1.3"
  std::string subject;             // its common name; may be empty
  std::string issuer;              // who signed it: common name, else organisation
  std::vector<std::string> names;  // hosts and addresses it is for
  std::chrono::system_clock::time_point valid_from{};
  std::chrono::system_clock::time_point valid_until{};
  std::vector<CertificateFault> faults;  // why it is not trusted; empty = it is
  std::string fault_text;                // OpenSSL's words for the first

  bool has(CertificateFault fault) const;
};

/// Shakes hands as connect_tls() does, whatever is wrong with the certificate, and ends the
/// connection. `context` must have been made to verify. Errors: kProtocol (no TLS is spoken there,
/// or none we know), kNetwork, kTimeout, kCancelled.
Task<Result<TlsPeer>> examine_tls(TlsClientContext& context, std::unique_ptr<Socket> socket,
                                  std::string host, TimePoint deadline);

}  // namespace telpher
