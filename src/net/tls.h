#pragma once
// TLS over sockets, by OpenSSL. A context belongs to one loop.

#include "net/stream.h"
#include "runtime/task.h"

#include <memory>
#include <string>

struct ssl_ctx_st;
struct ssl_session_st;

namespace telpher {

/// The newest session of one server, to shorten the next handshake with it.
class TlsSessionSlot {
 public:
  TlsSessionSlot() = default;
  TlsSessionSlot(const TlsSessionSlot&) = delete;
  ~TlsSessionSlot();

 private:
  friend struct TlsSessions;
  ssl_session_st* session_ = nullptr;
};

struct TlsClientOptions {
  std::string ca_bundle;  // PEM file; empty = the system's
  bool verify = true;
};

class TlsClientContext {
 public:
  /// Errors: kInvalid (the CA bundle cannot be read).
  static Result<std::unique_ptr<TlsClientContext>> make(TlsClientOptions options);
  ~TlsClientContext();
};

/// Shakes hands as a client; the certificate must be valid for `host`. `session` outlives the
/// stream. Errors: kProtocol (permanent for certificates, else temporary), kNetwork, kTimeout.
Task<Result<std::unique_ptr<Stream>>> connect_tls(TlsClientContext& context,
                                                  std::unique_ptr<Socket> socket, std::string host,
                                                  TlsSessionSlot& session, TimePoint deadline);

class TlsServerContext {};

/// Shakes hands as a server. Errors: kProtocol, kNetwork, kTimeout.
Task<Result<std::unique_ptr<Stream>>> accept_tls(TlsServerContext& context,
                                                 std::unique_ptr<Socket> socket,
                                                 TimePoint deadline);

}  // namespace telpher
