#pragma once
// TLS 1.2 and 1.3 over sockets, by OpenSSL, for both ends. A context belongs to one loop and
// outlives its streams.

#include "net/stream.h"
#include "runtime/task.h"

#include <memory>
#include <string>
#include <vector>

struct ssl_ctx_st;
struct ssl_session_st;

namespace telpher {

/// Large buffers for ciphertext, lent to streams while they are busy: an idle one holds none.
class CipherBuffers {
 public:
  using Buffer = std::unique_ptr<std::byte[]>;
  static constexpr std::size_t kBytes = 272 * 1024;  // 16 full records with their framing, and more

  Buffer take();
  void give_back(Buffer buffer);

 private:
  std::vector<Buffer> idle_;
};

class TlsContext {
 public:
  virtual ~TlsContext();
  TlsContext(const TlsContext&) = delete;

  ssl_ctx_st* get() const { return context_; }
  CipherBuffers& buffers() { return buffers_; }

 protected:
  explicit TlsContext(ssl_ctx_st* context) : context_(context) {}

 private:
  ssl_ctx_st* context_;
  CipherBuffers buffers_;
};

struct TlsClientOptions {
  std::string ca_bundle;  // PEM file; empty = the system's
  bool verify = true;
};

class TlsClientContext final : public TlsContext {
 public:
  /// Errors: kInvalid (the CA bundle cannot be read).
  static Result<std::unique_ptr<TlsClientContext>> make(const TlsClientOptions& options);

 private:
  using TlsContext::TlsContext;
};

struct TlsServerOptions {
  std::string certificate_pem;  // the chain, the server's own first
  std::string private_key_pem;
};

class TlsServerContext final : public TlsContext {
 public:
  /// Errors: kInvalid (not PEM, or the key is not the certificate's).
  static Result<std::unique_ptr<TlsServerContext>> make(const TlsServerOptions& options);

 private:
  using TlsContext::TlsContext;
};

/// The newest session of one server, to shorten the next handshake with it.
class TlsSessionSlot {
 public:
  TlsSessionSlot() = default;
  TlsSessionSlot(const TlsSessionSlot&) = delete;
  ~TlsSessionSlot() { store(nullptr); }

  ssl_session_st* session() const { return session_; }
  /// Takes over the reference.
  void store(ssl_session_st* session);

 private:
  ssl_session_st* session_ = nullptr;
};

/// Shakes hands as a client; the certificate must be valid for `host`, a name or an address.
/// `session` outlives the stream. Errors: kProtocol (permanent when the certificate is at fault,
/// else temporary), kNetwork, kTimeout, kCancelled.
Task<Result<std::unique_ptr<Stream>>> connect_tls(TlsClientContext& context,
                                                  std::unique_ptr<Socket> socket, std::string host,
                                                  TlsSessionSlot& session, TimePoint deadline);

/// Shakes hands as a server. Errors: kProtocol, kNetwork, kTimeout, kCancelled.
Task<Result<std::unique_ptr<Stream>>> accept_tls(TlsServerContext& context,
                                                 std::unique_ptr<Socket> socket,
                                                 TimePoint deadline);

/// A certificate and its key, PEM.
struct SelfSigned {
  std::string certificate_pem;
  std::string private_key_pem;
};

/// A new key and a certificate for it, signed by itself: for tests and trials.
/// @param names  "DNS:localhost,IP:127.0.0.1"
/// @param days   how long it is valid from now; negative: it has expired
Result<SelfSigned> make_self_signed(const std::string& names, int days);

}  // namespace telpher
