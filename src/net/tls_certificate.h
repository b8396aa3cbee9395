#pragma once
// Reading OpenSSL's view of a peer into a TlsPeer. Private to tls*.cc.

#include "net/tls_peer.h"

struct ssl_st;

namespace telpher {

/// Has the handshake of `ssl` go on whatever the certificate is, and keeps what is wrong with it in
/// `faults`, which outlives the handshake.
void record_certificate_faults(ssl_st* ssl, std::vector<int>* faults);
/// After the handshake.
TlsPeer describe_peer(const ssl_st* ssl, const std::vector<int>& faults);

}  // namespace telpher
