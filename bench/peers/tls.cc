#include "peers/tls.h"

#include "peers/arguments.h"

#include <openssl/err.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace telpher::bench {
namespace {

[[noreturn]] void die_tls(const std::string& what) {
  char text[256];
  ERR_error_string_n(ERR_get_error(), text, sizeof text);
  errno = 0;
  die(what + ": " + text);
}

}  // namespace

TlsContext make_server_context(const std::string& cert_path, const std::string& key_path) {
  TlsContext context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  if (SSL_CTX_use_certificate_chain_file(context.get(), cert_path.c_str()) != 1 ||
      SSL_CTX_use_PrivateKey_file(context.get(), key_path.c_str(), SSL_FILETYPE_PEM) != 1) {
    die_tls("certificate " + cert_path + ", key " + key_path);
  }
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS);
  return context;
}

TlsContext make_client_context(const std::string& ca_path) {
  TlsContext context(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
  if (SSL_CTX_load_verify_file(context.get(), ca_path.c_str()) != 1) die_tls("CA " + ca_path);
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  return context;
}

int TlsStream::bio_read(BIO* bio, char* data, int length) {
  auto* self = static_cast<TlsStream*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  if (self->in_.empty()) {
    BIO_set_retry_read(bio);
    return -1;
  }
  std::size_t piece = std::min(self->in_.size(), static_cast<std::size_t>(length));
  std::memcpy(data, self->in_.data(), piece);
  self->in_ = self->in_.subspan(piece);
  return static_cast<int>(piece);
}

int TlsStream::bio_write(BIO* bio, const char* data, int length) {
  auto* self = static_cast<TlsStream*>(BIO_get_data(bio));
  self->out_.append(data, static_cast<std::size_t>(length));
  return length;
}

long TlsStream::bio_ctrl(BIO*, int command, long, void*) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

BIO_METHOD* TlsStream::method() {
  static BIO_METHOD* method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "telpher bench");
    BIO_meth_set_read(made, bio_read);
    BIO_meth_set_write(made, bio_write);
    BIO_meth_set_ctrl(made, bio_ctrl);
    return made;
  }();
  return method;
}

TlsStream::TlsStream(const TlsContext& context, const std::string& host)
    : ssl_(SSL_new(context.get())) {
  BIO* bio = BIO_new(method());
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_, bio, bio);
  if (host.empty()) {
    SSL_set_accept_state(ssl_);
    return;
  }
  X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl_), host.c_str());
  SSL_set_connect_state(ssl_);
}

TlsStream::~TlsStream() { SSL_free(ssl_); }

void TlsStream::feed(Bytes ciphertext) { in_ = ciphertext; }

bool TlsStream::handshake() { return SSL_do_handshake(ssl_) == 1; }

std::ptrdiff_t TlsStream::read(MutableBytes buffer) {
  std::size_t total = 0;
  while (total < buffer.size()) {
    std::size_t got = 0;
    if (SSL_read_ex(ssl_, buffer.data() + total, buffer.size() - total, &got) == 1) {
      total += got;
      continue;
    }
    int error = SSL_get_error(ssl_, 0);
    if (error != SSL_ERROR_WANT_READ && total == 0) {
      ERR_clear_error();
      return -1;
    }
    break;
  }
  return static_cast<std::ptrdiff_t>(total);
}

bool TlsStream::write(Bytes plain) {
  std::size_t written = 0;
  while (!plain.empty()) {
    if (SSL_write_ex(ssl_, plain.data(), plain.size(), &written) != 1) return false;
    plain = plain.subspan(written);
  }
  return true;
}

void TlsStream::mark_sent(std::size_t bytes) {
  out_sent_ += bytes;
  if (out_sent_ == out_.size()) {
    out_.clear();
    out_sent_ = 0;
  }
}

}  // namespace telpher::bench
