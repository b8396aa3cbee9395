#pragma once
// OpenSSL over our own BIOs: ciphertext is handed in as one large piece and collected into one
// buffer, so that many records share a recv() or send(). The caller owns the socket.

#include "base/bytes.h"

#include <openssl/ssl.h>

#include <memory>
#include <string>

namespace telpher::bench {

using TlsContext = std::shared_ptr<SSL_CTX>;

/// Server side, from PEM files. Ends the program when they cannot be read.
TlsContext make_server_context(const std::string& cert_path, const std::string& key_path);
/// Client side; verifies the server against the PEM file `ca_path`.
TlsContext make_client_context(const std::string& ca_path);

class TlsStream {
 public:
  /// @param host  name or IPv4 address that the server's certificate must carry; empty: we are
  ///              the server
  TlsStream(const TlsContext& context, const std::string& host);
  TlsStream(const TlsStream&) = delete;
  TlsStream& operator=(const TlsStream&) = delete;
  ~TlsStream();

  /// Ciphertext from the peer. The bytes must live until read() has returned 0 or less.
  void feed(Bytes ciphertext);
  /// Plain bytes into `buffer`: how many; 0 when more ciphertext is needed; -1 when the peer closed
  /// or broke the protocol. May add to out().
  std::ptrdiff_t read(MutableBytes buffer);
  /// Encrypts all of `plain` into out(). Only after the handshake. False on failure.
  bool write(Bytes plain);
  /// Moves the handshake on. True when it is done; failures show in read().
  bool handshake();

  /// Ciphertext to be sent.
  Bytes out() const { return as_bytes(out_).subspan(out_sent_); }
  void mark_sent(std::size_t bytes);

 private:
  static int bio_read(BIO* bio, char* data, int length);
  static int bio_write(BIO* bio, const char* data, int length);
  static long bio_ctrl(BIO* bio, int command, long number, void* pointer);
  static BIO_METHOD* method();

  SSL* ssl_;
  Bytes in_;
  std::string out_;
  std::size_t out_sent_ = 0;
};

}  // namespace telpher::bench
